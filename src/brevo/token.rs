//! Access tokens of machine-to-machine OAuth (RFC 6749, section 4.4): fetched once for all requests, kept in
//! memory, and renewed before they end.

use std::{sync::Arc, time::Duration};

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use tokio::{sync::Mutex, time::Instant};
use url::form_urlencoded;
use zeroize::{Zeroize, Zeroizing};

use super::{
    ClientCredentials, ConfigError, Error, ErrorKind, Operation,
    scrub::Scrub,
    transport::{self, Wording},
};
use crate::{model::KnownIds, network::http_client};

/// Reading does not come with writing: a refresh needs one, an apply the other.
const SCOPES: &str = "conversations:read conversations:write";
/// The life of a token whose answer does not tell it: short enough for any server.
const ASSUMED_LIFE: Duration = Duration::from_secs(5 * 60);
/// No token is trusted longer: a number beyond it is a lie or another unit.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// A token is renewed this long before its end, or a tenth of its life if that is less.
const MARGIN: Duration = Duration::from_secs(60);
/// After a failure nothing is asked for at least this long, twice that after the second one in a row, and so on. Each
/// request that waits for a token has pauses of its own, and they are a little longer: so one of them asks for all.
const QUIET: Duration = Duration::from_millis(450);
/// So often it doubles.
const MOST_DOUBLINGS: u32 = 5;
/// Longer than any header that servers take.
const LONGEST_TOKEN: usize = 16 << 10;

/// A token.
pub(super) struct AccessToken {
    token: SecretString,
    renew_at: Instant,
}

impl AccessToken {
    /// The token itself, to be hidden in what a server says.
    pub(super) fn secret(&self) -> &str {
        self.token.expose_secret()
    }

    /// The value of `Authorization`.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let text = Zeroizing::new(format!("Bearer {}", self.secret()));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Fetches tokens and keeps the last one.
pub(super) struct TokenSource {
    http: reqwest::Client,
    client: ClientCredentials,
    /// The secret as it is in the body of a request: a server may echo it so.
    encoded_secret: SecretString,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The last one. What servers say is searched for it even when it is over.
    token: Option<Arc<AccessToken>>,
    /// Whether the API refused it.
    refused: bool,
    /// Why the last fetch failed, if it did, and when.
    failure: Option<(Error, Instant)>,
    /// How many failed in a row.
    failures: u32,
}

impl Kept {
    /// The failure that is that of a request that asks now: nothing is asked so soon after it.
    fn recent_failure(&self) -> Option<&Error> {
        let (failure, at) = self.failure.as_ref()?;
        let doublings = self.failures.saturating_sub(1).min(MOST_DOUBLINGS);
        (at.elapsed() < QUIET * 2_u32.pow(doublings)).then_some(failure)
    }
}

impl TokenSource {
    /// Nothing is sent yet.
    pub(super) fn new(
        client: ClientCredentials,
        timeout: Duration,
        user_agent: HeaderValue,
    ) -> Result<Self, ConfigError> {
        client.check().map_err(ConfigError::Client)?;
        let (https, loopback) = (client.token_url.is_https(), client.token_url.is_loopback());
        let http = http_client(https, loopback, timeout).user_agent(user_agent);
        let http = transport::built(http)?;
        let encoded = form_urlencoded::byte_serialize(client.secret.expose_secret().as_bytes());
        let encoded_secret = SecretString::from(encoded.collect::<String>());
        Ok(Self { http, client, encoded_secret, kept: Mutex::default() })
    }

    /// The client's secrets, to be hidden in what a server says.
    pub(super) fn secrets(&self) -> [&str; 3] {
        let ClientCredentials { id, secret, token_url: _ } = &self.client;
        [secret, &self.encoded_secret, id].map(|text| text.expose_secret())
    }

