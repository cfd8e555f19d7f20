//! The `delimiter:` and `encoding:` of an audience.

use encoding_rs::{Encoding, REPLACEMENT};

use super::{
    audience::{CsvFormat, DELIMITERS, encoding_name},
    context::Context,
    layers::Layers,
    raw,
    source_path::SourcePath,
    suggest,
};
use crate::diagnostics::Code;

/// The encodings that a person may have meant.
const NAMES: &str = "utf-8 utf-16le utf-16be windows-1250 windows-1251 windows-1252 windows-1253 windows-1254 \
    windows-1255 windows-1256 windows-1257 windows-1258 windows-874 iso-8859-1 iso-8859-2 iso-8859-3 iso-8859-4 \
    iso-8859-5 iso-8859-6 iso-8859-7 iso-8859-8 iso-8859-10 iso-8859-13 iso-8859-14 iso-8859-15 iso-8859-16 \
    ibm866 koi8-r koi8-u macintosh shift_jis euc-jp iso-2022-jp gbk gb18030 big5 euc-kr latin1 utf-16";

/// Names that programs have for encodings, and that the standard does not know.
const OTHER_NAMES: [(&str, &str); 9] = [
    ("ansi", "windows-1252"),
    ("excel", "windows-1252"),
    ("latin-1", "iso-8859-1"),
    ("mac", "macintosh"),
    ("unicode", "utf-16le"),
    ("utf-8-bom", "utf-8"),
    ("utf-8-sig", "utf-8"),
    ("utf8-bom", "utf-8"),
    ("western", "windows-1252"),
];

/// The fields that only a file has, and whether they are there.
pub(super) fn fields(raw: &raw::Audience) -> [(&'static str, bool); 2] {
    [("delimiter", raw.delimiter.is_some()), ("encoding", raw.encoding.is_some())]
}

/// How the file of an audience is written; `None` if a problem was reported.
pub(super) fn format(
    cx: &mut Context<'_>,
    layers: &Layers<'_, raw::Audience>,
) -> Option<CsvFormat> {
    let default = CsvFormat::default();
    let delimiter = layers.get("delimiter", |raw| raw.delimiter.as_ref());
    let delimiter = match delimiter {
        Some((text, at)) => delimiter_of(cx, text, &at),
        None => Some(default.delimiter),
    };
    let encoding = match layers.get("encoding", |raw| raw.encoding.as_ref()) {
        Some((label, at)) => encoding_of(cx, label, &at),
        None => Some(default.encoding),
    };
    Some(CsvFormat { delimiter: delimiter?, encoding: encoding?, ..default })
}

fn delimiter_of(cx: &mut Context<'_>, text: &str, at: &SourcePath) -> Option<u8> {
    let sign = match text {
        "tab" | "\\t" | "\t" => Some(b'\t'),
        _ => DELIMITERS.iter().map(|known| known.sign).find(|sign| text.bytes().eq([*sign])),
    };
    if sign.is_none() {
        let lower = text.trim().to_lowercase();
        let meant = match &*lower {
            "," | "comma" | "commas" => Some("\",\""),
            ";" | "semicolon" | "semicolons" => Some("\";\""),
            "|" | "pipe" | "bar" => Some("\"|\""),
            "tab" | "tabs" | "tabulator" | "tsv" => Some("tab"),
            _ => None,
        };
        let help = match meant {
            Some(meant) => format!("did you mean `delimiter: {meant}`?"),
            None => "write `delimiter: \";\"`, \",\", \"|\" or tab".to_owned(),
        };
        let message = "cells are separated by `,`, `;`, `|` or `tab`";
        cx.error_with(Code::UnknownValue, message, at, Some(help));
    }
    sign
}

fn encoding_of(cx: &mut Context<'_>, label: &str, at: &SourcePath) -> Option<&'static Encoding> {
    match Encoding::for_label(label.as_bytes()) {
        Some(encoding) if encoding != REPLACEMENT => return Some(encoding),
        Some(_) => {
            let message = format!("`{label}` is an encoding that is not safe to read");
            let help = "save the file as UTF-8, and leave `encoding:` out".to_owned();
            cx.error_with(Code::UnknownValue, message, at, Some(help));
        }
        None => {
            let lower = label.trim().to_lowercase().replace([' ', '_'], "-");
            let known = OTHER_NAMES.iter().find(|(name, _)| *name == lower).map(|(_, name)| *name);
            // `win-1252`, `cp 1252`, `UTF 16`.
            let joined = Encoding::for_label(lower.as_bytes())
                .or_else(|| Encoding::for_label(lower.replace('-', "").as_bytes()))
                .or_else(|| {
                    let digits = lower.trim_start_matches(|c: char| !c.is_ascii_digit());
                    Encoding::for_label(format!("windows-{digits}").as_bytes())
                })
                .filter(|encoding| *encoding != REPLACEMENT)
                .map(encoding_name);
            let near = known
                .map(str::to_owned)
                .or(joined)
                .or_else(|| suggest::nearest(&lower, NAMES.split(' ')).map(str::to_owned));
            let other_utf = ["utf-32", "utf32", "ucs-4", "utf-7", "utf7"];
            let help = match near {
                _ if other_utf.iter().any(|name| lower.starts_with(name)) => {
                    "save the file as UTF-8, and leave `encoding:` out".to_owned()
                }
                Some(near) => format!("did you mean `encoding: {near}`?"),
                None => "write a label of the WHATWG Encoding Standard: utf-8, utf-16le, windows-1252, iso-8859-2, \
                         shift_jis …"
                    .to_owned(),
            };
            let message = format!("there is no encoding `{label}`");
            cx.error_with(Code::UnknownValue, message, at, Some(help));
        }
    }
    None
}
