//! Requests to the API of a forge.
//!
//! A request without a usable answer is repeated where that cannot do harm. No redirect is followed, and no page of a
//! list is fetched from elsewhere: the token goes to the API alone.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::{
    Method, Response, StatusCode, Url,
    header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, LINK, RETRY_AFTER},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{ForgeError, Refusal};
use crate::network;

/// How often a request is sent, at most.
const MOST_TRIES: u32 = 5;
/// The longest time that we wait for before a request is sent again.
const MOST_PATIENCE: Duration = Duration::from_secs(60);
/// The most pages of a list.
const MOST_PAGES: usize = 100;
/// The longest answer: a page has at most 100 comments of 65,536 characters.
const LONGEST_BODY: usize = 50_000_000;
/// The time that a request may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The API of a forge, and what its requests show.
pub struct Server {
    /// Where it is.
    pub url: String,
    /// The header that has the token, in lower case.
    pub header: &'static str,
    /// What stands before the token in it: `Bearer `, or nothing.
    pub scheme: &'static str,
    /// The token.
    pub token: SecretString,
    /// The pause before a request is sent a second time; it doubles.
    pub pause: Duration,
    /// Tells the time.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// The client of an API.
pub struct Http {
    client: reqwest::Client,
    base: Url,
    token: (HeaderName, HeaderValue),
    /// The token alone: no error shows it, whatever is answered.
    secret: SecretString,
    pause: Duration,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// An answer that was a success.
struct Success {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Http {
    /// Sets a client up. Nothing is sent.
    ///
    /// # Errors
    ///
    /// An address or a token that cannot be used.
    pub fn new(server: Server) -> Result<Self, Refusal> {
        let Server { url, header, scheme, token, pause, clock } = server;
        let address = || {
            Refusal::new(
                "the address of the forge's API cannot be used",
                "It is a URL that begins with https://, without a name or a password in it.",
            )
        };
        let base = Url::parse(url.trim_end_matches('/')).map_err(|_| address())?;
        let plain = base.username().is_empty() && base.password().is_none();
        if !matches!(base.scheme(), "http" | "https") || !plain || base.query().is_some() {
            return Err(address());
        }
        let value = HeaderValue::from_str(&format!("{scheme}{}", token.expose_secret()));
        let Ok(mut value) = value else {
            return Err(Refusal::new(
                "the token has a line break, or a character that no token has",
                "Put the token alone into its variable.",
            ));
        };
        value.set_sensitive(true);
        let loopback = matches!(base.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        let client = network::http_client(base.scheme() == "https", loopback, TIMEOUT)
            .user_agent(concat!("pushsync/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                let why = network::causes(&error).next().map(ToString::to_string);
                Refusal::new(
                    "the client of the forge's API could not be set up",
                    why.unwrap_or_else(|| error.to_string()),
                )
            })?;
        let header = (HeaderName::from_static(header), value);
        Ok(Self { client, base, token: header, secret: token, pause, clock })
    }

    /// Reads an object.
    pub async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, ForgeError> {
        let answer = self.send(Method::GET, self.url(path)?, None).await?;
        decoded(&answer.body)
    }

    /// Reads an object that a query names.
    pub async fn find<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, ForgeError> {
        let mut url = self.url(path)?;
        url.query_pairs_mut().extend_pairs(query);
        let answer = self.send(Method::GET, url, None).await?;
        decoded(&answer.body)
    }

    /// Reads every page of a list. `query` is that of the first page.
    pub async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &str,
    ) -> Result<Vec<T>, ForgeError> {
        let mut url = self.url(path)?;
        url.set_query(Some(query));
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let answer = self.send(Method::GET, url.clone(), None).await?;
            all.extend(decoded::<Vec<T>>(&answer.body)?);
            let Some(next) = next_page(&url, &answer.headers) else { return Ok(all) };
            if !self.is_here(&next) {
                return Err(ForgeError::new(None, "the next page would be on another server"));
            }
            url = next;
        }
        Err(ForgeError::new(None, &format!("there are more than {MOST_PAGES} pages")))
    }

    /// Sends an object, and reads the answer.
    pub async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Result<T, ForgeError> {
        let body = serde_json::to_vec(body)
            .map_err(|_| ForgeError::new(None, "the request could not be written"))?;
        let answer = self.send(method, self.url(path)?, Some(body)).await?;
        decoded(&answer.body)
    }

    /// Deletes an object.
    pub async fn delete(&self, path: &[&str]) -> Result<(), ForgeError> {
        self.send(Method::DELETE, self.url(path)?, None).await.map(drop)
    }

    /// A path below the API's, each part as one segment.
    fn url(&self, path: &[&str]) -> Result<Url, ForgeError> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => {
                segments.pop_if_empty().extend(path);
            }
            Err(()) => return Err(ForgeError::new(None, "the address of the API is no base")),
        }
        Ok(url)
    }

