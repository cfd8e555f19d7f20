//! Finds common mistakes in an API key without asking the API.

use std::fmt;

/// A mistake in a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyProblem {
    /// The key is empty.
    Empty,
    /// The key has white space around it.
    Space,
    /// The key is in quotes.
    Quoted,
    /// The key has a line break, or another character that a header cannot hold.
    Character,
    /// The key is an SMTP key (`xsmtpsib-…`), which this API does not accept.
    Smtp,
    /// The key is the abbreviated form that the dashboard shows (`xkeysib-…***…`).
    Abbreviated,
}

/// Looks for common mistakes. `None` does not mean that the API accepts the key.
///
/// ```
/// use pushsync::brevo::key::{KeyProblem, inspect};
///
/// assert_eq!(inspect("xkeysib-0123456789abcdef"), None);
/// assert_eq!(inspect("xsmtpsib-0123456789abcdef"), Some(KeyProblem::Smtp));
/// ```
pub fn inspect(key: &str) -> Option<KeyProblem> {
    let bare = key.trim();
    if bare.is_empty() {
        return Some(KeyProblem::Empty);
    }
    let is_quote = |c: char| matches!(c, '"' | '\'' | '`' | '“' | '”' | '‘' | '’');
    if bare.starts_with(is_quote) || bare.ends_with(is_quote) {
        return Some(KeyProblem::Quoted);
    }
    if bare.contains(['*', '…', '•']) || bare.contains("...") {
        return Some(KeyProblem::Abbreviated);
    }
    if bare.to_ascii_lowercase().starts_with("xsmtpsib-") {
        return Some(KeyProblem::Smtp);
    }
    if bare.chars().any(|c| !c.is_ascii_graphic()) {
        return Some(KeyProblem::Character);
    }
    (bare.len() != key.len()).then_some(KeyProblem::Space)
}

/// The mistake and its cure, as a fragment that fits after "the API key".
impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "is empty: set BREVO_API_KEY to the key that starts with xkeysib-",
            Self::Space => "has white space around it: remove it",
            Self::Quoted => "has quotes around it: remove them",
            Self::Character => {
                "holds a line break or another character that no key has: copy it again, as one line"
            }
            Self::Smtp => {
                "is an SMTP key (xsmtpsib-): make an API key (xkeysib-) under SMTP & API > API Keys"
            }
            Self::Abbreviated => {
                "is the dashboard's abbreviated form: the whole key is shown only once, so make a new one if it was not kept"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_common_mistake_is_recognised() {
        for (key, expected) in [
            ("xkeysib-0123", None),
            ("any-sandbox-key", None),
            ("", Some(KeyProblem::Empty)),
            (" \n", Some(KeyProblem::Empty)),
            (" xkeysib-0123", Some(KeyProblem::Space)),
            ("xkeysib-0123\n", Some(KeyProblem::Space)),
            ("\"xkeysib-0123\"", Some(KeyProblem::Quoted)),
            ("'xkeysib-0123'\n", Some(KeyProblem::Quoted)),
            ("xkeysib-01\n23", Some(KeyProblem::Character)),
            ("xkeysib-01é23", Some(KeyProblem::Character)),
            ("xsmtpsib-0123", Some(KeyProblem::Smtp)),
            ("XSMTPSIB-0123", Some(KeyProblem::Smtp)),
            ("xkeysib-****0123", Some(KeyProblem::Abbreviated)),
            ("xkeysib-0123…", Some(KeyProblem::Abbreviated)),
            ("xkeysib-...0123", Some(KeyProblem::Abbreviated)),
        ] {
            assert_eq!(inspect(key), expected, "{key:?}");
        }
    }
}
