use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use reqwest::{
    Url,
    header::{HeaderMap, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    BudgetReading, Error, ErrorKind, Message, Operation, SenderMismatch,
    key::{self, KeyProblem},
    message::NoMessage,
    request::Body,
    scrub::Scrub,
    transport::{self, Success},
};
use crate::{
    model::{BaseUrl, Content, Kind, KnownIds, MessageId, Sender, VisitorId},
    network::causes,
};

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a [`Client`] needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the API is.
    pub base_url: BaseUrl,
    /// The API key (`xkeysib-…`), sent as `api-key`.
    pub api_key: SecretString,
    /// For partner accounts, sent as `partner-key`.
    pub partner_key: Option<SecretString>,
    /// How long one request may take, from the start of the connection to the end of the answer.
    /// A connection may take half of it, and at most 10 s.
    pub timeout: Duration,
    /// Sent as `User-Agent`.
    pub user_agent: String,
}

/// Why there can be no [`Client`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The API key is empty, or holds what a header cannot.
    #[error("the API key {0}")]
    ApiKey(KeyProblem),
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

/// A success, with what its headers said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// What was asked for.
    pub body: T,
    /// `sib-request-id`: Brevo's support asks for it.
    pub request_id: Option<String>,
    /// The budget of requests as this answer told it.
    pub budget: Option<BudgetReading>,
}

/// The client. Cheap to clone.
///
/// Each method sends exactly one request, on a connection of its own, and never repeats it.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base_url: BaseUrl,
    api_key: SecretString,
    partner_key: Option<SecretString>,
    key_problem: Option<KeyProblem>,
    visitors: KnownIds,
    clock: Option<Clock>,
}

impl Client {
    /// Sets the client up. Nothing is sent; root certificates are read only for https.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let Config { base_url, api_key, partner_key, timeout, user_agent } = config;
        let mut headers = HeaderMap::new();
        headers.insert("api-key", secret_header(&api_key).map_err(ConfigError::ApiKey)?);
        if let Some(partner) = &partner_key {
            headers.insert("partner-key", secret_header(partner).map_err(ConfigError::PartnerKey)?);
        }
        let user_agent = HeaderValue::from_str(&user_agent)
            .map_err(|_| ConfigError::UserAgent(user_agent.clone()))?;

