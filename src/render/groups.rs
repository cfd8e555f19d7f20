//! What belongs together for a reader: a change of one message for 5,000 visitors is one thing.

use std::collections::HashMap;

use crate::{
    model::{Content, Place},
    plan::{Action, Change, Operation, Reason},
};

/// The changes of one message that are of one action, for one reason. There is at least one.
pub(super) struct Group<'a> {
    first: &'a Change,
    changes: Vec<&'a Change>,
}

/// Changes of a group that have the same content. There is at least one.
pub(super) struct Variant<'a> {
    /// The first of them; the others differ only in their visitor and ids.
    pub(super) first: &'a Change,
    pub(super) changes: Vec<&'a Change>,
}

/// How a change looks to a visitor.
pub(super) enum Shown<'a> {
    /// A message comes.
    New(&'a Content),
    /// A message goes.
    Gone(&'a Content),
    /// A message is another one.
    Changed(&'a Content, &'a Content),
    /// A message stays; this is what it is taken for.
    Kept(&'a Content),
    /// A message may be there.
    Doubtful(&'a Content),
    /// Nothing that a visitor sees.
    Nothing,
}

/// In the order of the first change of each.
pub(super) fn groups(changes: &[Change]) -> Vec<Group<'_>> {
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

    /// The changes, those with the same content together.
    pub(super) fn variants(&self) -> Vec<Variant<'a>> {
        let mut variants: Vec<Variant<'a>> = Vec::new();
        let mut places: HashMap<(Option<&Content>, Option<&Content>), usize> = HashMap::new();
        for change in &self.changes {
            let place = *places.entry((change.before(), change.after())).or_insert_with(|| {
                variants.push(Variant { first: change, changes: Vec::new() });
                variants.len() - 1
            });
            variants[place].changes.push(change);
        }
        variants
    }
}

impl Group<'_> {
    /// How many bytes the first of its texts have.
    pub(super) fn weight(&self, texts: usize) -> usize {
        let variants = self.variants();
        let texts = variants.iter().take(texts).map(|variant| match shown(variant.first) {
            Shown::New(one) | Shown::Gone(one) | Shown::Kept(one) | Shown::Doubtful(one) => {
                one.text.len()
            }
            Shown::Changed(before, after) => before.text.len() + after.text.len(),
            Shown::Nothing => 0,
        });
        texts.sum()
    }
}

/// What a visitor sees of a change.
pub(super) fn shown(change: &Change) -> Shown<'_> {
    match &change.operation {
        Operation::Create { after } | Operation::Resend { after, .. } => Shown::New(after),
        Operation::Update { before, after, .. }
        | Operation::Restore { before, after, .. }
        | Operation::Replace { before, after, .. } => Shown::Changed(before, after),
        Operation::Delete { before, .. } => Shown::Gone(before),
        Operation::Forget { before, .. } => match change.reason {
            // Somebody deleted it: only the record goes.
            Reason::Gone => Shown::Gone(before),
            _ => Shown::Kept(before),
        },
        Operation::FinishReplace { content, .. } => Shown::Kept(content),
        Operation::Adopt { after, .. } => Shown::Kept(after),
        Operation::Unknown { sent, .. } => Shown::Doubtful(sent),
        Operation::Move { .. } => Shown::Nothing,
    }
}
