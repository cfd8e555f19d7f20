//! All problems with the shape of one file.

use std::{
    cell::OnceCell,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde::{Deserialize as _, de::DeserializeOwned};

use super::{
    decode::{At, Fault, FaultKind},
    document::{Document, SECTIONS},
    text_fields::{self, Field},
    texts,
    tree::{Flaw, places::Places},
    values::{Value, ValueId, Values},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{raw, source_file::SourceFile, suggest},
    model::Place,
};

/// After this number of problems in one entry, the rest of it is passed over.
const ENOUGH: usize = 50;

pub(super) fn flaw(file: &SourceFile, flaw: &Flaw) -> Diagnostic {
    let (at, diagnostic) = match flaw {
        Flaw::Syntax { at, message } => {
            (at, Diagnostic::error(Code::YamlSyntax, format!("this is not YAML: {message}")))
        }
        Flaw::TooDeep { at } => {
            (at, Diagnostic::error(Code::YamlLimit, "this is nested too deeply"))
        }
        Flaw::Endless { at } => {
            (at, Diagnostic::error(Code::YamlLimit, "this alias stands inside what it stands for"))
        }
        Flaw::Grows { at, limit, most } => {
            let found = "this alias makes the file grow too much";
            (at, Diagnostic::limit(limit, *most, found, "write out what is meant"))
        }
        Flaw::SeveralDocuments { at } => (
            at,
            Diagnostic::error(Code::SeveralDocuments, "a second document begins here")
                .help("one file holds one document: remove the `---`, or split the file"),
        ),
    };
    diagnostic.at(file.place_at(at.line.max(1), at.column + 1, 1))
}

/// Decodes the file. If that fails, decodes each entry apart, and drops values with problems until the
/// rest can be decoded.
pub(super) fn decode(file: &SourceFile, values: &Values<'_>) -> Document {
    let duplicates = values.duplicates();
    let texts = text_fields::fields(values);
    let none = HashSet::new();
    let at = At { values, id: Values::ROOT, dropped: &none };
    if duplicates.is_empty()
        && values.tags.is_empty()
        && !has_tags(file.text())
        && texts::are_plain(file.text(), values, &texts)
        && let Ok(raw) = raw::File::deserialize(at)
    {
        return Document { raw, ..Document::default() };
    }
    let mut run = Run {
        file,
        values,
        places: file.places(values),
        dropped: HashSet::new(),
        diagnostics: Vec::new(),
        faulty: HashSet::new(),
        owners: Vec::new(),
        section_values: HashSet::new(),
        tops: tops(values),
        parents: OnceCell::new(),
        told: HashSet::new(),
        explained: HashSet::new(),
        incomplete: false,
    };
    run.note_owners();
    run.texts(&texts);
    run.duplicates(duplicates);
    run.tags();
    run.keys();
    run.sections::<true>(Values::ROOT);
    let raw = if run.is_full() { None } else { run.peel::<raw::File>(Values::ROOT) };
    run.incomplete |= raw.is_none();
    let raw = raw.unwrap_or_default();
    file.drop_values(&run.dropped, &run.places);
    Document { raw, faulty: run.faulty, incomplete: run.incomplete, diagnostics: run.diagnostics }
}

/// Whether the text may hold a tag that `serde_yaml` passes over: one that is written as a URI.
fn has_tags(text: &str) -> bool {
    text.contains("!<") || text.contains("%TAG")
}

pub(super) struct Run<'v> {
    pub(super) file: &'v SourceFile,
    pub(super) values: &'v Values<'v>,
    pub(super) places: Places,
    pub(super) dropped: HashSet<ValueId>,
    diagnostics: Vec<Diagnostic>,
    faulty: HashSet<Vec<Arc<str>>>,
    /// The entries, in the order of the file: their keys, and the values before which (in the
    /// order of ids) they end.
    owners: Vec<(ValueId, ValueId, Vec<Arc<str>>)>,
    /// The values of `messages`, `senders` and `audiences`.
    pub(super) section_values: HashSet<ValueId>,
    /// The document and the environments.
    pub(super) tops: Vec<ValueId>,
    /// The mappings that keys stand in, and where in them.
    pub(super) parents: OnceCell<HashMap<ValueId, (ValueId, usize)>>,
    /// The lines of problems that may be found more than once.
    told: HashSet<u32>,
    /// Values whose problem is told already.
    explained: HashSet<ValueId>,
    incomplete: bool,
}

