use std::{fmt, sync::Arc, time::Duration};

use reqwest::{
    Url,
    header::{HeaderMap, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    AgentIdentity, BudgetReading, Error, ErrorKind, Message, NewAgentMessage, NewPushedMessage,
    Operation,
    key::{self, KeyProblem},
    message::NoMessage,
    request::Body,
    scrub::Scrub,
    transport::{self, Success},
};
use crate::model::{BaseUrl, KnownIds, MessageId, VisitorId, causes};

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

/// The client. Cheap to clone; clones share their connections.
///
/// Each method sends exactly one request and never repeats it.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base_url: BaseUrl,
    api_key: SecretString,
    partner_key: Option<SecretString>,
    key_problem: Option<KeyProblem>,
    targets: Arc<Targets>,
    visitors: KnownIds,
}

/// What is the same for every request to a server: parsing URLs is a tenth of what a request costs.
struct Targets {
    /// Scheme, host and port: what a message may show.
    origin: String,
    /// Each collection of the API with its URL.
    collections: Vec<(&'static str, Url)>,
}

impl Targets {
    fn new(base: &BaseUrl) -> Self {
        let mut collections: Vec<(&'static str, Url)> = Vec::new();
        for collection in Operation::ALL.map(Operation::collection) {
            let known = collections.iter().any(|(known, _)| *known == collection);
            if let (false, Ok(url)) = (known, Url::parse(&format!("{base}{collection}"))) {
                collections.push((collection, url));
            }
        }
        Self { origin: base.origin(), collections }
    }
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
            // A server closes idle connections, and a POST that meets the closing is neither
            // known to be done nor known not to be. So we close them first.
            .pool_idle_timeout(Duration::from_secs(2))
            .tcp_nodelay(true)
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
        let targets = Arc::new(Targets::new(&base_url));
        let visitors = KnownIds::default();
        Ok(Self { http, base_url, api_key, partner_key, key_problem, targets, visitors })
    }

    /// The same, which masks these visitors in all that the API answers with an error: only a
    /// request that creates a message knows its visitor.
    #[must_use]
    pub fn masking(self, visitors: KnownIds) -> Self {
        Self { visitors, ..self }
    }

    /// Where the requests go.
    pub fn base_url(&self) -> &BaseUrl {
        &self.base_url
    }

    /// Sends an automated message: `POST /conversations/pushedMessages`.
    pub async fn send_pushed_message(
        &self,
        message: &NewPushedMessage<'_>,
    ) -> Result<Answer<Message>, Error> {
        let body = Body::pushed(message);
        self.message(Operation::SendPushedMessage, None, Some(body), Some(message.visitor)).await
    }

    /// Reads an automated message: `GET /conversations/pushedMessages/{id}`.
    pub async fn get_pushed_message(&self, id: &MessageId) -> Result<Answer<Message>, Error> {
        self.message(Operation::GetPushedMessage, Some(id), None, None).await
    }

    /// Changes the text of an automated message: `PUT /conversations/pushedMessages/{id}`.
    /// Nothing else can be changed.
    ///
    /// A success with an empty body counts, as a [`Message`] of which only the id is known.
    pub async fn update_pushed_message(
        &self,
        id: &MessageId,
        text: &str,
    ) -> Result<Answer<Message>, Error> {
        let body = Body::text(text);
        self.message(Operation::UpdatePushedMessage, Some(id), Some(body), None).await
    }

    /// Deletes an automated message: `DELETE /conversations/pushedMessages/{id}`.
    pub async fn delete_pushed_message(&self, id: &MessageId) -> Result<Answer<()>, Error> {
        self.done(Operation::DeletePushedMessage, Some(id), None).await
    }

    /// Sends a message as an agent: `POST /conversations/messages`.
    pub async fn send_agent_message(
        &self,
        message: &NewAgentMessage<'_>,
    ) -> Result<Answer<Message>, Error> {
        let body = Body::agent(message);
        self.message(Operation::SendAgentMessage, None, Some(body), Some(message.visitor)).await
    }

