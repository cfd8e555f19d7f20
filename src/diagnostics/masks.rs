//! Diagnostics without visitors' ids, by value: no place that makes a message has to think of them.

use std::{borrow::Cow, ops::Range, sync::Arc};

use super::{
    Diagnostic, Related, Sources,
    sources::{Names, Secrets},
};
use crate::model::{
    IdSource, KnownIds, Place, Redactor,
    mask::{likely_ids, merged, replaced, shown, visitors_of_addresses},
};

/// The texts that are masked in the diagnostics of one project: the ids that are known, anything where an id
/// belongs, what looks like an id, and what follows the `@` of an address.
#[derive(Debug, Default)]
pub struct Masks {
    /// Of the files.
    ids: Redactor,
    /// Of what else is known.
    known: Option<Arc<Redactor>>,
    names: Names,
}

/// The ids of files, and of whatever they have where ids belong.
impl IdSource for Sources {
    fn ids(&self, found: &mut dyn FnMut(&str)) {
        self.ids(&self.names(), found);
    }
}

impl Masks {
    /// From the files, and what else is known.
    pub fn new(sources: &Sources, known: &KnownIds) -> Self {
        let names = sources.names();
        let ids = Redactor::of([sources as &dyn IdSource]);
        let known = Some(known.redactor()).filter(|known| !known.is_empty());
        Self { ids, known, names }
    }

    fn ids_in(&self, text: &str) -> Vec<Range<usize>> {
        let mut spans = self.ids.spans(text);
        spans.extend(self.known.iter().flat_map(|known| known.spans(text)));
        spans
    }

    /// A line of a file, with visitors' ids masked. Its length in characters stays as it is, so that
    /// columns keep their meaning.
    pub fn line(&self, sources: &Sources, file: &str, number: u32) -> Option<String> {
        let line = sources.line(file, number)?;
        let mut chars: Vec<char> = line.chars().collect();
        match sources.secrets(file, number, &line, &self.names) {
            Secrets::Line => {
                let keeps = |c: char| matches!(c, ',' | ';' | '|' | '"' | '\t' | ' ');
                chars.iter_mut().filter(|c| !keeps(**c)).for_each(|c| *c = '·');
            }
            Secrets::Ids(ids) => {
                for range in self.of_line(&line, ids) {
                    let range = range.start.min(chars.len())..range.end.min(chars.len());
                    hide(&mut chars[range]);
                }
            }
        }
        Some(chars.into_iter().collect())
    }

    /// The characters of a line that are part of an id, with those that are known to be.
    fn of_line(&self, line: &str, ids: Vec<Range<usize>>) -> Vec<Range<usize>> {
        let mut spans = self.ids_in(line);
        spans.extend(likely_ids(line));
        // The one field that holds an e-mail address.
        let addresses = visitors_of_addresses(line);
        spans.extend(addresses.into_iter().filter(|span| !line[..span.start].contains("email:")));
        let mut byte = 0;
        let mut char = 0;
        let spans = merged(spans).into_iter().map(|span| {
            char += line[byte..span.start].chars().count();
            let start = char;
            char += line[span.clone()].chars().count();
            byte = span.end;
            start..char
        });
        merged(spans.collect::<Vec<_>>().into_iter().chain(ids))
    }

    /// A message, or the name of a file.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut spans = self.ids_in(text);
        spans.extend(likely_ids(text));
        spans.extend(visitors_of_addresses(text));
        replaced(text, &merged(spans))
    }

    fn place(&self, place: &Place) -> Place {
        match self.text(&place.file) {
            Cow::Borrowed(_) => place.clone(),
            Cow::Owned(file) => Place { file: file.into(), ..place.clone() },
        }
    }

    /// A diagnostic as it may be published. Its place may name no file any more.
    pub fn diagnostic(&self, diagnostic: &Diagnostic) -> Diagnostic {
        let Diagnostic { severity, code, message, place, related, help } = diagnostic;
        Diagnostic {
            severity: *severity,
            code: *code,
            message: self.text(message).into_owned(),
            place: place.as_ref().map(|place| self.place(place)),
            related: related
                .iter()
                .map(|Related { place, message }| Related {
                    place: self.place(place),
                    message: self.text(message).into_owned(),
                })
                .collect(),
            help: help.as_ref().map(|help| self.text(help).into_owned()),
        }
    }
}

/// Like `VisitorId::masked`, but of the same length.
fn hide(id: &mut [char]) {
    let (head, tail) = shown(id);
    let end = id.len() - tail;
    for c in &mut id[head..end] {
        *c = '·';
    }
}
