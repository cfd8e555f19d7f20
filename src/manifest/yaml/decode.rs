//! The raw models, decoded from [`Values`]: every error knows its value.

use std::{collections::HashSet, fmt};

use serde::{
    de::{
        self, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
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
            FaultKind::UnknownValue { name, .. } if name.is_empty() => {
                f.write_str("nothing is written here")
            }
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

impl<'v> IntoDeserializer<'v, Fault> for At<'v> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
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
        let kept = |id: &&ValueId| !self.dropped.contains(*id);
        let visited: Result<_, Fault> = match self.value() {
            Value::List(items) => {
                let items = items.iter().filter(kept).map(|id| self.of(*id));
                visitor.visit_seq(SeqDeserializer::new(items))
            }
            Value::Map(entries) => {
                let entries = entries.iter().filter(|(key, value)| kept(&key) && kept(&value));
                let entries = entries.map(|(key, value)| (self.of(*key), self.of(*value)));
                visitor.visit_map(MapDeserializer::new(entries))
            }
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

    fn deserialize_i64<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Value::Int(number) = self.value() else {
            return Err(self.wrong(&visitor).at(self.id));
        };
        let visited = match (i64::try_from(*number), u64::try_from(*number)) {
            (Ok(number), _) => visitor.visit_i64(number),
            (_, Ok(number)) => visitor.visit_u64(number),
            _ => Err(self.wrong(&visitor)),
        };
        visited.map_err(|fault: Fault| fault.at(self.id))
    }

    fn deserialize_str<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.text() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => Err(self.wrong(&visitor)),
        }
        .map_err(|fault| fault.at(self.id))
    }

    same_as!(deserialize_i64: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64);
    same_as!(deserialize_str: deserialize_string deserialize_identifier);

    fn deserialize_option<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value() {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
        .map_err(|fault| fault.at(self.id))
    }

    fn deserialize_seq<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value() {
            Value::List(_) => self.deserialize_any(visitor),
            Value::Null => visitor.visit_seq(SeqDeserializer::new(std::iter::empty::<Self>())),
            _ => Err(self.wrong(&visitor).at(self.id)),
        }
    }

    fn deserialize_map<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value() {
            Value::Map(_) => self.deserialize_any(visitor),
            Value::Null => {
                visitor.visit_map(MapDeserializer::new(std::iter::empty::<(Self, Self)>()))
            }
            _ => Err(self.wrong(&visitor).at(self.id)),
        }
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

    forward_to_deserialize_any! {
        <V: Visitor<'v>>
        char bytes byte_buf f32 f64 unit unit_struct newtype_struct tuple tuple_struct
    }
}
