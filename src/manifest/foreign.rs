//! Files that are no text at all, or text in another format than their name says: told as what they are.

use std::sync::Arc;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use memchr::memmem;

use crate::{
    diagnostics::{Code, Diagnostic},
    model::Place,
};

const SAVE_AS_CSV: &str =
    "open it in the spreadsheet, and save it as \"CSV UTF-8\", with commas between the cells";
const SAVE_AS_UTF8: &str =
    "save it as UTF-8: in a spreadsheet as \"CSV UTF-8\", in an editor with the encoding UTF-8";
const UNPACK: &str = "unpack it, and name the file that was in it";
const EXPORT: &str = "export the rows as CSV in UTF-8";

/// How files begin that are never text.
const MAGIC: &[(&[u8], &str, &str)] = &[
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a workbook of a spreadsheet (.xls)", SAVE_AS_CSV),
    (b"\x1f\x8b", "compressed with gzip", UNPACK),
    (b"BZh", "compressed with bzip2", UNPACK),
    (b"\xfd7zXZ\0", "compressed with xz", UNPACK),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!\x1a", "a RAR archive", UNPACK),
    (b"%PDF-", "a PDF", EXPORT),
    (b"{\\rtf", "a document in RTF", EXPORT),
    (b"\x89PNG\r\n", "a picture", EXPORT),
    (b"\xff\xd8\xff", "a picture", EXPORT),
    (b"SQLite format 3\0", "a database of SQLite", EXPORT),
    (b"PAR1", "a Parquet file", EXPORT),
    (b"\0GITCRYPT\0", "encrypted by git-crypt", "unlock the repository first: git-crypt unlock"),
    (
        b"version https://git-lfs.github.com/spec/",
        "only a pointer of Git LFS, without the content",
        "fetch the content first: git lfs pull",
    ),
];

/// What a file is, if it cannot be what its name says; and the cure. `csv`: it is in UTF-16 if that is declared.
fn nature(bytes: &[u8], csv: bool) -> Option<(Code, &'static str, &'static str)> {
    if is_utf_32(bytes) {
        return Some((Code::NotUtf8, "in UTF-32, not in UTF-8", SAVE_AS_UTF8));
    }
    if !csv && utf_16(bytes).is_some() {
        return Some((Code::NotUtf8, "in UTF-16, not in UTF-8", SAVE_AS_UTF8));
    }
    if bytes.starts_with(b"PK\x03\x04") {
        let (what, cure) = zipped(bytes);
        return Some((Code::WrongFormat, what, cure));
    }
    let known = MAGIC.iter().find(|(start, _, _)| bytes.starts_with(start));
    known.map(|(_, what, cure)| (Code::WrongFormat, *what, *cure))
}

/// Which of the first bytes are zero.
fn zeros(bytes: &[u8]) -> Vec<bool> {
    bytes.iter().take(8).map(|byte| *byte == 0).collect()
}

/// UTF-32, with its mark or by where the zeros of plain letters stand.
fn is_utf_32(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..])
        || matches!(
            &*zeros(bytes),
            [false, true, true, true, false, true, true, true]
                | [true, true, true, false, true, true, true, false]
        )
}

/// UTF-16, with its mark or by where the zeros of plain letters stand.
pub(crate) fn utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    match (bytes, &*zeros(bytes)) {
        ([0xff, 0xfe, ..], _) | (_, [false, true, false, true, ..]) => Some(UTF_16LE),
        ([0xfe, 0xff, ..], _) | (_, [true, false, true, false, ..]) => Some(UTF_16BE),
        _ => None,
    }
}

