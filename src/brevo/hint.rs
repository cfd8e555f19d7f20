use std::{fmt, time::Duration};

use super::{BudgetReading, ClientProblem, Operation, credentials::Identity, key::KeyProblem};

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
    /// 401 "authentication not found in headers" for a request with an access token.
    TokenDropped,
    /// 401 for a request with an access token: it is over, or was withdrawn.
    TokenRefused,
    /// 401, "… unrecognised IP address …".
    UnrecognisedIp,
    /// 401 for a reason that is not known.
    Unauthorized(Option<KeyProblem>),
    /// 402: the account's plan lacks this API, or credits.
    Plan,
    /// 403: the key may not do this.
    Forbidden,
    /// 403 for a request with an access token: it lacks this scope.
    MissingScope(&'static str),
    /// No token: `invalid_client`; with what is wrong with the id or the secret, if that can be seen.
    InvalidClient(Option<ClientProblem>),
    /// No token: `invalid_scope`.
    InvalidScope,
    /// No token: the app may not get one in this way.
    UnauthorizedClient,
    /// No token: what answered does not give any.
    NoTokenEndpoint,
    /// No token: the server that gives them does not work now, or cannot be reached.
    TokenLater,
    /// 404 for an id: the message is gone.
    Gone,
    /// There is no connection to the API.
    Unreachable,
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
        is_gone: bool,
        budget: Option<BudgetReading>,
        identity: Identity,
        operation: Operation,
    ) -> Option<Self> {
        let said = message.to_ascii_lowercase();
        let dropped = said.contains("not found in headers");
        match status {
            401 if is_about_ip(&said) => Some(Self::UnrecognisedIp),
            401 => Some(match identity {
                Identity::Client(_) if dropped => Self::TokenDropped,
                Identity::Client(_) => Self::TokenRefused,
                Identity::Key(_) if dropped => Self::NoKey,
                Identity::Key(key) if said.contains("key not found") => Self::WrongKey(key),
                Identity::Key(key) => Self::Unauthorized(key),
            }),
            402 => Some(Self::Plan),
            403 => Some(match identity {
                Identity::Client(_) => Self::MissingScope(operation.scope()),
                Identity::Key(_) => Self::Forbidden,
            }),
            404 if is_gone => Some(Self::Gone),
            404 if operation.has_id() => Some(Self::NotFromTheApi),
            404 => Some(Self::WrongPath),
            429 => Some(Self::Wait(budget.and_then(|budget| budget.wait()))),
            _ => None,
        }
    }

    /// What to do without a token, after this answer to the question for one.
    pub(super) fn without_token(
        status: u16,
        code: &str,
        message: &str,
        identity: Identity,
    ) -> Self {
        let problem = match identity {
            Identity::Client(problem) => problem,
            Identity::Key(_) => None,
        };
        let code = code.to_ascii_lowercase();
        match (&*code, status) {
            _ if is_about_ip(&message.to_ascii_lowercase()) => Self::UnrecognisedIp,
            (_, 408 | 425 | 429 | 500..) => Self::TokenLater,
            ("invalid_client", _) => Self::InvalidClient(problem),
            ("invalid_scope", _) => Self::InvalidScope,
            ("unauthorized_client" | "unsupported_grant_type" | "access_denied", _) => {
                Self::UnauthorizedClient
            }
            (_, 401) => Self::InvalidClient(problem),
            (_, 402) => Self::Plan,
            _ => Self::NoTokenEndpoint,
        }
    }
}

/// Whether a message, in small letters, is the one about IP addresses.
fn is_about_ip(said: &str) -> bool {
    said.contains("unrecognised ip") || said.contains("unrecognized ip")
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
            Self::TokenDropped => f.write_str(
                "no access token reached the API: see that no proxy on the way drops the Authorization header",
            ),
            Self::TokenRefused => f.write_str(
                "the API refuses the access token, a new one too: see in Brevo that the app is still authorised for this account, and that BREVO_TOKEN_URL, if it is set, belongs to this API",
            ),
            Self::MissingScope(scope) => write!(
                f,
                "the access token may not do this: the app needs the scope {scope}, and writing does not include reading; add it in Brevo, and run again"
            ),
            Self::InvalidClient(Some(problem)) => problem.fmt(f),
            Self::InvalidClient(None) => f.write_str(
                "Brevo does not know this client, or its secret is another one: compare BREVO_CLIENT_ID and BREVO_CLIENT_SECRET with the app in Brevo; a secret that was made anew replaces the old one",
            ),
            Self::InvalidScope => f.write_str(
                "the app lacks a scope that pushsync asks for: give it conversations:read and conversations:write in Brevo, both, because writing does not include reading",
            ),
            Self::UnauthorizedClient => f.write_str(
                "the app may not get tokens in this way: it has to be one for machine-to-machine access, with the grant client_credentials",
            ),
            Self::NoTokenEndpoint => f.write_str(
                "what answered there gives no access tokens: they come from /realms/partner/oauth/token on the host of the base URL, unless BREVO_TOKEN_URL names another place",
            ),
            Self::TokenLater => f.write_str(
                "the server that gives access tokens does not answer as it should: nothing was sent without one, so run again later",
            ),
            Self::Gone => f.write_str(
                "the message is gone on the other side: somebody deleted it, or the id belongs to another account or kind",
            ),
            Self::Unreachable => f.write_str(
                "nothing was sent: see that the base URL is right, and that this machine reaches it (network, DNS, HTTPS_PROXY, SSL_CERT_FILE), then run again",
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
