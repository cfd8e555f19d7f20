//! Reading one file.

use super::{
    document::Document,
    faults,
    syntax::{explain, odd_key},
    tree::{Flaw, Tree},
    values::{MOST_DIRECTIVES, Values, mark_inside, one_directive_too_many},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::source_file::SourceFile,
};

/// Decodes a file, and reports everything that is wrong with its shape.
pub(crate) fn read(file: &SourceFile) -> Document {
    let text = file.text();
    if let Some(line) = one_directive_too_many(text) {
        let message = format!("a file has at most {MOST_DIRECTIVES} `%TAG` directives");
        let problem = Diagnostic::error(Code::YamlLimit, message).at(file.place_at(line, 1, 4));
        return Document::unreadable(problem.help("tags mean nothing here: remove them"));
    }
    let deep = is_deep(text);
    if (deep || has_aliases(text))
        && let Err(flaw) = Tree::parse(text, file.limits())
        && (deep || !matches!(flaw, Flaw::Syntax { .. } | Flaw::SeveralDocuments { .. }))
    {
        return Document::unreadable(faults::flaw(file, &flaw));
    }
    match Values::read(text, file.limits()) {
        Ok(values) => match odd_key(file, &values) {
            Some(problem) => Document::unreadable(problem),
            None => faults::decode(file, &values),
        },
        Err(error) => Document::not_yaml(mistakes(file, &error)),
    }
}

/// The problems of a file that is not YAML.
fn mistakes(file: &SourceFile, error: &serde_yaml::Error) -> Vec<Diagnostic> {
    let mistaken = match Tree::parse(file.text(), file.limits()) {
        Ok(_) | Err(Flaw::Syntax { .. }) => mark_inside(file.text()).is_none(),
        Err(_) => false,
    };
    let found = if mistaken { explain(file) } else { Vec::new() };
    if found.is_empty() { vec![syntax(file, error)] } else { found }
}

/// The problem of a file that is not YAML, if no mistake is found that people often make. If the parser of places finds a flaw too, its words are better.
fn syntax(file: &SourceFile, error: &serde_yaml::Error) -> Diagnostic {
    if let Some(at) = mark_inside(file.text()) {
        let (line, column) = line_and_column(file.text(), at);
        return Diagnostic::error(
            Code::YamlSyntax,
            "a byte order mark (U+FEFF) stands inside the file",
        )
        .at(file.place_at(line, column, 1))
        .help(
            "two files may have been joined here: remove the mark, or write it as `\\uFEFF` in double quotes",
        );
    }
    if let Err(flaw) = Tree::parse(file.text(), file.limits()) {
        return faults::flaw(file, &flaw);
    }
    if let Some((line, column, sign)) = forbidden(file.text()) {
        let message = format!("YAML must not hold the control character U+{sign:04X}");
        return Diagnostic::error(Code::YamlSyntax, message)
            .at(file.place_at(line, column, 1))
            .help("in a double-quoted text it can be written as an escape");
    }
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let (line, column) =
        error.location().map_or((1, 1), |at| (number(at.line()), number(at.column())));
    Diagnostic::error(Code::YamlSyntax, format!("this is not YAML: {error}"))
        .at(file.place_at(line, column, 1))
}

/// The first character that YAML forbids, and where it is.
fn forbidden(text: &str) -> Option<(u32, u32, u32)> {
    let at = text.find(|c: char| {
        (c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}'))
            || matches!(c, '\u{fffe}' | '\u{ffff}')
    })?;
    let (line, column) = line_and_column(text, at);
    Some((line, column, u32::from(text[at..].chars().next()?)))
}

/// From 1, in characters, of a place in bytes.
fn line_and_column(text: &str, at: usize) -> (u32, u32) {
    let number = |number: usize| u32::try_from(number + 1).unwrap_or(u32::MAX);
    let line = text[..at].matches('\n').count();
    let before = text[..at].rsplit('\n').next().unwrap_or_default();
    (number(line), number(before.chars().count()))
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

/// Whether brackets are nested so deeply that `serde_yaml` would take long: with each it looks at all
/// those around it.
fn is_deep(text: &str) -> bool {
    let mut depth = 0_u32;
    text.bytes().any(|byte| {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > 100
    })
}
