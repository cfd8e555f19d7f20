use std::{fmt, time::Duration};

use super::{BudgetReading, key::KeyProblem};

/// What to do about an error, as far as the answer tells. `Display` is a sentence for people.
///
/// The answers behind each are in Brevo's documentation and public issue threads; none is
/// promised by its specification, so the texts are looked at loosely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// 401, "authentication not found in headers".
    NoKey,
    /// 401, "Key not found"; with what is wrong with the key, if that can be seen.
    WrongKey(Option<KeyProblem>),
    /// 401, "… unrecognised IP address …".
    UnrecognisedIp,
    /// 401 for a reason that is not known.
    Unauthorized(Option<KeyProblem>),
    /// 402: the account's plan lacks this API, or credits.
    Plan,
    /// 403: the key may not do this.
    Forbidden,
    /// 404 for an id: the message is gone.
    Gone,
    /// 404 for something else than a message: probably a wrong base URL.
    WrongPath,
    /// 404 for an id, and not from the API.
    NotFromTheApi,
    /// 429: the budget is used up; with the time until it is renewed, if the headers said so.
    Wait(Option<Duration>),
}

impl Hint {
    /// What to do about an error status with this message, if that is known.
    pub(super) fn of(
        status: u16,
        message: &str,
        is_message: bool,
        is_gone: bool,
        budget: Option<BudgetReading>,
        key: Option<KeyProblem>,
    ) -> Option<Self> {
        let said = message.to_ascii_lowercase();
        match status {
            401 if said.contains("unrecognised ip") || said.contains("unrecognized ip") => {
                Some(Self::UnrecognisedIp)
            }
            401 if said.contains("not found in headers") => Some(Self::NoKey),
            401 if said.contains("key not found") => Some(Self::WrongKey(key)),
            401 => Some(Self::Unauthorized(key)),
            402 => Some(Self::Plan),
            403 => Some(Self::Forbidden),
            404 if is_gone => Some(Self::Gone),
            404 if is_message => Some(Self::NotFromTheApi),
            404 => Some(Self::WrongPath),
            429 => Some(Self::Wait(budget.and_then(|budget| budget.wait()))),
            _ => None,
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey => f.write_str(
                "no API key reached the API: set BREVO_API_KEY (or --api-key-file), and see that no proxy on the way drops the api-key header",
            ),
            Self::WrongKey(Some(problem)) | Self::Unauthorized(Some(problem)) => {
                write!(f, "the API key {problem}")
            }
            Self::WrongKey(None) => f.write_str(
                "the API does not know this key: it was revoked, belongs to another account, or is not an API key; an API key starts with xkeysib- (xsmtpsib- is an SMTP key) and is shown whole only once, when it is made",
            ),
            Self::UnrecognisedIp => f.write_str(
                "Brevo blocks IP addresses that it does not know: authorise this address, or turn the blocking off, under Security > Authorised IPs; it turns itself on after about 30 days without a new address, so CI can break after weeks of working",
            ),
            Self::Unauthorized(None) => f.write_str(
                "the API refuses the key: check BREVO_API_KEY against the account's API keys",
            ),
            Self::Plan => f.write_str(
                "the account's plan does not include this API, or its credits are used up: see the plan in Brevo's account settings",
            ),
            Self::Forbidden => f.write_str(
                "the key may not do this: use a key of the account that has Conversations, with permission for it",
            ),
            Self::Gone => f.write_str(
                "the message is gone on the other side: somebody deleted it, or the id belongs to another account or kind",
            ),
            Self::WrongPath => f.write_str(
                "the API has nothing at this path: check the base URL (https://api.brevo.com/v3)",
            ),
            Self::NotFromTheApi => f.write_str(
                "this 404 is not the API's own (it has neither its code, document_not_found, nor its sib-request-id), so it says nothing of the message, and the state stays as it is: a gateway or a proxy answered, or the base URL is wrong (https://api.brevo.com/v3)",
            ),
            Self::Wait(Some(reset)) => write!(
                f,
                "the hourly budget of requests is used up: it is renewed in {} s; other programs with the same account use it too",
                reset.as_secs()
            ),
            Self::Wait(None) => f.write_str(
                "the hourly budget of requests is used up, and the answer does not say until when: wait up to an hour",
            ),
        }
    }
}
