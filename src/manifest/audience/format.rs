//! How a CSV file is written: what separates its cells, and what its bytes mean.

use encoding_rs::{Encoding, UTF_8};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CsvFormat {
    /// What separates the cells.
    pub(crate) delimiter: u8,
    /// What its bytes mean.
    pub(crate) encoding: &'static Encoding,
    /// Whether nothing in the manifest can say otherwise.
    pub(crate) fixed: bool,
}

impl Default for CsvFormat {
    fn default() -> Self {
        Self { delimiter: b',', encoding: UTF_8, fixed: false }
    }
}

/// What may separate cells.
pub(crate) struct Delimiter {
    pub(crate) sign: u8,
    /// How it is written under `delimiter:`.
    pub(crate) written: &'static str,
    /// Its name, with an article.
    pub(super) one: &'static str,
    /// The name of several.
    pub(super) many: &'static str,
}

pub(crate) const DELIMITERS: [Delimiter; 4] = [
    Delimiter { sign: b',', written: "\",\"", one: "a comma", many: "commas" },
    Delimiter { sign: b';', written: "\";\"", one: "a semicolon", many: "semicolons" },
    Delimiter { sign: b'\t', written: "tab", one: "a tab", many: "tabs" },
    Delimiter { sign: b'|', written: "\"|\"", one: "a vertical bar", many: "vertical bars" },
];

impl CsvFormat {
    /// How files must be written that belong to no audience.
    pub(crate) const FIXED: Self = Self { delimiter: b',', encoding: UTF_8, fixed: true };

    /// What separates the cells, with its names.
    pub(super) fn named(self) -> &'static Delimiter {
        let [comma, ..] = &DELIMITERS;
        DELIMITERS.iter().find(|known| known.sign == self.delimiter).unwrap_or(comma)
    }

    /// What separates the cells, as a character.
    pub(super) fn sign(self) -> char {
        char::from(self.delimiter)
    }

    /// White space that is part of a cell.
    pub(super) fn is_blank(self, c: char) -> bool {
        matches!(c, ' ' | '\t') && c != self.sign()
    }
}

/// The names of encodings as people write them: in lower case.
pub(crate) fn encoding_name(encoding: &'static Encoding) -> String {
    encoding.name().to_ascii_lowercase()
}
