use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Key, ParseKeyError, ParseVisitorError, VisitorId};

/// `KEY@VISITOR`, the name of a delivery.
///
/// Addresses are ordered by the bytes of that text, everywhere: in the store, in the stream of
/// desired deliveries, in exports. A key has no `@`, so all addresses of one key are neighbours.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    text: Arc<str>,
    at: u8,
}

/// Why a text is not an [`Address`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseAddressError {
    /// There is no `@`.
    #[error("an address is KEY@VISITOR; this has no '@'")]
    NoAt,
    /// The part before the first `@` is not a key.
    #[error(transparent)]
    Key(#[from] ParseKeyError),
    /// The part after the first `@` is not a visitor id.
    #[error(transparent)]
    Visitor(#[from] ParseVisitorError),
}

impl Address {
    /// The address of `key` for `visitor`.
    pub fn new(key: &Key, visitor: &VisitorId) -> Self {
        Self::join(key, visitor.as_str(), &mut String::new())
    }

    /// The address of `key` for the visitor with this id, which is checked. The text is made in
    /// `room`, so that one of many takes one allocation.
    pub(crate) fn of(
        key: &Key,
        visitor: &str,
        room: &mut String,
    ) -> Result<Self, ParseVisitorError> {
        VisitorId::check(visitor)?;
        Ok(Self::join(key, visitor, room))
    }

    fn join(key: &Key, visitor: &str, room: &mut String) -> Self {
        let key = key.as_str();
        room.clear();
        room.push_str(key);
        room.push('@');
        room.push_str(visitor);
        // A key has at most 128 bytes, so the place of the '@' fits.
        Self { at: u8::try_from(key.len()).unwrap_or(u8::MAX), text: room.as_str().into() }
    }

    /// Splits at the first `@` and checks both parts.
    pub fn parse(text: &str) -> Result<Self, ParseAddressError> {
        let (key, visitor) = text.split_once('@').ok_or(ParseAddressError::NoAt)?;
        Key::check(key)?;
        VisitorId::check(visitor)?;
        // One allocation: a plan reads as many addresses as the state has records.
        Ok(Self { at: u8::try_from(key.len()).unwrap_or(u8::MAX), text: text.into() })
    }

    /// The whole address, with the whole visitor id.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the `@`.
    pub fn key_str(&self) -> &str {
        &self.text[..usize::from(self.at)]
    }

    /// The part after the `@`.
    pub fn visitor_str(&self) -> &str {
        &self.text[usize::from(self.at) + 1..]
    }

    /// The message's key.
    pub fn key(&self) -> Key {
        // Checked when the address was made.
        Key::parse(self.key_str()).unwrap_or_else(|_| unreachable!("an address holds a key"))
    }

    /// The visitor's id.
    pub fn visitor(&self) -> VisitorId {
        VisitorId::parse(self.visitor_str())
            .unwrap_or_else(|_| unreachable!("an address holds a visitor id"))
    }

    /// The same visitor under another key.
    pub fn with_key(&self, key: &Key) -> Self {
        Self::join(key, self.visitor_str(), &mut String::new())
    }

    /// The address with the visitor's id masked: `dark-mode@kZMv…xvg`.
    pub fn masked(&self) -> String {
        format!("{}@{}", self.key_str(), self.visitor().masked())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.masked())
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl de::Visitor<'_> for Text {
            type Value = Address;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address, KEY@VISITOR")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Address, E> {
                Address::parse(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_splits_at_its_first_at_sign() {
        let address = Address::parse("welcome@liz@example.com").expect("valid");
        assert_eq!(address.key_str(), "welcome");
        assert_eq!(address.visitor_str(), "liz@example.com");
        assert_eq!(Address::new(&address.key(), &address.visitor()), address);
    }

    #[test]
    fn addresses_are_ordered_by_their_bytes() {
        let mut addresses: Vec<_> = ["a@z", "a-b@a", "a@a", "a.b@a", "a0@a"]
            .iter()
            .map(|text| Address::parse(text).expect("valid"))
            .collect();
        addresses.sort();
        let texts: Vec<_> = addresses.iter().map(Address::as_str).collect();
        assert_eq!(texts, ["a-b@a", "a.b@a", "a0@a", "a@a", "a@z"]);
    }

    #[test]
    fn text_that_is_not_an_address_is_refused_with_the_reason() {
        assert_eq!(Address::parse("welcome"), Err(ParseAddressError::NoAt));
        assert!(matches!(Address::parse("Bad@x"), Err(ParseAddressError::Key(_))));
        assert!(matches!(Address::parse("ok@"), Err(ParseAddressError::Visitor(_))));
    }
}
