//! Things that are declared under a name.

use std::collections::{BTreeMap, HashSet};

use super::suggest;

/// Declared things by name: those that are wrong are there too, so that they are not reported
/// as missing.
pub(crate) struct Declared<T> {
    pub(crate) known: BTreeMap<String, T>,
    pub(crate) broken: HashSet<String>,
    /// There may be more than is known.
    pub(crate) incomplete: bool,
}

impl<T> Declared<T> {
    pub(crate) fn new(incomplete: bool) -> Self {
        Self { known: BTreeMap::new(), broken: HashSet::new(), incomplete }
    }

    /// Whether a name that is not known is certainly wrong.
    pub(crate) fn lacks(&self, name: &str) -> bool {
        !self.incomplete && !self.broken.contains(name)
    }

    /// `did you mean …?`
    pub(crate) fn help(&self, name: &str, what: &str) -> Option<String> {
        if !suggest::has_room_for(self.known.len() + self.broken.len()) {
            return None;
        }
        let names = self.known.keys().map(String::as_str);
        let names = names.chain(self.broken.iter().map(String::as_str));
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        if let Some(near) = suggest::nearest(name, names.iter().copied()) {
            return Some(format!("did you mean `{near}`?"));
        }
        Some(match suggest::list(names) {
            Some(list) => format!("declared {what}: {list}"),
            None => format!("there are no {what} yet"),
        })
    }
}
