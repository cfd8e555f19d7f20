//! Finds two messages that send the same text to the same visitor, without keeping the texts.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{Body, Message},
    model::VisitorId,
};

/// What stands for a text. With its fixed keys, this hasher gives the same answer on every run.
pub(super) fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Remembers 64 bits of each visitor and text: with a million of each, the chance of one false
/// warning is one in many millions.
#[derive(Default)]
pub(super) struct Duplicates {
    /// The messages that can have a duplicate.
    candidates: HashSet<usize>,
    seen: HashMap<u64, u32>,
    /// The first and the second message, how often, and one visitor.
    found: BTreeMap<(usize, usize), (u64, String)>,
}

impl Duplicates {
    /// Literal texts that differ can never be the same, so most projects remember nothing.
    pub(super) fn new(messages: &[(usize, &Message)]) -> Self {
        let mut literals: HashMap<&str, HashSet<usize>> = HashMap::new();
        let mut templates = 0;
        for (at, message) in messages {
            for (_, text) in message.texts.all() {
                if let Body::Literal(text) = &text.body {
                    literals.entry(text).or_default().insert(*at);
                }
            }
            templates += usize::from(message.is_template());
        }
        let is_shared = |text: &str| literals.get(text).is_some_and(|all| all.len() > 1);
        let candidate = |message: &Message| match message.is_template() {
            true => messages.len() > 1,
            false => {
                templates > 0
                    || message.texts.all().any(|(_, text)| match &text.body {
                        Body::Literal(text) => is_shared(text),
                        Body::Template(_) => false,
                    })
            }
        };
        let candidates = messages.iter().filter(|(_, message)| candidate(message));
        Self { candidates: candidates.map(|(at, _)| *at).collect(), ..Self::default() }
    }

    /// `text` is the digest of the text: it is asked for only if it matters.
    pub(super) fn note(&mut self, message: usize, visitor: &str, text: impl FnOnce() -> u64) {
        if !self.candidates.contains(&message) {
            return;
        }
        let mut hasher = DefaultHasher::new();
        (visitor, text()).hash(&mut hasher);
        let number = u32::try_from(message).unwrap_or(u32::MAX);
        let first = *self.seen.entry(hasher.finish()).or_insert(number) as usize;
        if first != message {
            let masked = || VisitorId::parse(visitor).map(|id| id.masked()).unwrap_or_default();
            let (count, _) = self.found.entry((first, message)).or_insert_with(|| (0, masked()));
            *count += 1;
        }
    }

    /// The warnings, once all deliveries are known.
    pub(super) fn warnings(&mut self, messages: &[Message]) -> Vec<Diagnostic> {
        let found = std::mem::take(&mut self.found).into_iter();
        found
            .filter_map(|((first, second), (count, visitor))| {
                let (first, second) = (messages.get(first)?, messages.get(second)?);
                let whom = match count {
                    1 => format!("to the visitor {visitor}"),
                    _ => format!("to {count} visitors, {visitor} among them"),
                };
                let message = format!(
                    "`{}` sends the same text as `{}` {whom}",
                    second.spec.key, first.spec.key
                );
                let warning = Diagnostic::warning(Code::SameText, message);
                let place = second.texts.source().place();
                let other = first.texts.source().place();
                Some(warning.at(place).related(other, "the other text is here"))
            })
            .collect()
    }
}
