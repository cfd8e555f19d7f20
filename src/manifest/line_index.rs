//! Where lines begin, and characters in long lines.

use std::collections::HashMap;

/// Lines with more bytes have marks, unless each of their characters is one byte.
const LONG: usize = 256;
/// A mark stands at each such character.
const STEP: usize = 128;

/// The lines of a text. A place in it is found without reading a whole line.
#[derive(Debug)]
pub(crate) struct Lines {
    /// The offsets at which lines begin.
    starts: Vec<usize>,
    /// Of long lines: where in the line each 128th character begins.
    marks: HashMap<usize, Vec<u32>>,
}

impl Lines {
    /// `\n`, `\r\n` and a lone `\r` end a line, as in YAML.
    pub(crate) fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (at, byte) in bytes.iter().enumerate() {
            if *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
                starts.push(at + 1);
            }
        }
        let mut lines = Self { starts, marks: HashMap::new() };
        for at in 0..lines.starts.len() {
            let line = lines.text(text, at).unwrap_or_default();
            if line.len() > LONG && !line.is_ascii() {
                let all = line.char_indices().step_by(STEP);
                let marks = all.map(|(at, _)| u32::try_from(at).unwrap_or(u32::MAX));
                lines.marks.insert(at, marks.collect());
            }
        }
        lines
    }

    fn text<'t>(&self, text: &'t str, at: usize) -> Option<&'t str> {
        let start = *self.starts.get(at)?;
        let end = self.starts.get(at + 1).copied().unwrap_or(text.len());
        text.get(start..end).map(|line| line.trim_end_matches(['\n', '\r']))
    }

    /// Line `number`, from 1, without its line break.
    pub(crate) fn get<'t>(&self, text: &'t str, number: u32) -> Option<&'t str> {
        self.text(text, (number as usize).checked_sub(1)?)
    }

    /// Where a character of this line (from 0) begins; its end if it has no more.
    pub(crate) fn offset(&self, line: &str, number: u32, column: u32) -> usize {
        let column = column as usize;
        let marks = (number as usize).checked_sub(1).and_then(|at| self.marks.get(&at));
        let (from, rest) = match marks {
            Some(marks) => match marks.get(column / STEP) {
                Some(from) => (*from as usize, column % STEP),
                None => return line.len(),
            },
            // Each character is a byte.
            None if line.len() > LONG => return column.min(line.len()),
            None => (0, column),
        };
        let mut after = line.get(from..).unwrap_or_default().char_indices();
        after.nth(rest).map_or(line.len(), |(at, _)| from + at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_found_in_lines_of_any_length() {
        for part in ["a", "\u{e9}", "a\u{1f600}\u{e9}"] {
            for times in [0, 1, 40, 127, 128, 129, 1_000] {
                let line = part.repeat(times);
                let text = format!("first\n{line}\nlast");
                let lines = Lines::new(&text);
                assert_eq!(lines.get(&text, 2), Some(&*line));
                let all: Vec<usize> = line.char_indices().map(|(at, _)| at).collect();
                for column in 0..all.len() + 3 {
                    let expected = all.get(column).copied().unwrap_or(line.len());
                    let column = u32::try_from(column).expect("small");
                    assert_eq!(lines.offset(&line, 2, column), expected, "{part} {times} {column}");
                }
            }
        }
    }
}
