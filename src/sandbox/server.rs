use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Body,
    extract::{Extension, Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use jiff::Timestamp;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::loopback::{self, Cut, Limits, Unread};

use super::{
    Counts, Fault, JournalError, Options, SandboxMessage, events,
    handler::{ApiRequest, HandledRequest, Handler},
    journal::{Journal, Replay},
    page,
    reply::Reply,
    tokens::{self, Shown, TokenRequest},
};

/// How long [`Running::stop`] waits for requests under way.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a request without an answer is kept: longer than any client waits.
const LONGEST_HANG: Duration = Duration::from_secs(3600);

/// A local server with the API's behaviour.
#[derive(Debug)]
pub struct Sandbox;

/// Why a sandbox could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It could not listen.
    #[error("could not listen on {address}: {why}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why, and what to do.
        why: String,
    },
    /// Its data could not be used.
    #[error(transparent)]
    Data(#[from] JournalError),
    /// A probability is not between 0 and 1.
    #[error("{name} is a probability from 0 to 1, not {value}")]
    Probability {
        /// Which.
        name: &'static str,
        /// What was given.
        value: f64,
    },
}

/// A sandbox that listens. Dropped, it stops on its own; [`Running::stop`] waits for that.
pub struct Running {
    address: SocketAddr,
    handler: Arc<Handler>,
    warnings: Vec<String>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Sandbox {
    /// Reads the data, listens, and serves on the runtime of the caller until it is stopped.
    pub async fn start(options: Options) -> Result<Running, StartError> {
        let Options {
            listen,
            data,
            budget,
            faults,
            gateway,
            normalise,
            webhook,
            token_life,
            clock,
        } = options;
        for (name, value) in [("fail", faults.fail), ("drop-replies", faults.drop_replies)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(StartError::Probability { name, value });
            }
        }
        // Listen first: a second sandbox on the same port does not touch the data.
        let refused = |error| StartError::Listen { address: listen, why: loopback::why_not(error) };
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (journal, mut replay) = match &data {
            Some(path) => {
                let (journal, replay) = Journal::open(path)?;
                (Some(journal), replay)
            }
            None => (None, Replay::default()),
        };
        let warnings = std::mem::take(&mut replay.warnings);
        let behaviour = (faults, gateway, normalise);
        let events = webhook.and_then(|hook| events::start(hook, faults.seed));
        let handler = Handler::new(clock, behaviour, token_life, budget, journal, replay, events);
        let handler = Arc::new(handler);

        let router = page::routes(Arc::clone(&handler.notifier))
            .fallback(serve)
            .with_state(Arc::clone(&handler));
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            // Told so, or dropped.
            let stopped = async { _ = stopped.await };
            loopback::serve(listener, address, router, Limits::default(), stopped).await;
        });
        Ok(Running { address, handler, warnings, stop, server })
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for clients, with `/v3` as the API has it.
    pub fn base_url(&self) -> String {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        format!("http://{}/v3", SocketAddr::new(ip, self.address.port()))
    }

    /// What was odd about its data: a torn last line. Sentences without a full stop.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Every message ever created, in that order, deleted ones included.
    pub fn messages(&self) -> Vec<SandboxMessage> {
        self.handler.messages()
    }

    /// When each agent was last pinged online, by agent id, since the start.
    pub fn pings(&self) -> BTreeMap<String, Timestamp> {
        self.handler.pings()
    }

    /// How many requests there were since the start.
    pub fn requests(&self) -> Counts {
        self.handler.counts()
    }

    /// Stops: no new connections, requests under way are answered (for a while), the data is let
    /// go.
    pub async fn stop(self) {
        let Self { handler, stop, mut server, .. } = self;
        handler.notifier.close();
        drop(stop);
        if tokio::time::timeout(PATIENCE, &mut server).await.is_err() {
            server.abort();
        }
        handler.close();
    }
}

async fn serve(
    State(handler): State<Arc<Handler>>,
    Extension(cut): Extension<Cut>,
    request: Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let (method, path) = (head.method.as_str(), head.uri.path());
    if let Some(reply) = handler.look(method, path) {
        return respond(reply, None);
    }
    let body = match loopback::read(body, Limits::default()).await {
        Ok(body) => Some(body),
        Err(Unread::TooLong) => None,
        // Nothing was asked for yet.
        Err(Unread::TooSlow) => return loopback::too_slow(),
    };
    if let Some(fault) = handler.kept_away(method, path) {
        if fault == Fault::Hang {
            tokio::time::sleep(LONGEST_HANG).await;
        }
        return fault.instead().unwrap_or_default();
    }
    let body = body.as_deref();
    let handled = if tokens::is_path(path) {
        let is_form = is_form(&head.headers);
        handler.give_token(&TokenRequest { method, is_form, body })
    } else {
        let shown = shown(&head.headers);
        handler.handle(&ApiRequest { method, path, shown, body })
    };
    if !handler.latency().is_zero() {
        tokio::time::sleep(handler.latency()).await;
    }
    if handled.dropped {
        cut.now();
    }
    respond(handled.reply.clone(), Some(&handled))
}

/// Any key will do, and so will any OAuth bearer token that is not the sandbox's own.
fn shown(headers: &HeaderMap) -> Shown {
    let filled = |text: &[u8]| !text.trim_ascii().is_empty();
    if headers.get("api-key").is_some_and(|value| filled(value.as_bytes())) {
        return Shown::Key;
    }
    let value = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    match value.split_at_checked(7) {
        Some((kind, token)) if kind.eq_ignore_ascii_case(b"bearer ") && filled(token) => {
            Shown::Token(String::from_utf8_lossy(token.trim_ascii()).into_owned())
        }
        _ => Shown::Nothing,
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn respond(reply: Reply, handled: Option<&HandledRequest>) -> Response<Body> {
    let Reply { status, body, allow } = reply;
    let has_body = body.is_some();
    let mut bytes = body.map(|value| value.to_string().into_bytes()).unwrap_or_default();
    let mut encodings = Vec::new();
    for fault in handled.iter().flat_map(|handled| &handled.wrapped).filter(|_| has_body) {
        // Memory takes all that is written to it.
        let Ok((wrapped, encoding)) = fault.wrapped(std::mem::take(&mut bytes)) else { continue };
        bytes = wrapped;
        encodings.extend(encoding);
    }
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if has_body {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for encoding in encodings {
        headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if let Some(allow) = allow {
        headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    if let Some(handled) = handled {
        if let Ok(id) = HeaderValue::from_str(&handled.request_id) {
            headers.insert("sib-request-id", id);
        }
        if let Some(reading) = handled.budget {
            headers.insert("x-sib-ratelimit-limit", reading.limit.unwrap_or_default().into());
            headers
                .insert("x-sib-ratelimit-remaining", reading.remaining.unwrap_or_default().into());
            let left = reading.reset.unwrap_or_default();
            let told = handled.wrapped.iter().find_map(|fault| fault.reset(handled.at, left));
            let told = told.unwrap_or_else(|| Some(left.as_secs().to_string()));
            if let Some(reset) = told.and_then(|reset| HeaderValue::try_from(reset).ok()) {
                headers.insert("x-sib-ratelimit-reset", reset);
            }
        }
    }
    response
}
