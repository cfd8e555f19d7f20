//! The environment variables of a job.

/// Reads environment variables.
#[derive(Clone, Copy)]
pub struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl<'a> Variables<'a> {
    /// Those that a function reads.
    pub fn new(read: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self(read)
    }

    /// A variable that is set and not empty. An input or a secret that a job lacks is an empty text there.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// The same; an empty text if there is none.
    pub fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default()
    }
}
