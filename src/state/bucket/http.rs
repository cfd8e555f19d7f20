//! Requests to the bucket's server, and to those that give credentials for it, through the HTTP
//! client that the rest of the program uses: no redirects, no repeats of its own, bounded times.

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use object_store::{
    ClientConfigKey, ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
        HttpResponseBody, HttpService,
    },
};
use reqwest::{
    StatusCode,
    header::{DATE, HeaderMap},
};
use tokio::time::timeout;

/// A slow line gets so much longer for each of these bytes it has to carry.
const BYTES_A_SECOND: u64 = 256 << 10;
/// More than any object of a state has. A server that sends more is not believed.
const LONGEST_BODY: usize = 1 << 30;

/// The time as the server told it last.
#[derive(Debug, Clone, Default)]
pub(super) struct ServerTime(Arc<Mutex<Option<Timestamp>>>);

impl ServerTime {
    pub(super) fn last(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        if let Some(date) = date {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(date.timestamp());
        }
    }
}

/// Why a request brought nothing. It never holds a URL, a header or a server's own text: those may
/// hold what was signed.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) status: Option<u16>,
    /// S3's word for it: `NoSuchBucket`.
    pub(super) code: String,
    what: String,
    /// Whether it may go better in a moment.
    pub(super) passes: bool,
    /// It was about who we are, not about the bucket.
    pub(super) credentials: bool,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) if self.code.is_empty() => write!(f, "the server answered {status}"),
            Some(status) => write!(f, "the server answered {status} ({})", self.code),
            None => f.write_str(&self.what),
        }
    }
}

impl Error for Trouble {}

impl Trouble {
    fn lost(what: String) -> Self {
        Self { status: None, code: String::new(), what, passes: true, credentials: false }
    }

    fn answered(status: StatusCode, body: &[u8]) -> Self {
        let passes = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
        let (status, code) = (Some(status.as_u16()), code(body));
        Self { status, code, what: String::new(), passes, credentials: false }
    }
}

/// What stands in `<Code>`.
fn code(body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    let code = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let code = code.map_or("", |(code, _)| code);
    code.chars().filter(char::is_ascii_alphanumeric).take(60).collect()
}

/// Makes the clients; see [`HttpConnector`].
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) time: ServerTime,
    /// How long nothing may come.
    pub(super) patience: Duration,
    pub(super) user_agent: String,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        // An error means that one is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .user_agent(&self.user_agent)
            .connect_timeout(self.patience.min(Duration::from_secs(5)))
            .pool_idle_timeout(Duration::from_secs(20))
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false);
        let plain = options.get_config_value(&ClientConfigKey::AllowHttp);
        http = if plain.as_deref() == Some("true") {
            // This machine, or the cloud's own address for credentials: no proxy is asked.
            http.no_proxy()
        } else {
            http.https_only(true)
        };
        let http = http.build().map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: Box::new(Trouble::lost(causes(&error))),
        })?;
        let (time, patience) = (self.time.clone(), self.patience);
        Ok(HttpClient::new(Service { http, time, patience }))
    }
}

struct Service {
    http: reqwest::Client,
    time: ServerTime,
    patience: Duration,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

impl HttpService for Service {
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        // Not to be repeated by whoever asked: whether it may be is decided where it is known
        // what a repeat would mean.
        Box::pin(async move {
            self.exchange(request)
                .await
                .map_err(|trouble| HttpError::new(HttpErrorKind::Unknown, trouble))
        })
    }
}

impl Service {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, Trouble> {
        let (parts, body) = request.into_parts();
        let url: reqwest::Url = parts
            .uri
            .to_string()
            .parse()
            .map_err(|_| Trouble { passes: false, ..Trouble::lost("its URL is none".into()) })?;
        // Where clouds give credentials to their machines. If it does not answer, we are not on one.
        let link_local = url.host_str().is_some_and(|host| host.starts_with("169.254."));
        let lost =
            |what| Trouble { credentials: link_local, passes: !link_local, ..Trouble::lost(what) };
        let silence = || lost(format!("no answer within {} s", self.patience.as_secs_f32()));

        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        let longer = Duration::from_secs(body.content_length() as u64 / BYTES_A_SECOND);
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        let mut patience = self.patience;
        if link_local {
            patience = patience.min(Duration::from_secs(2));
        }
        let mut response = timeout(patience + longer, self.http.execute(request))
            .await
            .map_err(|_| silence())?
            .map_err(|error| lost(causes(&error)))?;
        self.time.hear(response.headers());

        let mut read = Vec::new();
        loop {
            let chunk = timeout(self.patience, response.chunk()).await.map_err(|_| silence())?;
            match chunk
                .map_err(|error| lost(format!("the answer broke off: {}", causes(&error))))?
            {
                None => break,
                Some(chunk) if read.len() + chunk.len() > LONGEST_BODY => {
                    let what = "the server sent more than any state has".to_owned();
                    return Err(Trouble { passes: false, ..lost(what) });
                }
                Some(chunk) => read.extend_from_slice(&chunk),
            }
        }
        let status = response.status();
        // What these mean depends on what was asked; all others mean the same everywhere.
        let told = status.is_success() || matches!(status.as_u16(), 304 | 404 | 409 | 412);
        if !told || (status == StatusCode::NOT_FOUND && code(&read) == "NoSuchBucket") {
            let trouble = Trouble::answered(status, &read);
            return Err(Trouble { credentials: link_local, ..trouble });
        }
        let mut answer = HttpResponse::new(HttpResponseBody::from(read));
        *answer.status_mut() = status;
        *answer.headers_mut() = response.headers().clone();
        Ok(answer)
    }
}

/// The causes of an error, without the layers that say nothing, and without URLs.
fn causes(error: &reqwest::Error) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !text.starts_with("client error (") && said.last() != Some(&text) {
            said.push(text);
        }
        next = cause.source();
    }
    if said.is_empty() { "the request failed".to_owned() } else { said.join(": ") }
}
