use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A text that the API has in the place of the one that was sent: whole, or as a digest if it is
/// far longer. An answer may have megabytes, and a state has many records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TextThere {
    /// The text, without line breaks at its end.
    Whole(Arc<str>),
    /// Only what it takes to know it again.
    Digest(TextDigest),
}

/// What a record keeps of a text that is too long for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextDigest {
    /// BLAKE3 of its bytes, in hex.
    pub blake3: String,
    /// How many bytes it has.
    pub bytes: u64,
}

impl TextThere {
    /// The most bytes of a text that is kept whole, in the place of a text of `sent` bytes. Escaping
    /// makes up to six bytes of one; what is longer than this has hardly been made of the text.
    fn most(sent: usize) -> usize {
        sent.saturating_mul(6).saturating_add(1024)
    }

    /// Keeps `text`, which the API has in the place of `sent`.
    pub fn of(text: &str, sent: &str) -> Self {
        if text.len() <= Self::most(sent.len()) {
            return Self::Whole(text.into());
        }
        let blake3 = blake3::hash(text.as_bytes()).to_hex().to_string();
        Self::Digest(TextDigest { blake3, bytes: text.len() as u64 })
    }

    /// What the API made of `sent`, if the answer to the request tells another text.
    pub fn answered(answer: Option<&str>, sent: &str) -> Option<Self> {
        answer.filter(|answer| **answer != *sent).map(|answer| Self::of(answer, sent))
    }

    /// Whether it is this text.
    pub fn is(&self, text: &str) -> bool {
        match self {
            Self::Whole(whole) => **whole == *text,
            Self::Digest(TextDigest { blake3, bytes }) => {
                *bytes == text.len() as u64
                    && blake3::hash(text.as_bytes()).to_hex().as_str() == blake3
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_far_longer_than_the_one_that_was_sent_is_known_again_by_its_digest() {
        let long = "long ".repeat(100_000);
        let kept = TextThere::of(&long, "short");
        let json = serde_json::to_string(&kept).expect("JSON");
        assert!(json.len() < 120, "{json}");
        assert!(kept.is(&long) && !kept.is(&long[1..]) && !kept.is("short"));
        assert_eq!(serde_json::from_str::<TextThere>(&json).ok(), Some(kept));
    }

    #[test]
    fn an_escaped_text_is_kept_whole() {
        let sent = "\"'<&".repeat(3_000);
        let escaped = "&quot;&#39;&lt;&amp;".repeat(3_000);
        let kept = TextThere::of(&escaped, &sent);
        assert_eq!(kept, TextThere::Whole(escaped.as_str().into()));
        assert!(kept.is(&escaped) && !kept.is(&sent));
        let json = serde_json::to_string(&kept).expect("JSON");
        assert_eq!(serde_json::from_str::<TextThere>(&json).ok(), Some(kept));
    }
}
