use std::fmt;

use serde::{Deserialize, Serialize};

use super::is_hostile;

/// The id under which the API stores a delivery: an opaque text. An id that is lost cannot be
/// found again, the API has no list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(String);

/// Why a text cannot be the id of a message: no request could name it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseMessageIdError {
    /// Nothing was written.
    #[error("a message id must not be empty")]
    Empty,
    /// More than [`MessageId::MAX_BYTES`].
    #[error("a message id has at most {max} bytes, this one has {0}", max = MessageId::MAX_BYTES)]
    TooLong(usize),
    /// URLs give these a meaning of their own, percent-encoded as well.
    #[error("a message id cannot be `.` or `..`: no URL can name it")]
    Dots,
    /// White space, a control character, one that cannot be seen, or one that servers and proxies take for a part of
    /// the path although it is percent-encoded.
    #[error(
        "a message id has no white space, no control or invisible characters, and none of `/`, `\\` and `%`; \
         this one has {0:?}"
    )]
    Character(char),
}

impl MessageId {
    /// The API documents no limit; ids are 17 characters long.
    pub const MAX_BYTES: usize = 1024;

    /// Takes an id that was checked before.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// Checks an id that the API or a person gave.
    ///
    /// # Errors
    ///
    /// If it cannot safely be one segment of a URL's path.
    pub fn parse(id: &str) -> Result<Self, ParseMessageIdError> {
        let parsed = Self(id.to_owned());
        parsed.check()?;
        Ok(parsed)
    }

    /// The same, of an id that was taken without a check.
    ///
    /// # Errors
    ///
    /// Those of [`Self::parse`].
    pub fn check(&self) -> Result<(), ParseMessageIdError> {
        let id = self.as_str();
        if id.is_empty() {
            return Err(ParseMessageIdError::Empty);
        }
        if id.len() > Self::MAX_BYTES {
            return Err(ParseMessageIdError::TooLong(id.len()));
        }
        if matches!(id, "." | "..") {
            return Err(ParseMessageIdError::Dots);
        }
        let bad = |c: &char| c.is_whitespace() || is_hostile(*c) || matches!(c, '/' | '\\' | '%');
        match id.chars().find(bad) {
            Some(bad) => Err(ParseMessageIdError::Character(bad)),
            None => Ok(()),
        }
    }

    /// The id as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_no_url_can_name_is_refused() {
        for (id, error) in [
            ("", ParseMessageIdError::Empty),
            (".", ParseMessageIdError::Dots),
            ("..", ParseMessageIdError::Dots),
            ("../agentOnlinePing", ParseMessageIdError::Character('/')),
            ("..\\x", ParseMessageIdError::Character('\\')),
            ("%2e%2e", ParseMessageIdError::Character('%')),
            ("a b", ParseMessageIdError::Character(' ')),
            ("a\u{200b}b", ParseMessageIdError::Character('\u{200b}')),
            ("a\0", ParseMessageIdError::Character('\0')),
        ] {
            assert_eq!(MessageId::parse(id), Err(error), "{id:?}");
        }
        let long = "x".repeat(MessageId::MAX_BYTES + 1);
        assert_eq!(MessageId::parse(&long), Err(ParseMessageIdError::TooLong(long.len())));
    }

    #[test]
    fn other_ids_are_taken_as_they_are() {
        for id in ["AXCR3k9bpSY7bpuh7", "12", "...", ".x", "a?b#c;d", "é"] {
            assert_eq!(MessageId::parse(id).map(|id| id.0).as_deref(), Ok(id));
        }
    }
}
