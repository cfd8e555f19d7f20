//! Keys and passphrases, from the environment or a file. They are never arguments, and never in YAML.

use std::{ffi::OsString, io::Read, path::Path};

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::{
    brevo::{ClientCredentials, Credentials, TokenUrl},
    controller::webhooks::WebhookToken,
    files,
    model::BaseUrl,
    state::StateKey,
};

/// The longest file with a secret, in bytes.
const LONGEST: usize = 64 << 10;

/// What the headers of requests show.
pub(super) struct ApiSecrets {
    pub(super) credentials: Credentials,
    pub(super) partner: Option<SecretString>,
}

/// Reads an API key, or an OAuth client. `file` has the key, and its name where it was given. `env` gives environment
/// variables.
pub(super) fn api(
    file: Option<(&Path, &str)>,
    base_url: &BaseUrl,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<ApiSecrets, Failure> {
    let key = match (file, filled("BREVO_API_KEY", &env)) {
        (Some((path, source)), _) => Some((Err(path), source)),
        (None, Some(key)) => Some((Ok(key), "BREVO_API_KEY")),
        (None, None) => None,
    };
    let client = CLIENT.into_iter().flatten().find(|name| env(name).is_some());
    let credentials = match (key, client) {
        (Some((_, key)), Some(client)) => {
            return Err(Failure::new(format!(
                "{key} and {client} are both given: one is an API key, the other an OAuth client"
            ))
            .help(format!("unset one of them: requests show either the key or a token of the client; without {client}, the key counts")));
        }
        (Some((Ok(key), _)), None) => Credentials::Key(SecretString::from(key.as_str())),
        (Some((Err(path), _)), None) => {
            Credentials::Key(SecretString::from(first_line(path, "the API key")?.as_str()))
        }
        (None, Some(_)) => Credentials::Client(client_of(base_url, &env)?),
        (None, None) => {
            return Err(Failure::new("there is no API key").help(
                "set BREVO_API_KEY, or name a file with --api-key-file; keys are made in Brevo under Settings > SMTP & API > API Keys. For machine-to-machine OAuth, set BREVO_CLIENT_ID and BREVO_CLIENT_SECRET instead. To try without an account, add --sandbox",
            ));
        }
    };
    let partner = filled("BREVO_PARTNER_KEY", &env).map(|key| SecretString::from(key.as_str()));
    Ok(ApiSecrets { credentials, partner })
}

/// The variables of a client's id and of its secret; the second of each names a file.
const CLIENT: [[&str; 2]; 2] = [
    ["BREVO_CLIENT_ID", "BREVO_CLIENT_ID_FILE"],
    ["BREVO_CLIENT_SECRET", "BREVO_CLIENT_SECRET_FILE"],
];

/// A client of which at least a part is given.
fn client_of(
    base_url: &BaseUrl,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<ClientCredentials, Failure> {
    let part = |[name, in_file]: [&str; 2], what: &str, other: [&str; 2]| match (
        env(name),
        env(in_file),
    ) {
        (Some(_), Some(_)) => Err(Failure::new(format!("{name} and {in_file} are both set"))
            .help(format!("unset one of them: there is one {what}"))),
        (Some(value), None) => {
            let text = Zeroizing::new(value.into_string().unwrap_or_default());
            Ok(Zeroizing::new(text.trim().to_owned()))
        }
        (None, Some(path)) => first_line(Path::new(&path), &format!("the {what}")),
        (None, None) => {
            let other = if env(other[0]).is_some() { other[0] } else { other[1] };
            Err(Failure::new(format!("{other} is set, and {name} is not"))
                    .help(format!("an OAuth client has both an id and a secret: set {name} or {in_file} too, or unset {other}")))
        }
    };
    let [of_id, of_secret] = CLIENT;
    let id = part(of_id, "client id", of_secret)?;
    let secret = part(of_secret, "client secret", of_id)?;
    let token_url = match filled("BREVO_TOKEN_URL", &env) {
        Some(text) => TokenUrl::parse(&text).map_err(|error| {
            Failure::new(format!("could not use the token URL: {error}"))
                .help("it comes from BREVO_TOKEN_URL; unset it for the one of Brevo, which is on the host of the base URL")
        })?,
        None => TokenUrl::of(base_url),
    };
    Ok(ClientCredentials {
        id: SecretString::from(id.as_str()),
        secret: SecretString::from(secret.as_str()),
        token_url,
    })
}

/// The token of the webhook, from a file.
pub(super) fn webhook_token(path: &Path) -> Result<WebhookToken, Failure> {
    let token = first_line(path, "the token of the webhook")?;
    WebhookToken::parse(&token).map_err(|error| {
        let path = path.display();
        Failure::new(format!("could not use the first line of {path}: {error}"))
            .help(format!("to make one: openssl rand -hex 24 > {path}"))
    })
}

/// A variable that has a value, without white space around it.
fn filled(name: &str, env: impl Fn(&str) -> Option<OsString>) -> Option<Zeroizing<String>> {
    let value = Zeroizing::new(env(name)?.into_string().ok()?);
    Some(Zeroizing::new(value.trim().to_owned())).filter(|text| !text.is_empty())
}

/// The first line of a file, without white space around it.
fn first_line(path: &Path, what: &str) -> Result<Zeroizing<String>, Failure> {
    let text = whole(path, what)?;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        let path = path.display();
        return Err(Failure::new(format!(
            "the first line of {path} is empty: it should be {what}"
        )));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

/// The text of a file with a secret; one of more than [`LONGEST`] bytes is refused.
fn whole(path: &Path, what: &str) -> Result<Zeroizing<String>, Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new(format!("could not read {what} from {}: {why}", path.display()))
    };
    let file = files::open_given(path).map_err(|error| failed(&error))?;
    // Large enough at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    file.take(LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    if bytes.len() > LONGEST {
        return Err(failed(&format!("it has more than {LONGEST} bytes")));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(error) => Err(failed(&format!("byte {} of it is not UTF-8", error.valid_up_to() + 1))),
    }
}

