//! What a delivery is to be: what a review agrees to.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Content, Kind, Window};

/// What a delivery is to be. No order, id, instant or budget is in it, so carrying out a part of a plan
/// changes the targets of no other plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// It is there within its window, with this content.
    Present(Presence),
    /// It is not there.
    Absent,
    /// It is left as it is, and not managed any more.
    Unmanaged,
}

impl Target {
    /// A delivery with this content, within this window.
    pub fn present(kind: Kind, content: &Content, window: Window) -> Self {
        Self::Present(Presence { content: ContentDigest::of(kind, content), window })
    }

    /// Whether a delivery with it is to have this content.
    pub fn has(&self, kind: Kind, content: &Content) -> bool {
        match self {
            Self::Present(presence) => presence.content == ContentDigest::of(kind, content),
            Self::Absent | Self::Unmanaged => false,
        }
    }

    /// The window of a delivery that is to be there.
    pub fn window(&self) -> Option<Window> {
        match self {
            Self::Present(presence) => Some(presence.window),
            Self::Absent | Self::Unmanaged => None,
        }
    }
}

/// A delivery that is to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// Its kind, sender and text.
    pub content: ContentDigest,
    /// When it is to be there.
    #[serde(default, skip_serializing_if = "Window::is_open")]
    pub window: Window,
}

/// BLAKE3 over the kind, the sender and the text of a delivery, cut to 20 bytes: nobody finds two contents
/// with one digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ContentDigest(pub [u8; Self::BYTES]);

impl ContentDigest {
    /// How many bytes it has.
    pub const BYTES: usize = 20;

    /// The digest of a content.
    pub fn of(kind: Kind, content: &Content) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut part = |bytes: &[u8]| {
            // The length keeps the borders between the parts from moving.
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(kind.as_str().as_bytes());
        for field in content.from.fields() {
            match field {
                None => part(&[]),
                // Another first byte than nothing at all.
                Some(text) => part(&[b"=", text.as_bytes()].concat()),
            }
        }
        part(content.text.as_bytes());
        let mut digest = [0; Self::BYTES];
        digest.copy_from_slice(&hasher.finalize().as_bytes()[..Self::BYTES]);
        Self(digest)
    }
}

impl fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentDigest({self})")
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<ContentDigest> for String {
    fn from(digest: ContentDigest) -> Self {
        digest.to_string()
    }
}

/// A text is not a digest.
#[derive(Debug, thiserror::Error)]
#[error("a digest of a content has 40 hexadecimal digits")]
pub struct ParseContentDigestError;

impl TryFrom<String> for ContentDigest {
    type Error = ParseContentDigestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut digest = [0; Self::BYTES];
        if text.len() != 2 * Self::BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ParseContentDigestError);
        }
        for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| ParseContentDigestError)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| ParseContentDigestError)?;
        }
        Ok(Self(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sender;

    fn digest(kind: Kind, text: &str, from: Sender) -> ContentDigest {
        ContentDigest::of(kind, &Content { text: text.into(), from })
    }

    #[test]
    fn kind_sender_and_text_are_in_it_each_in_its_place() {
        let agent = |id: &str, mark: Option<&str>| Sender::Agent {
            id: id.to_owned(),
            received_from: mark.map(str::to_owned),
        };
        let helpdesk = |email: &str, name: &str, mark: &str| Sender::Helpdesk {
            email: email.to_owned(),
            name: name.to_owned(),
            received_from: mark.to_owned(),
        };
        let all = [
            digest(Kind::Pushed, "one", Sender::Random),
            digest(Kind::Agent, "one", Sender::Random),
            digest(Kind::Pushed, "one ", Sender::Random),
            digest(Kind::Pushed, "one", Sender::Group("a".to_owned())),
            digest(Kind::Pushed, "one", agent("a", None)),
            digest(Kind::Pushed, "one", agent("a", Some(""))),
            digest(Kind::Pushed, "one", agent("a", Some("b"))),
            digest(Kind::Pushed, "one", helpdesk("a", "b", "c")),
            digest(Kind::Pushed, "one", helpdesk("ab", "", "c")),
            digest(Kind::Pushed, "one", helpdesk("a", "bc", "")),
            digest(Kind::Pushed, "aone", Sender::Group(String::new())),
        ];
        let different: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(all[0], digest(Kind::Pushed, "one", Sender::Random));
    }

    #[test]
    fn a_target_is_read_as_it_was_written() {
        let from = Some("2026-12-01T09:00:00Z".parse().expect("an instant"));
        let content = Content { text: "one".into(), from: Sender::Random };
        for window in
            [Window::default(), Window { from, until: None }, Window { from, until: from }]
        {
            for target in
                [Target::present(Kind::Agent, &content, window), Target::Absent, Target::Unmanaged]
            {
                let json = serde_json::to_string(&target).expect("JSON");
                assert_eq!(serde_json::from_str::<Target>(&json).expect("read"), target, "{json}");
            }
        }
        for bad in ["", "00", &"0".repeat(39), &"g".repeat(40), &"é".repeat(20)] {
            assert!(ContentDigest::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
