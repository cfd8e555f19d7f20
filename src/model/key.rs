use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, de};

/// The name of a message in the manifest: `[a-z0-9]([a-z0-9._-]{0,126}[a-z0-9])?`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Key(Arc<str>);

/// Why a text is not a [`Key`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseKeyError {
    /// Nothing was written.
    #[error("a key must not be empty")]
    Empty,
    /// More than 128 characters.
    #[error("a key has at most 128 characters, this one has {0}")]
    TooLong(usize),
    /// A character that keys do not have.
    #[error("a key has only the letters a to z, digits, '.', '_' and '-'; {0:?} is none of them")]
    Character(char),
    /// `.`, `_` or `-` at the start or the end.
    #[error("a key starts and ends with a letter or a digit, not with {0:?}")]
    Edge(char),
}

impl Key {
    /// The rule for keys, as a regular expression.
    pub const PATTERN: &str = "^[a-z0-9]([a-z0-9._-]{0,126}[a-z0-9])?$";

    /// Checks `text` against the rule for keys.
    pub fn parse(text: &str) -> Result<Self, ParseKeyError> {
        Self::check(text)?;
        Ok(Self(text.into()))
    }

    pub(super) fn check(text: &str) -> Result<(), ParseKeyError> {
        let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else {
            return Err(ParseKeyError::Empty);
        };
        if let Some(bad) =
            text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-'))
        {
            return Err(ParseKeyError::Character(bad));
        }
        for edge in [first, last] {
            if matches!(edge, '.' | '_' | '-') {
                return Err(ParseKeyError::Edge(edge));
            }
        }
        if text.len() > 128 {
            return Err(ParseKeyError::TooLong(text.len()));
        }
        Ok(())
    }

    /// The key as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_the_rule_of_the_contract() {
        for good in ["a", "0", "dark-mode", "a.b_c-d", &"a".repeat(128)] {
            assert_eq!(Key::parse(good).map(|k| k.to_string()), Ok(good.to_owned()));
        }
        assert_eq!(Key::parse(""), Err(ParseKeyError::Empty));
        assert_eq!(Key::parse("-a"), Err(ParseKeyError::Edge('-')));
        assert_eq!(Key::parse("a."), Err(ParseKeyError::Edge('.')));
        assert_eq!(Key::parse("Dark"), Err(ParseKeyError::Character('D')));
        assert_eq!(Key::parse("a@b"), Err(ParseKeyError::Character('@')));
        assert_eq!(Key::parse(&"a".repeat(129)), Err(ParseKeyError::TooLong(129)));
    }
}
