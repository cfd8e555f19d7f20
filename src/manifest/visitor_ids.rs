//! The `visitor:` of an audience: the column of the ids, or what they are made from.

use secrecy::{ExposeSecret, SecretString};

use super::{
    audience::{Derivation, VisitorRule},
    context::Context,
    layers::Layers,
    options::VisitorSecrets,
    raw,
    secret_values::is_variable,
    source_path::SourcePath,
    unions::NameOr,
};
use crate::diagnostics::{Code, Diagnostic};

/// How many digits an id may have.
const LENGTHS: std::ops::RangeInclusive<u64> = 16..=Derivation::MOST as u64;
/// A shorter secret can be guessed.
const SHORTEST: usize = 16;

/// Beginnings of names of variables that hold something else. A manifest must not find out what.
const PREFIXES: [&str; 21] = [
    "ACTIONS_",
    "AWS_",
    "AZURE_",
    "BREVO_",
    "CARGO_",
    "CI_",
    "DYLD_",
    "GH_",
    "GITHUB_",
    "GITLAB_",
    "GOOGLE_",
    "LC_",
    "LD_",
    "PUSHSYNC_CI_",
    "PUSHSYNC_CLOCK_",
    "PUSHSYNC_GITLAB_",
    "PUSHSYNC_NEW_STATE",
    "PUSHSYNC_STATE",
    "RUNNER_",
    "SSH_",
    "XDG_",
];

/// Names of such variables.
const NAMES: [&str; 31] = [
    "ALL_PROXY",
    "CI",
    "DATABASE_URL",
    "HOME",
    "HOSTNAME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LOGNAME",
    "NO_COLOR",
    "NO_PROXY",
    "NPM_TOKEN",
    "OLDPWD",
    "PATH",
    "PUSHSYNC_COMPLETE",
    "PUSHSYNC_DIE_AFTER",
    "PUSHSYNC_ENV",
    "PUSHSYNC_LIMITS",
    "PUSHSYNC_MASK_VISITORS",
    "PWD",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "SHELL",
    "SHLVL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "VAULT_TOKEN",
];