impl Run<'_> {
    /// Remembers which values belong to which entry.
    fn note_owners(&mut self) {
        let Self { owners, section_values, values, .. } = self;
        let mut walk = |top: ValueId, before: &[Arc<str>]| {
            for section in SECTIONS {
                let Some(all) = values.entry(top, section) else { continue };
                section_values.insert(all);
                let entries = values.entries(all);
                for (at, (key, value)) in entries.iter().enumerate() {
                    let Some(name) = values.text(*key) else { continue };
                    let end = entries.get(at + 1).map_or(last_inside(values, *value) + 1, |e| e.0);
                    let mut path = before.to_vec();
                    path.extend([section.into(), name.into()]);
                    owners.push((*key, end, path));
                }
            }
        };
        walk(Values::ROOT, &[]);
        if let Some(environments) = values.entry(Values::ROOT, "environments") {
            for (name, environment) in values.entries(environments) {
                let Some(name) = values.text(*name) else { continue };
                walk(*environment, &["environments".into(), name.into()]);
            }
        }
        self.owners.sort_by_key(|(start, ..)| *start);
    }

    pub(super) fn blame(&mut self, value: ValueId) {
        // Keys precede their values, so the entry is the last one that begins before the value.
        let after = self.owners.partition_point(|(start, ..)| *start <= value);
        if let Some((_, end, path)) = after.checked_sub(1).map(|at| &self.owners[at])
            && value < *end
        {
            self.faulty.insert(path.clone());
        }
    }

    /// Whether enough problems were found.
    fn is_full(&self) -> bool {
        self.diagnostics.len() as u64 >= self.file.limits().problems
    }

    pub(super) fn place(&self, value: ValueId) -> Place {
        self.file.place_of(self.places.span(value))
    }

    /// Reports a problem that has a place, once.
    fn tell(&mut self, value: ValueId, diagnostic: Diagnostic) {
        self.blame(value);
        let line = diagnostic.place.as_ref().map_or(0, |place| place.line);
        if diagnostic.code != Code::TextNotIndented || self.told.insert(line) {
            self.diagnostics.push(diagnostic);
        }
    }

    pub(super) fn report(&mut self, value: ValueId, diagnostic: Diagnostic) {
        self.blame(value);
        let place = self.place(value);
        self.diagnostics.push(diagnostic.at(place));
    }

    /// Texts and conditions that YAML takes for something else.
    fn texts(&mut self, fields: &[Field<'_>]) {
        for found in texts::check(self.file, self.values, &self.places, fields) {
            if self.is_full() {
                break;
            }
            if let Some(value) = found.value.filter(|_| found.diagnostic.is_error()) {
                self.blame(value);
                self.dropped.insert(value);
                self.explained.extend(value..=last_inside(self.values, value));
            }
            self.diagnostics.push(found.diagnostic);
        }
        for nothing in fields.iter().filter_map(|field| field.nothing(self.values)) {
            self.blame(nothing);
            self.dropped.insert(nothing);
        }
    }

    fn duplicates(&mut self, duplicates: Vec<(ValueId, ValueId)>) {
        for (first, again) in duplicates {
            if self.is_full() {
                break;
            }
            let name = self.values.text(again).unwrap_or_default();
            let mut diagnostic =
                Diagnostic::error(Code::DuplicateKey, format!("`{name}` is here a second time"))
                    .related(self.place(first), "the first time is here");
            if SECTIONS.contains(&name) {
                diagnostic = diagnostic.help(format!("write all its entries below one `{name}:`"));
            }
            self.report(again, diagnostic);
            self.dropped.insert(again);
        }
    }

    fn tags(&mut self) {
        let problem = |tag: &str| {
            let message = format!("the tag `{tag}` means nothing here");
            Diagnostic::error(Code::YamlTag, message)
                .help("if it is part of the text, put quotes around the whole")
        };
        let values = self.values;
        for (id, tag) in &values.tags {
            if self.is_full() {
                return;
            }
            if self.explained.contains(id) {
                continue;
            }
            self.report(*id, problem(&format!("!{tag}")));
        }
        if has_tags(self.file.text())
            && let Ok(tree) = self.file.tree()
        {
            let foreign = tree.nodes().filter_map(|(_, node)| Some((node, node.tag.as_deref()?)));
            for (node, tag) in foreign {
                self.diagnostics.push(problem(tag).at(self.file.place_of(node.span)));
                self.incomplete = true;
            }
        }
    }

    fn keys(&mut self) {
        let values = self.values;
        for id in values.ids() {
            for (key, _) in values.entries(id) {
                if self.is_full() {
                    return;
                }
                if matches!(values.get(*key), Value::List(_) | Value::Map(_))
                    && !self.explained.contains(key)
                {
                    let message = "a key must be a word, not a list or a mapping";
                    self.report(*key, Diagnostic::error(Code::WrongType, message));
                    self.dropped.insert(*key);
                }
            }
        }
    }

    /// Peels the entries of the large sections one by one, so that a problem costs the decoding
    /// of its entry and not of the file.
    fn sections<const TOP: bool>(&mut self, top: ValueId) {
        let values = self.values;
        for (key, value) in values.entries(top) {
            let entries = values.entries(*value);
            match values.text(*key) {
                Some("messages") => {
                    self.beside(entries);
                    self.each::<raw::Message>(entries);
                }
                Some("senders") => self.each::<raw::Sender>(entries),
                Some("audiences") => self.each::<raw::Audience>(entries),
                Some("environments") if TOP => {
                    for (_, environment) in entries {
                        self.sections::<false>(*environment);
                    }
                    self.each::<raw::Environment>(entries);
                }
                _ => {}
            }
        }
    }

    fn each<T: DeserializeOwned>(&mut self, entries: &[(ValueId, ValueId)]) {
        for (key, value) in entries {
            if self.is_full() {
                break;
            }
            if !self.dropped.contains(key) && self.peel::<T>(*value).is_none() {
                self.dropped.insert(*value);
            }
        }
    }

    /// Decodes a value, dropping and reporting the values with problems inside it. `None` if the value
    /// itself has one.
    fn peel<T: DeserializeOwned>(&mut self, id: ValueId) -> Option<T> {
        for _ in 0..ENOUGH {
            let at = At { values: self.values, id, dropped: &self.dropped };
            let fault = match T::deserialize(at) {
                Ok(value) => return Some(value),
                Err(fault) => fault,
            };
            let culprit = fault.id.unwrap_or(id);
            self.fault(culprit, fault);
            if culprit == id || !self.dropped.insert(culprit) {
                return None;
            }
        }
        None
    }

    fn fault(&mut self, value: ValueId, fault: Fault) {
        let message = fault.to_string();
        self.incomplete |= self.section_values.contains(&value);
        let diagnostic = match fault.kind {
            FaultKind::UnknownField { name, expected } => {
                let near = suggest::nearest(&name, expected.iter().copied());
                self.incomplete |= near.is_some_and(|near| SECTIONS.contains(&near));
                match self.misread(value, &name, near) {
                    Some(diagnostic) => return self.tell(value, diagnostic),
                    None if name == "<<" => Diagnostic::error(Code::UnknownField, message)
                        .help("merge keys are not supported: write the fields out"),
                    None => helped(
                        Diagnostic::error(Code::UnknownField, message),
                        suggest::among(&name, expected.iter().copied()),
                    ),
                }
            }
            FaultKind::UnknownValue { name, expected } => helped(
                Diagnostic::error(Code::UnknownValue, message),
                suggest::among(&name, expected.iter().copied()),
            ),
            FaultKind::Type { found, expected } => {
                let diagnostic = Diagnostic::error(Code::WrongType, message);
                let word = found.trim_start_matches("the text ").trim_matches('"').to_lowercase();
                match word.as_str() {
                    "yes" | "on" | "y" if expected == "true or false" => {
                        diagnostic.help("did you mean `true`?")
                    }
                    "no" | "off" | "n" if expected == "true or false" => {
                        diagnostic.help("did you mean `false`?")
                    }
                    "true" | "false" if expected == "true or false" => {
                        diagnostic.help("remove the quotes")
                    }
                    _ => helped(diagnostic, self.shape(value)),
                }
            }
            FaultKind::Other(message) => Diagnostic::error(Code::WrongType, message),
        };
        self.report(value, diagnostic);
    }
}

fn tops(values: &Values<'_>) -> Vec<ValueId> {
    let environments = values.entry(Values::ROOT, "environments");
    let all = environments.map(|all| values.entries(all)).unwrap_or_default();
    // Nobody has more; each is looked at for each list in place of a mapping.
    let environments = all.iter().take(100).map(|(_, environment)| *environment);
    std::iter::once(Values::ROOT).chain(environments).collect()
}

fn helped(diagnostic: Diagnostic, help: Option<String>) -> Diagnostic {
    match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// The last value that is written inside another one.
fn last_inside(values: &Values<'_>, id: ValueId) -> ValueId {
    match values.get(id) {
        Value::List(items) => items.last().map_or(id, |last| last_inside(values, *last)),
        Value::Map(entries) => entries.last().map_or(id, |(_, last)| last_inside(values, *last)),
        _ => id,
    }
}
