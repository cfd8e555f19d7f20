//! Sends the requests of `object_store` through the HTTP client of the rest of the program: without
//! redirects, without its own repeats, in limited time.

use std::{
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
use reqwest::header::{DATE, HeaderMap};
use tokio::time::timeout;

use super::error::{RequestError, s3_code};
use crate::{
    network::{ErrorKind, http_causes},
    state::boot_clock::BootInstant,
};

/// A request may take a second longer for each of these bytes in its body.
const BYTES_A_SECOND: u64 = 256 << 10;
/// The most bytes of an answer: more than any object of a state has.
const LONGEST_BODY: usize = 1 << 30;

/// The server's clock: what its last answer showed, and how long ago that was.
#[derive(Debug, Clone, Default)]
pub(super) struct ServerClock(Arc<Mutex<Option<(Timestamp, BootInstant)>>>);

impl ServerClock {
    /// `None` if no answer had a date.
    pub(super) fn now(&self) -> Option<Timestamp> {
        let (date, at) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(date.checked_add(at.elapsed()).unwrap_or(Timestamp::MAX))
    }

    fn read(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        if let Some(date) = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()) {
            let read = Some((date.timestamp(), BootInstant::now()));
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = read;
        }
    }
}

/// Makes the clients; see [`HttpConnector`].
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) clock: ServerClock,
    /// How long the server may send nothing.
    pub(super) patience: Duration,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        // An error means that one is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(concat!("pushsync/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.patience.min(Duration::from_secs(5)))
            .pool_idle_timeout(Duration::from_secs(20))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false);
        let plain = options.get_config_value(&ClientConfigKey::AllowHttp);
        let http = match plain.as_deref() {
            // To this machine, or to the cloud's own address for credentials: never by a proxy.
            Some("true") => http.no_proxy(),
            _ => http.https_only(true),
        };
        let http = http.build().map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: Box::new(RequestError::new(ErrorKind::of_http(&error, ""), false)),
        })?;
        let (clock, patience) = (self.clock.clone(), self.patience);
        Ok(HttpClient::new(Service { http, clock, patience }))
    }
}

struct Service {
    http: reqwest::Client,
    clock: ServerClock,
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
        // The crate repeats no error of this kind: `objects` decides about repeats.
        Box::pin(async move {
            self.exchange(request)
                .await
                .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))
        })
    }
}

impl Service {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, RequestError> {
        let uploading =
            Duration::from_secs(request.body().content_length() as u64 / BYTES_A_SECOND);
        let request =
            reqwest::Request::try_from(request.map(reqwest::Body::wrap)).map_err(|_| {
                RequestError::new(
                    ErrorKind::NotBuilt { why: "its URL cannot be read".to_owned() },
                    false,
                )
            })?;
        let origin = request.url().origin().ascii_serialization();
        let host = request.url().host_str().unwrap_or_default();
        let for_credentials = host.starts_with("169.254.");
        let longest = if for_credentials { Duration::from_secs(2) } else { Duration::MAX };
        let failed = |kind| RequestError::new(kind, for_credentials);
        let silence = |_| failed(ErrorKind::no_answer(self.patience));

        let waiting = self.patience.min(longest) + uploading;
        let mut response = timeout(waiting, self.http.execute(request))
            .await
            .map_err(silence)?
            .map_err(|error| failed(ErrorKind::of_http(&error, &origin)))?;
        self.clock.read(response.headers());

        let status = response.status();
        let mut body = Vec::new();
        let broken = |error| {
            let why = format!("it broke off: {}", http_causes(&error));
            failed(ErrorKind::Lost { why, timed_out: false })
        };
        while let Some(chunk) =
            timeout(self.patience, response.chunk()).await.map_err(silence)?.map_err(broken)?
        {
            if body.len() + chunk.len() > LONGEST_BODY {
                return Err(RequestError::strange(status.as_u16(), "it is longer than any state"));
            }
            body.extend_from_slice(&chunk);
        }
        // These depend on the request; all others mean the same everywhere.
        let understood = match status.as_u16() {
            // A gateway or another server says 404 too: that no object is there, only S3 says.
            404 => s3_code(&body) == "NoSuchKey",
            304 | 409 | 412 => true,
            _ => status.is_success(),
        };
        if !understood {
            return Err(RequestError::answered(status.as_u16(), &body, for_credentials));
        }
        let mut answer = HttpResponse::new(HttpResponseBody::from(body));
        *answer.status_mut() = status;
        *answer.headers_mut() = response.headers().clone();
        Ok(answer)
    }
}
