//! Quotes that stand where CSV has none. The reader of CSV takes them in its stride, and rows would be joined
//! or garbled without a word.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr3};

use super::format::CsvFormat;

/// A quote at a wrong place; places are bytes of the text.
pub(super) enum Fault {
    /// In a cell that does not begin with one. `blank`: only blanks stand before it.
    InCell { at: usize, blank: bool },
    /// `opened` is closed, and something else than the end of the cell follows, at `at`. `escaped`: a
    /// backslash stands before the quote that closes it.
    AfterClosing { opened: usize, at: usize, escaped: bool },
    /// The rest of the file would be in it.
    NeverClosed { opened: usize },
}

impl Fault {
    /// Where it is told: where a person has to look first.
    pub(super) fn at(&self, text: &str) -> usize {
        match *self {
            Self::InCell { at, .. } | Self::NeverClosed { opened: at } => at,
            Self::AfterClosing { opened, at, .. } if text[opened..at].contains('\n') => opened,
            Self::AfterClosing { at, .. } => at,
        }
    }
}

/// The faults of a text with `\n` as its only line break, each with the lines that cannot be read because of it.
pub(super) fn faults(text: &str, format: CsvFormat) -> Vec<(Fault, Range<usize>)> {
    let bytes = text.as_bytes();
    let end_of_line =
        |at: usize| memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length);
    let mut found = Vec::new();
    if memchr(b'"', bytes).is_none() {
        return found;
    }
    let (mut row, mut at) = (0, 0);
    while at < bytes.len() {
        let (fault, resume) = match cell(bytes, at, format) {
            Ok(end) => {
                if bytes.get(end) == Some(&b'\n') {
                    row = end + 1;
                }
                at = end + 1;
                continue;
            }
            // In the lines after the one where it opened, the other rows are looked for.
            Err(fault @ (Fault::NeverClosed { opened } | Fault::AfterClosing { opened, .. })) => {
                (fault, end_of_line(opened))
            }
            Err(fault @ Fault::InCell { at, .. }) => (fault, end_of_line(at)),
        };
        found.push((fault, row..resume));
        row = resume + 1;
        at = row;
    }
    found
}

/// Where the cell that begins at `start` ends.
fn cell(bytes: &[u8], start: usize, format: CsvFormat) -> Result<usize, Fault> {
    if bytes[start] == b'"' {
        let mut quotes = memchr_iter(b'"', &bytes[start + 1..]).map(|at| start + 1 + at);
        while let Some(quote) = quotes.next() {
            let next = quote + 1;
            match bytes.get(next) {
                Some(b'"') => _ = quotes.next(),
                None | Some(b'\n') => return Ok(next),
                Some(sign) if *sign == format.delimiter => return Ok(next),
                Some(_) => {
                    let escaped = bytes[quote - 1] == b'\\';
                    return Err(Fault::AfterClosing { opened: start, at: next, escaped });
                }
            }
        }
        return Err(Fault::NeverClosed { opened: start });
    }
    let end = memchr3(format.delimiter, b'\n', b'"', &bytes[start..])
        .map_or(bytes.len(), |at| start + at);
    if bytes.get(end) == Some(&b'"') {
        let blank = bytes[start..end].iter().all(|byte| format.is_blank(char::from(*byte)));
        return Err(Fault::InCell { at: end, blank });
    }
    Ok(end)
}

/// The cells of one line, by itself: a quote that is not closed before the end of its cell is taken as a letter.
pub(super) fn cells_of_line(line: &str, format: CsvFormat) -> Vec<&str> {
    let bytes = line.as_bytes();
    let (mut cells, mut at) = (Vec::new(), 0);
    loop {
        let quoted = (bytes.get(at) == Some(&b'"')).then(|| cell(bytes, at, format).ok()).flatten();
        let end = quoted.unwrap_or_else(|| {
            memchr(format.delimiter, &bytes[at..]).map_or(bytes.len(), |length| at + length)
        });
        cells.push(&line[at..end]);
        if end >= bytes.len() {
            return cells;
        }
        at = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(usize, usize)> {
        let place = |at: usize| {
            let before = &text[..at];
            let line = before.matches('\n').count() + 1;
            (line, at - before.rfind('\n').map_or(0, |at| at + 1) + 1)
        };
        faults(text, CsvFormat::default()).iter().map(|(fault, _)| place(fault.at(text))).collect()
    }

    #[test]
    fn quotes_that_follow_the_rules_are_no_fault() {
        for text in
            ["a,b\n1,\"x, \"\"y\"\"\nz\"\n", "\"a\",\"\"\n\"\"\"\",b", "", "\"a\"", "a,\n,\"\"\n"]
        {
            assert!(faults(text, CsvFormat::default()).is_empty(), "{text:?}");
        }
    }

    #[test]
    fn each_line_with_a_quote_at_a_wrong_place_is_told_once() {
        assert_eq!(
            told("a,b\n1,x \"y\" z\n2,\"x\" y\n3, \"x\"\n4,ok\n5,5\"\n"),
            [(2, 5), (3, 6), (4, 4), (6, 4)]
        );
    }

    #[test]
    fn a_quote_that_is_not_closed_is_told_where_it_opens() {
        assert_eq!(told("a,b\n1,\"x\n2,\"y\"\n3,z\n"), [(2, 3)]);
        assert_eq!(told("a,b\n1,\"x\n2,\"y\n3,z\n4,\"\"\n"), [(2, 3), (3, 3)]);
    }

    #[test]
    fn a_line_is_split_as_if_its_quotes_were_closed() {
        assert_eq!(
            cells_of_line("v2,\"a, b\",\"c", CsvFormat::default()),
            ["v2", "\"a, b\"", "\"c"]
        );
        assert_eq!(cells_of_line("v2,Bob\",x", CsvFormat::default()), ["v2", "Bob\"", "x"]);
        assert_eq!(cells_of_line("", CsvFormat::default()), [""]);
        assert_eq!(cells_of_line("a,", CsvFormat::default()), ["a", ""]);
    }
}
