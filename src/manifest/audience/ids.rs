//! What stands where a visitor's id belongs, and is none: what exports write for nothing, what spreadsheets
//! make of long numbers, the quotes of another format.

use crate::{
    diagnostics::{Code, Diagnostic},
    model::{VisitorId, is_hostile},
};

/// What the cells of a column identify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdKind {
    /// Visitors of the chat: their ids have no white space.
    Visitor,
    /// Users of a website: whatever their ids are, visitors' ids are made from them.
    User,
}

impl IdKind {
    /// Its words in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Visitor => "visitor id",
            Self::User => "user id",
        }
    }

    /// Whether it is an id: it has no wrong characters, and is not what stands for something else.
    pub(super) fn is_id(self, text: &str) -> bool {
        self.malformed(text).is_none() && mistaken(self, text).is_none()
    }

    /// The problem of a text that stands where an id belongs. It never holds more of the id than a word that means
    /// nothing.
    pub(crate) fn problem(self, text: &str) -> Option<Diagnostic> {
        let (message, cure) = match self.malformed(text) {
            Some((message, cure)) => (message, cure),
            None => {
                let (message, cure) = mistaken(self, text)?;
                (message, Some(cure))
            }
        };
        let mut problem = Diagnostic::error(Code::BadVisitor, message);
        problem.help = cure.map(str::to_owned);
        Some(problem)
    }

    /// Why a text can be no id at all, and the cure.
    fn malformed(self, text: &str) -> Option<(String, Option<&'static str>)> {
        let error = match self {
            Self::Visitor => VisitorId::parse(text).err()?.to_string(),
            Self::User => user_error(text)?,
        };
        let cure = match text.trim() {
            inner if inner.contains('\n') => {
                Some("a quote opens before it, and is closed in another line: close it in its own")
            }
            inner if inner.len() < text.len() && self.is_id(inner) => Some(match self {
                Self::Visitor => "remove the white space around the id",
                Self::User => {
                    "remove the white space around the id: with it, another visitor id would be made than on your website"
                }
            }),
            _ if has_placeholder(text) => {
                Some("a placeholder stands here, which nothing has filled in: write the id itself")
            }
            _ => None,
        };
        Some((error, cure))
    }
}

/// Why a text can be no user's id. White space inside is a part of it.
fn user_error(text: &str) -> Option<String> {
    // Nearly all ids.
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    if text.trim().is_empty() {
        return Some("a user id must not be empty".to_owned());
    }
    if text.trim().len() < text.len() {
        return Some("this user id has white space around it".to_owned());
    }
    let bad = text.chars().find(|c| is_hostile(*c))?;
    Some(format!("a user id has no control or invisible characters, this one has {bad:?}"))
}

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
fn mistaken(kind: IdKind, id: &str) -> Option<(String, &'static str)> {
    let name = kind.name();
    // Nearly all ids: longer than each of the words, and without signs. A rounded number begins with a digit or a sign.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if id.len() > 16
        && id.starts_with(|c: char| c.is_ascii_alphabetic())
        && id.bytes().all(is_plain)
    {
        return None;
    }
    if stands_for_nothing(id) {
        let cure = match kind {
            IdKind::Visitor => "leave out rows without a visitor, or give this row its id",
            IdKind::User => "leave out rows without a user, or give this row its id",
        };
        return Some((
            format!("`{id}` stands where a {name} belongs: it means that there is none"),
            cure,
        ));
    }
    if !id.is_empty() && id.bytes().all(|byte| byte == b'#') {
        let message = format!(
            "`###` stands where a {name} belongs: the column of the spreadsheet was too narrow to show it"
        );
        return Some((message, "export the file again, not what the screen shows"));
    }
    if is_rounded(id) {
        let message = format!("a spreadsheet made a rounded number of this {name} (…E+…)");
        return Some((message, AS_TEXT));
    }
    if let Some((whole, "0" | "00")) = id.split_once('.')
        && whole.bytes().all(|byte| byte.is_ascii_digit())
        && !whole.is_empty()
    {
        let message = format!("a program made a decimal number of this {name}: it ends in `.0`");
        return Some((message, "read and write the column as text where the file is made"));
    }
    let quotes = ['\'', '`', '‘', '’', '“', '”', '„', '«', '»'];
    let double = match kind {
        IdKind::Visitor => id.contains('"'),
        IdKind::User => id.starts_with('"') || id.ends_with('"'),
    };
    if double || id.starts_with(quotes) || id.ends_with(quotes) {
        let message = format!("a {name} has no quotes around it, this one has");
        let cure = "remove the quotes; CSV knows only the plain double quote around a cell";
        return Some((message, cure));
    }
    if has_placeholder(id) {
        let message = format!("this {name} has a placeholder in it, which nothing has filled in");
        return Some((message, "write the id itself"));
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

/// The problem of a text that stands where a visitor's id belongs.
pub(crate) fn problem(text: &str) -> Option<Diagnostic> {
    IdKind::Visitor.problem(text)
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
            assert!(IdKind::User.problem(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_user_id_may_be_anything_but_what_means_nothing_or_was_garbled() {
        let user = IdKind::User;
        for text in [
            "42",
            "0",
            "Ada Lovelace",
            "Jörg",
            "李 小龍",
            "a\"b",
            "كاربر\u{200c}ها",
            "a;b, c|d",
            "x\u{a0}y",
        ] {
            assert!(user.problem(text).is_none(), "{text}");
        }
        for text in [
            "",
            " ",
            "\u{a0}",
            " 42",
            "42 ",
            "42\u{3000}",
            "4\t2",
            "4\n2",
            "4\u{200b}2",
            "NULL",
            "n/a",
            "1.2E+15",
            "42.0",
            "\"42\"",
            "{{ id }}",
            "${ID}",
            "###",
        ] {
            let problem = user.problem(text).expect(text);
            assert!(!problem.message.contains("visitor"), "{}", problem.message);
        }
    }
}
