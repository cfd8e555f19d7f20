//! All that is wrong with the shape of one file.

use std::{collections::HashSet, sync::Arc};

use serde::de::DeserializeOwned;

use super::{
    Document, SECTIONS,
    decode::{At, Fault, FaultKind},
    tree::{Flaw, NodeId, Tree, What},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{raw, source::SourceFile, suggest},
};

/// After so many problems in one entry, the rest of it is passed over.
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

/// Decodes each entry apart, and drops what is wrong until the rest can be decoded.
pub(super) fn decode(file: &SourceFile, tree: &Tree) -> Document {
    let mut run = Run {
        file,
        tree,
        dropped: HashSet::new(),
        diagnostics: Vec::new(),
        faulty: HashSet::new(),
        owners: Vec::new(),
        section_nodes: HashSet::new(),
        incomplete: false,
    };
    let Some(root) = tree.root else { return Document::default() };
    run.note_owners(root);
    run.duplicates();
    run.tags_and_keys();
    run.sections::<true>(root);
    let raw = if run.is_full() { None } else { run.peel::<raw::File>(root) };
    run.incomplete |= raw.is_none();
    let raw = raw.unwrap_or_default();
    file.drop_nodes(&run.dropped);
    Document { raw, faulty: run.faulty, incomplete: run.incomplete, diagnostics: run.diagnostics }
}

struct Run<'t> {
    file: &'t SourceFile,
    tree: &'t Tree,
    dropped: HashSet<NodeId>,
    diagnostics: Vec<Diagnostic>,
    faulty: HashSet<Vec<Arc<str>>>,
    /// The entries, in the order of the file: their keys, and the nodes before which (in the
    /// order of ids) they end.
    owners: Vec<(NodeId, NodeId, Vec<Arc<str>>)>,
    /// The values of `messages`, `senders` and `audiences`.
    section_nodes: HashSet<NodeId>,
    incomplete: bool,
}

