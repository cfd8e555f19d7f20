//! Records that are decoded only where they are needed whole: a plan looks at all of them, and most are
//! as they should be.

use std::{fmt, sync::Arc};

use super::{
    Address, Kind, Record, Sender, VisitorId, is_hostile,
    packed_record::{PackedRecord, unpack},
};

/// Packed records in address order, in one buffer.
#[derive(Default)]
pub struct PackedRecords {
    location: String,
    bytes: Vec<u8>,
    /// Where each address and each packed record ends; they begin where the one before ends.
    ends: Vec<(usize, usize)>,
}

impl PackedRecords {
    /// No records of the state at this location, which errors name.
    pub fn new(location: &str) -> Self {
        Self { location: location.to_owned(), ..Self::default() }
    }

    /// Adds a record that [`super::packed_record::pack`] has made, under its address.
    pub fn push(&mut self, address: &[u8], packed: &[u8]) {
        self.bytes.extend_from_slice(address);
        let address_end = self.bytes.len();
        self.bytes.extend_from_slice(packed);
        self.ends.push((address_end, self.bytes.len()));
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A record of it, if there are as many.
    pub fn get(self: &Arc<Self>, index: usize) -> Option<LazyRecord> {
        let records = Arc::clone(self);
        (index < self.len()).then_some(LazyRecord(Form::Packed { records, index }))
    }

    fn parts(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let (address_end, end) = *self.ends.get(index)?;
        let before = index.checked_sub(1).and_then(|before| self.ends.get(before));
        let start = before.map_or(0, |(_, end)| *end);
        Some((self.bytes.get(start..address_end)?, self.bytes.get(address_end..end)?))
    }
}

/// A record, decoded or not.
#[derive(Clone)]
pub struct LazyRecord(Form);

#[derive(Clone)]
enum Form {
    Packed { records: Arc<PackedRecords>, index: usize },
    Decoded(Box<Record>),
}

/// A packed record that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state {location} is damaged: {what}")]
pub struct UnreadableRecord {
    /// Which state.
    pub location: String,
    /// The record, and what is wrong with it.
    pub what: String,
}

impl LazyRecord {
    /// The bytes of its address, by which all are ordered.
    pub fn name(&self) -> &[u8] {
        match &self.0 {
            Form::Packed { records, index } => records.parts(*index).unwrap_or_default().0,
            Form::Decoded(record) => record.address.as_str().as_bytes(),
        }
    }

    /// Whether the record certainly has this content, the API did not differ, and nothing is left to
    /// do. `false` says only that it has to be decoded. `protect` is compared if it is said.
    pub fn certainly_has(
        &self,
        kind: Kind,
        from: &Sender,
        text: &str,
        protect: Option<bool>,
    ) -> bool {
        match &self.0 {
            Form::Packed { records, index } => {
                let (_, packed) = records.parts(*index).unwrap_or_default();
                PackedRecord::read(packed)
                    .is_ok_and(|packed| packed.certainly_has(kind, from, text, protect))
            }
            Form::Decoded(_) => false,
        }
    }

    /// The whole record.
    ///
    /// # Errors
    ///
    /// If it cannot be decoded.
    pub fn decode(self) -> Result<Record, UnreadableRecord> {
        match self.0 {
            Form::Packed { records, index } => {
                let (name, packed) = records.parts(index).unwrap_or_default();
                unpack(name, packed).map_err(|error| UnreadableRecord {
                    location: records.location.clone(),
                    what: format!("the record {} {error}", masked_name(name)),
                })
            }
            Form::Decoded(record) => Ok(*record),
        }
    }
}

impl From<Record> for LazyRecord {
    fn from(record: Record) -> Self {
        Self(Form::Decoded(Box::new(record)))
    }
}

impl fmt::Debug for LazyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LazyRecord({})", masked_name(self.name()))
    }
}

/// A record at the address under which a plan looks at it.
#[derive(Debug, Clone)]
pub struct Located {
    /// The record; its address is already the new one.
    pub record: LazyRecord,
    /// The address under which it is stored, if a rename applies to it.
    pub moved_from: Option<Address>,
    /// A rename would apply to it, but its new address is taken: it stays where it is.
    pub blocked: bool,
}

/// The bytes of an address, fit for a message whatever they are: visitor ids are masked.
pub fn masked_name(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let (key, visitor) = text.split_once('@').unwrap_or((&text, ""));
    let key: String = key.chars().filter(|c| !is_hostile(*c)).take(128).collect();
    let visitor = VisitorId::parse(visitor).map_or("…".to_owned(), |visitor| visitor.masked());
    format!("{key}@{visitor}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_never_holds_a_whole_visitor_id() {
        let id = "kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg";
        assert_eq!(masked_name(format!("dark-mode@{id}").as_bytes()), "dark-mode@kZMv…xvg");
    }

    #[test]
    fn a_message_never_holds_what_could_mislead_its_reader() {
        let name = "dark\u{202e}-\u{1b}[31mmode\u{200b}@v1";
        assert_eq!(masked_name(name.as_bytes()), "dark-[31mmode@…");
    }
}
