//! Errors of the command line, printed without the visitors and passwords in the arguments.

use std::io::{self, Write};

use clap::{
    Error,
    error::{ContextKind, ContextValue},
};

use super::{environment, failure::status, variables};
use crate::model::{
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
    let printed = match (harmless, error.use_stderr()) {
        // In colours.
        (true, _) => error.print(),
        (false, true) => io::stderr().write_all(safe.as_bytes()),
        (false, false) => io::stdout().write_all(safe.as_bytes()),
    };
    // clap does not say which variable is not UTF-8.
    if error.use_stderr()
        && let Err(failure) = variables::check(environment::raw_variable)
    {
        let _dropped = writeln!(io::stderr(), "error: {failure}");
    }
    match printed {
        _ if error.use_stderr() => status::FAILED,
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _dropped = writeln!(io::stderr(), "error: could not write the output: {error}");
            status::FAILED
        }
        _ => status::DONE,
    }
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
