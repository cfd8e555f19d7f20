//! Access tokens of machine-to-machine OAuth: any client gets one, for the scopes of Conversations.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use url::form_urlencoded;

use super::{Fault, reply::Reply};
use crate::brevo::Operation;

/// Below the host, with and without `/v3`.
const PATH: &str = "/realms/partner/oauth/token";
/// How the sandbox's own tokens begin. Tokens that begin otherwise are not looked at, as keys are not.
const PREFIX: &str = "sandbox-token-";
const SCOPES: [&str; 2] = ["conversations:read", "conversations:write"];

/// What a request shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    /// Nothing.
    Nothing,
    /// A key, which may be any.
    Key,
    /// An access token.
    Token(String),
}

/// A question for a token.
pub(super) struct TokenRequest<'a> {
    pub(super) method: &'a str,
    /// Whether the body is said to be a form.
    pub(super) is_form: bool,
    /// `None` if it was too long, or broke off.
    pub(super) body: Option<&'a [u8]>,
}

/// The tokens that were given.
pub(super) struct Tokens {
    life: Duration,
    random: fastrand::Rng,
    given: BTreeMap<String, Given>,
}

struct Given {
    until: Timestamp,
    scopes: Vec<&'static str>,
}

/// Whether a path is the one that gives tokens.
pub(super) fn is_path(path: &str) -> bool {
    path.strip_prefix("/v3").unwrap_or(path) == PATH
}

impl Tokens {
    pub(super) fn new(life: Duration, seed: u64) -> Self {
        // Not the numbers that the faults are drawn from.
        let random = fastrand::Rng::with_seed(seed ^ 0x746f_6b65_6e73);
        Self { life, random, given: BTreeMap::new() }
    }

    /// Gives a token, or says why not.
    pub(super) fn give(
        &mut self,
        request: &TokenRequest<'_>,
        faults: &[Fault],
        now: Timestamp,
    ) -> Reply {
        let scopes = match asked(request, faults) {
            Ok(scopes) => scopes,
            Err(refused) => return refused,
        };
        self.given.retain(|_, given| given.until > now);
        let random: String = (0..40).map(|_| self.random.alphanumeric()).collect();
        let token = format!("{PREFIX}{random}");
        let life = SignedDuration::try_from(self.life).unwrap_or(SignedDuration::MAX);
        let until = now.checked_add(life).unwrap_or(Timestamp::MAX);
        let reply = Reply::json(json!({
            "access_token": token,
            "expires_in": self.life.as_secs(),
            "token_type": "Bearer",
            "scope": scopes.join(" "),
        }));
        self.given.insert(token, Given { until, scopes });
        reply
    }

    /// Refuses a request whose token does not allow it.
    pub(super) fn check(
        &self,
        shown: &Shown,
        operation: Option<Operation>,
        faults: &[Fault],
        now: Timestamp,
    ) -> Result<(), Reply> {
        let Shown::Token(token) = shown else {
            return match shown {
                Shown::Nothing => Err(Reply::no_key()),
                Shown::Key | Shown::Token(_) => Ok(()),
            };
        };
        if faults.contains(&Fault::ExpiredToken) {
            return Err(Reply::token_refused());
        }
        if !token.starts_with(PREFIX) {
            return Ok(());
        }
        let Some(given) = self.given.get(token).filter(|given| given.until > now) else {
            return Err(Reply::token_refused());
        };
        match operation {
            Some(operation) if !given.scopes.contains(&operation.scope()) => {
                let message = format!("the token lacks the scope {}", operation.scope());
                Err(Reply::error(403, "permission_denied", message))
            }
            _ => Ok(()),
        }
    }
}

/// The scopes of the token that is asked for.
fn asked(request: &TokenRequest<'_>, faults: &[Fault]) -> Result<Vec<&'static str>, Reply> {
    let invalid = |why: &str| Reply::oauth_error(400, "invalid_request", why);
    if request.method != "POST" {
        let refused = Reply::oauth_error(405, "invalid_request", "a token is asked for by POST");
        return Err(Reply { allow: Some("POST"), ..refused });
    }
    if !request.is_form {
        return Err(invalid("the body must be application/x-www-form-urlencoded"));
    }
    let body = request.body.ok_or_else(|| invalid("the body is too long, or broke off"))?;
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        if fields.insert(name.clone().into_owned(), value.into_owned()).is_some() {
            return Err(invalid(&format!("duplicated parameter: {name}")));
        }
    }
    let field = |name: &str| fields.get(name).map(|value| value.trim()).filter(|v| !v.is_empty());
    match field("grant_type") {
        None => return Err(invalid("missing parameter: grant_type")),
        Some("client_credentials") => {}
        Some(_) => {
            let why = "the sandbox has client_credentials only";
            return Err(Reply::oauth_error(400, "unsupported_grant_type", why));
        }
    }
    for name in ["client_id", "client_secret"] {
        if field(name).is_none() {
            return Err(invalid(&format!("missing parameter: {name}")));
        }
    }
    if faults.contains(&Fault::InvalidClient) {
        let why = "Invalid client or Invalid client credentials";
        return Err(Reply::oauth_error(401, "invalid_client", why));
    }
    // Without any, a token has all scopes of its app.
    let words = field("scope").unwrap_or("conversations:read conversations:write");
    let lacks =
        |word: &str| Reply::oauth_error(400, "invalid_scope", format!("Invalid scopes: {word}"));
    if faults.contains(&Fault::InvalidScope) {
        return Err(lacks(words));
    }
    let mut scopes = Vec::new();
    for word in words.split_whitespace() {
        let known = SCOPES.into_iter().find(|known| *known == word);
        scopes.push(known.ok_or_else(|| lacks(word))?);
    }
    Ok(scopes)
}
