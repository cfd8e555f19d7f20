use std::{fmt, sync::Arc};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use reqwest::{
    Url,
    header::{HeaderMap, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    BudgetReading, ClientProblem, Clock, Config, ConfigError, Credentials, Error, ErrorKind,
    Message, Operation, SenderMismatch,
    credentials::Identity,
    key::{self, KeyProblem},
    message::NoMessage,
    request::Body,
    scrub::Scrub,
    token::{AccessToken, TokenSource},
    transport::{self, Success},
};
use crate::{
    model::{BaseUrl, Content, Kind, KnownIds, MessageId, Sender, VisitorId},
    network::http_client,
};

/// A success, with what its headers said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// What was asked for.
    pub body: T,
    /// The HTTP status, 200 to 299.
    pub status: u16,
    /// `sib-request-id`: Brevo's support asks for it.
    pub request_id: Option<String>,
    /// The budget of requests as this answer told it.
    pub budget: Option<BudgetReading>,
}

/// The client. Cheap to clone.
///
/// Each method sends exactly one request, on a connection of its own, and never repeats it. As an OAuth client, it
/// fetches an access token first if it has none; a token that the API refuses is thrown away, and
/// [`Error::renews_token`] says so.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base_url: BaseUrl,
    access: Access,
    partner_key: Option<SecretString>,
    visitors: KnownIds,
    clock: Option<Clock>,
}

/// What authorises the requests, and the mistake in it that can be seen.
#[derive(Clone)]
enum Access {
    Key(SecretString, Option<KeyProblem>),
    Client(Arc<TokenSource>, Option<ClientProblem>),
}

impl Client {
    /// Sets the client up. Nothing is sent; root certificates are read only for https.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let Config { base_url, credentials, partner_key, timeout, user_agent } = config;
        let user_agent = HeaderValue::from_str(&user_agent)
            .map_err(|_| ConfigError::UserAgent(user_agent.clone()))?;
        let mut headers = HeaderMap::new();
        let access = match credentials {
            Credentials::Key(key) => {
                headers.insert("api-key", secret_header(&key).map_err(ConfigError::ApiKey)?);
                let problem = key::inspect(key.expose_secret());
                Access::Key(key, problem)
            }
            Credentials::Client(client) => {
                let problem = client.inspect();
                let source = TokenSource::new(client, timeout, user_agent.clone())?;
                Access::Client(Arc::new(source), problem)
            }
        };
        if let Some(partner) = &partner_key {
            headers.insert("partner-key", secret_header(partner).map_err(ConfigError::PartnerKey)?);
        }
        let http = http_client(base_url.is_https(), base_url.is_loopback(), timeout)
            .default_headers(headers)
            .user_agent(user_agent);
        let http = transport::built(http)?;
        let visitors = KnownIds::default();
        Ok(Self { http, base_url, access, partner_key, visitors, clock: None })
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
        let token = self.token(operation).await?;
        let scrub = self.scrub(visitor, token.as_deref());
        let success = self.exchange(operation, id, body, token.as_ref(), &scrub).await?;
        message_in(success, operation, id, &scrub)
    }

    /// An operation that answers with nothing.
    async fn done(
        &self,
        operation: Operation,
        id: Option<&MessageId>,
        body: Option<Body<'_>>,
    ) -> Result<Answer<()>, Error> {
        let token = self.token(operation).await?;
        let scrub = self.scrub(None, token.as_deref());
        let success = self.exchange(operation, id, body, token.as_ref(), &scrub).await?;
        nothing(success, operation, &scrub)
    }

    async fn exchange(
        &self,
        operation: Operation,
        id: Option<&MessageId>,
        body: Option<Body<'_>>,
        token: Option<&Arc<AccessToken>>,
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
        let header = token.and_then(|token| token.header());
        let sent =
            transport::exchange(&self.http, operation, url, &origin, (body, header), scrub, clock);
        let answer = sent.await;
        if let Ok(Success { request_id, .. }) = &answer {
            tracing::debug!(%operation, request_id, "answered");
        }
        let error = match answer {
            Ok(success) => return Ok(success),
            Err(error) => error.with_identity(self.identity()),
        };
        if let (Access::Client(source, _), Some(token)) = (&self.access, token)
            && error.renews_token()
        {
            source.throw_away(token).await;
        }
        Err(error)
    }

    /// The access token of a request, if it is to show one.
    async fn token(&self, operation: Operation) -> Result<Option<Arc<AccessToken>>, Error> {
        let Access::Client(source, _) = &self.access else { return Ok(None) };
        let token = source.token(operation, &self.visitors).await;
        token.map(Some).map_err(|error| error.with_identity(self.identity()))
    }

    fn identity(&self) -> Identity {
        match &self.access {
            Access::Key(_, problem) => Identity::Key(*problem),
            Access::Client(_, problem) => Identity::Client(*problem),
        }
    }

    fn url(&self, operation: Operation, id: Option<&MessageId>) -> Result<Url, String> {
        let (base, collection) = (&self.base_url, operation.collection());
        let url = match id {
            None => format!("{base}{collection}"),
            Some(id) => format!("{base}{collection}/{}", segment(id)?),
        };
        Url::parse(&url).map_err(|_| "its path does not make a URL".to_owned())
    }

    fn scrub<'a>(
        &'a self,
        visitor: Option<&'a VisitorId>,
        token: Option<&'a AccessToken>,
    ) -> Scrub<'a> {
        let mut secrets = match &self.access {
            Access::Key(key, _) => vec![key.expose_secret()],
            Access::Client(source, _) => source.secrets().to_vec(),
        };
        secrets.extend(self.partner_key.as_ref().map(|key| key.expose_secret()));
        secrets.extend(token.map(AccessToken::secret));
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
        (Ok(message), _, _) => message,
        (Err(_), _, Some(cut)) => return unreadable(cut),
        (Err(NoMessage::Empty), Some(id), None) if operation.method() == "PUT" => {
            Message::with_id(id.clone())
        }
        (Err(why), _, None) => return unreadable(why.as_str()),
    };
    let Success { status, request_id, budget, .. } = success;
    Ok(Answer { body: message, status, request_id, budget })
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
    let Success { status, request_id, budget, .. } = success;
    Ok(Answer { body: (), status, request_id, budget })
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
