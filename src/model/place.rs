//! Where something is written.

use std::{fmt, sync::Arc};

use serde::Serialize;

/// A place in a file of the project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// The file, relative to the project's folder where it lies inside it, with `/`.
    pub file: Arc<str>,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// How many characters of that line are meant; at least 1.
    #[serde(skip)]
    pub length: u32,
}

/// Finds the place of something that is written in a file.
pub trait FindPlace: fmt::Debug + Send + Sync {
    /// The place; the nearest one around it, if it cannot be found.
    fn place(&self) -> Place;
}

impl FindPlace for Place {
    fn place(&self) -> Place {
        self.clone()
    }
}

/// Where something is written. The line is only looked up when it is asked for.
#[derive(Debug, Clone)]
pub struct Source(Arc<dyn FindPlace>);

impl Source {
    /// A source whose place `found` looks up.
    pub fn new(found: impl FindPlace + 'static) -> Self {
        Self(Arc::new(found))
    }

    /// A line of a file, for tests.
    #[cfg(test)]
    pub(crate) fn fixed(file: &str, line: u32) -> Self {
        Self::new(Place { file: file.into(), line, column: 1, length: 1 })
    }

    /// The place.
    pub fn place(&self) -> Place {
        self.0.place()
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.place() == other.place()
    }
}

impl Eq for Source {}
