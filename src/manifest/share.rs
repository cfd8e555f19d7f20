//! Shares of an audience: `percent`, `salt`, `by`.

use std::fmt::Write as _;

use super::{
    audience::Table, context::Context, layers::Layers, raw, source_path::SourcePath, suggest,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::Key,
};

/// The visitors of an audience who get a message, as a share of all: always the same ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Share {
    /// From 0 to 100.
    percent: u8,
    /// What decides, together with the visitor, who belongs to it; `None`: the message's key.
    pub(crate) salt: Option<Box<str>>,
    /// The column that stands for the visitor; `None`: the visitor's id.
    pub(crate) by: Option<By>,
    /// Where the share is written.
    pub(crate) source: SourcePath,
}

/// The column that stands for the visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct By {
    pub(crate) name: Box<str>,
    column: usize,
    /// Where it is written.
    pub(crate) source: SourcePath,
}

/// A cell that decides who belongs to a share is empty.
#[derive(Debug)]
pub(crate) struct Undecided;

impl Share {
    /// From `to`; the outer `None` if it was reported, the inner one if there is none.
    pub(crate) fn of(
        cx: &mut Context<'_>,
        inner: &Layers<'_, raw::Recipients>,
        table: &Table,
    ) -> Option<Option<Self>> {
        let percent = inner.get("percent", |raw| raw.percent.as_ref());
        let salt = inner.get("salt", |raw| raw.salt.as_ref());
        let by = inner.get("by", |raw| raw.by.as_ref());
        let Some((percent, source)) = percent else {
            for (name, at) in
                [("salt", salt), ("by", by)].map(|(name, field)| (name, field.map(|(_, at)| at)))
            {
                if let Some(at) = at {
                    cx.error(
                        Code::BadRecipients,
                        format!("`{name}` goes with `percent`"),
                        &at.key(),
                    );
                    return None;
                }
            }
            return Some(None);
        };
        let salt = match salt {
            Some((salt, at)) if salt.is_empty() => {
                let help = "write a word of your own, or leave it out for the message's key";
                cx.error_with(Code::BadValue, "this salt is empty", &at, Some(help.to_owned()));
                return None;
            }
            salt => salt.map(|(salt, _)| salt.as_str().into()),
        };
        let by = match by {
            Some((name, at)) if !table.is_visitor_column(name) => {
                Some(By::column(cx, name, at, table)?)
            }
            _ => None,
        };
        Some(Some(Self { percent: percent.0, salt, by, source }))
    }

    /// The same after a `moved` entry: the message's first key goes on to decide, so that its visitors stay the same.
    /// That must be written down before the entry is removed.
    pub(crate) fn keep_salt(&mut self, first: &Key) -> Option<Diagnostic> {
        if self.salt.is_some() {
            return None;
        }
        self.salt = Some(first.as_str().into());
        let message = format!("the share goes by `{first}`, the key that this message had first");
        let warning = Diagnostic::warning(Code::SaltOfMove, message).at(self.source.place());
        Some(warning.help(format!(
            "write `salt: {first}` beside `percent`; otherwise other visitors get the message once the `moved` entry is \
             removed"
        )))
    }

    /// The share in percent.
    pub(crate) fn percent(&self) -> u8 {
        self.percent
    }

    /// Whether the visitor of a row belongs to it. `room` is for the text that decides.
    pub(crate) fn takes(
        &self,
        table: &Table,
        row: u32,
        key: &str,
        room: &mut String,
    ) -> Result<bool, Undecided> {
        let id = match &self.by {
            Some(by) => table.cell(row, by.column),
            None => table.visitor(row),
        };
        if id.trim().is_empty() {
            return Err(Undecided);
        }
        let salt = self.salt.as_deref().unwrap_or(key);
        Ok(normalized(salt, id, room) <= u32::from(self.percent))
    }
}

impl By {
    fn column(cx: &mut Context<'_>, name: &str, at: SourcePath, table: &Table) -> Option<Self> {
        if table.is_left_out() {
            return Some(Self { name: name.into(), column: 0, source: at });
        }
        let Some(column) = table.column(name) else {
            let help = suggest::among(name, table.columns());
            cx.error_with(Code::UnknownColumn, format!("there is no column `{name}`"), &at, help);
            return None;
        };
        Some(Self { name: name.into(), column, source: at })
    }
}

/// The number of a visitor from 1 to 100, as clients of Unleash compute it for a gradual rollout.
///
/// Source: Unleash, "Client specification", gradual rollout (murmur3, x86, 32 bits, seed 0).
fn normalized(salt: &str, id: &str, room: &mut String) -> u32 {
    room.clear();
    // Writing to a text does not fail.
    let _ = write!(room, "{salt}:{id}");
    // Reading from memory does not fail either.
    let hash = murmur3::murmur3_32(&mut room.as_bytes(), 0).unwrap_or_default();
    hash % 100 + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// The published vectors for gradual rollouts, as far as they name a user.
    const VECTORS: &str = include_str!("share_vectors.json");

    #[test]
    fn the_same_users_are_taken_as_by_the_clients_of_unleash() {
        let vectors: Value = serde_json::from_str(VECTORS).expect("JSON");
        let vectors = vectors["vectors"].as_array().expect("a list");
        assert!(vectors.len() >= 10);
        for vector in vectors {
            let text = |name: &str| vector[name].as_str().expect("a text");
            let percent = vector["percent"].as_u64().expect("a number");
            let taken = vector["taken"].as_bool().expect("a truth value");
            let number = normalized(text("salt"), text("id"), &mut String::new());
            assert_eq!(u64::from(number) <= percent, taken, "{vector}: {number}");
        }
    }

    proptest! {
        #[test]
        fn a_visitors_number_is_from_1_to_100_and_does_not_depend_on_what_was_asked_before(
            salt in ".{0,20}", id in ".{1,40}", before in ".{0,40}"
        ) {
            let mut room = before;
            let number = normalized(&salt, &id, &mut room);
            prop_assert!((1..=100).contains(&number));
            prop_assert_eq!(number, normalized(&salt, &id, &mut String::new()));
        }
    }

    #[test]
    fn numbers_are_those_that_other_clients_test_against() {
        for (salt, id, number) in [("gr1", "123", 73), ("groupX", "999", 25)] {
            assert_eq!(normalized(salt, id, &mut String::new()), number, "{salt}:{id}");
        }
    }

    #[test]
    fn a_share_has_about_its_percent_of_many_visitors() {
        let mut room = String::new();
        for percent in [1, 10, 25, 50, 99] {
            let taken = (0..20_000)
                .filter(|n| normalized("dark-mode", &format!("user-{n}"), &mut room) <= percent);
            let (taken, meant) = (taken.count() as f64, f64::from(percent) * 200.0);
            assert!((taken - meant).abs() < 4.0 * meant.sqrt() + 20.0, "{percent}: {taken}");
        }
    }
}
