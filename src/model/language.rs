use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The language of a text, as the manifest writes it: `en`, `pt-BR`.
///
/// A plan has one for each change: it is as small as a pointer, and all changes of one text share it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(Arc<Box<str>>);

impl Language {
    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Language {
    fn from(tag: &str) -> Self {
        Self(Arc::new(tag.into()))
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Language({})", self.0)
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Arc::new(Box::deserialize(deserializer)?)))
    }
}
