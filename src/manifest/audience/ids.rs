//! What stands where a visitor's id belongs, and is none: what exports write for nothing, what spreadsheets
//! make of long numbers, the quotes of another format.

use crate::{
    diagnostics::{Code, Diagnostic},
    model::VisitorId,
};

/// What programs write where there is no value, in lower case.
const NOTHING: &[&str] = &[
    "null",
    "(null)",
    "<null>",
    "[null]",
    "none",
    "nil",
    "<nil>",
    "nan",
    "na",
    "n/a",
    "n.a.",
    "n.v.",
    "k.a.",
    "undefined",
    "\\n",
    "-",
    "--",
    "---",
    "–",
    "—",
    "?",
    ".",
    "#n/a",
    "#na",
    "#nv",
    "#ref!",
    "#value!",
    "#wert!",
    "#bezug!",
    "#name?",
    "#null!",
    "#num!",
    "#div/0!",
    "#error!",
    "#calc!",
    "empty",
    "(empty)",
    "(blank)",
    "blank",
    "unknown",
    "(unknown)",
    "missing",
    "false",
    "true",
    "[object",
    "[object object]",
    "(none)",
    "<none>",
    "tbd",
    "todo",
];

const AS_TEXT: &str = "the id is lost: format the column as text in the spreadsheet, and export it from its source again";

/// Whether it is a word that programs write where there is no value.
pub(crate) fn stands_for_nothing(text: &str) -> bool {
    text.len() <= 16 && NOTHING.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Why a text that could be an id by its characters is none; and the cure.
fn mistaken(id: &str) -> Option<(String, &'static str)> {
    // Nearly all ids: longer than each of the words, and without signs. A rounded number begins with a digit or a sign.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if id.len() > 16
        && id.starts_with(|c: char| c.is_ascii_alphabetic())
        && id.bytes().all(is_plain)
    {
        return None;
    }
    if stands_for_nothing(id) {
        let cure = "leave out rows without a visitor, or give this row its id";
        return Some((
            format!("`{id}` stands where a visitor id belongs: it means that there is none"),
            cure,
        ));
    }
    if !id.is_empty() && id.bytes().all(|byte| byte == b'#') {
        let message = "`###` stands where a visitor id belongs: the column of the spreadsheet was too narrow to show it";
        return Some((message.to_owned(), "export the file again, not what the screen shows"));
    }
    if is_rounded(id) {
        let message = "a spreadsheet made a rounded number of this visitor id (…E+…)";
        return Some((message.to_owned(), AS_TEXT));
    }
    if let Some((whole, "0" | "00")) = id.split_once('.')
        && whole.bytes().all(|byte| byte.is_ascii_digit())
        && !whole.is_empty()
    {
        let message = "a program made a decimal number of this visitor id: it ends in `.0`";
        return Some((
            message.to_owned(),
            "read and write the column as text where the file is made",
        ));
    }
    let quotes = ['\'', '`', '‘', '’', '“', '”', '„', '«', '»'];
    if id.contains('"') || id.starts_with(quotes) || id.ends_with(quotes) {
        let message = "a visitor id has no quotes around it, this one has";
        let cure = "remove the quotes; CSV knows only the plain double quote around a cell";
        return Some((message.to_owned(), cure));
    }
    if has_placeholder(id) {
        let message = "this visitor id has a placeholder in it, which nothing has filled in";
        return Some((message.to_owned(), "write the id itself"));
    }
    None
}

fn has_placeholder(text: &str) -> bool {
    // Nearly no id has any of these.
    text.bytes().any(|byte| matches!(byte, b'{' | b'<'))
        && ["${", "{{", "<%"].iter().any(|sign| text.contains(sign))
}

/// `1.23457E+15`, also with a comma, as spreadsheets show long numbers.
fn is_rounded(id: &str) -> bool {
    let Some((number, exponent)) = id.split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = exponent.strip_prefix('+');
    let number = number.strip_prefix('-').unwrap_or(number);
    match number.split_once(['.', ',']) {
        Some((whole, rest)) => {
            digits(whole)
                && digits(rest)
                && digits(plain.or(exponent.strip_prefix('-')).unwrap_or(exponent))
        }
        None => digits(number) && plain.is_some_and(digits),
    }
}

/// Whether it is an id: it has no wrong characters, and is not what stands for something else.
pub(super) fn is_id(text: &str) -> bool {
    VisitorId::parse(text).is_ok() && mistaken(text).is_none()
}

/// The problem of a text that stands where an id belongs. It never holds more of the id than a word that means nothing.
pub(crate) fn problem(text: &str) -> Option<Diagnostic> {
    if let Err(error) = VisitorId::parse(text) {
        let problem = Diagnostic::error(Code::BadVisitor, error.to_string());
        return Some(match text.trim() {
            inner if inner.contains('\n') => problem.help(
                "a quote opens before it, and is closed in another line: close it in its own",
            ),
            inner if inner.len() < text.len() && is_id(inner) => {
                problem.help("remove the white space around the id")
            }
            _ if has_placeholder(text) => problem.help(
                "a placeholder stands here, which nothing has filled in: write the id itself",
            ),
            _ => problem,
        });
    }
    let (message, cure) = mistaken(text)?;
    Some(Diagnostic::error(Code::BadVisitor, message).help(cure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exports_write_for_nothing_is_not_an_id() {
        for text in [
            "NULL",
            "null",
            "N/A",
            "#N/A",
            "None",
            "nil",
            "undefined",
            "-",
            "\\N",
            "#REF!",
            "NaN",
            "####",
        ] {
            assert!(problem(text).is_some(), "{text}");
        }
    }

    #[test]
    fn numbers_that_a_spreadsheet_rounded_are_not_ids() {
        for text in ["1.23457E+15", "1,23457E+15", "1.2E15", "1E+15", "-4.5e+20", "12345.0"] {
            assert!(problem(text).is_some(), "{text}");
        }
    }

    #[test]
    fn ids_that_only_resemble_a_mistake_pass() {
        for text in [
            "kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg",
            "12e5",
            "507e1234",
            "1e5",
            "liz@example.com",
            "o'brien@example.com",
            "auth0|5f7c8e",
            "nullable",
            "none-1",
            "1",
            "00",
            "12345",
            "1.2.3",
            "urn:uuid:1",
            "#1",
            "a+b@example.com",
            "Nadia",
            "v1.0",
        ] {
            assert!(problem(text).is_none(), "{text}");
        }
    }
}
