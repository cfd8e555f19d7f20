//! The secret part of the webhook's URL.

use blake3::Hash;

/// The secret that the URL of the webhook ends with: all that tells Brevo from a stranger. Only its hash is kept.
#[derive(Debug, Clone, Copy)]
pub struct WebhookToken(Hash);

/// Why a text is not a [`WebhookToken`]. No part of the text is in the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseTokenError {
    /// Fewer than [`WebhookToken::LEAST`] characters.
    #[error("the token of the webhook has at least {least} characters, and this one has {0}", least = WebhookToken::LEAST)]
    TooShort(usize),
    /// More than [`WebhookToken::MOST`].
    #[error("the token of the webhook has at most {most} characters, and this one has {0}", most = WebhookToken::MOST)]
    TooLong(usize),
    /// A URL would change it.
    #[error(
        "the token of the webhook has letters, digits, `-`, `_`, `.` and `~` only: it is a part of a URL"
    )]
    Character,
}

impl WebhookToken {
    /// The fewest characters: they cannot be guessed if they are random.
    pub const LEAST: usize = 16;
    /// The most characters.
    pub const MOST: usize = 256;

    /// Checks a token.
    ///
    /// # Errors
    ///
    /// See [`ParseTokenError`].
    pub fn parse(text: &str) -> Result<Self, ParseTokenError> {
        let count = text.chars().count();
        let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
        if !text.chars().all(is_safe) {
            return Err(ParseTokenError::Character);
        }
        if count < Self::LEAST {
            return Err(ParseTokenError::TooShort(count));
        }
        if count > Self::MOST {
            return Err(ParseTokenError::TooLong(count));
        }
        Ok(Self(blake3::hash(text.as_bytes())))
    }

    /// Whether this is the token. The time that it takes says nothing of where the two differ.
    pub fn is(&self, given: &str) -> bool {
        // The comparison of hashes takes the same time whatever is in them.
        self.0 == blake3::hash(given.as_bytes())
    }
}
