//! The engine of templates, and what its errors say.

use std::ops::Range;

use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};

use super::{bounds, compare::Cure};
use crate::diagnostics::Code;

/// The steps that one text may take: far more than any message needs. With what [`super::checks`] and
/// [`bounds`] leave to one step, it takes seconds at the very worst.
pub(crate) const FUEL: u64 = 100_000;

/// The language of texts and of `where`: strict, without clock, randomness or files.
pub fn engine() -> Environment<'static> {
    // Empty: the filters, tests and functions are a closed list.
    let mut engine = Environment::empty();
    bounds::fill(&mut engine);
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    engine.set_fuel(Some(FUEL));
    // Gives errors their names and ranges.
    engine.set_debug(true);
    engine
}

/// Whether a text has anything to render.
pub(crate) fn is_template(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        if rest[at + 1..].starts_with(['{', '%', '#']) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// The part of the template that an error is about.
pub(crate) fn range_of(error: &Error, text: &str) -> Range<usize> {
    if let Some(range) = error.range()
        && text.get(range.clone()).is_some()
    {
        return range;
    }
    let line = error.line().unwrap_or(1).max(1) - 1;
    let start = text.split_inclusive('\n').take(line).map(str::len).sum::<usize>().min(text.len());
    let length = text[start..].lines().next().unwrap_or_default().trim_end().len();
    start..start + length
}

/// What an error says, without the name of the template.
pub(crate) fn message_of(error: &Error) -> String {
    let mut message = match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source.filter(|cause| !cause.is::<Cure>()) {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    message.replace("<string>", "the text").replace("<expression>", "the expression")
}

/// What to do about an error, if it says so.
pub(crate) fn cure_of(error: &Error) -> Option<(Code, String)> {
    Cure::of(error)
}

/// Whether an error is in the template itself, and not in the values of a row.
pub(crate) fn is_same_for_all(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::TemplateNotFound
            | ErrorKind::SyntaxError
    )
}

/// The variable whose lack is the error: `user.name` is missing `user` or its `name`.
pub(crate) fn undefined_name(error: &Error) -> Option<&str> {
    let detail = error.detail()?;
    let before = detail.find("` is undefined")?;
    let start = detail[..before].rfind('`')? + 1;
    Some(&detail[start..before])
}

/// The column that a path of an error begins with: `name`, `row["First Name"]`.
pub(crate) fn column_of(path: &str) -> Option<&str> {
    if let Some(rest) = path.strip_prefix("row[") {
        let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        return rest[1..].split(quote).next();
    }
    let path = path.strip_prefix("row.").unwrap_or(path);
    path.split(['.', '[']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_with_delimiters_are_templates() {
        for text in ["{{ x }}", "a {% if x %}", "{# c #}", "{ {{"] {
            assert!(is_template(text), "{text}");
        }
        for text in ["", "{", "a { b } %}", "}}", "{ {"] {
            assert!(!is_template(text), "{text}");
        }
    }
}
