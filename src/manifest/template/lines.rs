//! Tags that stand alone on their lines leave no line behind.
//!
//! The engine's own `trim_blocks` also takes the line break behind a tag that ends a line of text, and so
//! joins two lines of a message. Here, a line goes only if it has nothing but `{% … %}`, `{# … #}` and blanks.

use std::{collections::HashMap, ops::Range};

use minijinja::{
    machinery::{Token, tokenize},
    syntax::SyntaxConfig,
};

/// A part of a template, in the order of the text.
enum Part {
    /// Text, from one offset to another.
    Text(Range<usize>),
    /// `{% … %}`, `{# … #}`.
    Silent,
    /// `{{ … }}`.
    Written,
}

/// For texts that lose something: where each begins, and which part of it is kept.
pub(super) fn kept(source: &str) -> HashMap<usize, Range<usize>> {
    let parts = parts(source);
    let mut kept = HashMap::new();
    for (at, part) in parts.iter().enumerate() {
        let Part::Text(range) = part else { continue };
        let Some(text) = source.get(range.clone()) else { continue };
        let mut rest = 0..text.len();
        if at > 0 && stands_alone(source, &parts, at - 1) {
            rest.start = line_end(text).unwrap_or(if is_blank(text) { text.len() } else { 0 });
        }
        if at + 1 < parts.len() && stands_alone(source, &parts, at + 1) {
            rest.end = text.trim_end_matches([' ', '\t']).len().max(rest.start);
        }
        if rest != (0..text.len()) {
            kept.insert(range.start, rest);
        }
    }
    kept
}

/// Whether a tag has nothing beside it on its line but blanks and other such tags.
fn stands_alone(source: &str, parts: &[Part], at: usize) -> bool {
    matches!(parts.get(at), Some(Part::Silent))
        && begins_line(source, &parts[..at])
        && ends_line(source, &parts[at + 1..])
}

fn begins_line(source: &str, before: &[Part]) -> bool {
    for part in before.iter().rev() {
        match part {
            Part::Written => return false,
            Part::Silent => {}
            Part::Text(range) => {
                let text = source.get(range.clone()).unwrap_or_default();
                let line = text.rsplit('\n').next().unwrap_or_default();
                if !is_blank(line) || line.len() < text.len() {
                    return is_blank(line);
                }
            }
        }
    }
    true
}

fn ends_line(source: &str, after: &[Part]) -> bool {
    for part in after {
        match part {
            Part::Written => return false,
            Part::Silent => {}
            Part::Text(range) => {
                let text = source.get(range.clone()).unwrap_or_default();
                if line_end(text).is_some() {
                    return true;
                }
                if !is_blank(text) {
                    return false;
                }
            }
        }
    }
    true
}

/// Where the next line begins, if nothing but blanks is before it.
fn line_end(text: &str) -> Option<usize> {
    let end = text.find('\n')?;
    is_blank(text[..end].trim_end_matches('\r')).then_some(end + 1)
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t'))
}

fn parts(source: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut end = 0;
    let mut tag = None;
    for (token, span) in tokenize(source, false, SyntaxConfig::default()).map_while(Result::ok) {
        let span = span.start_offset as usize..span.end_offset as usize;
        match token {
            Token::TemplateData(text) => {
                let start = (text.as_ptr() as usize).wrapping_sub(source.as_ptr() as usize);
                // Comments, `{% raw %}` and what `-` has cut away.
                if start > end && tag.is_none() {
                    parts.push(Part::Silent);
                }
                end = start + text.len();
                parts.push(Part::Text(start..end));
            }
            Token::VariableStart | Token::BlockStart => {
                if span.start > end {
                    parts.push(Part::Silent);
                }
                tag = Some(matches!(token, Token::VariableStart));
            }
            Token::VariableEnd | Token::BlockEnd => {
                let written = tag.take().unwrap_or_default();
                parts.push(if written { Part::Written } else { Part::Silent });
                end = span.end;
            }
            _ => {}
        }
    }
    if end < source.trim_end_matches(['\n', '\r']).len() {
        parts.push(Part::Silent);
    }
    parts
}
