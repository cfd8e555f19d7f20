//! What a request is authorised by, and common mistakes in it.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::{
    TokenUrl,
    key::{self, KeyProblem},
};

/// What authorises requests: one of the two.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// The API key (`xkeysib-…`), sent as `api-key`.
    Key(SecretString),
    /// Machine-to-machine OAuth: an access token is fetched, and sent as `Authorization: Bearer`.
    Client(ClientCredentials),
}

/// An OAuth client, and where its tokens come from.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// The client's id.
    pub id: SecretString,
    /// The client's secret.
    pub secret: SecretString,
    /// Where the tokens come from.
    pub token_url: TokenUrl,
}

/// One of the two parts of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientPart {
    /// Its id.
    Id,
    /// Its secret.
    Secret,
}

/// A mistake in a client's id or secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientProblem {
    /// A mistake that a key may have as well.
    Written(ClientPart, KeyProblem),
    /// It is an API key.
    ApiKey(ClientPart),
    /// Id and secret are the same text.
    Same,
}

/// What authorised a request, and the mistake in it that can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    Key(Option<KeyProblem>),
    Client(Option<ClientProblem>),
}

impl ClientCredentials {
    /// Looks for common mistakes. `None` does not mean that Brevo knows the client.
    pub fn inspect(&self) -> Option<ClientProblem> {
        let (id, secret) = (self.id.expose_secret(), self.secret.expose_secret());
        for (part, text) in [(ClientPart::Id, id), (ClientPart::Secret, secret)] {
            // Before the others: its cure is another one.
            if text.trim().to_ascii_lowercase().starts_with("xkeysib-") {
                return Some(ClientProblem::ApiKey(part));
            }
            if let Some(problem) = key::inspect(text) {
                return Some(ClientProblem::Written(part, problem));
            }
        }
        (id == secret).then_some(ClientProblem::Same)
    }

    /// Refuses what no client has.
    pub(super) fn check(&self) -> Result<(), ClientProblem> {
        for (part, text) in [(ClientPart::Id, &self.id), (ClientPart::Secret, &self.secret)] {
            let text = text.expose_secret();
            let problem = if text.trim().is_empty() {
                KeyProblem::Empty
            } else if text.trim().len() != text.len() {
                KeyProblem::Space
            // RFC 6749 has no other characters in them.
            } else if !text.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
                KeyProblem::Character
            } else {
                continue;
            };
            return Err(ClientProblem::Written(part, problem));
        }
        Ok(())
    }
}

impl fmt::Display for ClientPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "client id",
            Self::Secret => "client secret",
        })
    }
}

/// The mistake and its cure.
impl fmt::Display for ClientProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (part, problem) = match self {
            Self::Written(part, problem) => (part, problem),
            Self::ApiKey(part) => {
                return write!(
                    f,
                    "the {part} is an API key (xkeysib-): set BREVO_API_KEY to it and unset BREVO_CLIENT_ID and BREVO_CLIENT_SECRET, or set both to those of the app"
                );
            }
            Self::Same => {
                return f.write_str(
                    "the client id and the client secret are the same text: one of them stands in the place of the other",
                );
            }
        };
        write!(f, "the {part} ")?;
        match problem {
            KeyProblem::Empty => match part {
                ClientPart::Id => f.write_str("is empty: set BREVO_CLIENT_ID"),
                ClientPart::Secret => f.write_str("is empty: set BREVO_CLIENT_SECRET"),
            },
            KeyProblem::Character => write!(
                f,
                "holds a line break or another character that no {part} has: copy it again, as one line"
            ),
            KeyProblem::Smtp => write!(f, "is an SMTP key (xsmtpsib-): copy the {part} of the app"),
            KeyProblem::Abbreviated => {
                write!(f, "is an abbreviated form: copy the whole {part} of the app")
            }
            KeyProblem::Space | KeyProblem::Quoted => problem.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(id: &str, secret: &str) -> ClientCredentials {
        let token_url = TokenUrl::parse("https://x.example/token").expect("a URL");
        ClientCredentials { id: id.into(), secret: secret.into(), token_url }
    }

    #[test]
    fn each_common_mistake_is_recognised_and_none_shows_the_secret() {
        use ClientPart::{Id, Secret};
        use ClientProblem::{ApiKey, Same, Written};
        for (id, secret, expected) in [
            ("app-1", "HUSH-0123", None),
            ("app-1", "xkeysib-HUSH", Some(ApiKey(Secret))),
            ("\"xkeysib-HUSH\"", "x", Some(Written(Id, KeyProblem::Quoted))),
            ("xkeysib-HUSH", "x", Some(ApiKey(Id))),
            ("app-1", "xsmtpsib-HUSH", Some(Written(Secret, KeyProblem::Smtp))),
            ("app-1", "'HUSH'", Some(Written(Secret, KeyProblem::Quoted))),
            ("app-1", "HUSH\n", Some(Written(Secret, KeyProblem::Space))),
            ("app-1", "HUSH\nHUSH", Some(Written(Secret, KeyProblem::Character))),
            ("app-1", "HUSH****", Some(Written(Secret, KeyProblem::Abbreviated))),
            ("", "HUSH", Some(Written(Id, KeyProblem::Empty))),
            ("app-HUSH", "app-HUSH", Some(Same)),
        ] {
            let found = client(id, secret).inspect();
            assert_eq!(found, expected, "{id} {secret}");
            assert!(!found.is_some_and(|found| found.to_string().contains("HUSH")));
        }
    }

    #[test]
    fn what_no_client_has_is_refused() {
        for (id, secret) in
            [("", "a"), ("a", " "), ("a ", "b"), ("a", "b\nc"), ("a", "bé"), ("a", "b\u{0}")]
        {
            assert!(client(id, secret).check().is_err(), "{id:?} {secret:?}");
        }
        assert_eq!(client("a b", "+&=%").check(), Ok(()));
    }
}
