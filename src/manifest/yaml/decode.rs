//! The raw models, decoded from [`Values`]: every error knows its value.

use std::{collections::HashSet, fmt};

use serde::de::{
    self, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};

use super::values::{Value, ValueId, Values};

/// What went wrong while a value was decoded.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The innermost value to blame.
    pub(crate) id: Option<ValueId>,
    pub(crate) kind: FaultKind,
}

#[derive(Debug)]
pub(crate) enum FaultKind {
    UnknownField { name: String, expected: &'static [&'static str] },
    UnknownValue { name: String, expected: &'static [&'static str] },
    Type { found: String, expected: String },
    Other(String),
}

impl Fault {
    fn new(kind: FaultKind) -> Self {
        Self { id: None, kind }
    }

    fn at(mut self, id: ValueId) -> Self {
        self.id.get_or_insert(id);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            FaultKind::UnknownField { name, .. } => write!(f, "unknown field `{name}`"),
            FaultKind::UnknownValue { name, .. } => write!(f, "unknown value `{name}`"),
            FaultKind::Type { found, expected } => write!(f, "expected {expected}, found {found}"),
            FaultKind::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Fault {}

fn describe(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("`{value}`"),
        Unexpected::Signed(value) => format!("`{value}`"),
        Unexpected::Str("") | Unexpected::Unit | Unexpected::Option => "nothing".into(),
        Unexpected::Str(text) => {
            let short: String = text.chars().take(40).collect();
            let dots = if short.len() < text.len() { "…" } else { "" };
            format!("the text {:?}{dots}", short)
        }
        Unexpected::Seq => "a list".into(),
        Unexpected::Map => "a mapping".into(),
        other => other.to_string(),
    }
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(FaultKind::Other(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = match expected.to_string().as_str() {
            "a string" => "a text".to_owned(),
            "a boolean" => "true or false".to_owned(),
            "a sequence" => "a list".to_owned(),
            "u64" | "u32" => "a whole number".to_owned(),
            "i64" | "i32" => "a whole number, possibly negative".to_owned(),
            other => other.strip_prefix("struct ").unwrap_or(other).to_owned(),
        };
        Self::new(FaultKind::Type { found: describe(found), expected })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(name: &str, expected: &'static [&'static str]) -> Self {
        Self::new(FaultKind::UnknownField { name: name.to_owned(), expected })
    }

    fn unknown_variant(name: &str, expected: &'static [&'static str]) -> Self {
        Self::new(FaultKind::UnknownValue { name: name.to_owned(), expected })
    }
}

/// One value as the input of serde. Values in `dropped` are passed over.
#[derive(Clone, Copy)]
pub(crate) struct At<'v> {
    pub(crate) values: &'v Values<'v>,
    pub(crate) id: ValueId,
    pub(crate) dropped: &'v HashSet<ValueId>,
}

impl<'v> At<'v> {
    fn of(self, id: ValueId) -> Self {
        Self { id, ..self }
    }

    fn value(self) -> &'v Value<'v> {
        self.values.get(self.id)
    }

    /// A scalar as it is written.
    fn text(self) -> Option<&'v str> {
        self.values.text(self.id)
    }

    fn wrong(self, expected: &dyn Expected) -> Fault {
        let found = match self.value() {
            Value::List(_) => Unexpected::Seq,
            Value::Map(_) => Unexpected::Map,
            Value::Null => Unexpected::Unit,
            _ => Unexpected::Str(self.text().unwrap_or_default()),
        };
        de::Error::invalid_type(found, expected)
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty,)+) => {
        $(fn $method<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
            let number = match self.value() {
                Value::Int(number) => <$type>::try_from(*number).ok(),
                _ => None,
            };
            match number {
                Some(number) => visitor.$visit(number),
                None => Err(self.wrong(&visitor)),
            }
            .map_err(|fault| fault.at(self.id))
        })+
    };
}

macro_rules! same_as {
    ($other:ident: $($method:ident)+) => {
        $(fn $method<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.$other(visitor)
        })+
    };
}