    /// A token that is good for a request now. Of requests that ask at once, one fetches it for all, and a
    /// failure is that of all of them.
    pub(super) async fn token(
        &self,
        operation: Operation,
        known: &KnownIds,
    ) -> Result<Arc<AccessToken>, Error> {
        let mut kept = self.kept.lock().await;
        let is_good = |token: &&Arc<AccessToken>| !kept.refused && Instant::now() < token.renew_at;
        if let Some(token) = kept.token.as_ref().filter(is_good) {
            return Ok(Arc::clone(token));
        }
        if let Some(failure) = kept.recent_failure() {
            return Err(failure.of_operation(operation));
        }
        let fetched = self.fetch(operation, kept.token.as_deref(), known).await;
        match &fetched {
            Ok(token) => *kept = Kept { token: Some(Arc::clone(token)), ..Kept::default() },
            Err(failure) => {
                kept.failure = Some((failure.clone(), Instant::now()));
                kept.failures = kept.failures.saturating_add(1);
            }
        }
        fetched
    }

    /// Throws this token away, which the API refused. Another one that was fetched meanwhile stays.
    pub(super) async fn throw_away(&self, refused: &Arc<AccessToken>) {
        let mut kept = self.kept.lock().await;
        if kept.token.as_ref().is_some_and(|token| Arc::ptr_eq(token, refused)) {
            kept.refused = true;
        }
    }

    async fn fetch(
        &self,
        operation: Operation,
        before: Option<&AccessToken>,
        known: &KnownIds,
    ) -> Result<Arc<AccessToken>, Error> {
        let mut secrets = self.secrets().to_vec();
        secrets.extend(before.map(AccessToken::secret));
        let scrub = Scrub { secrets, visitor: None, known };
        let url = &self.client.token_url;
        let asked_at = Instant::now();
        let got = self.exchange(operation, &scrub).await;
        let got = got.map_err(|error| {
            error.without_token(scrub.clean(url.as_str(), transport::LONGEST_WORD))
        })?;
        let (token, life) = got;
        tracing::info!(life_s = life.as_secs(), "got an access token from {}", url.origin());
        let renew_at = asked_at + life - MARGIN.min(life / 10);
        Ok(Arc::new(AccessToken { token, renew_at }))
    }

    fn form(&self) -> String {
        let ClientCredentials { id, secret, token_url: _ } = &self.client;
        form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", id.expose_secret())
            .append_pair("client_secret", secret.expose_secret())
            .append_pair("scope", SCOPES)
            .finish()
    }

    async fn exchange(
        &self,
        operation: Operation,
        scrub: &Scrub<'_>,
    ) -> Result<(SecretString, Duration), Error> {
        let token_url = &self.client.token_url;
        let request = self
            .http
            .post(token_url.url())
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
            .body(self.form());
        let response = request.send().await.map_err(|error| {
            Error::new(operation, transport::broken(&error, &token_url.origin(), scrub))
        })?;
        let mut success = transport::read(operation, response, Wording::OAuth, scrub, None).await?;
        let granted = match serde_json::from_slice(&success.body) {
            Ok(Value::Object(granted)) => granted,
            _ if let Some(why) = &success.cut => {
                let kind = ErrorKind::Lost { why: why.clone(), timed_out: false };
                return Err(Error::new(operation, kind));
            }
            // No excerpt of anything else: it may hold a token.
            _ if success.is_page() => {
                return Err(success.unreadable(operation, "its body is a page", scrub));
            }
            _ => {
                success.body.zeroize();
                return Err(success.unreadable(operation, "its body is not a JSON object", scrub));
            }
        };
        // Some servers refuse with a 200.
        let refused = granted.get("access_token").is_none() && granted.contains_key("error");
        if refused {
            return Err(success.refused(operation, Wording::OAuth, scrub));
        }
        success.body.zeroize();
        granted_token(granted).map_err(|why| {
            let why = scrub.message(why, transport::LONGEST_TEXT);
            success.unreadable(operation, &why, scrub)
        })
    }
}

/// The token in an answer, and how long it lives.
fn granted_token(
    mut granted: Map<String, Value>,
) -> Result<(SecretString, Duration), &'static str> {
    let token = match granted.remove("access_token") {
        Some(Value::String(token)) => SecretString::from(token),
        Some(Value::Null) | None => return Err("its body holds no access_token"),
        Some(_) => return Err("its access_token is not a text"),
    };
    // Some servers leave it out.
    match granted.get("token_type") {
        None | Some(Value::Null) => {}
        Some(Value::String(kind)) if kind.trim().eq_ignore_ascii_case("bearer") => {}
        Some(_) => return Err("its token_type is not Bearer, the only one that the API takes"),
    }
    let text = token.expose_secret();
    if text.is_empty() {
        return Err("its access_token is empty");
    }
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err("its access_token has characters that no header can hold");
    }
    if text.len() > LONGEST_TOKEN {
        return Err("its access_token is longer than any header can be");
    }
    Ok((token, life(granted.get("expires_in"))))
}

