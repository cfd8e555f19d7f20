//! Errors of the command line, printed without the visitors and passwords in the arguments.

use std::{ffi::OsString, io::Write};

use anstream::{ColorChoice, adapter::strip_str};
use clap::{
    Error,
    error::{ContextKind, ContextValue},
};
use serde_json::json;

use super::{
    environment,
    failure::status,
    json_log::{Level, LogLine},
    streams, variables,
};
use crate::model::{
    Redactor,
    mask::{likely_ids, masked as masked_id, merged, replaced, visitors_of_addresses},
    one_line, printable,
};

/// Prints an error of clap, or its help, and returns the exit status. clap would exit with 2, which means
/// "there are changes" here.
pub(super) fn print(error: Error) -> u8 {
    let error = masked(error);
    let text = error.render().to_string();
    let without = variables::without_passwords(&text, std::env::args_os().skip(1));
    let safe = printable(without.as_deref().unwrap_or(&text));
    let arguments = std::env::args_os();
    let harmless = safe == text
        && arguments
            .map(|argument| argument.to_string_lossy().into_owned())
            .all(|argument| argument == one_line(&argument));
    // Colours are dropped where the stream shows none.
    let shown = if harmless { error.render().ansi().to_string() } else { safe.into_owned() };
    if !error.use_stderr() {
        let mut out = streams::stdout(ColorChoice::Auto);
        return match out.write_all(shown.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => status::DONE,
            Err(error) => {
                say(&format!("error: could not write the output: {error}\n"));
                status::FAILED
            }
        };
    }
    say(&shown);
    // clap does not say which variable is not UTF-8.
    if let Err(failure) = variables::check(environment::raw_variable) {
        say(&format!("error: {failure}\n"));
    }
    status::FAILED
}

/// Says an error on stderr, in the format of the log.
fn say(text: &str) {
    let mut err = streams::stderr(ColorChoice::Auto);
    if !logs_json(std::env::args_os()) {
        let _ = err.write_all(text.as_bytes());
        return;
    }
    let plain = strip_str(text).to_string();
    let message = plain.trim().trim_start_matches("error: ");
    let line = LogLine::new(Level::Error, "error", json!({ "message": message }));
    if let Some(line) = line.text(&Redactor::of([])) {
        let _ = writeln!(err, "{line}");
    }
}

/// Whether the arguments, which clap could not read, ask for a log in JSON.
fn logs_json(arguments: impl Iterator<Item = OsString>) -> bool {
    let arguments: Vec<_> = arguments.collect();
    arguments.iter().any(|argument| argument == "--log-format=json")
        || arguments.windows(2).any(|two| two[0] == "--log-format" && two[1] == "json")
}

/// The error with the ids in its quotes masked, because the log of a job keeps it.
fn masked(mut error: Error) -> Error {
    fn text(error: &Error, kind: ContextKind) -> Option<String> {
        match error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.clone()),
            _ => None,
        }
    }
    let argument = text(&error, ContextKind::InvalidArg).unwrap_or_default();
    let names_a_visitor = ["VISITOR", "ADDRESS", "KEY|ADDRESS", "OLD", "NEW"]
        .iter()
        .any(|name| argument.contains(&format!("<{name}>")));
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand]
    {
        let Some(value) = text(&error, kind) else { continue };
        if variables::may_hold_a_password(&value) {
            error.insert(kind, ContextValue::String("…".to_owned()));
            continue;
        }
        let mut spans = visitors_of_addresses(&value);
        let shown = if spans.is_empty() && names_a_visitor && kind == ContextKind::InvalidValue {
            masked_id(&value)
        } else {
            spans.extend(likely_ids(&value));
            replaced(&value, &merged(spans)).into_owned()
        };
        if shown != value {
            error.insert(kind, ContextValue::String(shown));
        }
    }
    error
}