impl<'v> Deserializer<'v> for At<'v> {
    type Error = Fault;

    /// `true`, `false` and whole numbers without quotes are what they look like; all else is the text
    /// as written.
    fn deserialize_any<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        let text = || self.text().unwrap_or_default();
        let visited: Result<_, Fault> = match self.value() {
            Value::List(_) => return self.deserialize_seq(visitor),
            Value::Map(_) => return self.deserialize_map(visitor),
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) if value.to_string() == text() => visitor.visit_bool(*value),
            Value::Int(number) if number.to_string() == text() => match i64::try_from(*number) {
                Ok(number) => visitor.visit_i64(number),
                Err(_) => visitor.visit_borrowed_str(text()),
            },
            _ => visitor.visit_borrowed_str(text()),
        };
        visited.map_err(|fault| fault.at(self.id))
    }

    fn deserialize_bool<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value() {
            Value::Bool(value) => visitor.visit_bool(*value),
            _ => Err(self.wrong(&visitor)),
        }
        .map_err(|fault| fault.at(self.id))
    }

    numbers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    }

    fn deserialize_str<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.text() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => Err(self.wrong(&visitor)),
        }
        .map_err(|fault| fault.at(self.id))
    }

    same_as!(deserialize_str: deserialize_string deserialize_char deserialize_identifier
        deserialize_bytes deserialize_byte_buf);
    same_as!(deserialize_any: deserialize_f32 deserialize_f64 deserialize_unit);

    fn deserialize_option<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value() {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
        .map_err(|fault| fault.at(self.id))
    }

    fn deserialize_unit_struct<V: Visitor<'v>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'v>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value() {
            Value::List(items) => visitor.visit_seq(Items { at: self, items: items.iter() }),
            Value::Null => visitor.visit_seq(Items { at: self, items: [].iter() }),
            _ => Err(self.wrong(&visitor)),
        }
        .map_err(|fault| fault.at(self.id))
    }

    fn deserialize_tuple<V: Visitor<'v>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'v>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        let entries: &[(ValueId, ValueId)] = match self.value() {
            Value::Map(entries) => entries,
            Value::Null => &[],
            _ => return Err(self.wrong(&visitor).at(self.id)),
        };
        visitor
            .visit_map(Entries { at: self, entries: entries.iter(), value: None })
            .map_err(|fault| fault.at(self.id))
    }

    fn deserialize_struct<V: Visitor<'v>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'v>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.text() {
            Some(text) => visitor.visit_enum(text.into_deserializer()),
            None => Err(self.wrong(&visitor)),
        }
        .map_err(|fault| fault.at(self.id))
    }

    fn deserialize_ignored_any<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}

struct Items<'v> {
    at: At<'v>,
    items: std::slice::Iter<'v, ValueId>,
}

impl<'v> SeqAccess<'v> for Items<'v> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'v>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let dropped = self.at.dropped;
        match self.items.by_ref().find(|item| !dropped.contains(item)) {
            Some(item) => {
                seed.deserialize(self.at.of(*item)).map(Some).map_err(|fault| fault.at(*item))
            }
            None => Ok(None),
        }
    }
}

struct Entries<'v> {
    at: At<'v>,
    entries: std::slice::Iter<'v, (ValueId, ValueId)>,
    value: Option<ValueId>,
}

impl<'v> MapAccess<'v> for Entries<'v> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'v>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let dropped = self.at.dropped;
        let kept =
            |(key, value): &&(ValueId, ValueId)| !dropped.contains(key) && !dropped.contains(value);
        match self.entries.by_ref().find(kept) {
            Some((key, value)) => {
                self.value = Some(*value);
                seed.deserialize(self.at.of(*key)).map(Some).map_err(|fault| fault.at(*key))
            }
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'v>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        match self.value.take() {
            Some(value) => seed.deserialize(self.at.of(value)).map_err(|fault| fault.at(value)),
            None => Err(de::Error::custom("a value before its key")),
        }
    }
}