/// Whether a variable is known to hold something else than a secret of visitors.
fn is_taken(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let of_postgres =
        name.starts_with("PG") && name.as_bytes().get(2).is_some_and(|byte| *byte != b'_');
    of_postgres || NAMES.contains(&&*name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Quotes that a file of variables has around a value, and that some programs take for a part of it.
fn is_quoted(text: &str) -> bool {
    let quoted = |quote: char| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    quoted('"') || quoted('\'')
}

/// The rule; `None` if a problem was reported. The outer layers are those of the audience.
pub(super) fn rule(
    cx: &mut Context<'_>,
    layers: &Layers<'_, raw::Audience>,
) -> Option<VisitorRule> {
    let Some((form, at)) = layers.get("visitor", |raw| raw.visitor.as_ref()) else {
        return Some(VisitorRule::default());
    };
    if let NameOr::Name(column) = form {
        let column = column_name(cx, column, &at)?;
        return Some(VisitorRule { column, derivation: None });
    }
    let inner = layers.inner("visitor", |raw| match raw.visitor.as_ref()? {
        NameOr::Map(map) => Some(&**map),
        NameOr::Name(_) => None,
    });
    // A field that is wrong is told already, and may be the one that is missing.
    if layers.faulty() {
        return None;
    }
    let column = inner.get("column", |raw| raw.column.as_ref());
    let variable = inner.get("hmac_sha256", |raw| raw.hmac_sha256.as_ref());
    let length = inner.get("length", |raw| raw.length.as_ref());
    let Some((column, column_at)) = column else {
        let help = "name the column with your user ids: `column: user_id`".to_owned();
        cx.error_with(Code::MissingField, "`visitor` has no `column`", &at.key(), Some(help));
        return None;
    };
    let column = column_name(cx, column, &column_at)?;
    let Some((variable, variable_at)) = variable else {
        let help = format!(
            "name the environment variable with the secret: `hmac_sha256: PUSHSYNC_VISITOR_SECRET`; if the cells are \
             the ids already, write `visitor: {column}`"
        );
        cx.error_with(Code::MissingField, "`visitor` has no `hmac_sha256`", &at.key(), Some(help));
        return None;
    };
    let length = match length {
        None => Derivation::MOST,
        Some((length, _)) if LENGTHS.contains(length) => usize::try_from(*length).ok()?,
        Some((length, at)) => {
            let message = match length < LENGTHS.start() {
                true => "an id has from 16 to 64 digits: a shorter one can be guessed",
                false => "an id has from 16 to 64 digits: an HMAC-SHA256 has no more",
            };
            cx.error(Code::BadValue, message, &at);
            return None;
        }
    };
    let derivation = derivation(cx, variable, length, &variable_at)?;
    Some(VisitorRule { column, derivation: Some(derivation) })
}

fn column_name(cx: &mut Context<'_>, name: &str, at: &SourcePath) -> Option<Box<str>> {
    if name.trim().is_empty() {
        cx.error(Code::BadValue, "this names no column", at);
        return None;
    }
    Some(name.into())
}

/// With the secret that a variable holds.
fn derivation(
    cx: &mut Context<'_>,
    variable: &str,
    length: usize,
    at: &SourcePath,
) -> Option<Derivation> {
    let problem = |message: String, help: String| {
        Diagnostic::error(Code::VisitorSecret, message).at(at.place()).help(help)
    };
    if !is_variable(variable) {
        // What stands here may be the secret: it is not repeated.
        let message = "`hmac_sha256` is the name of an environment variable, of upper-case letters, digits and `_`; it is \
                       not the secret";
        let help = match variable.strip_prefix("${").and_then(|name| name.strip_suffix('}')) {
            Some(name) if is_variable(name) => format!("write the name alone: `hmac_sha256: {name}`"),
            _ => "write `hmac_sha256: PUSHSYNC_VISITOR_SECRET`, and set that variable where pushsync runs; a secret \
                  that stood in a file is to be replaced by a new one"
                .to_owned(),
        };
        cx.problems.push(problem(message.to_owned(), help));
        return None;
    }
    if is_taken(variable) {
        let message = format!("the environment variable {variable} is for something else");
        let help = "choose a name of your own, such as PUSHSYNC_VISITOR_SECRET";
        cx.problems.push(problem(message, help.to_owned()));
        return None;
    }
    let secret = (cx.options.env)(variable).map(SecretString::from);
    let secret = secret.filter(|secret| {
        cx.options.secrets == VisitorSecrets::Needed || !secret.expose_secret().is_empty()
    });
    let Some(secret) = secret else {
        if cx.options.secrets == VisitorSecrets::Optional {
            return Some(Derivation::standing_in(variable, length));
        }
        cx.problems.push(problem(
            format!("the environment variable {variable} is not set, or is not UTF-8"),
            format!(
                "set {variable} where pushsync runs, to the secret that your website makes visitor ids with"
            ),
        ));
        // The rows are checked all the same.
        return Some(Derivation::standing_in(variable, length));
    };
    let text = secret.expose_secret();
    let why = match text.trim() {
        "" => "is empty",
        trimmed if trimmed.len() < text.len() => {
            "begins or ends with white space or a line break, which would be part of the secret"
        }
        _ if text.contains('\u{feff}') => {
            "has a byte order mark in it, which would be part of the secret"
        }
        _ if is_quoted(text) => "has quotes around it, which would be part of the secret",
        _ => "",
    };
    if !why.is_empty() {
        let message = format!("the environment variable {variable} {why}");
        let help = format!(
            "set {variable} to the very text that your website makes visitor ids with; `printf %s`, not `echo`, writes \
             a file without a line break"
        );
        cx.problems.push(problem(message, help));
        return Some(Derivation::standing_in(variable, length));
    }
    if text.chars().count() < SHORTEST {
        let message = format!("the secret in {variable} has fewer than {SHORTEST} characters");
        let help = "anyone who knows a user id and its visitor id can guess a short secret: make one of 32 random bytes, \
                    for example with `openssl rand -hex 32`";
        let warning = Diagnostic::warning(Code::VisitorSecret, message);
        cx.problems.push(warning.at(at.place()).help(help));
    }
    Some(Derivation::new(variable, length, &secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_names_no_variable_that_holds_something_else() {
        for name in [
            "BREVO_API_KEY",
            "brevo_api_key",
            "PUSHSYNC_STATE_KEY",
            "PUSHSYNC_STATE",
            "PUSHSYNC_NEW_STATE_KEY",
            "PUSHSYNC_ENV",
            "PUSHSYNC_CI_TOKEN",
            "PGPASSWORD",
            "AWS_SECRET_ACCESS_KEY",
            "GITHUB_TOKEN",
            "CI_JOB_TOKEN",
            "PATH",
        ] {
            assert!(is_taken(name), "{name}");
        }
        for name in ["PUSHSYNC_VISITOR_SECRET", "PUSHSYNC_VAR_SECRET", "CHAT_KEY", "PG_", "CITY"] {
            assert!(!is_taken(name), "{name}");
        }
    }
}
