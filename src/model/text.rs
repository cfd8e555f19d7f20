//! Text that comes from files and from the API, made safe to print.

use std::{borrow::Cow, fmt::Write as _, time::Duration};

/// Whether a character could steer a terminal or mislead its reader: control characters, those
/// that turn the direction of writing, and those that cannot be seen. Line breaks and tabs are
/// among them; the joiners of emoji and scripts are not.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206f}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e00ff}'
            | '\u{e01f0}'..='\u{e0fff}')
}

/// Text that came from a file or from the API, safe for a terminal and for the log of a workflow. It
/// spells out hostile characters and the commands of GitHub's runner (`::` at the start of a line, `##[`
/// anywhere). Line breaks and tabs stay.
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

/// Whether GitHub's runner would take a line for a command; it skips white space first.
fn is_command(line: &str) -> bool {
    line.trim_start_matches(|c: char| c.is_whitespace() || is_hostile(c)).starts_with("::")
}

fn without_commands(text: &str) -> String {
    let lines = text.split('\n').map(|line| match is_command(line) {
        true => line.replacen(':', "\\u{3a}", 1),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n").replace("##[", "#\\u{23}[")
}

/// The same on one line: line breaks and tabs are spelled out too.
pub fn one_line(text: &str) -> String {
    printable(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// The same for an excerpt: hostile characters become visible signs, so that the number of characters
/// stays the same.
pub fn visible(text: &str) -> Cow<'_, str> {
    let bad = |c: char| c != '\t' && is_hostile(c);
    // GitHub's runner would take it for a command, wherever in a line it stands.
    let text = match text.contains("##[") {
        false => Cow::Borrowed(text),
        true => Cow::Owned(text.replace("##[", "#\u{ff03}[")),
    };
    if !text.contains(bad) {
        return text;
    }
    let sign = |c: char| match c {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '␡',
        _ => '\u{fffd}',
    };
    Cow::Owned(text.chars().map(|c| if bad(c) { sign(c) } else { c }).collect())
}

/// `1234567` → `1,234,567`.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
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
}