/// How long a token lives, as its answer tells it in seconds.
fn life(told: Option<&Value>) -> Duration {
    let seconds = match told {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse::<f64>().ok(),
        _ => None,
    };
    match seconds {
        Some(seconds) if seconds >= LONGEST_LIFE.as_secs_f64() => LONGEST_LIFE,
        Some(seconds) if seconds >= 1.0 => Duration::from_secs_f64(seconds),
        // Neither a token that is over at once, nor one that never ends.
        _ => ASSUMED_LIFE,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_life_is_bounded_whatever_the_server_says() {
        for (told, seconds) in [
            (json!(3599), 3599.0),
            (json!(2), 2.0),
            (json!(1.5), 1.5),
            (json!("3600"), 3600.0),
            (json!(" 60 "), 60.0),
            (json!(86_400_000), 86_400.0),
            (json!(1e300), 86_400.0),
            (json!("1e400"), 86_400.0),
            (json!(0), 300.0),
            (json!(-1), 300.0),
            (json!(0.2), 300.0),
            (json!("1h"), 300.0),
            (json!("NaN"), 300.0),
            (json!(null), 300.0),
            (json!([60]), 300.0),
        ] {
            assert_eq!(life(Some(&told)).as_secs_f64(), seconds, "{told}");
        }
        assert_eq!(life(None), ASSUMED_LIFE);
    }

    #[test]
    fn only_a_token_that_a_header_can_hold_is_taken() {
        let granted = |value: Value| match value {
            Value::Object(granted) => granted_token(granted).map(|(token, _)| token),
            _ => Err("not an object"),
        };
        for kind in [json!("Bearer"), json!("bearer"), json!("BEARER"), json!(null)] {
            let token = granted(json!({ "access_token": "eyJ.a-b_c", "token_type": kind }));
            assert_eq!(token.expect("a token").expose_secret(), "eyJ.a-b_c");
        }
        assert!(granted(json!({ "access_token": "x" })).is_ok());
        for (answer, why) in [
            (json!({}), "holds no access_token"),
            (json!({ "access_token": null }), "holds no access_token"),
            (json!({ "access_token": 7 }), "not a text"),
            (json!({ "access_token": "" }), "is empty"),
            (json!({ "access_token": "a b" }), "no header can hold"),
            (json!({ "access_token": "a\r\nx: y" }), "no header can hold"),
            (json!({ "access_token": "é" }), "no header can hold"),
            (json!({ "access_token": "x".repeat(LONGEST_TOKEN + 1) }), "longer"),
            (json!({ "access_token": "x", "token_type": "mac" }), "not Bearer"),
            (json!({ "access_token": "x", "token_type": ["Bearer"] }), "not Bearer"),
        ] {
            let told = granted(answer.clone()).map(drop).expect_err("refused");
            assert!(told.contains(why), "{answer}: {told}");
        }
    }
}
