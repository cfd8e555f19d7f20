use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::is_hostile;

/// Writes a value as pretty-printed JSON, with a line break at the end.
///
/// Characters that steer a terminal or mislead its reader are escaped, all of them: JSON asks for
/// that only below U+0020. A terminal, and a stream that drops colours, would take U+009B for the
/// start of a command, and GitHub's runner `##[` in any line.
pub fn write_json(out: &mut dyn Write, value: &impl Serialize) -> serde_json::Result<()> {
    let mut out = out;
    value.serialize(&mut Serializer::with_formatter(&mut out, Harmless(PrettyFormatter::new())))?;
    out.write_all(b"\n").map_err(serde_json::Error::io)
}

/// The same on one line, without a line break.
pub fn json_line(value: &impl Serialize) -> serde_json::Result<String> {
    let mut out = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut out, Harmless(CompactFormatter)))?;
    // JSON is UTF-8.
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// The same JSON on one line, with those characters escaped. They can only stand in its strings.
pub fn harmless_json(json: &str) -> String {
    let mut out = Vec::with_capacity(json.len());
    // A Vec takes all.
    let _ = write_harmless(&mut out, json);
    String::from_utf8_lossy(&out).into_owned()
}

fn write_harmless(to: &mut (impl Write + ?Sized), text: &str) -> io::Result<()> {
    let mut plain = 0;
    let bad = |at: usize, c: char| is_hostile(c) || c == '#' && text[at..].starts_with("##[");
    for (at, c) in text.char_indices().filter(|(at, c)| bad(*at, *c)) {
        to.write_all(&text.as_bytes()[plain..at])?;
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(to, "\\u{unit:04x}")?;
        }
        plain = at + c.len_utf8();
    }
    to.write_all(&text.as_bytes()[plain..])
}

/// Only strings differ from what is usual.
struct Harmless<F>(F);

impl<F: Formatter> Formatter for Harmless<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        to: &mut W,
        text: &str,
    ) -> io::Result<()> {
        write_harmless(to, text)
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        to: &mut W,
        c: CharEscape,
    ) -> io::Result<()> {
        self.0.write_char_escape(to, c)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.begin_array(to)
    }

    fn end_array<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.end_array(to)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(to, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.end_array_value(to)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.begin_object(to)
    }

    fn end_object<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.end_object(to)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(to, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.begin_object_value(to)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.end_object_value(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_means_the_same_and_steers_no_terminal() {
        let text = "a\u{1b}[31m\u{9b}2J\u{202e}\u{200b}\u{7f}\u{e0041}\n\"é👋🏽 ###[error]";
        let value = serde_json::json!({ text: [text, 1, {}], "b": [] });
        let mut out = Vec::new();
        write_json(&mut out, &value).expect("a Vec takes all");
        let shown = String::from_utf8(out).expect("utf-8");
        assert!(!shown.contains(|c: char| c != '\n' && is_hostile(c)), "{shown}");
        assert!(shown.contains("é👋🏽") && !shown.contains("##["), "{shown}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&json_line(&value).expect("JSON"))
                .expect("JSON"),
            value
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), value);
        let plain = serde_json::json!({ "a": [1, "b", { "c": null }], "d": {} });
        let mut out = Vec::new();
        write_json(&mut out, &plain).expect("a Vec takes all");
        let usual = serde_json::to_string_pretty(&plain).expect("JSON") + "\n";
        assert_eq!(String::from_utf8(out).expect("utf-8"), usual);
    }
}
