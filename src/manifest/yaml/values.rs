//! What a YAML file means: the values that `serde_yaml` reads in it.

use std::{borrow::Cow, cell::OnceCell, collections::HashMap, fmt};

use serde::{
    Deserialize as _,
    de::{
        self, DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess,
        SeqAccess, VariantAccess, Visitor,
    },
};

use super::surrogates;
use crate::manifest::limits::Limits;

/// Deeper nesting than this is refused: the deepest field of a project is at 8.
pub(super) const MAX_DEPTH: usize = 64;

/// A value of [`Values`]. Each comes before the values inside it, in the order of the file.
pub(crate) type ValueId = u32;

#[derive(Debug, PartialEq)]
pub(crate) enum Value<'t> {
    /// In quotes, or a plain scalar that looks like nothing else.
    Text(Cow<'t, str>),
    /// `~`, `null` or nothing, without quotes.
    Null,
    /// A truth value without quotes.
    Bool(bool),
    /// A whole number without quotes.
    Int(i128),
    /// A number of another kind, without quotes.
    Number,
    List(Vec<ValueId>),
    Map(Vec<(ValueId, ValueId)>),
}

/// All values of a file. Aliases are replaced by what they stand for.
#[derive(Debug)]
pub(crate) struct Values<'t> {
    source: Cow<'t, str>,
    values: Vec<Value<'t>>,
    /// Values with a tag such as `!secret`.
    pub(crate) tags: Vec<(ValueId, String)>,
    /// How scalars are written that look like something else than a text.
    written: OnceCell<HashMap<ValueId, Box<str>>>,
}

impl<'t> Values<'t> {
    /// Reads a file. The error is in the words of `serde_yaml`.
    pub(crate) fn read(source: &'t str, limits: &Limits) -> Result<Self, serde_yaml::Error> {
        if one_directive_too_many(source).is_some() {
            return Err(serde_yaml::Error::custom("there are too many `%TAG` directives"));
        }
        if mark_inside(source).is_some() {
            return Err(serde_yaml::Error::custom("there is a byte order mark inside the file"));
        }
        // Only aliases make more of a file than is written there.
        let most = parts(source).saturating_mul(3).saturating_add(limits.yaml_aliased);
        let most_bytes = (source.len() as u64 * 2).saturating_add(limits.yaml_aliased_bytes);
        let (source, values, tags) = match surrogates::hidden(source) {
            Cow::Borrowed(source) => {
                let (values, tags) = parse(source, most, most_bytes)?;
                (Cow::Borrowed(source), values, tags)
            }
            Cow::Owned(source) => {
                let (values, tags) = parse(&source, most, most_bytes)?;
                let values: Result<_, _> = values.into_iter().map(put_together).collect();
                (Cow::Owned(source), values?, tags)
            }
        };
        Ok(Self { source, values, tags, written: OnceCell::new() })
    }

    /// The whole document.
    pub(crate) const ROOT: ValueId = 0;

    pub(crate) fn get(&self, id: ValueId) -> &Value<'t> {
        &self.values[id as usize]
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = ValueId> + use<> {
        0..self.values.len() as ValueId
    }

    /// A scalar as it is written, without quotes.
    pub(crate) fn text(&self, id: ValueId) -> Option<&str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            Value::List(_) | Value::Map(_) => None,
            _ => self.written().get(&id).map(|text| &**text),
        }
    }

    /// The entries of a mapping; none if it is something else.
    pub(crate) fn entries(&self, id: ValueId) -> &[(ValueId, ValueId)] {
        match self.get(id) {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a mapping's entry.
    pub(crate) fn entry(&self, id: ValueId, key: &str) -> Option<ValueId> {
        let entries = self.entries(id).iter();
        entries.copied().find(|(name, _)| self.text(*name) == Some(key)).map(|(_, value)| value)
    }

    /// Every key that its mapping already has: the first one and the repetition.
    pub(crate) fn duplicates(&self) -> Vec<(ValueId, ValueId)> {
        let mut found = Vec::new();
        let mut first: HashMap<&str, ValueId> = HashMap::new();
        for id in self.ids() {
            first.clear();
            for (key, _) in self.entries(id) {
                let Some(name) = self.text(*key) else { continue };
                match first.get(name) {
                    Some(first) => found.push((*first, *key)),
                    None => _ = first.insert(name, *key),
                }
            }
        }
        found
    }

    /// Reads the file again, and asks for a text wherever there is a scalar.
    fn written(&self) -> &HashMap<ValueId, Box<str>> {
        self.written.get_or_init(|| {
            let mut found = HashMap::new();
            let input = serde_yaml::Deserializer::from_str(&self.source);
            // It could be read once, so it can be read again.
            let _ = Written { values: self, id: Self::ROOT, found: &mut found }.deserialize(input);
            found
        })
    }
}

/// The values of a text, and those with tags.
type Parsed<'t> = (Vec<Value<'t>>, Vec<(ValueId, String)>);