/// What a ZIP archive holds, by the names in it.
fn zipped(bytes: &[u8]) -> (&'static str, &'static str) {
    // The names stand before each file, and once more at the end of the archive.
    const MOST: usize = 64 << 10;
    let has = |name: &[u8]| {
        let (head, tail) =
            (&bytes[..bytes.len().min(MOST)], &bytes[bytes.len().saturating_sub(MOST)..]);
        memmem::find(head, name).is_some() || memmem::find(tail, name).is_some()
    };
    if has(b"xl/") {
        ("a workbook of a spreadsheet (.xlsx)", SAVE_AS_CSV)
    } else if has(b"opendocument.spreadsheet") {
        ("a workbook of a spreadsheet (.ods)", SAVE_AS_CSV)
    } else if has(b"Index/Tables") || has(b"Index/Document.iwa") {
        ("a workbook of a spreadsheet (.numbers)", SAVE_AS_CSV)
    } else if has(b"word/") {
        ("a document of a word processor (.docx)", EXPORT)
    } else {
        ("a ZIP archive", UNPACK)
    }
}

/// The problem of a file that is not text. `csv`: it may be in another encoding than UTF-8.
pub(crate) fn not_text(file: &Arc<str>, bytes: &[u8], csv: bool) -> Option<Diagnostic> {
    let (code, what, cure) = nature(bytes, csv)?;
    Some(Diagnostic::error(code, format!("this file is {what}")).at(start_of(file)).help(cure))
}

/// The problem of a file that is text, but not CSV.
pub(crate) fn not_csv(file: &Arc<str>, text: &str) -> Option<Diagnostic> {
    let start = text.trim_start();
    let tag = start.get(..start.len().min(16)).unwrap_or_default().to_ascii_lowercase();
    let what =
        if ["<!doctype", "<html", "<head", "<body", "<table"].iter().any(|t| tag.starts_with(t)) {
            "a web page (HTML), perhaps the one for signing in where the file should be"
        } else if tag.starts_with('<')
            && (tag.starts_with("<?xml") || start.trim_end().ends_with('>'))
        {
            "XML"
        } else if start.starts_with('{')
            || start.starts_with("[{")
            || start.starts_with("[\"")
            || start.starts_with("[\n")
        {
            "JSON"
        } else {
            return None;
        };
    let message = format!("this file is {what}, not CSV");
    Some(Diagnostic::error(Code::WrongFormat, message).at(start_of(file)).help(EXPORT))
}

fn start_of(file: &Arc<str>) -> Place {
    Place { file: file.clone(), line: 1, column: 1, length: 1 }
}

/// The character that a byte is in windows-1252, where most files that are not UTF-8 come from.
pub(crate) fn in_windows_1252(byte: u8) -> Option<char> {
    const HIGH: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";
    match byte {
        0x80..=0x9f => HIGH.chars().nth(usize::from(byte - 0x80)).filter(|c| !c.is_control()),
        0xa1..=0xac | 0xae.. => Some(char::from(byte)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> Option<String> {
        not_text(&"a.yaml".into(), bytes, false).map(|problem| problem.message)
    }

    #[test]
    fn files_that_are_not_text_are_told_as_what_they_are() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
        for bytes in
            [utf16("\u{feff}visitor_id"), utf16("visitor_id"), big("\u{feff}id"), big("id,x")]
        {
            assert_eq!(told(&bytes).as_deref(), Some("this file is in UTF-16, not in UTF-8"));
        }
        let utf32: Vec<u8> = "visitor".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        assert_eq!(told(&utf32).as_deref(), Some("this file is in UTF-32, not in UTF-8"));
        assert!(told(b"PK\x03\x04........xl/workbook.xml").is_some_and(|m| m.contains(".xlsx")));
        assert!(
            told(b"PK\x03\x04..mimetypeapplication/vnd.oasis.opendocument.spreadsheet")
                .is_some_and(|m| m.contains(".ods"))
        );
        assert!(told(b"PK\x03\x04...a.csv").is_some_and(|m| m.contains("ZIP")));
        assert!(told(b"\x1f\x8b\x08").is_some_and(|m| m.contains("gzip")));
        assert_eq!(told(b"visitor_id,name\n"), None);
        assert_eq!(told(b""), None);
    }

    #[test]
    fn a_byte_is_read_as_windows_does() {
        assert_eq!(in_windows_1252(0x80), Some('€'));
        assert_eq!(in_windows_1252(0x9f), Some('Ÿ'));
        assert_eq!(in_windows_1252(0xee), Some('î'));
        assert_eq!(in_windows_1252(0x81), None);
    }
}
