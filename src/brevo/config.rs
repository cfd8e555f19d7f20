use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use secrecy::SecretString;

use super::{ClientProblem, Credentials, key::KeyProblem};
use crate::model::BaseUrl;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a [`Client`](super::Client) needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the API is.
    pub base_url: BaseUrl,
    /// What authorises the requests.
    pub credentials: Credentials,
    /// For partner accounts, sent as `partner-key`.
    pub partner_key: Option<SecretString>,
    /// How long one request may take, from the start of the connection to the end of the answer.
    /// A connection may take half of it, and at most 10 s.
    pub timeout: Duration,
    /// Sent as `User-Agent`.
    pub user_agent: String,
}

/// Why there can be no [`Client`](super::Client).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The API key is empty, or holds what a header cannot.
    #[error("the API key {0}")]
    ApiKey(KeyProblem),
    /// The client's id or secret is empty, or holds what neither can.
    #[error("{0}")]
    Client(ClientProblem),
    /// The same of the partner key.
    #[error("the partner key {0}")]
    PartnerKey(KeyProblem),
    /// The user agent holds what a header cannot.
    #[error("the user agent holds characters that no header can: {0:?}")]
    UserAgent(String),
    /// TLS could not be set up: this machine has no usable root certificates.
    #[error(
        "could not set up HTTPS: {0}; install the system's root certificates (ca-certificates), or name a file of them in SSL_CERT_FILE"
    )]
    Setup(String),
}
