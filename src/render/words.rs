//! Small things that every format for people says the same way.

use std::{borrow::Cow, fmt::Write as _, time::Duration};

pub use crate::model::number;
use crate::model::{Address, VisitorId, is_hostile};

/// Text that came from a file or from the API, made safe for a terminal and for the log of a
/// workflow: control characters, those that turn the direction of writing, and what GitHub's runner
/// would take for a command (`::` at the start of a line, `##[` anywhere) are spelled out. Line
/// breaks and tabs stay.
pub fn printable(text: &str) -> Cow<'_, str> {
    let raw = |c: char| c == '\n' || c == '\t' || !is_hostile(c);
    let text = match text.contains("##[") || text.lines().any(is_command) {
        false => Cow::Borrowed(text),
        true => Cow::Owned(without_commands(text)),
    };
    if text.chars().all(raw) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if raw(c) {
            out.push(c);
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
    }
    Cow::Owned(out)
}

/// Whether the runner would take a line for a command: it looks behind white space.
pub(super) fn is_command(line: &str) -> bool {
    line.trim_start_matches(|c: char| c.is_whitespace() || is_hostile(c)).starts_with("::")
}

fn without_commands(text: &str) -> String {
    let lines = text.split('\n').map(|line| match is_command(line) {
        true => line.replacen(':', "\\u{3a}", 1),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n").replace("##[", "#\\u{23}[")
}

/// The same for something that belongs on one line.
pub fn one_line(text: &str) -> String {
    printable(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// A visitor's id, masked or whole.
pub fn visitor(id: &VisitorId, mask: bool) -> String {
    if mask { one_line(&id.masked()) } else { one_line(id.as_str()) }
}

/// An address, its visitor masked or whole.
pub fn address(address: &Address, mask: bool) -> String {
    if mask { one_line(&address.masked()) } else { one_line(address.as_str()) }
}

/// `1 request`, `2 requests`; thousands are set apart: `5,000 requests`.
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// A duration in its two largest units: `3 h 24 min`, `45 s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds % 60, "s")];
    let Some(first) = parts.iter().position(|(n, _)| *n > 0) else {
        return if duration.is_zero() {
            "0 s".to_owned()
        } else {
            format!("{} ms", duration.subsec_millis())
        };
    };
    let shown: Vec<_> = parts[first..]
        .iter()
        .take(2)
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n} {unit}"))
        .collect();
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_reaches_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(printable("a\rb\u{9b}"), "a\\u{d}b\\u{9b}");
        assert_eq!(printable("user\u{202e}gpj"), "user\\u{202e}gpj");
        assert_eq!(printable("Grüße,\n\t👋🏽"), "Grüße,\n\t👋🏽");
        assert_eq!(one_line("a\nb"), "a\\nb");
    }

    #[test]
    fn no_text_is_a_command_for_the_runner_of_a_workflow() {
        assert_eq!(printable("::error::x"), "\\u{3a}:error::x");
        assert_eq!(
            printable("a ::b\n \t::set-output name=x::y"),
            "a ::b\n \t\\u{3a}:set-output name=x::y"
        );
        assert_eq!(printable("a\r::b"), "a\\u{d}::b");
        assert_eq!(printable("\u{200b}::b"), "\\u{200b}\\u{3a}:b");
        assert_eq!(printable("x ###[error]"), "x ##\\u{23}[error]");
        assert_eq!(printable("C++ a::b, ## [x]"), "C++ a::b, ## [x]");
    }

    #[test]
    fn numbers_and_durations_read_well() {
        assert_eq!(count(1, "request", "requests"), "1 request");
        assert_eq!(count(5000, "request", "requests"), "5,000 requests");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(number(100), "100");
        assert_eq!(duration(Duration::from_secs(3 * 3600 + 24 * 60)), "3 h 24 min");
        assert_eq!(duration(Duration::from_secs(45)), "45 s");
        assert_eq!(duration(Duration::from_secs(3600)), "1 h");
        assert_eq!(duration(Duration::from_secs(90_000)), "1 d 1 h");
        assert_eq!(duration(Duration::ZERO), "0 s");
    }
}