fn parse(source: &str, most: u64, most_bytes: u64) -> Result<Parsed<'_>, serde_yaml::Error> {
    let mut reader = Reader { values: Vec::new(), tags: Vec::new(), most, most_bytes };
    let input = serde_yaml::Deserializer::from_str(source);
    Next { reader: &mut reader, depth: 0 }.deserialize(input)?;
    Ok((reader.values, reader.tags))
}

/// A value of a text whose halves of characters were hidden.
fn put_together(value: Value<'_>) -> Result<Value<'static>, serde_yaml::Error> {
    Ok(match value {
        Value::Text(text) => {
            let text = surrogates::shown(&text).into_owned();
            if surrogates::has_half(&text) {
                return Err(serde_yaml::Error::custom("an escape is half of a character"));
            }
            Value::Text(Cow::Owned(text))
        }
        Value::Null => Value::Null,
        Value::Bool(value) => Value::Bool(value),
        Value::Int(value) => Value::Int(value),
        Value::Number => Value::Number,
        Value::List(items) => Value::List(items),
        Value::Map(entries) => Value::Map(entries),
    })
}

struct Reader<'t> {
    values: Vec<Value<'t>>,
    tags: Vec<(ValueId, String)>,
    /// How many values there may still be.
    most: u64,
    /// How many bytes of texts there may still be.
    most_bytes: u64,
}

impl<'t> Reader<'t> {
    fn push<E: de::Error>(&mut self, value: Value<'t>) -> Result<ValueId, E> {
        let bytes = match &value {
            Value::Text(text) => text.len() as u64,
            _ => 0,
        };
        let left = (self.most.checked_sub(1), self.most_bytes.checked_sub(bytes));
        let (Some(most), Some(most_bytes)) = left else {
            return Err(E::custom("the aliases make the file grow too much"));
        };
        (self.most, self.most_bytes) = (most, most_bytes);
        self.values.push(value);
        Ok((self.values.len() - 1) as ValueId)
    }
}

/// The next value of the input.
struct Next<'r, 't> {
    reader: &'r mut Reader<'t>,
    depth: usize,
}

impl<'t> Next<'_, 't> {
    fn inside(&mut self) -> Next<'_, 't> {
        Next { depth: self.depth + 1, reader: self.reader }
    }

    fn collection<E: de::Error>(&mut self, empty: Value<'t>) -> Result<ValueId, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom("this is nested too deeply"));
        }
        self.reader.push(empty)
    }
}

impl<'t> DeserializeSeed<'t> for Next<'_, 't> {
    type Value = ValueId;

    fn deserialize<D: Deserializer<'t>>(self, input: D) -> Result<ValueId, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for Next<'_, 't> {
    type Value = ValueId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_none<E: de::Error>(self) -> Result<ValueId, E> {
        self.reader.push(Value::Null)
    }

