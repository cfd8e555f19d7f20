//! What the variables of `state:` hold, so that no message shows it: a message about the state shows
//! the text as it is written.
//!
//! The environment belongs to the process, and so does this.

use std::{
    cmp::Reverse,
    sync::{PoisonError, RwLock},
};

use url::Url;

use crate::{manifest::Interpolated, model::StateLocation, state::StateTarget};

/// What is held, and what is shown instead; the longest first.
static HIDDEN: RwLock<Vec<(String, String)>> = RwLock::new(Vec::new());

/// Shorter ones are in every second word.
const SHORTEST: usize = 3;

/// From now on messages about the state show `text` as it is written. `location` is what it names.
pub(super) fn hide(text: &Interpolated, location: &StateLocation) {
    if !text.has_variables() {
        return;
    }
    let mut found: Vec<(String, String)> = Vec::new();
    let written = without_credentials(text.written());
    for (held, variable) in text.held() {
        found.push((held.to_owned(), variable.to_owned()));
        found.push((decoded(held), variable.to_owned()));
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
    // What stands there as it is written is no secret of a variable.
    found.retain(|(held, _)| held.chars().count() >= SHORTEST && !written.contains(&**held));
    found.sort_by_key(|(held, _)| Reverse(held.len()));
    let mut hidden = HIDDEN.write().unwrap_or_else(PoisonError::into_inner);
    *hidden = found;
}

/// A message about the state, without what variables hold.
pub(super) fn in_words(words: impl Into<String>) -> String {
    let hidden = HIDDEN.read().unwrap_or_else(PoisonError::into_inner);
    replaced(words.into(), &hidden)
}

fn replaced(words: String, hidden: &[(String, String)]) -> String {
    // What was put in is not looked through again.
    let Some((held, shown)) = hidden.iter().find(|(held, _)| words.contains(&**held)) else {
        return words;
    };
    words
        .split(&**held)
        .map(|part| replaced(part.to_owned(), hidden))
        .collect::<Vec<_>>()
        .join(shown)
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
    let pair = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    let value = url::form_urlencoded::parse(pair.as_bytes()).next();
    value.map(|(_, value)| value.into_owned()).unwrap_or_default()
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