        // An error means that one is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .default_headers(headers)
            .user_agent(user_agent)
            .timeout(timeout)
            .connect_timeout(transport::connect_timeout(timeout))
            // A connection that has carried something may be closed, or hold the rest of an earlier answer, when
            // the next request leaves: a POST that meets that is neither known to be done nor known not to be.
            // At the API's rate a connection for each request costs nothing.
            .pool_max_idle_per_host(0)
            .tcp_nodelay(true)
            // A bad header of a gateway takes no id with it.
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_ignore_invalid_headers_in_responses(true)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false);
        http = if base_url.is_https() {
            http.https_only(true)
        } else {
            // No roots to read: there is no TLS on loopback.
            http.tls_certs_only([])
        };
        if base_url.is_loopback() {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| {
            ConfigError::Setup(match causes(&error).next() {
                Some(cause) => cause.to_string(),
                None => error.to_string(),
            })
        })?;
        let key_problem = key::inspect(api_key.expose_secret());
        let visitors = KnownIds::default();
        Ok(Self { http, base_url, api_key, partner_key, key_problem, visitors, clock: None })
    }

    /// The same, which masks these visitors in all that the API answers with an error: only a
    /// request that creates a message knows its visitor.
    #[must_use]
    pub fn masking(self, visitors: KnownIds) -> Self {
        Self { visitors, ..self }
    }

    /// The same, which compares dates in headers with this clock where an answer has no date of its own.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// Where the requests go.
    pub fn base_url(&self) -> &BaseUrl {
        &self.base_url
    }

    /// Sends a message: `POST /conversations/pushedMessages`, or `…/messages` as an agent.
    ///
    /// The API documents no limit of a text's length and no markup. A sender that messages of
    /// this kind cannot have is an [`ErrorKind::NotBuilt`]: nothing is sent.
    pub async fn send(
        &self,
        kind: Kind,
        visitor: &VisitorId,
        content: &Content,
    ) -> Result<Answer<Message>, Error> {
        let operation = match kind {
            Kind::Pushed => Operation::SendPushedMessage,
            Kind::Agent => Operation::SendAgentMessage,
        };
        let body = Body::message(kind, visitor, content).map_err(not_from(operation))?;
        self.message(operation, None, Some(body), Some(visitor)).await
    }

    /// Reads a message: `GET /conversations/pushedMessages/{id}`, or `…/messages/{id}`. With
    /// [`Kind::Agent`] it may turn out to be a visitor's.
    pub async fn get(&self, kind: Kind, id: &MessageId) -> Result<Answer<Message>, Error> {
        let operation = match kind {
            Kind::Pushed => Operation::GetPushedMessage,
            Kind::Agent => Operation::GetAgentMessage,
        };
        self.message(operation, Some(id), None, None).await
    }

    /// Changes the text of a message: `PUT /conversations/pushedMessages/{id}`, or
    /// `…/messages/{id}`. Nothing else can be changed.
    ///
    /// A success with an empty body counts, as a [`Message`] of which only the id is known.
    pub async fn update(
        &self,
        kind: Kind,
        id: &MessageId,
        text: &str,
    ) -> Result<Answer<Message>, Error> {
        let operation = match kind {
            Kind::Pushed => Operation::UpdatePushedMessage,
            Kind::Agent => Operation::UpdateAgentMessage,
        };
        self.message(operation, Some(id), Some(Body::text(text)), None).await
    }

    /// Deletes a message: `DELETE /conversations/pushedMessages/{id}`, or `…/messages/{id}`.
    pub async fn delete(&self, kind: Kind, id: &MessageId) -> Result<Answer<()>, Error> {
        let operation = match kind {
            Kind::Pushed => Operation::DeletePushedMessage,
            Kind::Agent => Operation::DeleteAgentMessage,
        };
        self.done(operation, Some(id), None).await
    }

    /// Marks an agent online for 2 to 3 minutes: `POST /conversations/agentOnlinePing`. Brevo
    /// recommends one a minute, which is 60 of the hourly requests.
    ///
    /// A sender that is not one agent is an [`ErrorKind::NotBuilt`]: nothing is sent.
    pub async fn ping_agent_online(&self, agent: &Sender) -> Result<Answer<()>, Error> {
        let operation = Operation::PingAgentOnline;
        let body = Body::sender(Kind::Agent, agent).map_err(not_from(operation))?;
        self.done(operation, None, Some(body)).await
    }

    /// An operation that answers with a message.
    async fn message(
        &self,
        operation: Operation,
        id: Option<&MessageId>,
        body: Option<Body<'_>>,
        visitor: Option<&VisitorId>,
    ) -> Result<Answer<Message>, Error> {
        let scrub = self.scrub(visitor);
        let success = self.exchange(operation, id, body, &scrub).await?;
        message_in(success, operation, id, &scrub)
    }

    /// An operation that answers with nothing.
    async fn done(
        &self,
        operation: Operation,
        id: Option<&MessageId>,
        body: Option<Body<'_>>,
    ) -> Result<Answer<()>, Error> {
        let scrub = self.scrub(None);
        let success = self.exchange(operation, id, body, &scrub).await?;
        nothing(success, operation, &scrub)
    }

    async fn exchange(
        &self,
        operation: Operation,
        id: Option<&MessageId>,
        body: Option<Body<'_>>,
        scrub: &Scrub<'_>,
    ) -> Result<Success, Error> {
        let not_built =
            |why: &str| Error::new(operation, ErrorKind::NotBuilt { why: why.to_owned() });
        let url = self.url(operation, id).map_err(|why| not_built(&why))?;
        let body = body
            .map(|body| serde_json::to_vec(&body))
            .transpose()
            .map_err(|_| not_built("its body is no JSON"))?;
        let (origin, clock) = (self.base_url.origin(), self.clock.as_ref());
        let answer =
            transport::exchange(&self.http, operation, url, &origin, body, scrub, clock).await;
        if let Ok(Success { request_id, .. }) = &answer {
            tracing::debug!(%operation, request_id, "answered");
        }
        answer.map_err(|error| error.with_key(self.key_problem))
    }

    fn url(&self, operation: Operation, id: Option<&MessageId>) -> Result<Url, String> {
        let (base, collection) = (&self.base_url, operation.collection());
        let url = match id {
            None => format!("{base}{collection}"),
            Some(id) => format!("{base}{collection}/{}", segment(id)?),
        };
        Url::parse(&url).map_err(|_| "its path does not make a URL".to_owned())
    }

    fn scrub<'a>(&'a self, visitor: Option<&'a VisitorId>) -> Scrub<'a> {
        let keys = [Some(&self.api_key), self.partner_key.as_ref()];
        let secrets = keys.into_iter().flatten().map(|key| key.expose_secret()).collect();
        Scrub { secrets, visitor, known: &self.visitors }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// That a sender cannot send what is asked for.
fn not_from(operation: Operation) -> impl Fn(SenderMismatch) -> Error {
    move |mismatch| Error::new(operation, ErrorKind::NotBuilt { why: mismatch.to_string() })
}

/// The message in a success. One that is whole counts, however its transfer ended: an id cannot be found again.
pub(super) fn message_in(
    success: Success,
    operation: Operation,
    id: Option<&MessageId>,
    scrub: &Scrub<'_>,
) -> Result<Answer<Message>, Error> {
    let unreadable = |why: &str| Err(success.unreadable(operation, why, scrub));
    let message = match (Message::parse(&success.body), id, &success.cut) {
        (Ok(message), Some(id), _) if operation.method() == "PUT" && message.id != *id => {
            return unreadable("its body is that of another message");
        }
        (Ok(message), _, _) => message,
        (Err(_), _, Some(cut)) => return unreadable(cut),
        (Err(NoMessage::Empty), Some(id), None) if operation.method() == "PUT" => {
            Message::with_id(id.clone())
        }
        (Err(why), _, None) => return unreadable(why.as_str()),
    };
    let Success { request_id, budget, .. } = success;
    Ok(Answer { body: message, request_id, budget })
}

/// A success that holds nothing, if it is one of the API: something on the way that answers 200 to everything has
/// deleted nothing.
pub(super) fn nothing(
    success: Success,
    operation: Operation,
    scrub: &Scrub<'_>,
) -> Result<Answer<()>, Error> {
    if success.is_page() {
        return Err(success.unreadable(operation, "its body is a page, not the API's", scrub));
    }
    let from_api = success.status != 200 || success.request_id.is_some();
    if !from_api && !success.body.trim_ascii().is_empty() {
        let why = "the API answers this with 204 and no body: something on the way answered";
        return Err(success.unreadable(operation, why, scrub));
    }
    let Success { request_id, budget, .. } = success;
    Ok(Answer { body: (), request_id, budget })
}

/// A header that is never shown by `Debug` of the layers below.
fn secret_header(key: &SecretString) -> Result<HeaderValue, KeyProblem> {
    let text = key.expose_secret();
    if text.trim().is_empty() {
        return Err(KeyProblem::Empty);
    }
    if text.trim().len() != text.len() {
        return Err(KeyProblem::Space);
    }
    let mut value = HeaderValue::from_str(text).map_err(|_| KeyProblem::Character)?;
    value.set_sensitive(true);
    Ok(value)
}

/// What an id may hold in a path as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// An id as one segment of a path.
fn segment(id: &MessageId) -> Result<PercentEncode<'_>, String> {
    id.check().map_err(|error| error.to_string())?;
    Ok(utf8_percent_encode(id.as_str(), SEGMENT))
}