    /// Reads a message: `GET /conversations/messages/{id}`. It may be a visitor's.
    pub async fn get_agent_message(&self, id: &MessageId) -> Result<Answer<Message>, Error> {
        self.message(Operation::GetAgentMessage, Some(id), None, None).await
    }

    /// Changes the text of an agent's message: `PUT /conversations/messages/{id}`.
    ///
    /// A success with an empty body counts, as a [`Message`] of which only the id is known.
    pub async fn update_agent_message(
        &self,
        id: &MessageId,
        text: &str,
    ) -> Result<Answer<Message>, Error> {
        let body = Body::text(text);
        self.message(Operation::UpdateAgentMessage, Some(id), Some(body), None).await
    }

    /// Deletes an agent's message: `DELETE /conversations/messages/{id}`.
    pub async fn delete_agent_message(&self, id: &MessageId) -> Result<Answer<()>, Error> {
        self.done(Operation::DeleteAgentMessage, Some(id), None).await
    }

    /// Marks an agent online for 2 to 3 minutes: `POST /conversations/agentOnlinePing`. Brevo
    /// recommends one a minute, which is 60 of the hourly requests.
    pub async fn ping_agent_online(&self, agent: &AgentIdentity<'_>) -> Result<Answer<()>, Error> {
        self.done(Operation::PingAgentOnline, None, Some(Body::identity(agent))).await
    }

    /// An operation that answers with a message.
    pub(super) async fn message(
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

    /// An operation that answers with a message, of which only the id is wanted.
    pub(super) async fn id(
        &self,
        operation: Operation,
        body: Body<'_>,
        visitor: &VisitorId,
    ) -> Result<Answer<MessageId>, Error> {
        let scrub = self.scrub(Some(visitor));
        let success = self.exchange(operation, None, Some(body), &scrub).await?;
        match Message::id_in(&success.body) {
            Ok(body) => {
                let Success { request_id, budget, .. } = success;
                Ok(Answer { body, request_id, budget })
            }
            Err(why) => Err(success.unreadable(operation, why.as_str(), &scrub)),
        }
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
        let url = self.url(operation, id).map_err(not_built)?;
        let body = body
            .map(|body| serde_json::to_vec(&body))
            .transpose()
            .map_err(|_| not_built("its body is no JSON"))?;
        transport::exchange(&self.http, operation, url, &self.targets.origin, body, scrub)
            .await
            .map_err(|error| error.with_key(self.key_problem))
    }

    fn url(&self, operation: Operation, id: Option<&MessageId>) -> Result<Url, &'static str> {
        let bad = "its path is no URL";
        let collection = operation.collection();
        let known = self.targets.collections.iter().find(|(known, _)| *known == collection);
        let (_, url) = known.ok_or(bad)?;
        match id {
            None => Ok(url.clone()),
            Some(id) => Url::parse(&format!("{url}/{}", segment(id.as_str())?)).map_err(|_| bad),
        }
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

/// The message in a success.
pub(super) fn message_in(
    success: Success,
    operation: Operation,
    id: Option<&MessageId>,
    scrub: &Scrub<'_>,
) -> Result<Answer<Message>, Error> {
    let message = match (Message::parse(&success.body), id) {
        (Ok(message), _) => message,
        (Err(NoMessage::Empty), Some(id)) if operation.method() == "PUT" => {
            Message::bare(id.clone())
        }
        (Err(why), _) => return Err(success.unreadable(operation, why.as_str(), scrub)),
    };
    let Success { request_id, budget, .. } = success;
    Ok(Answer { body: message, request_id, budget })
}

/// A success that holds nothing, if it is one of the API.
pub(super) fn nothing(
    success: Success,
    operation: Operation,
    scrub: &Scrub<'_>,
) -> Result<Answer<()>, Error> {
    if success.is_page() {
        return Err(success.unreadable(operation, "its body is a page, not the API's", scrub));
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

/// An id as one segment of a path, whatever it holds.
fn segment(id: &str) -> Result<String, &'static str> {
    use std::fmt::Write as _;
    if id.is_empty() {
        return Err("the message id is empty");
    }
    // URLs give these a meaning of their own, percent-encoded as well.
    if id == "." || id == ".." {
        return Err("the message id is dots only, which no path can hold");
    }
    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    Ok(out)
}
