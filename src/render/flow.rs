use std::io::{self, Write};

use anstyle::Style;

/// Running text in a column: words go to the next line where they do not fit, line breaks stay.
pub(super) struct Flow<'a> {
    out: &'a mut dyn Write,
    indent: usize,
    width: usize,
    /// The column that comes next; 0 before the indentation is written.
    column: usize,
}

impl<'a> Flow<'a> {
    /// Text between column `indent` and column `width`.
    pub(super) fn new(out: &'a mut dyn Write, indent: usize, width: usize) -> Self {
        // Even in a very narrow terminal a few words fit.
        Self { out, indent, width: width.max(indent + 20), column: 0 }
    }

    /// Starts the first line with a sign, in the column before the text.
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
            for word in line.split_inclusive(' ').filter(|word| !word.is_empty()) {
                self.keep(style, word)?;
            }
        }
        Ok(())
    }

    /// Writes `text`, which has no line break, in `style` and on one line.
    pub(super) fn keep(&mut self, style: Style, text: &str) -> io::Result<()> {
        if self.column > self.indent && self.column + display_width(text.trim_end()) > self.width {
            self.break_line()?;
        }
        if self.column == 0 {
            write!(self.out, "{:1$}", "", self.indent)?;
            self.column = self.indent;
        }
        write!(self.out, "{style}{text}{style:#}")?;
        self.column += display_width(text);
        Ok(())
    }

    fn break_line(&mut self) -> io::Result<()> {
        self.column = 0;
        writeln!(self.out)
    }

    /// Ends the last line.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.break_line()
    }
}

/// Columns on a terminal.
pub(super) fn display_width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(width: usize, text: &str) -> String {
        let mut out = Vec::new();
        let mut flow = Flow::new(&mut out, 2, width);
        flow.push(Style::new(), text).expect("a Vec takes all");
        flow.end().expect("a Vec takes all");
        String::from_utf8(out).expect("utf-8")
    }

    #[test]
    fn words_go_to_the_next_line_where_they_do_not_fit() {
        let text = flow(23, "Dark mode is here, and so are you");
        assert_eq!(text, "  Dark mode is here, \n  and so are you\n");
        assert!(text.lines().all(|line| display_width(line.trim_end()) <= 23));
    }

    #[test]
    fn line_breaks_of_the_text_stay() {
        assert_eq!(flow(80, "a\n\nb"), "  a\n\n  b\n");
    }
}
