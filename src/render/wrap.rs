use std::io::{self, Write};

use anstyle::Style;

/// Wraps text in a column: words that do not fit go to the next line, and line breaks stay.
pub(super) struct TextWrapper<'a> {
    out: &'a mut dyn Write,
    indent: usize,
    width: usize,
    /// The next column; 0 before the indentation is written.
    column: usize,
    /// Spaces that were pushed and not written yet.
    spaces: usize,
}

impl<'a> TextWrapper<'a> {
    /// Text between column `indent` and column `width`.
    pub(super) fn new(out: &'a mut dyn Write, indent: usize, width: usize) -> Self {
        // A few words fit even in a very narrow terminal.
        Self { out, indent, width: width.max(indent + 20), column: 0, spaces: 0 }
    }

    /// Starts the first line with a sign before the text.
    pub(super) fn lead(&mut self, style: Style, sign: &str) -> io::Result<()> {
        let before = self.indent.saturating_sub(2);
        write!(self.out, "{:before$}{style}{sign}{style:#} ", "")?;
        self.column = self.indent;
        Ok(())
    }

    /// Writes `text` in `style`.
    pub(super) fn push(&mut self, style: Style, text: &str) -> io::Result<()> {
        for (n, line) in text.split('\n').enumerate() {
            if n > 0 {
                self.break_line()?;
            }
            for part in line.split_inclusive(' ') {
                self.word(style, part.trim_end_matches(' '))?;
                // A space is written when a word follows it on the same line.
                self.spaces += part.len() - part.trim_end_matches(' ').len();
            }
        }
        Ok(())
    }

    /// Writes `text` without wrapping it.
    pub(super) fn keep(&mut self, style: Style, text: &str) -> io::Result<()> {
        self.word(style, text)
    }

    fn word(&mut self, style: Style, word: &str) -> io::Result<()> {
        if word.is_empty() {
            return Ok(());
        }
        let columns = display_width(word);
        if self.column > self.indent && self.column + self.spaces + columns > self.width {
            self.break_line()?;
        }
        let command = self.column == 0 && word.starts_with("::");
        let (spelled, word) = if command { ("\\u{3a}", &word[1..]) } else { ("", word) };
        // Spaces at the start of a line are part of the text.
        let before = self.spaces + if self.column == 0 { self.indent } else { 0 };
        self.column += before + columns;
        self.spaces = 0;
        write!(self.out, "{:before$}{style}{spelled}{word}{style:#}", "")
    }

    fn break_line(&mut self) -> io::Result<()> {
        self.column = 0;
        self.spaces = 0;
        writeln!(self.out)
    }

    /// Ends the last line.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.break_line()
    }
}

/// A text in lines of at most this width, each after this number of spaces.
pub fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let mut out = Vec::new();
    let mut lines = TextWrapper::new(&mut out, indent, width);
    // Writing to memory does not fail.
    let _ = lines.push(Style::new(), text);
    let _ = lines.end();
    String::from_utf8_lossy(&out).into_owned()
}

/// The number of columns on a terminal.
pub fn display_width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(width: usize, text: &str) -> String {
        let mut out = Vec::new();
        let mut flow = TextWrapper::new(&mut out, 2, width);
        flow.push(Style::new(), text).expect("a Vec takes all");
        flow.end().expect("a Vec takes all");
        String::from_utf8(out).expect("utf-8")
    }

    #[test]
    fn words_go_to_the_next_line_where_they_do_not_fit() {
        let text = flow(24, "Dark mode is here, and so are you");
        assert_eq!(text, "  Dark mode is here, and\n  so are you\n");
    }

    #[test]
    fn no_line_begins_like_a_command_of_a_workflow() {
        let shown = flow(24, "Dark mode is here now ::error::x");
        assert_eq!(shown, "  Dark mode is here now\n  \\u{3a}:error::x\n");
    }

    #[test]
    fn line_breaks_of_the_text_stay() {
        assert_eq!(flow(80, "a\n\nb"), "  a\n\n  b\n");
    }
}
