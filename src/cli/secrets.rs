//! Where keys come from: the environment, or a file. Never an argument, never YAML.

use std::{fs, path::PathBuf};

use secrecy::SecretString;

use super::failure::Failure;

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
        (Some(path), _) => {
            let text = fs::read_to_string(path).map_err(|error| {
                Failure::new(format!("could not read the API key from {}: {error}", path.display()))
            })?;
            let line = text.lines().next().unwrap_or_default().trim().to_owned();
            if line.is_empty() {
                return Err(Failure::new(format!(
                    "the first line of {} is empty: it should be the API key",
                    path.display()
                )));
            }
            line
        }
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