    fn visit_unit<E: de::Error>(self) -> Result<ValueId, E> {
        self.reader.push(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<ValueId, E> {
        self.reader.push(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<ValueId, E> {
        self.reader.push(Value::Int(value.into()))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<ValueId, E> {
        self.reader.push(Value::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<ValueId, E> {
        self.reader.push(Value::Int(value.into()))
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<ValueId, E> {
        self.reader.push(i128::try_from(value).map_or(Value::Number, Value::Int))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<ValueId, E> {
        self.reader.push(Value::Number)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ValueId, E> {
        self.reader.push(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'t str) -> Result<ValueId, E> {
        self.reader.push(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'t>>(mut self, mut input: A) -> Result<ValueId, A::Error> {
        let id = self.collection(Value::List(Vec::new()))?;
        let mut items = Vec::new();
        while let Some(item) = input.next_element_seed(self.inside())? {
            items.push(item);
        }
        self.reader.values[id as usize] = Value::List(items);
        Ok(id)
    }

    fn visit_map<A: MapAccess<'t>>(mut self, mut input: A) -> Result<ValueId, A::Error> {
        let id = self.collection(Value::Map(Vec::new()))?;
        let mut entries = Vec::new();
        while let Some(key) = input.next_key_seed(self.inside())? {
            entries.push((key, input.next_value_seed(self.inside())?));
        }
        self.reader.values[id as usize] = Value::Map(entries);
        Ok(id)
    }

    /// A value with a tag.
    fn visit_enum<A: EnumAccess<'t>>(self, input: A) -> Result<ValueId, A::Error> {
        let (tag, value) = input.variant::<String>()?;
        let id = value.newtype_variant_seed(Next { reader: self.reader, depth: self.depth })?;
        // A lone `!` only says that no other tag is to be guessed.
        if tag != "!" {
            self.reader.tags.push((id, tag));
        }
        Ok(id)
    }
}

/// Finds how scalars are written, for values of known shape.
struct Written<'v, 't> {
    values: &'v Values<'t>,
    id: ValueId,
    found: &'v mut HashMap<ValueId, Box<str>>,
}

impl<'t> Written<'_, 't> {
    fn of(&mut self, id: ValueId) -> Written<'_, 't> {
        Written { values: self.values, id, found: self.found }
    }
}

impl<'de> DeserializeSeed<'de> for Written<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        match self.values.get(self.id) {
            Value::List(_) => input.deserialize_seq(self),
            Value::Map(_) => input.deserialize_map(self),
            Value::Text(_) => IgnoredAny::deserialize(input).map(|_| ()),
            _ => input.deserialize_str(self),
        }
    }
}

impl<'de> Visitor<'de> for Written<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the same value as before")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.found.insert(self.id, text.into());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut input: A) -> Result<(), A::Error> {
        let Value::List(items) = self.values.get(self.id) else { return Ok(()) };
        for item in items {
            input.next_element_seed(self.of(*item))?;
        }
        match input.next_element::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(A::Error::custom("there are more values than before")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut input: A) -> Result<(), A::Error> {
        for (key, value) in self.values.entries(self.id) {
            input.next_key_seed(self.of(*key))?;
            input.next_value_seed(self.of(*value))?;
        }
        match input.next_key::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(A::Error::custom("there are more entries than before")),
        }
    }
}

/// How many values there may be at most: each begins after one of these signs.
pub(crate) fn parts(text: &str) -> u64 {
    let begins =
        |byte: &u8| matches!(byte, b'\n' | b'\r' | b',' | b':' | b'-' | b'?' | b'[' | b'{');
    text.bytes().filter(|byte| begins(byte)).count() as u64
}

/// `serde_yaml` compares each directive with all before it.
pub(super) const MOST_DIRECTIVES: usize = 100;

/// The line of the first directive beyond the limit.
pub(super) fn one_directive_too_many(text: &str) -> Option<u32> {
    let ends = |c: char| matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let begins = |at: usize| text[..at].chars().next_back().is_none_or(ends);
    let mut directives = text.match_indices("%TAG").filter(|(at, _)| begins(*at));
    let (at, _) = directives.nth(MOST_DIRECTIVES)?;
    u32::try_from(text[..at].matches('\n').count() + 1).ok()
}

/// Where a byte order mark stands, in bytes; that of the file's beginning is not part of the text. YAML allows it
/// between documents alone, and the two parsers differ in where that is.
pub(super) fn mark_inside(text: &str) -> Option<usize> {
    memchr::memmem::find(text.as_bytes(), "\u{feff}".as_bytes())
}
