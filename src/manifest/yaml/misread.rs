//! Fields that are not fields: a text that was not indented, a message outside `messages:`, a comma in a text.

use super::{
    faults::Run,
    syntax::{is_known, layout_of_key},
    texts,
    values::{Value, ValueId},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::Language,
};

/// The fields of a message.
const OF_MESSAGE: [&str; 10] = [
    "kind",
    "from",
    "to",
    "text",
    "active",
    "protect",
    "on_missing",
    "on_unknown",
    "priority",
    "raw",
];

/// The sections, what their entries are called, and the fields by which these are known.
const SECTIONS: [(&str, &str, &[&str]); 3] = [
    ("messages", "a message", &["text", "to"]),
    ("senders", "a sender", &["group", "agent", "email"]),
    ("audiences", "an audience", &["file", "visitors"]),
];

/// A mapping with more entries is neither a message nor a sender.
const MOST_FIELDS: usize = 100;

impl Run<'_> {
    /// What a key that is no field was probably meant to be.
    pub(super) fn misread(
        &self,
        key: ValueId,
        name: &str,
        near: Option<&str>,
    ) -> Option<Diagnostic> {
        let place = self.place(key);
        if let Some((field, rest)) = name.split_once(':')
            && is_known(field)
            && !rest.starts_with('/')
        {
            let message = format!("there is no blank behind `{field}:`");
            let help = format!("write `{field}: …`, with a blank behind the colon");
            return Some(Diagnostic::error(Code::NoColon, message).at(place).help(help));
        }
        let plain = name.trim_matches(|c: char| matches!(c, '“'..='„' | '‘'..='‛' | '«' | '»'));
        if plain != name {
            let message = format!("unknown field `{name}`");
            let help = format!("curly quotes mean nothing to YAML: write `{plain}`");
            return Some(Diagnostic::error(Code::UnknownField, message).at(place).help(help));
        }
        let (parent, at) = self.parent(key)?;
        let entries = self.values.entries(parent);
        let value = entries.get(at)?.1;
        if let Some(found) = self.outside(key, name, value) {
            return Some(found);
        }
        let no_text = |text| *self.values.get(text) == Value::Null;
        if self.values.entry(parent, "text").is_some_and(no_text) && Language::parse(name).is_ok() {
            let message = format!("`{name}` stands beside `text:`, not below it");
            let help = "indent the languages by two blanks more than `text:`";
            return Some(Diagnostic::error(Code::BadIndentation, message).at(place).help(help));
        }
        let before = at.checked_sub(1).and_then(|at| entries.get(at));
        if let Some((before, _)) = before
            && *self.values.get(value) == Value::Null
            && self.values.text(*before) == Some("text")
            && let Some(found) = texts::comma(self.file, &self.places, *before, "text", name)
        {
            return Some(found.at(place));
        }
        let found = layout_of_key(self.file, place.line).filter(|_| near.is_none())?;
        if found.message.starts_with("if ") {
            let help = format!("{}; {}", found.message, found.help.unwrap_or_default());
            let message = format!("unknown field `{name}`");
            return Some(Diagnostic::error(Code::UnknownField, message).at(place).help(help));
        }
        Some(found)
    }

    /// The mapping that a key stands in, and which of its entries it is.
    fn parent(&self, key: ValueId) -> Option<(ValueId, usize)> {
        let parents = self.parents.get_or_init(|| {
            let entries = self.values.ids().flat_map(|id| {
                let entries = self.values.entries(id).iter().enumerate();
                entries.map(move |(at, (key, _))| (*key, (id, at)))
            });
            entries.collect()
        });
        parents.get(&key).copied()
    }

    /// An entry of a section that stands beside the sections.
    fn outside(&self, key: ValueId, name: &str, value: ValueId) -> Option<Diagnostic> {
        let (parent, _) = self.parent(key)?;
        if !self.tops.contains(&parent) {
            return None;
        }
        let place = self.place(key);
        if OF_MESSAGE.contains(&name) {
            let message = format!("`{name}` is a field of a message, and stands outside of one");
            let help = "write `messages:`, below it the key of the message, and below that its fields, each indented by two more blanks";
            return Some(Diagnostic::error(Code::MisplacedEntry, message).at(place).help(help));
        }
        if self.values.entries(value).len() > MOST_FIELDS {
            return None;
        }
        let has =
            |fields: &[&str]| fields.iter().any(|field| self.values.entry(value, field).is_some());
        let (section, what, _) = SECTIONS.iter().find(|(_, _, fields)| has(fields))?;
        let message = format!("`{name}` looks like {what}, and stands outside of `{section}:`");
        let help = format!("put it below `{section}:`, indented by two more blanks");
        Some(Diagnostic::error(Code::MisplacedEntry, message).at(place).help(help))
    }

    /// Fields of a message that stand beside its key, not below it.
    pub(super) fn beside(&mut self, messages: &[(ValueId, ValueId)]) {
        let mut owner = None;
        for (key, value) in messages {
            let Some(name) = self.values.text(*key) else { continue };
            match (self.values.get(*value), owner) {
                (_, Some(owner)) if OF_MESSAGE.contains(&name) => {
                    if !self.dropped.contains(&owner) {
                        let message = format!(
                            "`{name}` stands beside `{}`, not below it",
                            self.values.text(owner).unwrap_or_default()
                        );
                        let help = "indent the fields of a message by two blanks more than its key";
                        let found = Diagnostic::error(Code::BadIndentation, message).help(help);
                        self.report(*key, found);
                        self.blame(owner);
                    }
                    self.dropped.extend([owner, *key]);
                }
                (Value::Null, _) => owner = Some(*key),
                _ => owner = None,
            }
        }
    }

    /// What to say of a list or a word in place of a mapping.
    pub(super) fn shape(&self, value: ValueId) -> Option<String> {
        let is_section = self.section_values.contains(&value);
        let section = SECTIONS.iter().filter(|_| is_section).find(|(section, ..)| {
            self.tops.iter().any(|top| self.values.entry(*top, section) == Some(value))
        });
        match (self.values.get(value), section) {
            (Value::List(_), Some((section, what, _))) => Some(format!(
                "each {} has a key of its own: write `KEY:` below `{section}:` in place of the `-`",
                what.split(' ').next_back().unwrap_or_default()
            )),
            (Value::Text(text), _) => {
                let end = text.find([':', ' ', '=']).filter(|end| is_known(&text[..*end]))?;
                Some(format!("write `{}: …`, with a colon and a blank behind it", &text[..end]))
            }
            _ => None,
        }
    }
}
