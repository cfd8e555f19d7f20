//! Diagnostics as text for people.
//!
//! What comes from files is data: control characters are made visible, lines are cut around the
//! place that is meant, and visitors' ids are masked if the caller wants it.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Code, Diagnostic, Masks, Severity, Sources};
use crate::model::{Place, visible};

/// How to show.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// Whether the output may have ANSI colours.
    pub color: bool,
    /// Whether visitors' ids are masked.
    pub mask: bool,
}

/// How much of a line is shown, in characters.
const WIDTH: usize = 120;

/// One diagnostic with its excerpts, ending in a line break.
pub fn text(
    diagnostic: &Diagnostic,
    sources: &Sources,
    masks: Option<&Masks>,
    color: bool,
) -> String {
    let masked = masks.map(|masks| masks.diagnostic(diagnostic));
    let Diagnostic { severity, code, message, place, related, help } =
        masked.as_ref().unwrap_or(diagnostic);
    let level = match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    // A refused location of a state may hold a password.
    let secret = *code == Code::BadState;
    let mut first = Group::with_title(level.primary_title(said(message)).id(code.as_str()));
    // What a file is called may be masked; its lines are found by its name.
    let lines = Lines { sources, masks, secret };
    if let (Some(place), Some(at)) = (place, &diagnostic.place) {
        first = excerpt(first, place, lines.get(at), AnnotationKind::Primary);
    }
    let mut notes = vec![];
    for (related, at) in related.iter().zip(&diagnostic.related) {
        let title = Group::with_title(Level::NOTE.secondary_title(said(&related.message)));
        notes.push(excerpt(title, &related.place, lines.get(&at.place), AnnotationKind::Context));
    }
    match help {
        Some(help) if place.is_some() => first = first.element(Level::HELP.message(said(help))),
        Some(_) | None => {}
    }
    notes.insert(0, first);
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(WIDTH + 20);
    let mut out = renderer.render(&notes);
    out.push('\n');
    if let (Some(help), None) = (help, place) {
        // Without an excerpt there is nothing to hang it on.
        let help = Group::with_title(Level::HELP.primary_title(said(help)));
        out.push_str(&renderer.render(&[help]));
        out.push('\n');
    }
    out
}

/// Words that may quote what stands in a file: a tab would be one character here, and many on the screen.
fn said(text: &str) -> String {
    visible(text).replace('\t', "\\t")
}

/// Whether there is a URL with a user or a password in the line.
fn holds_credentials(line: &str) -> bool {
    let authority = |rest: &str| {
        let end = rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len());
        rest[..end].contains('@')
    };
    line.match_indices("://").any(|(at, sign)| authority(&line[at + sign.len()..]))
}

/// The lines that may be shown.
struct Lines<'a> {
    sources: &'a Sources,
    masks: Option<&'a Masks>,
    /// None of them may.
    secret: bool,
}

impl Lines<'_> {
    fn get(&self, place: &Place) -> Option<String> {
        let number = place.line.max(1);
        let line = match self.masks {
            Some(masks) => masks.line(self.sources, &place.file, number),
            None => self.sources.line(&place.file, number),
        }?;
        (!self.secret && !holds_credentials(&line)).then_some(line)
    }
}

fn excerpt<'a>(
    group: Group<'a>,
    place: &Place,
    line_text: Option<String>,
    kind: AnnotationKind,
) -> Group<'a> {
    let line = place.line.max(1) as usize;
    let Some(text) = line_text else {
        let column = place.column.max(1) as usize;
        let file = said(&place.file);
        return group.element(Origin::path(file).line(line).char_column(column));
    };
    // The renderer cuts the line around the place, and counts its column. What is far behind the
    // place would only cost it time.
    let text = visible(&text);
    let after = |from: usize, count: usize| {
        let mut rest = text[from..].char_indices().map(|(at, _)| from + at);
        rest.nth(count).unwrap_or(text.len())
    };
    let start = after(0, place.column.max(1) as usize - 1);
    let end = after(start, place.length.max(1) as usize);
    let shown = text[..after(end.min(after(start, WIDTH)), WIDTH)].to_owned();
    let end = end.min(shown.len());
    group.element(
        Snippet::source(shown)
            .path(said(&place.file))
            .line_start(line)
            .annotation(kind.span(start..end)),
    )
}

#[cfg(test)]
#[path = "show_tests.rs"]
mod tests;
