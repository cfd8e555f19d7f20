//! Values that may have one of several forms, decoded by hand: the errors of serde's untagged enums
//! say too little.

use std::{borrow::Cow, fmt, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

/// A mapping with names of the user's choice, in the order of the file.
#[derive(Debug, Clone)]
pub(crate) struct Entries<T>(pub(crate) Vec<(String, T)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Names<T> {
            type Value = Entries<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Names(PhantomData))
    }
}

/// The name of something that is declared elsewhere, or a `T` that is written in place.
#[derive(Debug, Clone)]
pub(crate) enum NameOr<T> {
    Name(String),
    Map(Box<T>),
}

/// How messages name the forms of a field.
pub(crate) trait Forms {
    const EXPECTED: &'static str;
}

impl<'de, T: Deserialize<'de> + Forms> Deserialize<'de> for NameOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Forms> Visitor<'de> for Either<T> {
            type Value = NameOr<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(NameOr::Name(name.to_owned()))
            }

            fn visit_bool<E: de::Error>(self, name: bool) -> Result<Self::Value, E> {
                Ok(NameOr::Name(name.to_string()))
            }

            fn visit_i64<E: de::Error>(self, name: i64) -> Result<Self::Value, E> {
                Ok(NameOr::Name(name.to_string()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let map = T::deserialize(MapAccessDeserializer::new(map))?;
                Ok(NameOr::Map(Box::new(map)))
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

/// `20%` or `5`, as written.
#[derive(Debug, Clone)]
pub(crate) struct Threshold(pub(crate) String);

impl<'de> Deserialize<'de> for Threshold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = Threshold;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count such as 5, or a share such as 20%")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Threshold(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Written)
    }
}

/// The text of a message: one, or one for each language.
#[derive(Debug, Clone)]
pub(crate) enum Texts {
    One(String),
    /// In the order of the file.
    ByLanguage(Vec<(String, String)>),
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a mapping of languages to texts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts::One(text.to_owned()))
            }

            fn visit_bool<E: de::Error>(self, text: bool) -> Result<Texts, E> {
                Ok(Texts::One(text.to_string()))
            }

            fn visit_i64<E: de::Error>(self, text: i64) -> Result<Texts, E> {
                Ok(Texts::One(text.to_string()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Texts, A::Error> {
                let texts = Entries::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Texts::ByLanguage(texts.0))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// A share of an audience, from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Percent(pub(crate) u8);

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl Visitor<'_> for Whole {
            type Value = Percent;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number from 0 to 100, without a sign behind it")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Percent, E> {
                let percent = u8::try_from(number).ok().filter(|percent| *percent <= 100);
                percent
                    .map(Percent)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Percent, E> {
                match u64::try_from(number) {
                    Ok(number) => self.visit_u64(number),
                    Err(_) => Err(E::invalid_value(de::Unexpected::Signed(number), &self)),
                }
            }
        }
        deserializer.deserialize_u64(Whole)
    }
}

/// What the cells of a column are expected to be.
#[derive(Debug, Clone)]
pub(crate) enum CellRule {
    /// None is empty.
    Required,
    /// Each that is not empty is one of these.
    OneOf(Vec<String>),
}

impl<'de> Deserialize<'de> for CellRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rule;
        impl<'de> Visitor<'de> for Rule {
            type Value = CellRule;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`required`, or a list of the values that cells may have")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<CellRule, E> {
                match word {
                    "required" => Ok(CellRule::Required),
                    _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<CellRule, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(CellRule::OneOf(values))
            }
        }
        deserializer.deserialize_any(Rule)
    }
}

/// A value for templates.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Var {
    /// Written as `~`, or not at all: it counts as not declared.
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<Var>),
    Map(Vec<(String, Var)>),
}

impl<'de> Deserialize<'de> for Var {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Var;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value for templates")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Var, E> {
                Ok(Var::Null)
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Var, E> {
                Ok(Var::Bool(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Var, E> {
                Ok(Var::Int(value))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Var, E> {
                Ok(Var::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Var, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Var::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Var, A::Error> {
                Entries::deserialize(MapAccessDeserializer::new(map)).map(|Entries(e)| Var::Map(e))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl<T: JsonSchema> JsonSchema for Entries<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("EntriesOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let each = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": each })
    }
}

impl<T: JsonSchema> JsonSchema for NameOr<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("NameOr{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let map = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [{ "type": "string" }, map] })
    }
}

impl JsonSchema for Threshold {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Threshold".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^[0-9]+%?$" }]
        })
    }
}

impl JsonSchema for Texts {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Texts".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string" },
                { "type": "object", "additionalProperties": { "type": "string" }, "minProperties": 1 }
            ]
        })
    }
}

impl JsonSchema for Percent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Percent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": 100 })
    }
}

impl JsonSchema for CellRule {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "CellRule".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "const": "required" },
                { "type": "array", "items": { "type": ["string", "number", "boolean"] }, "minItems": 1 }
            ]
        })
    }
}

impl JsonSchema for Var {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Var".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean", "array", "object", "null"] })
    }
}
