//! The bytes of a CSV file as text.

use std::sync::Arc;

use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::{
    format::{CsvFormat, encoding_name},
    positions::{column_of, with_plain_line_breaks},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{
        folder::{IN_A_SPREADSHEET, not_utf8},
        foreign,
    },
    model::Place,
};

/// The text of a file without its byte order mark, or why it has none in this encoding.
pub(super) fn decode(
    file: &Arc<str>,
    mut bytes: Vec<u8>,
    format: CsvFormat,
) -> Result<String, Diagnostic> {
    let encoding = format.encoding;
    if let Some(problem) = foreign::not_text(file, &bytes, true) {
        return Err(problem);
    }
    if let Some(found) = other_encoding(&bytes, encoding) {
        return Err(in_another(file, found, format));
    }
    let mark = Encoding::for_bom(&bytes).map_or(0, |(_, length)| length);
    if encoding == UTF_8 {
        bytes.drain(..mark);
        return String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            not_utf8_csv(file, error.as_bytes(), at, mark, format)
        });
    }
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut at = mark;
    loop {
        let (result, read) =
            decoder.decode_to_string_without_replacement(&bytes[at..], &mut text, true);
        at += read;
        match result {
            DecoderResult::InputEmpty => return Ok(text),
            DecoderResult::OutputFull => text.reserve((bytes.len() - at).max(64)),
            DecoderResult::Malformed(length, after) => {
                let start = at.saturating_sub(usize::from(length) + usize::from(after));
                return Err(malformed(file, &bytes, start, text, encoding));
            }
        }
    }
}

/// The text as far as it can be read, only to be shown.
pub(super) fn lossy(bytes: &[u8], encoding: &'static Encoding) -> String {
    let encoding = foreign::utf_16(bytes).unwrap_or(encoding);
    let (text, _, _) = encoding.decode(bytes);
    text.into_owned()
}

/// The encoding that a file is in by its mark, by its zeros, or because chance makes no letters of UTF-8.
fn other_encoding(bytes: &[u8], declared: &'static Encoding) -> Option<&'static Encoding> {
    let found = match Encoding::for_bom(bytes) {
        Some((found, _)) => found,
        None => match foreign::utf_16(bytes) {
            Some(found) => found,
            None => {
                let wide = declared == UTF_16LE || declared == UTF_16BE;
                let start = &bytes[..bytes.len().min(256)];
                let guess = wide && !start.contains(&0) && is_utf8_so_far(start)
                    || declared.is_single_byte() && is_mostly_utf8(bytes);
                if !guess || bytes.is_empty() {
                    return None;
                }
                UTF_8
            }
        },
    };
    (found != declared).then_some(found)
}

/// Whether it is UTF-8; its last character may be cut.
fn is_utf8_so_far(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).err().is_none_or(|error| error.error_len().is_none())
}

/// Whether its letters beyond ASCII are those of UTF-8, or nearly all of them: a few may be damaged, or the last one cut.
/// Chance makes few such letters of other encodings.
fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut letters, mut others) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        letters += chunk.valid().chars().filter(|letter| !letter.is_ascii()).count();
        others += chunk.invalid().len();
    }
    letters > others
}

fn in_another(file: &Arc<str>, found: &'static Encoding, format: CsvFormat) -> Diagnostic {
    let declared = format.encoding;
    let message = format!("this file is in {}, not in {}", found.name(), declared.name());
    let cure = match found == UTF_8 {
        _ if format.fixed => "save the file as UTF-8".to_owned(),
        true => "say `encoding: utf-8` for this audience, or leave `encoding:` out".to_owned(),
        false => format!(
            "say `encoding: {}` for this audience, or save the file as UTF-8",
            encoding_name(found)
        ),
    };
    let code = if declared == UTF_8 { Code::NotUtf8 } else { Code::WrongEncoding };
    let place = Place { file: file.clone(), line: 1, column: 1, length: 1 };
    Diagnostic::error(code, message).at(place).help(cure)
}

/// A byte that is not UTF-8, in a file that may say its encoding.
fn not_utf8_csv(
    file: &Arc<str>,
    bytes: &[u8],
    at: usize,
    mark: usize,
    format: CsvFormat,
) -> Diagnostic {
    let mut problem = not_utf8(file, bytes, at, IN_A_SPREADSHEET);
    let value = bytes.get(at).copied().unwrap_or_default();
    // Editors that show bytes count the mark.
    problem.message = format!("byte {} (0x{value:02x}) is not UTF-8", at + mark);
    let whole = foreign::in_windows_1252(value).filter(|_| !format.fixed && !is_cut(&bytes[at..]));
    match whole {
        None => problem,
        Some(letter) if is_mostly_utf8(bytes) => problem.help(format!(
            "the rest of the file is UTF-8: mend this byte (in windows-1252 it is `{letter}`); a part of the file may \
             come from another program"
        )),
        Some(letter) => problem.help(format!(
            "in windows-1252 this byte is `{letter}`: if that is the letter, say `encoding: windows-1252` for this \
             audience; or save the file as UTF-8 (in a spreadsheet as \"CSV UTF-8\")"
        )),
    }
}

/// Whether these bytes are the beginning of a character.
fn is_cut(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes)
        .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
}

/// `before` is the text up to the byte.
fn malformed(
    file: &Arc<str>,
    bytes: &[u8],
    at: usize,
    before: String,
    encoding: &'static Encoding,
) -> Diagnostic {
    let before = with_plain_line_breaks(before);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = column_of(before[start..].chars().count());
    let line = u32::try_from(line).unwrap_or(u32::MAX);
    let value = bytes.get(at).copied().unwrap_or_default();
    let message = format!("byte {at} (0x{value:02x}) is not {}", encoding.name());
    let cure = match bytes.len() - at.min(bytes.len()) {
        0..=3 => "the file ends in the middle of a character, so it was cut off: fetch it again",
        _ => "say the encoding that the file is in, or save it as UTF-8 and leave `encoding:` out",
    };
    let place = Place { file: file.clone(), line, column, length: 1 };
    Diagnostic::error(Code::WrongEncoding, message).at(place).help(cure)
}
