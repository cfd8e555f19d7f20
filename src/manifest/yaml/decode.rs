//! The raw models, decoded from a [`Tree`]: the same types as on the fast path, but every error
//! knows its node.

use std::{collections::HashSet, fmt};

use saphyr_parser::ScalarStyle;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor, value::StrDeserializer,
};

use super::tree::{NodeId, Tree, What};

/// What went wrong while a node was decoded.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The innermost node that is to blame.
    pub(crate) node: Option<NodeId>,
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
        Self { node: None, kind }
    }

    fn at(mut self, node: NodeId) -> Self {
        self.node.get_or_insert(node);
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

/// One node as the input of serde. Nodes in `dropped` are passed over.
#[derive(Clone, Copy)]
pub(crate) struct At<'t> {
    pub(crate) tree: &'t Tree,
    pub(crate) node: NodeId,
    pub(crate) dropped: &'t HashSet<NodeId>,
}

impl<'t> At<'t> {
    fn of(self, node: NodeId) -> Self {
        Self { node, ..self }
    }

    fn what(self) -> &'t What {
        &self.tree.node(self.tree.resolve(self.node)).what
    }

    /// A scalar's text, and whether it is plain.
    fn scalar(self) -> Option<(&'t str, bool)> {
        match self.what() {
            What::Scalar { value, style } => Some((value, *style == ScalarStyle::Plain)),
            _ => None,
        }
    }

    fn is_null(self) -> bool {
        matches!(self.scalar(), Some(("" | "~" | "null" | "Null" | "NULL", true)))
    }

    fn wrong(self, expected: &dyn Expected) -> Fault {
        let found = match self.what() {
            What::Seq(_) => Unexpected::Seq,
            What::Map(_) => Unexpected::Map,
            _ if self.is_null() => Unexpected::Unit,
            What::Scalar { value, .. } => Unexpected::Str(value),
            What::Alias(_) => Unexpected::Other("an alias"),
        };
        de::Error::invalid_type(found, expected)
    }

    fn whole<T: std::str::FromStr>(self) -> Option<T> {
        let (text, plain) = self.scalar()?;
        if plain { text.parse().ok() } else { None }
    }
}

/// A whole number as YAML and JSON both write it: no plus, no leading zeros.
fn canonical(text: &str) -> Option<i64> {
    let value: i64 = text.parse().ok()?;
    (value.to_string() == text).then_some(value)
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty,)+) => {
        $(fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.whole::<$type>() {
                Some(value) => visitor.$visit(value),
                None => Err(self.wrong(&visitor)),
            }
            .map_err(|fault| fault.at(self.node))
        })+
    };
}

macro_rules! same_as {
    ($other:ident: $($method:ident)+) => {
        $(fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.$other(visitor)
        })+
    };
}

impl<'t> Deserializer<'t> for At<'t> {
    type Error = Fault;

    /// Tells the models that here scalars are exactly as they were written: see
    /// [`super::read_again`].
    fn is_human_readable(&self) -> bool {
        false
    }

    /// Plain `true`, `false`, whole numbers and null are what they look like; all else is the
    /// text as written.
    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.what() {
            What::Seq(_) => return self.deserialize_seq(visitor),
            What::Map(_) => return self.deserialize_map(visitor),
            What::Scalar { value, style: ScalarStyle::Plain } => {
                if self.is_null() {
                    visitor.visit_unit()
                } else if let "true" | "false" = &**value {
                    visitor.visit_bool(&**value == "true")
                } else if let Some(number) = canonical(value) {
                    visitor.visit_i64(number)
                } else {
                    visitor.visit_borrowed_str(value)
                }
            }
            What::Scalar { value, .. } => visitor.visit_borrowed_str(value),
            What::Alias(_) => Err(self.wrong(&visitor)),
        }
        .map_err(|fault| fault.at(self.node))
    }

    fn deserialize_bool<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.scalar() {
            Some(("true" | "True" | "TRUE", true)) => visitor.visit_bool(true),
            Some(("false" | "False" | "FALSE", true)) => visitor.visit_bool(false),
            _ => Err(self.wrong(&visitor)),
        }
        .map_err(|fault| fault.at(self.node))
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

    fn deserialize_str<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.scalar() {
            Some((text, _)) => visitor.visit_borrowed_str(text),
            None => Err(self.wrong(&visitor)),
        }
        .map_err(|fault| fault.at(self.node))
    }

    same_as!(deserialize_str: deserialize_string deserialize_char deserialize_identifier
        deserialize_bytes deserialize_byte_buf);
    same_as!(deserialize_any: deserialize_f32 deserialize_f64 deserialize_unit);

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
            .map_err(|fault| fault.at(self.node))
    }

    fn deserialize_unit_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.what() {
            What::Seq(items) => visitor.visit_seq(Items { at: self, items: items.iter() }),
            _ if self.is_null() => visitor.visit_seq(Items { at: self, items: [].iter() }),
            _ => Err(self.wrong(&visitor)),
        }
        .map_err(|fault| fault.at(self.node))
    }

    fn deserialize_tuple<V: Visitor<'t>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Fault> {
        let entries: &[(NodeId, NodeId)] = match self.what() {
            What::Map(entries) => entries,
            _ if self.is_null() => &[],
            _ => return Err(self.wrong(&visitor).at(self.node)),
        };
        visitor
            .visit_map(Entries { at: self, entries: entries.iter(), value: None })
            .map_err(|fault| fault.at(self.node))
    }

    fn deserialize_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'t>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.scalar() {
            Some((text, _)) => visitor.visit_enum(Variant(text)),
            None => Err(self.wrong(&visitor)),
        }
        .map_err(|fault| fault.at(self.node))
    }

    fn deserialize_ignored_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}

struct Items<'t> {
    at: At<'t>,
    items: std::slice::Iter<'t, NodeId>,
}

impl<'t> SeqAccess<'t> for Items<'t> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'t>>(
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

struct Entries<'t> {
    at: At<'t>,
    entries: std::slice::Iter<'t, (NodeId, NodeId)>,
    value: Option<NodeId>,
}

impl<'t> MapAccess<'t> for Entries<'t> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'t>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let dropped = self.at.dropped;
        let kept =
            |(key, value): &&(NodeId, NodeId)| !dropped.contains(key) && !dropped.contains(value);
        match self.entries.by_ref().find(kept) {
            Some((key, value)) => {
                self.value = Some(*value);
                seed.deserialize(self.at.of(*key)).map(Some).map_err(|fault| fault.at(*key))
            }
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        match self.value.take() {
            Some(value) => seed.deserialize(self.at.of(value)).map_err(|fault| fault.at(value)),
            None => Err(de::Error::custom("a value before its key")),
        }
    }
}

struct Variant<'t>(&'t str);

impl<'t> EnumAccess<'t> for Variant<'t> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'t>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        Ok((seed.deserialize(StrDeserializer::<Fault>::new(self.0))?, self))
    }
}

impl<'t> VariantAccess<'t> for Variant<'t> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'t>>(self, _: T) -> Result<T::Value, Fault> {
        Err(de::Error::custom("expected a word"))
    }

    fn tuple_variant<V: Visitor<'t>>(self, _: usize, _: V) -> Result<V::Value, Fault> {
        Err(de::Error::custom("expected a word"))
    }

    fn struct_variant<V: Visitor<'t>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Fault> {
        Err(de::Error::custom("expected a word"))
    }
}
