//! Keys and passphrases, from the environment or a file. They are never arguments, and never in YAML.

use std::{ffi::OsString, io::Read, path::Path};

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::{files, state::StateKey};

/// The longest file with a secret, in bytes.
const LONGEST: usize = 64 << 10;

/// The keys that the headers of a request carry.
pub(super) struct ApiKeys {
    pub(super) api: SecretString,
    pub(super) partner: Option<SecretString>,
}

/// Reads the keys. `env` gives environment variables.
pub(super) fn keys(
    file: Option<&Path>,
    env: impl Fn(&str) -> Option<String>,
) -> Result<ApiKeys, Failure> {
    let filled = |name: &str| {
        let value = env(name).map(Zeroizing::new);
        value.filter(|text| !text.trim().is_empty())
    };
    let api = match (file, filled("BREVO_API_KEY")) {
        (Some(path), _) => first_line(path, "the API key")?,
        (None, Some(key)) => Zeroizing::new(key.trim().to_owned()),
        (None, None) => {
            return Err(Failure::new("there is no API key").help(
                "set BREVO_API_KEY, or name a file with --api-key-file; keys are made in Brevo under Settings > SMTP & API > API Keys. To try without an account, add --sandbox",
            ));
        }
    };
    let partner = filled("BREVO_PARTNER_KEY").map(|key| SecretString::from(key.trim()));
    Ok(ApiKeys { api: SecretString::from(api.as_str()), partner })
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