/// The passphrase under which the state is encrypted: in the variable `name`, or in the first line
/// of the file that `name_FILE` names. The end of the line is dropped from both, and nothing else.
///
/// A passphrase that cannot be used is an error: a typo must not leave a state unencrypted.
pub(super) fn state_key(
    name: &str,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<StateKey>, Failure> {
    let in_file = format!("{name}_FILE");
    let (passphrase, source) = match (env(name), env(&in_file)) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(Failure::new(format!("{name} and {in_file} are both set"))
                .help("unset one of them: a state has one passphrase"));
        }
        (Some(value), None) => (in_variable(name, value)?, name.to_owned()),
        (None, Some(path)) if path.is_empty() => {
            return Err(Failure::new(format!("{in_file} is set, and empty"))
                .help("name the file with the passphrase of the state, or unset it"));
        }
        (None, Some(path)) => {
            let path = Path::new(&path);
            let text = whole(path, "the passphrase of the state")?;
            let (first, _) = split_line(&text);
            let source = format!("the first line of {}", path.display());
            (Zeroizing::new(first.to_owned()), source)
        }
    };
    let unusable = |why: String| {
        Failure::new(format!("{source} {why}"))
            .help("make one, and keep it where the API key is kept: openssl rand -base64 30")
    };
    if passphrase.is_empty() {
        return Err(unusable("is empty: it should be the passphrase of the state".to_owned()));
    }
    if passphrase.starts_with('\u{feff}') {
        return Err(unusable("begins with a byte order mark: save it without".to_owned()));
    }
    StateKey::new(SecretString::from(passphrase.as_str()))
        .map(Some)
        .map_err(|length| unusable(format!("has {length} characters: it takes at least 20")))
}

/// The value of a variable, which must have one line.
fn in_variable(name: &str, value: OsString) -> Result<Zeroizing<String>, Failure> {
    let value = value.into_string().map_err(|value| {
        drop(Zeroizing::new(value.into_encoded_bytes()));
        Failure::new(format!("{name} is not UTF-8"))
            .help("a passphrase is text; for other bytes, encode them: openssl rand -base64 30")
    })?;
    let value = Zeroizing::new(value);
    let (line, rest) = split_line(&value);
    if !rest.is_empty() {
        return Err(Failure::new(format!("{name} has more than one line"))
            .help("a passphrase is one line; of a file, only the first one counts"));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

/// The first line without its end (`\n` or `\r\n`), and the rest.
fn split_line(text: &str) -> (&str, &str) {
    match text.split_once('\n') {
        Some((line, rest)) => (line.strip_suffix('\r').unwrap_or(line), rest),
        None => (text, ""),
    }
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
