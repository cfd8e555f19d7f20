//! Where keys come from: the environment, or a file. Never an argument, never YAML.

use std::{
    fs,
    path::{Path, PathBuf},
};

use secrecy::SecretString;

use super::failure::Failure;
use crate::state::StateKey;

/// The path of a file that holds a key. Not shown by `--help` or errors of clap.
pub(super) type KeyFile = PathBuf;

/// What goes into the headers.
pub(super) struct Keys {
    pub(super) api: SecretString,
    pub(super) partner: Option<SecretString>,
}

/// Reads the keys. `env` gives environment variables.
pub(super) fn keys(
    file: Option<&KeyFile>,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Keys, Failure> {
    let filled = |name: &str| env(name).filter(|text| !text.trim().is_empty());
    let api = match (file, filled("BREVO_API_KEY")) {
        (Some(path), _) => first_line(path, "the API key")?,
        (None, Some(key)) => key.trim().to_owned(),
        (None, None) => {
            return Err(Failure::new("there is no API key").help(
                "set BREVO_API_KEY, or name a file with --api-key-file; keys are made in Brevo under Settings > SMTP & API > API Keys. To try without an account, add --sandbox",
            ));
        }
    };
    let partner = filled("BREVO_PARTNER_KEY").map(|key| key.trim().to_owned().into());
    Ok(Keys { api: api.into(), partner })
}

/// The first line of a file.
fn first_line(path: &Path, what: &str) -> Result<String, Failure> {
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("could not read {what} from {}: {error}", path.display()))
    })?;
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    if line.is_empty() {
        let path = path.display();
        return Err(Failure::new(format!(
            "the first line of {path} is empty: it should be {what}"
        )));
    }
    Ok(line)
}

/// The passphrase under which the state is encrypted: in the variable `name`, or in the first line
/// of the file that `name_FILE` names.
pub(super) fn state_key(
    name: &str,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Option<StateKey>, Failure> {
    let file = env(&format!("{name}_FILE")).filter(|path| !path.is_empty());
    let passphrase = match (env(name).filter(|text| !text.is_empty()), file) {
        (Some(text), _) => text,
        (None, Some(path)) => first_line(Path::new(&path), "the passphrase of the state")?,
        (None, None) => return Ok(None),
    };
    StateKey::new(passphrase.into()).map(Some).map_err(|length| {
        Failure::new(format!("{name} has {length} characters: it takes at least 20"))
            .help("make one, and keep it where the API key is kept: openssl rand -base64 30")
    })
}