    /// Whether a URL is one of this API.
    fn is_here(&self, url: &Url) -> bool {
        let base = format!("{}/", self.base.path().trim_end_matches('/'));
        url.origin() == self.base.origin()
            && url.username().is_empty()
            && url.password().is_none()
            && url.path().starts_with(&base)
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<Vec<u8>>,
    ) -> Result<Success, ForgeError> {
        let mut tries = 0;
        loop {
            let (error, headers) = match self.once(&method, &url, body.clone()).await {
                Ok(success) => return Ok(success),
                Err(failed) => failed,
            };
            tries += 1;
            let again = match error.status {
                Some(429) => true,
                Some(403) => is_limited(&headers),
                // It may have taken effect all the same: the caller looks first.
                None | Some(500..=599) => method != Method::POST,
                Some(_) => false,
            };
            if !again || tries == MOST_TRIES {
                return Err(error);
            }
            match self.pause_before(tries, &headers) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            }
        }
    }

    /// Sends a request, once, and reads the whole answer.
    async fn once(
        &self,
        method: &Method,
        url: &Url,
        body: Option<Vec<u8>>,
    ) -> Result<Success, (ForgeError, HeaderMap)> {
        let (name, token) = self.token.clone();
        let mut request = self
            .client
            .request(method.clone(), url.clone())
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .header(name, token);
        if let Some(body) = body {
            let json = HeaderValue::from_static("application/json");
            request = request.header(reqwest::header::CONTENT_TYPE, json).body(body);
        }
        let broken = |error: &reqwest::Error| {
            ForgeError::new(None, &self.hidden(&network::http_causes(error)))
        };
        let response = request.send().await.map_err(|error| (broken(&error), HeaderMap::new()))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = match whole(response).await {
            Ok(body) => body,
            Err(error) => return Err((error, headers)),
        };
        if status.is_success() {
            return Ok(Success { headers, body });
        }
        let said = self.hidden(&said(status, &body));
        Err((ForgeError::new(Some(status.as_u16()), &said), headers))
    }

    /// A text of others without the token.
    fn hidden(&self, text: &str) -> String {
        match self.secret.expose_secret() {
            "" => text.to_owned(),
            secret => text.replace(secret, "***"),
        }
    }

    /// How long to wait before a request is sent again; none if that is too long.
    fn pause_before(&self, tries: u32, headers: &HeaderMap) -> Option<Duration> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let asked = match number(RETRY_AFTER.as_str()) {
            Some(seconds) => Duration::from_secs(seconds),
            None => match number("x-ratelimit-reset").filter(|_| has_none_left(headers)) {
                Some(reset) => {
                    let now = u64::try_from((self.clock)().as_second()).unwrap_or(0);
                    Duration::from_secs(reset.saturating_sub(now) + 1)
                }
                None => self.pause.saturating_mul(1 << (tries - 1)),
            },
        };
        (asked <= MOST_PATIENCE).then_some(asked)
    }
}

/// Whether a 403 means that we should wait.
fn is_limited(headers: &HeaderMap) -> bool {
    headers.contains_key(RETRY_AFTER) || has_none_left(headers)
}

fn has_none_left(headers: &HeaderMap) -> bool {
    headers.get("x-ratelimit-remaining").is_some_and(|left| left.as_bytes() == b"0")
}

/// The URL of the next page: that of a link, or the same with the number that GitLab says. A link that cannot be read
/// is one to nowhere.
fn next_page(url: &Url, headers: &HeaderMap) -> Option<Url> {
    let values = headers.get_all(LINK).into_iter().filter_map(|value| value.to_str().ok());
    let mut links =
        values.flat_map(|value| value.split('<').skip(1)).filter_map(|link| link.split_once('>'));
    let is_next =
        |parameter: &str| matches!(parameter.trim_matches([' ', ',']), "rel=\"next\"" | "rel=next");
    if let Some((next, _)) = links.find(|(_, parameters)| parameters.split(';').any(is_next)) {
        return url.join(next).or_else(|_| Url::parse("data:,")).ok();
    }
    let page = headers.get("x-next-page")?.to_str().ok()?;
    if page.is_empty() || !page.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut next = url.clone();
    let others: Vec<_> = url.query_pairs().filter(|(name, _)| name != "page").collect();
    next.query_pairs_mut().clear().extend_pairs(others).append_pair("page", page);
    Some(next)
}

/// Reads the body of an answer, unless it is longer than any.
async fn whole(mut response: Response) -> Result<Vec<u8>, ForgeError> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > LONGEST_BODY => {
                return Err(ForgeError::new(
                    Some(response.status().as_u16()),
                    "the answer is longer than any of the API",
                ));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(ForgeError::new(None, &network::http_causes(&error))),
        }
    }
}

/// What an answer that was no success says: a message in JSON, or that it is a redirect.
fn said(status: StatusCode, body: &[u8]) -> String {
    if status.is_redirection() {
        return "a redirect, which is not followed: the token goes to the API alone".to_owned();
    }
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    ["message", "error"]
        .into_iter()
        .find_map(|name| match document.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        })
        .unwrap_or_default()
}

fn decoded<T: DeserializeOwned>(body: &[u8]) -> Result<T, ForgeError> {
    serde_json::from_slice(body)
        .map_err(|_| ForgeError::new(None, "the answer is not what the API answers to this"))
}
