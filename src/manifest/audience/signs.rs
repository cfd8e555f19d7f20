//! Signs in a CSV file that no row has: quotes at wrong places, control characters, marks of letters that were lost.

use std::{ops::Range, sync::Arc};

use super::{
    ENOUGH, ENOUGH_ALIKE,
    format::CsvFormat,
    positions::Positions,
    quotes::{self, Fault},
    row_problems::is_conflict,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::number,
};

const DOUBLE: &str =
    "put the cell in quotes, and write each quote in it twice: \"Say \"\"hi\"\" Bob\"";

/// Whether a character has no meaning in a cell. A line break in quotes and a tab are text.
pub(super) fn is_forbidden(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{feff}' | '\u{fffd}' | '\u{fffe}' | '\u{ffff}')
}

/// The problems, and the lines that cannot be read because of them.
pub(super) fn problems(
    file: &Arc<str>,
    text: &str,
    format: CsvFormat,
) -> (Vec<Diagnostic>, Vec<Range<usize>>) {
    let mut positions = Positions::new(file, text);
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    characters(text, &mut positions, &mut found);
    conflicts(text, &mut positions, &mut found, &mut unreadable);
    let faults = quotes::faults(text, format);
    for (fault, _) in faults.iter().take(ENOUGH) {
        found.push(of_quote(fault, text, format, &mut positions));
    }
    if let Some((fault, _)) = faults.get(ENOUGH) {
        let message = format!(
            "{} more quotes stand at a wrong place, first this one",
            number((faults.len() - ENOUGH) as u64)
        );
        found.push(Diagnostic::error(Code::CsvQuote, message).at(positions.place(fault.at(text))));
    }
    unreadable.extend(faults.into_iter().map(|(_, lines)| lines));
    (found, unreadable)
}

fn of_quote(
    fault: &Fault,
    text: &str,
    format: CsvFormat,
    positions: &mut Positions<'_>,
) -> Diagnostic {
    let place = positions.place(fault.at(text));
    let problem = |message: &str| Diagnostic::error(Code::CsvQuote, message).at(place.clone());
    match *fault {
        Fault::InCell { blank: true, .. } => problem("white space stands before this opening quote")
            .help("remove it: a cell in quotes begins with its quote"),
        Fault::InCell { .. } => {
            problem("a quote stands in a cell that does not begin with one").help(DOUBLE)
        }
        Fault::NeverClosed { .. } => problem("this quote is never closed").help(
            "close the cell in the line where it begins; a quote that belongs to the text is written twice, in a \
             cell in quotes",
        ),
        Fault::AfterClosing { opened, at, escaped } => {
            let after = positions.place(at);
            if text[opened..at].contains('\n') {
                let message = format!(
                    "the quote that opens here goes on to line {}, and text follows where it is closed",
                    after.line
                );
                return problem(&message)
                    .related(after, "this follows the closing quote")
                    .help("most likely a closing quote is missing in the line where it opens; a quote that belongs \
                           to the text is written twice");
            }
            let behind = text[at..].trim_start_matches(|c| format.is_blank(c));
            let only_blanks = behind.is_empty() || behind.starts_with([format.sign(), '\n']);
            match (escaped, only_blanks) {
                (true, _) => problem("text follows a closing quote: a backslash does not change what a quote means")
                    .help("write a quote that belongs to the text twice: \"Say \"\"hi\"\" Bob\""),
                (_, true) => problem("white space follows a closing quote")
                    .help("remove it: a cell in quotes ends with its quote"),
                _ => problem("text follows a closing quote").help(DOUBLE),
            }
        }
    }
}

fn characters(text: &str, positions: &mut Positions<'_>, found: &mut Vec<Diagnostic>) {
    // Bytes are looked at first, many together: few files have any such character.
    let suspicious = |byte: u8| {
        byte < 0x20 && byte != b'\n' && byte != b'\t'
            || byte == 0x7f
            || byte == 0xc2
            || byte == 0xef
    };
    if !text.bytes().fold(false, |any, byte| any | suspicious(byte)) {
        return;
    }
    let mut more = 0_u64;
    let mut first = None;
    let mut told = 0;
    // Of one row, one is told.
    let mut told_until = 0;
    for (at, c) in text.char_indices().filter(|(_, c)| is_forbidden(*c)) {
        if at < told_until {
            continue;
        }
        told_until = text[at..].find('\n').map_or(text.len(), |length| at + length);
        if told >= ENOUGH_ALIKE {
            more += 1;
            first.get_or_insert(at);
            continue;
        }
        told += 1;
        let (what, cure) = meaning(c);
        let message = format!("this row has {what} (U+{:04X})", u32::from(c));
        found.push(
            Diagnostic::error(Code::CsvCharacter, message).at(positions.place(at)).help(cure),
        );
    }
    if let Some(at) = first {
        let rows = if more == 1 { "row has" } else { "rows have" };
        let message =
            format!("{} more {rows} characters that no text has, first this one", number(more));
        found.push(Diagnostic::error(Code::CsvCharacter, message).at(positions.place(at)));
    }
}

fn meaning(c: char) -> (&'static str, &'static str) {
    const REMOVE: &str = "remove it where the file is made: no chat can show it";
    match c {
        '\0' => ("a NUL character", "remove it; a file with many of them is not text in UTF-8"),
        '\u{1b}' => ("an escape character", REMOVE),
        '\u{b}' | '\u{c}' => {
            ("a vertical tab or a form feed", "write a line break instead, in a cell in quotes")
        }
        '\u{feff}' => (
            "a byte order mark, which belongs at the start of a file only",
            "remove it; perhaps two files were joined",
        ),
        '\u{fffd}' => (
            "the sign for a letter that was lost",
            "export the file again as UTF-8: an earlier program could not read the letter",
        ),
        '\u{80}'..='\u{9f}' => (
            "a control character",
            "the file is probably in another encoding: say which with `encoding:`, or save it as UTF-8",
        ),
        '\u{fffe}' | '\u{ffff}' => ("a character that stands for nothing", REMOVE),
        _ => ("a control character", REMOVE),
    }
}

fn conflicts(
    text: &str,
    positions: &mut Positions<'_>,
    found: &mut Vec<Diagnostic>,
    unreadable: &mut Vec<Range<usize>>,
) {
    if !text.contains("<<<<<<< ") {
        return;
    }
    let mut at = 0;
    for line in text.split('\n') {
        if is_conflict(line) {
            if line.starts_with('<') && found.len() < ENOUGH {
                let problem =
                    Diagnostic::error(Code::CsvRow, "a merge conflict of git begins here");
                let help = "resolve it, and remove its three marks";
                found.push(problem.at(positions.place(at)).help(help));
            }
            unreadable.push(at..at + line.len());
        }
        at += line.len() + 1;
    }
}
