//! Groups of changes: a change of one message for 5,000 visitors is one entry for a reader.

use std::collections::HashMap;

use super::{
    diff::{DiffLine, line_diff},
    humanize,
    languages::{Languages, each_first},
};
use crate::{
    model::{Content, Place, printable},
    plan::{Action, Change, Operation, Reason},
};

/// The changes of one message with the same action and reason. A group is never empty.
pub(super) struct Group<'a> {
    first: &'a Change,
    changes: Vec<&'a Change>,
}

/// The changes of a group with the same content, in one language. A variant is never empty.
pub(super) struct Variant<'a> {
    /// The first of them; the others differ only in their visitor and ids.
    pub(super) first: &'a Change,
    pub(super) changes: Vec<&'a Change>,
}

/// The effect of a change for the visitor.
pub(super) enum Shown<'a> {
    /// A new message appears.
    New(&'a Content),
    /// A message disappears.
    Gone(&'a Content),
    /// A message changes.
    Changed(&'a Content, &'a Content),
    /// A message stays, with this content.
    Kept(&'a Content),
    /// A message may be there.
    Doubtful(&'a Content),
    /// The visitor sees no difference.
    Nothing,
}

/// The groups of these changes, in the order of their first changes.
pub(super) fn groups<'a>(changes: impl Iterator<Item = &'a Change>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places: HashMap<(&str, Action, Reason, Option<&Place>), usize> = HashMap::new();
    for change in changes {
        let key =
            (change.address.key_str(), change.action(), change.reason, change.source.as_ref());
        let place = *places.entry(key).or_insert_with(|| {
            groups.push(Group { first: change, changes: Vec::new() });
            groups.len() - 1
        });
        groups[place].changes.push(change);
    }
    groups
}

impl<'a> Group<'a> {
    /// The first of them; the others have the same key, action, reason and source.
    pub(super) fn first(&self) -> &'a Change {
        self.first
    }

    pub(super) fn key(&self) -> &'a str {
        self.first.address.key_str()
    }

    pub(super) fn action(&self) -> Action {
        self.first.action()
    }

    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    /// The changes, grouped by content.
    pub(super) fn variants(&self) -> Vec<Variant<'a>> {
        let mut variants: Vec<Variant<'a>> = Vec::new();
        let mut places: HashMap<_, usize> = HashMap::new();
        for change in &self.changes {
            let content = (change.before(), change.after(), change.language.as_ref());
            let place = *places.entry(content).or_insert_with(|| {
                variants.push(Variant { first: change, changes: Vec::new() });
                variants.len() - 1
            });
            variants[place].changes.push(change);
        }
        each_first(variants, |variant| variant.first.language.as_ref())
    }

    /// The languages of its texts.
    pub(super) fn languages(&self) -> Languages<'a> {
        Languages::of(self.changes.iter().map(|change| change.language.as_ref()))
    }
}

impl<'a> Group<'a> {
    /// Its first variants, and words for the others.
    pub(super) fn first_variants(&self, most: usize) -> (Vec<Variant<'a>>, Option<String>) {
        let mut variants = self.variants();
        let hidden = variants.split_off(variants.len().min(most));
        let visitors = hidden.iter().map(|variant| variant.changes.len()).sum();
        (variants, humanize::more_texts(hidden.len(), visitors))
    }

    /// The number of bytes of its first `texts` texts.
    pub(super) fn weight(&self, texts: usize) -> usize {
        let (variants, _) = self.first_variants(texts);
        let texts = variants.iter().map(|variant| match shown(variant.first) {
            Shown::New(one) | Shown::Gone(one) | Shown::Kept(one) | Shown::Doubtful(one) => {
                one.text.len()
            }
            Shown::Changed(before, after) => before.text.len() + after.text.len(),
            Shown::Nothing => 0,
        });
        texts.sum()
    }
}

/// The effect of a change for the visitor.
pub(super) fn shown(change: &Change) -> Shown<'_> {
    match &change.operation {
        Operation::Create { after }
        | Operation::Resend { after, .. }
        | Operation::Reinstate { after, .. } => Shown::New(after),
        Operation::Update { before, after, .. }
        | Operation::Restore { before, after, .. }
        | Operation::Replace { before, after, .. } => Shown::Changed(before, after),
        Operation::Delete { before, .. } => Shown::Gone(before),
        Operation::Forget { before, .. } => match change.reason {
            // The message is deleted already: only the record goes.
            Reason::Gone => Shown::Gone(before),
            _ => Shown::Kept(before),
        },
        Operation::FinishReplace { content, .. } => Shown::Kept(content),
        Operation::Adopt { after, .. } => Shown::Kept(after),
        Operation::Unknown { sent, .. } => Shown::Doubtful(sent),
        Operation::Move { .. } => Shown::Nothing,
    }
}

/// The texts that a visitor sees, line by line: each line has a sign before it.
pub(super) fn text_lines(change: &Change) -> Vec<String> {
    let whole = |sign: char, content: &Content| -> Vec<String> {
        printable(&content.text).split('\n').map(|line| format!("{sign} {line}")).collect()
    };
    match shown(change) {
        Shown::New(after) => whole('+', after),
        Shown::Gone(before) => whole('-', before),
        Shown::Kept(content) => whole(' ', content),
        Shown::Doubtful(sent) => whole('?', sent),
        Shown::Changed(before, after) => {
            let lines = line_diff(&printable(&before.text), &printable(&after.text));
            lines.iter().map(DiffLine::to_text).collect()
        }
        Shown::Nothing => Vec::new(),
    }
}
