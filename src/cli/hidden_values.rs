//! The values of the variables in `state:`. Messages about the state do not show them: they show the text
//! as it is written in the project.

use std::{
    cmp::Reverse,
    sync::{Arc, PoisonError, RwLock},
};

use percent_encoding::percent_decode_str;
use url::Url;

use crate::{manifest::Interpolated, model::StateLocation, state::StateTarget};

/// A value that is shorter than this is part of too many words.
const SHORTEST: usize = 3;

/// The values, each with the text that is shown instead; the longest first. Copies share them.
#[derive(Debug, Clone, Default)]
pub(super) struct HiddenValues(Arc<RwLock<Vec<(String, String)>>>);

impl HiddenValues {
    /// Hides the values of the variables in `text`, which names `location`.
    pub(super) fn hide(&self, text: &Interpolated, location: &StateLocation) {
        if !text.has_variables() {
            return;
        }
        let mut found: Vec<(String, String)> = Vec::new();
        let written = without_credentials(text.written());
        for (value, variable) in text.held() {
            found.push((value.to_owned(), variable.to_owned()));
            found.push((decoded(value), variable.to_owned()));
        }
        if location.is_url() {
            found.push((StateTarget::from(location.clone()).to_string(), written.to_owned()));
            if let Ok(url) = Url::parse(text.value()) {
                let parts = [
                    url.username(),
                    url.password().unwrap_or_default(),
                    url.host_str().unwrap_or_default(),
                    url.path().trim_start_matches('/'),
                ];
                found.extend(parts.map(|part| (decoded(part), written.to_owned())));
            }
        }
        // A text that the project spells out is not secret.
        found.retain(|(value, _)| value.chars().count() >= SHORTEST && !written.contains(&**value));
        found.sort_by_key(|(value, _)| Reverse(value.len()));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = found;
    }

    /// A message about the state, without the values.
    pub(super) fn replace(&self, message: impl Into<String>) -> String {
        replaced(message.into(), &self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn replaced(message: String, values: &[(String, String)]) -> String {
    // The text that replaces a value is not searched again.
    let Some((value, shown)) = values.iter().find(|(value, _)| message.contains(&**value)) else {
        return message;
    };
    let parts = message.split(&**value).map(|part| replaced(part.to_owned(), values));
    parts.collect::<Vec<_>>().join(shown)
}

/// A URL as it is written, without its user, password and query.
fn without_credentials(written: &str) -> String {
    let Some((scheme, rest)) = written.split_once("://") else { return written.to_owned() };
    let rest = rest.rsplit('@').next().unwrap_or_default();
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{rest}")
}

/// `%41` becomes `A`.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_that_is_held_is_hidden_first() {
        let pair = |held: &str, shown: &str| (held.to_owned(), shown.to_owned());
        let hidden = [pair("postgres://db.example:5432/x", "${A}"), pair("db.example", "${B}")];
        let words = "postgres://db.example:5432/x is not at db.example".to_owned();
        assert_eq!(replaced(words, &hidden), "${A} is not at ${B}");
    }

    #[test]
    fn a_url_as_it_is_written_has_no_password_in_it() {
        let written = "postgres://me:hush@${PUSHSYNC_VAR_HOST}/d?password=hush";
        assert_eq!(without_credentials(written), "postgres://${PUSHSYNC_VAR_HOST}/d");
        assert_eq!(without_credentials("${PUSHSYNC_VAR_STATE}"), "${PUSHSYNC_VAR_STATE}");
    }

    #[test]
    fn what_is_percent_encoded_is_decoded() {
        assert_eq!(decoded("a%40b+c&d"), "a@b+c&d");
    }
}