impl Run<'_> {
    /// Remembers which nodes belong to which entry.
    fn note_owners(&mut self, root: NodeId) {
        let owners = &mut self.owners;
        let section_nodes = &mut self.section_nodes;
        let tree = self.tree;
        let mut walk = |node: NodeId, before: &[Arc<str>]| {
            for section in SECTIONS {
                let Some((_, section_node)) = tree.entry(node, section) else { continue };
                section_nodes.insert(section_node);
                let entries = tree.entries(section_node);
                for (at, (key, value)) in entries.iter().enumerate() {
                    let Some(name) = tree.text(*key) else { continue };
                    let end = entries.get(at + 1).map_or(last_inside(tree, *value) + 1, |e| e.0);
                    let mut path = before.to_vec();
                    path.extend([section.into(), name.into()]);
                    owners.push((*key, end, path));
                }
            }
        };
        walk(root, &[]);
        if let Some((_, environments)) = tree.entry(root, "environments") {
            for (name, environment) in tree.entries(environments) {
                let Some(name) = tree.text(*name) else { continue };
                walk(*environment, &["environments".into(), name.into()]);
            }
        }
        self.owners.sort_by_key(|(start, ..)| *start);
    }

    fn blame(&mut self, node: NodeId) {
        // Keys precede their values, so the entry is the last one that begins before the node.
        let after = self.owners.partition_point(|(start, ..)| *start <= node);
        if let Some((_, end, path)) = after.checked_sub(1).map(|at| &self.owners[at])
            && node < *end
        {
            self.faulty.insert(path.clone());
        }
    }

    /// Whether there is no more use in looking for problems.
    fn is_full(&self) -> bool {
        self.diagnostics.len() as u64 >= self.file.limits().problems
    }

    fn report(&mut self, node: NodeId, diagnostic: Diagnostic) {
        self.blame(node);
        let place = self.file.place_of(self.tree.node(node).span);
        self.diagnostics.push(diagnostic.at(place));
    }

    fn duplicates(&mut self) {
        for (first, again) in self.tree.duplicates() {
            if self.is_full() {
                break;
            }
            let name = self.tree.text(again).unwrap_or_default();
            let place = self.file.place_of(self.tree.node(first).span);
            let diagnostic =
                Diagnostic::error(Code::DuplicateKey, format!("`{name}` is here a second time"))
                    .related(place, "the first time is here");
            self.report(again, diagnostic);
            self.dropped.insert(again);
        }
    }

    fn tags_and_keys(&mut self) {
        for (id, node) in self.tree.nodes() {
            if self.is_full() {
                break;
            }
            if let Some(tag) = &node.tag {
                let diagnostic =
                    Diagnostic::error(Code::YamlTag, format!("the tag `{tag}` means nothing here"))
                        .help("if it is part of the text, put quotes around the whole");
                self.report(id, diagnostic);
            }
            let What::Map(entries) = &node.what else { continue };
            for (key, _) in entries {
                if self.tree.text(*key).is_none() && !self.is_full() {
                    let message = "a key must be a word, not a list or a mapping";
                    self.report(*key, Diagnostic::error(Code::WrongType, message));
                    self.dropped.insert(*key);
                }
            }
        }
    }

    /// Peels the entries of the large sections one by one, so that a problem costs the decoding
    /// of its entry and not of the file.
    fn sections<const TOP: bool>(&mut self, node: NodeId) {
        for (key, value) in self.tree.entries(node) {
            let entries = self.tree.entries(*value);
            match self.tree.text(*key) {
                Some("messages") => self.each::<raw::Message>(entries),
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

    fn each<T: DeserializeOwned>(&mut self, entries: &[(NodeId, NodeId)]) {
        for (key, value) in entries {
            if self.is_full() {
                break;
            }
            if !self.dropped.contains(key) && self.peel::<T>(*value).is_none() {
                self.dropped.insert(*value);
            }
        }
    }

    /// Decodes a node, dropping (and reporting) what is wrong inside it. `None` if the node
    /// itself is.
    fn peel<T: DeserializeOwned>(&mut self, node: NodeId) -> Option<T> {
        for _ in 0..ENOUGH {
            let at = At { tree: self.tree, node, dropped: &self.dropped };
            let fault = match T::deserialize(at) {
                Ok(value) => return Some(value),
                Err(fault) => fault,
            };
            let culprit = fault.node.unwrap_or(node);
            self.fault(culprit, fault);
            if culprit == node || !self.dropped.insert(culprit) {
                return None;
            }
        }
        None
    }

    fn fault(&mut self, node: NodeId, fault: Fault) {
        let message = fault.to_string();
        self.incomplete |= self.section_nodes.contains(&node);
        let diagnostic = match fault.kind {
            FaultKind::UnknownField { name, expected } => {
                let diagnostic = Diagnostic::error(Code::UnknownField, message);
                if name == "<<" {
                    diagnostic.help("merge keys are not supported: write the fields out")
                } else {
                    let near = suggest::nearest(&name, expected.iter().copied());
                    self.incomplete |= near.is_some_and(|near| SECTIONS.contains(&near));
                    helped(diagnostic, suggest::among(&name, expected.iter().copied()))
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
                    _ => diagnostic,
                }
            }
            FaultKind::Other(message) => Diagnostic::error(Code::WrongType, message),
        };
        self.report(node, diagnostic);
    }
}

fn helped(diagnostic: Diagnostic, help: Option<String>) -> Diagnostic {
    match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// The last node that is written inside another one.
fn last_inside(tree: &Tree, node: NodeId) -> NodeId {
    match &tree.node(node).what {
        What::Seq(items) => items.last().map_or(node, |last| last_inside(tree, *last)),
        What::Map(entries) => entries.last().map_or(node, |(_, last)| last_inside(tree, *last)),
        What::Scalar { .. } | What::Alias(_) => node,
    }
}
