//! Where a file has texts and conditions.

use super::values::{Value, ValueId, Values};
use crate::{manifest::language_names::tag_of_name, model::Language};

/// A text or a condition: its key and its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'v> {
    pub(super) key: ValueId,
    pub(super) value: ValueId,
    /// What is written before the colon: `text`, `where`, or a language.
    pub(super) name: &'v str,
    pub(super) is_text: bool,
    /// Whether it is in a mapping of languages.
    pub(super) in_language: bool,
    /// The last entry before it in that mapping that has a value, and the one behind that.
    pub(super) before: Option<(Entry<'v>, Entry<'v>)>,
}

/// A key, and what is written there.
pub(super) type Entry<'v> = (ValueId, &'v str);

impl Field<'_> {
    /// The value, if nothing is written there in place of a text in some language.
    pub(super) fn nothing(&self, values: &Values<'_>) -> Option<ValueId> {
        (self.in_language && *values.get(self.value) == Value::Null).then_some(self.value)
    }
}

/// All texts and conditions of a file, in all environments.
pub(super) fn fields<'v>(values: &'v Values<'_>) -> Vec<Field<'v>> {
    let mut found = Vec::new();
    of_messages(values, Values::ROOT, &mut found);
    if let Some(environments) = values.entry(Values::ROOT, "environments") {
        for (_, environment) in values.entries(environments) {
            of_messages(values, *environment, &mut found);
        }
    }
    found
}

fn of_messages<'v>(values: &'v Values<'_>, top: ValueId, found: &mut Vec<Field<'v>>) {
    let Some(messages) = values.entry(top, "messages") else { return };
    for (_, message) in values.entries(messages) {
        for (key, value) in values.entries(*message) {
            let (key, value) = (*key, *value);
            match values.text(key) {
                Some("text") if is_by_language(values, value) => {
                    let mut last = None;
                    let mut behind = None;
                    for (key, value) in values.entries(value) {
                        let (key, value) = (*key, *value);
                        let Some(name) = values.text(key) else { continue };
                        let nothing = *values.get(value) == Value::Null;
                        behind = behind.filter(|_| nothing).or(Some((key, name)));
                        let before = last.zip(behind);
                        found.push(Field {
                            key,
                            value,
                            name,
                            is_text: true,
                            in_language: true,
                            before,
                        });
                        if !nothing {
                            (last, behind) = (Some((key, name)), None);
                        }
                    }
                }
                Some("text") => {
                    found.push(Field {
                        key,
                        value,
                        name: "text",
                        is_text: true,
                        in_language: false,
                        before: None,
                    });
                }
                Some("to") => {
                    let all = values.entries(value).iter();
                    let conditions = all.filter(|(key, _)| values.text(*key) == Some("where"));
                    found.extend(conditions.map(|(key, value)| Field {
                        key: *key,
                        value: *value,
                        name: "where",
                        is_text: false,
                        in_language: false,
                        before: None,
                    }));
                }
                _ => {}
            }
        }
    }
}

/// Whether a text is a mapping of languages: `{{ name }}`, `{name}` and `{ name: x }` are texts without quotes.
fn is_by_language(values: &Values<'_>, text: ValueId) -> bool {
    let Value::Map(entries) = values.get(text) else { return false };
    let is_language = |key: ValueId| {
        let name = values.text(key).unwrap_or_default();
        Language::parse(name).is_ok() || tag_of_name(name).is_some()
    };
    entries.iter().all(|(key, _)| values.text(*key).is_some())
        && (entries.is_empty()
            || (entries.iter().any(|(key, _)| is_language(*key))
                && entries.iter().any(|(_, value)| *values.get(*value) != Value::Null)))
}
