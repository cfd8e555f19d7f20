use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, de};

use super::{is_hostile, mask::masked};

/// Who sees a message: an opaque id from a webhook, or one the customer made.
///
/// Anyone who knows it can open that visitor's chat, so `Debug` never shows it whole and there is
/// no `Display`: choose [`VisitorId::as_str`] or [`VisitorId::masked`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct VisitorId(Arc<str>);

/// Why a text is not a [`VisitorId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseVisitorError {
    /// Nothing was written.
    #[error("a visitor id must not be empty")]
    Empty,
    /// More than [`VisitorId::MAX_BYTES`].
    #[error("a visitor id has at most {max} bytes, this one has {0}", max = VisitorId::MAX_BYTES)]
    TooLong(usize),
    /// White space, a control character or one that cannot be seen: a sign of a broken file or of
    /// something that was pasted, never part of an id.
    #[error("a visitor id has no white space, control or invisible characters, this one has {0:?}")]
    Character(char),
}

impl VisitorId {
    /// The API documents no limit; ids are some 32 characters long. This stops a whole file
    /// that was taken for an id.
    pub const MAX_BYTES: usize = 512;

    /// Checks that `text` can be an id.
    pub fn parse(text: &str) -> Result<Self, ParseVisitorError> {
        Self::check(text)?;
        Ok(Self(text.into()))
    }

    pub(super) fn check(text: &str) -> Result<(), ParseVisitorError> {
        if text.is_empty() {
            return Err(ParseVisitorError::Empty);
        }
        // Most ids are plain, so that many bytes are looked at together; none of these characters
        // is hostile.
        let plain = text.bytes().fold(true, |plain, byte| plain & byte.is_ascii_graphic());
        if !plain && let Some(bad) = text.chars().find(|c| c.is_whitespace() || is_hostile(*c)) {
            return Err(ParseVisitorError::Character(bad));
        }
        if text.len() > Self::MAX_BYTES {
            return Err(ParseVisitorError::TooLong(text.len()));
        }
        Ok(())
    }

    /// The whole id. Keep it out of anything that may be published.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Enough to recognise an id, too little to use it: `kZMv…xvg`.
    ///
    /// Short ids show less, so that at least half of every id stays hidden.
    pub fn masked(&self) -> String {
        masked(&self.0)
    }
}

impl fmt::Debug for VisitorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VisitorId({})", self.masked())
    }
}

impl<'de> Deserialize<'de> for VisitorId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(text: &str) -> VisitorId {
        VisitorId::parse(text).expect("a valid id")
    }

    #[test]
    fn a_mask_hides_at_least_half_of_every_id() {
        assert_eq!(visitor("kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg").masked(), "kZMv…xvg");
        assert_eq!(visitor("liz@example.com").masked(), "l…com");
        for length in 1..40 {
            let id: String = ('a'..='z').cycle().take(length).collect();
            let shown = visitor(&id).masked().chars().count() - 1;
            assert!(shown * 2 <= length, "{shown} of {length} characters shown");
        }
    }

    #[test]
    fn debug_output_never_holds_the_whole_id() {
        let id = "kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg";
        assert!(!format!("{:?}", visitor(id)).contains(id));
    }

    #[test]
    fn ids_with_white_space_are_refused() {
        assert_eq!(VisitorId::parse("a b"), Err(ParseVisitorError::Character(' ')));
        assert_eq!(VisitorId::parse("a\n"), Err(ParseVisitorError::Character('\n')));
        assert_eq!(VisitorId::parse(""), Err(ParseVisitorError::Empty));
    }

    #[test]
    fn ids_with_characters_that_cannot_be_seen_are_refused() {
        for sign in ['\u{feff}', '\u{200b}', '\u{202e}', '\u{1b}'] {
            let id = format!("kZMv{sign}xvg");
            assert_eq!(VisitorId::parse(&id), Err(ParseVisitorError::Character(sign)));
        }
    }
}
