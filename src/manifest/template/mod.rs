//! Texts as templates: what the language may do, and where in a YAML file its errors are.

pub(crate) mod bounds;
pub(crate) mod grammar;
mod tokens;

use std::ops::Range;

use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use saphyr_parser::ScalarStyle;

use super::{source::SourcePath, yaml::tree::What};
use crate::model::Place;

/// The steps that one text may take: far more than any message needs. With what [`grammar`] and
/// [`bounds`] leave to one step, it takes seconds at the very worst.
pub(crate) const FUEL: u64 = 100_000;

/// The language of texts and of `where`: strict, without clock, randomness or files.
pub fn engine() -> Environment<'static> {
    // Empty: the filters, tests and functions are a closed list.
    let mut engine = Environment::empty();
    bounds::fill(&mut engine);
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    engine.set_fuel(Some(FUEL));
    // Gives errors their names and ranges.
    engine.set_debug(true);
    engine
}

/// Whether a text has anything to render.
pub(crate) fn is_template(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        if rest[at + 1..].starts_with(['{', '%', '#']) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// The part of the template that an error is about.
pub(crate) fn range_of(error: &Error, text: &str) -> Range<usize> {
    if let Some(range) = error.range()
        && text.get(range.clone()).is_some()
    {
        return range;
    }
    let line = error.line().unwrap_or(1).max(1) - 1;
    let start = text.split_inclusive('\n').take(line).map(str::len).sum::<usize>().min(text.len());
    let length = text[start..].lines().next().unwrap_or_default().trim_end().len();
    start..start + length
}

/// What an error says, without the name of the template.
pub(crate) fn message_of(error: &Error) -> String {
    let mut message = match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    message.replace("<string>", "the text").replace("<expression>", "the expression")
}

/// Whether an error is in the template itself, and not in the values of a row.
pub(crate) fn is_same_for_all(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::TemplateNotFound
            | ErrorKind::SyntaxError
    )
}

/// The variable whose lack is the error: `user.name` is missing `user` or its `name`.
pub(crate) fn undefined_name(error: &Error) -> Option<&str> {
    let detail = error.detail()?;
    let before = detail.find("` is undefined")?;
    let start = detail[..before].rfind('`')? + 1;
    Some(&detail[start..before])
}

/// Where a part of a text is in the YAML file that holds it.
pub(crate) fn place_in(source: &SourcePath, text: &str, range: Range<usize>) -> Place {
    find_in(source, text, range).unwrap_or_else(|| source.place())
}

fn find_in(source: &SourcePath, text: &str, range: Range<usize>) -> Option<Place> {
    let (file, tree, node) = source.node()?;
    let node = tree.node(tree.resolve(node));
    let What::Scalar { style, .. } = &node.what else { return None };
    let (start, end) = (node.span.start, node.span.end);
    let before = text.get(..range.start)?;
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let wanted = text.get(range.clone())?.lines().next().unwrap_or_default();
    let length = u32::try_from(wanted.chars().count()).ok()?.max(1);
    let indent = start.column as usize;
    let at = |line: u32, column: usize| {
        Some(file.place_at(line, u32::try_from(column).ok()? + 1, length))
    };
    let written = text.split('\n').nth(line).unwrap_or_default();
    match style {
        ScalarStyle::Literal => {
            // The span may begin at the first line, or at the first that is not empty.
            let leading = text.len() - text.trim_start_matches('\n').len();
            for skipped in [0, leading] {
                let Some(number) = line.checked_sub(skipped) else { continue };
                let number = start.line + u32::try_from(number).ok()?;
                let shown = file.line_text(number).unwrap_or_default();
                let inner: String = shown.chars().skip(indent).collect();
                if inner.trim_end() == written.trim_end() {
                    return at(number, indent + column);
                }
            }
        }
        _ if start.line == end.line => {
            let quotes = usize::from(*style != ScalarStyle::Plain);
            let (shown, _) = file.part_of_line(start.line, node.span)?;
            if shown.get(quotes..).is_some_and(|shown| shown.starts_with(text)) {
                return at(start.line, indent + quotes + column);
            }
        }
        _ => {}
    }
    // Folded or escaped: if the part is written once, it is there.
    let mut places = (start.line..=end.line).filter_map(|number| {
        let (shown, first) = file.part_of_line(number, node.span)?;
        let found = shown.find(wanted).filter(|_| !wanted.trim().is_empty())?;
        Some((number, first as usize + shown[..found].chars().count()))
    });
    match (places.next(), places.next()) {
        (Some((number, column)), None) => at(number, column),
        _ => None,
    }
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod limits_tests;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::manifest::source::SourceFile;

    /// Where `{{ x }}` is found in the field `text` of a YAML file.
    fn found(yaml: &str) -> (u32, u32) {
        let file = Arc::new(SourceFile::new("a.yaml".into(), yaml.to_owned()));
        let source = SourcePath::root(&file).child("text");
        let (_, tree, node) = source.node().expect("a node");
        let text = tree.text(node).expect("a text").to_owned();
        let start = text.find("{{ x }}").expect("the part");
        let place = place_in(&source, &text, start..start + 7);
        (place.line, place.column)
    }

    #[test]
    fn parts_of_texts_are_found_however_they_are_written() {
        assert_eq!(found("text: |\n  a\n  é {{ x }}\n"), (3, 5));
        assert_eq!(found("text: |\n\n\n  a\n   {{ x }}\n"), (5, 4));
        assert_eq!(found("text: |2\n    b\n   {{ x }}\n"), (3, 4));
        assert_eq!(found("text: |\r\n  a\r\n  é {{ x }}\r\n"), (3, 5));
        assert_eq!(found("text: é {{ x }}"), (1, 9));
        assert_eq!(found("text: \"é {{ x }}\""), (1, 10));
        assert_eq!(found("text: \"\\n {{ x }}\""), (1, 11));
        assert_eq!(found("text: >-\n  a\n  b {{ x }}\n"), (3, 5));
        assert_eq!(found("text: a\n  b {{ x }}\n  c\n"), (2, 5));
        assert_eq!(found("text: >-\n  {{ x }}\n  {{ x }}\n"), (2, 3));
    }

    #[test]
    fn only_texts_with_delimiters_are_templates() {
        for text in ["{{ x }}", "a {% if x %}", "{# c #}", "{ {{"] {
            assert!(is_template(text), "{text}");
        }
        for text in ["", "{", "a { b } %}", "}}", "{ {"] {
            assert!(!is_template(text), "{text}");
        }
    }
}
