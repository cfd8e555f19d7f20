use std::fmt;

use serde::{Deserialize, Serialize};

/// The full hash of a git commit: 40 hexadecimal digits (SHA-1) or 64 (SHA-256), in lower case.
///
/// Only such a value becomes an argument of git: it can be neither an option nor a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

/// The text is not the full hash of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a commit is named by the 40 or 64 hexadecimal digits of its hash")]
pub struct ParseCommitIdError;

impl CommitId {
    /// Reads a hash.
    ///
    /// # Errors
    ///
    /// If the text is anything else. The error does not quote it.
    pub fn parse(text: &str) -> Result<Self, ParseCommitIdError> {
        let hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if hex && matches!(text.len(), 40 | 64) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseCommitIdError)
        }
    }

    /// The hash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for CommitId {
    type Error = ParseCommitIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<CommitId> for String {
    fn from(id: CommitId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_hash_names_a_commit() {
        for text in ["0123456789abcdef0123456789abcdef01234567", &"f0".repeat(32)] {
            assert_eq!(CommitId::parse(text).expect("is one").as_str(), text);
        }
        for text in [
            "",
            "HEAD",
            "(initial)",
            "--output=x",
            "0123456",
            &"0".repeat(41),
            &"0".repeat(63),
            &"A".repeat(40),
            &"٣".repeat(20),
            &format!("--{}", "0".repeat(38)),
            &format!("{}\n", "0".repeat(39)),
        ] {
            assert!(CommitId::parse(text).is_err(), "{text:?}");
        }
    }
}
