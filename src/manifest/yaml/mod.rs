//! YAML, behind one door.
//!
//! A file is decoded by `serde_yaml`. Only when something is wrong, or a scalar must be known
//! exactly as written, is it read a second time, into a [`tree::Tree`] whose nodes know their
//! places; the same models are then decoded from the tree.

pub(crate) mod decode;
mod faults;
pub(crate) mod tree;

use std::{collections::HashSet, sync::Arc};

use serde::de;

use super::{raw, source::SourceFile};
use crate::diagnostics::{Code, Diagnostic};

const READ_AGAIN: &str = "to be read from the tree";

/// For models that must know a scalar as it was written: unless the input is exact, the error
/// that makes [`read`] take the slow path.
pub(crate) fn read_again<E: de::Error>(exact: bool) -> Result<(), E> {
    if exact { Ok(()) } else { Err(E::custom(READ_AGAIN)) }
}

/// A decoded file.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// What could be decoded.
    pub(crate) raw: raw::File,
    /// The entries in which something was wrong: `["messages", "dark-mode"]`, or
    /// `["environments", "staging", "messages", "dark-mode"]`. What is missing there may be so
    /// only because of that.
    pub(crate) faulty: HashSet<Vec<Arc<str>>>,
    /// Whole senders or audiences may be missing because of what is wrong.
    pub(crate) incomplete: bool,
    /// What is wrong.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Decodes a file, and reports everything that is wrong with its shape.
pub(crate) fn read(file: &SourceFile) -> Document {
    let text = file.text();
    // The library that decodes counts neither bytes nor values.
    if has_aliases(text)
        && let Err(flaw) = file.tree()
        && matches!(flaw, tree::Flaw::Grows { .. } | tree::Flaw::Endless { .. })
    {
        let diagnostics = vec![faults::flaw(file, flaw)];
        return Document { diagnostics, incomplete: true, ..Document::default() };
    }
    let fast = (!suspicious(text)).then(|| serde_yaml::from_str::<raw::File>(text));
    let failure = match fast {
        Some(Ok(raw)) => return Document { raw, ..Document::default() },
        Some(Err(error)) if error.to_string().contains(READ_AGAIN) => None,
        Some(Err(error)) => Some(error),
        None => None,
    };
    let tree = match file.tree() {
        Ok(tree) => tree,
        Err(flaw) => {
            let diagnostics = vec![faults::flaw(file, flaw)];
            return Document { diagnostics, incomplete: true, ..Document::default() };
        }
    };
    let mut document = faults::decode(file, tree);
    if let (Some(error), true) = (failure, document.diagnostics.is_empty()) {
        // The two parsers disagree: say what the stricter one says.
        let mut diagnostic =
            Diagnostic::error(Code::YamlSyntax, format!("this is not YAML: {error}"));
        if let Some((line, column, sign)) = forbidden(text) {
            let message = format!("YAML must not hold the control character U+{sign:04X}");
            diagnostic = Diagnostic::error(Code::YamlSyntax, message)
                .at(file.place_at(line, column, 1))
                .help("in a double-quoted text it can be written as an escape");
        } else if let Some(at) = error.location() {
            let line = u32::try_from(at.line()).unwrap_or(u32::MAX);
            let column = u32::try_from(at.column()).unwrap_or(u32::MAX);
            diagnostic = diagnostic.at(file.place_at(line, column, 1));
        }
        document.diagnostics.push(diagnostic);
    }
    document
}

/// The first character that YAML forbids, and where it is.
fn forbidden(text: &str) -> Option<(u32, u32, u32)> {
    let at = text.find(|c: char| {
        (c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}'))
            || matches!(c, '\u{fffe}' | '\u{ffff}')
    })?;
    let line = u32::try_from(text[..at].matches('\n').count()).ok()? + 1;
    let before = text[..at].rsplit('\n').next().unwrap_or_default();
    let column = u32::try_from(before.chars().count()).ok()? + 1;
    Some((line, column, u32::from(text[at..].chars().next()?)))
}

/// How many values there may be at most: each begins after one of these signs.
pub(crate) fn parts(text: &str) -> u64 {
    let begins =
        |byte: &u8| matches!(byte, b'\n' | b'\r' | b',' | b':' | b'-' | b'?' | b'[' | b'{');
    text.bytes().filter(|byte| begins(byte)).count() as u64
}

/// Whether the text may hold an alias.
fn has_aliases(text: &str) -> bool {
    let bytes = text.as_bytes();
    let begins = |at: usize| {
        let before = at.checked_sub(1).map_or(b'\n', |at| bytes[at]);
        matches!(before, b' ' | b'\t' | b'\n' | b'\r' | b'[' | b'{' | b',' | b':' | b'-')
            && bytes.get(at + 1).is_some_and(|next| !next.is_ascii_whitespace())
    };
    let sign = |sign: u8| memchr::memchr_iter(sign, bytes).any(begins);
    sign(b'*') && sign(b'&')
}

/// Whether the text may hold something that `serde_yaml` would let pass: a tag, which it drops,
/// or nesting so deep that it takes its parser long.
fn suspicious(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut depth = 0_u32;
    let mut before = b'\n';
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'!' if matches!(before, b' ' | b'\t' | b'\n' | b'\r' | b'[' | b'{' | b',' | b':') => {
                let next = bytes.get(at + 1).copied().unwrap_or(b' ');
                if next.is_ascii_alphanumeric() || next == b'<' || next == b'!' {
                    return true;
                }
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > 100 {
            return true;
        }
        before = *byte;
    }
    false
}

/// Where an entry of [`Document::faulty`] begins.
pub(crate) const SECTIONS: [&str; 3] = ["messages", "senders", "audiences"];

#[cfg(test)]
mod tests;
