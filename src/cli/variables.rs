//! Variables of the environment that are set and empty: a job that meant to set one does not run without
//! it.

use std::ffi::OsString;

use super::{args::GlobalOptions, failure::Failure};

/// The variables that must not be empty.
const NEVER_EMPTY: [&str; 14] = [
    "BREVO_API_KEY",
    "BREVO_BASE_URL",
    "BREVO_CLIENT_ID",
    "BREVO_CLIENT_ID_FILE",
    "BREVO_CLIENT_SECRET",
    "BREVO_CLIENT_SECRET_FILE",
    "BREVO_TOKEN_URL",
    "PUSHSYNC_ENV",
    "PUSHSYNC_NEW_STATE_KEY",
    "PUSHSYNC_NEW_STATE_KEY_FILE",
    "PUSHSYNC_STATE",
    "PUSHSYNC_STATE_KEY",
    "PUSHSYNC_STATE_KEY_FILE",
    "BREVO_API_KEY_FILE",
];

/// Refuses the variables that are set and empty, or not UTF-8. `read` reads the environment.
pub(super) fn check(read: impl Fn(&str) -> Option<OsString>) -> Result<(), Failure> {
    for name in NEVER_EMPTY {
        let Some(value) = read(name) else { continue };
        // The path of a file may be any bytes.
        let why = match value.into_string() {
            Ok(text) if text.trim().is_empty() => "is set and empty",
            Err(_) if !name.ends_with("_FILE") => "is set and not UTF-8",
            Ok(_) | Err(_) => continue,
        };
        let what = if name == "BREVO_API_KEY" { ": there is no API key in it" } else { "" };
        return Err(Failure::new(format!("{name} {why}{what}")).help(format!(
            "give it a value, or unset it; a secret that a job lacks is an empty text there: unset {name}"
        )));
    }
    Ok(())
}

/// Refuses options that are given and empty.
pub(super) fn check_options(global: &GlobalOptions) -> Result<(), Failure> {
    let options =
        [("--env", &global.env), ("--state", &global.state), ("--base-url", &global.base_url)];
    for (name, value) in options {
        if value.as_ref().is_some_and(|text| text.trim().is_empty()) {
            return Err(
                Failure::new(format!("{name} is empty")).help("give it a value, or leave it out")
            );
        }
    }
    Ok(())
}

/// The text of an error of clap, without the arguments that may hold a password; `None` if there are none.
pub(super) fn without_passwords(
    said: &str,
    args: impl Iterator<Item = OsString>,
) -> Option<String> {
    let mut shown = said.to_owned();
    for arg in args {
        let arg = arg.to_string_lossy();
        let value = arg.split_once('=').filter(|_| arg.starts_with('-'));
        let value = value.map_or(&*arg, |(_, value)| value);
        if may_hold_a_password(value) {
            shown = shown.replace(value, "…");
        }
    }
    (shown != said).then_some(shown)
}

/// Whether a text looks like a URL with credentials, or like the parameters of a connection.
pub(super) fn may_hold_a_password(text: &str) -> bool {
    let user = text.split_once(':').is_some_and(|(_, rest)| rest.contains('@'));
    user || text.contains("://") || text.to_ascii_lowercase().contains("password")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_and_empty_is_named() {
        for name in NEVER_EMPTY {
            for empty in ["", " \n"] {
                let read = |asked: &str| (asked == name).then(|| empty.into());
                let failure = check(read).expect_err(name);
                assert!(failure.to_string().starts_with(name), "{failure}");
            }
        }
        assert!(check(|_| None).is_ok());
        assert!(check(|_| Some("x".into())).is_ok());
    }

    #[test]
    fn a_command_line_that_is_refused_shows_no_password() {
        let args = ["--stat=postgres://u:hush@h/d", "u:hush2@h", "host=h Password=hush3", "a@b"];
        let said = format!("unexpected arguments {args:?}");
        let shown = without_passwords(&said, args.iter().map(OsString::from)).expect("there are");
        assert!(!shown.contains("hush") && shown.contains("a@b"), "{shown}");
        assert_eq!(without_passwords("no", ["x".into()].into_iter()), None);
    }
}
