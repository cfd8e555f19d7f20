//! What a plan must know of a record to say that it is as it should be, and no more.

use crate::{
    model::{Address, Kind, Record, Sender},
    state::{Entry, StateError},
};

/// A record at the address under which a plan looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<R = Record> {
    /// The record; its address is already the new one.
    pub record: R,
    /// The address under which it is stored, if a rename applies to it.
    pub moved_from: Option<Address>,
    /// A rename would apply to it, but its new address is taken: it stays where it is.
    pub blocked: bool,
}

/// A record, decoded or not.
pub trait Known {
    /// The bytes of its address, by which all are ordered.
    fn name(&self) -> &[u8];

    /// Whether it certainly is what was applied last, the API did not differ, and nothing is left
    /// to do. `false` says that it has to be looked at whole. `protect` is compared if it is said.
    fn is_plainly(&self, kind: Kind, from: &Sender, text: &str, protect: Option<bool>) -> bool;

    /// The whole record.
    ///
    /// # Errors
    ///
    /// [`StateError::Damaged`] if it cannot be read.
    fn whole(self) -> Result<Record, StateError>;
}

/// A record that is always looked at whole.
impl Known for Record {
    fn name(&self) -> &[u8] {
        self.address.as_str().as_bytes()
    }

    fn is_plainly(&self, _: Kind, _: &Sender, _: &str, _: Option<bool>) -> bool {
        false
    }

    fn whole(self) -> Result<Record, StateError> {
        Ok(self)
    }
}

/// A record that is decoded when somebody asks for it.
#[derive(Debug, Clone)]
pub enum Sketch {
    /// As the store keeps it.
    Stored(Entry),
    /// It had to be decoded, for its new address.
    Whole(Box<Record>),
}

impl Known for Sketch {
    fn name(&self) -> &[u8] {
        match self {
            Self::Stored(entry) => entry.name(),
            Self::Whole(record) => record.name(),
        }
    }

    fn is_plainly(&self, kind: Kind, from: &Sender, text: &str, protect: Option<bool>) -> bool {
        match self {
            Self::Stored(entry) => entry.is_plainly(kind, from, text, protect),
            Self::Whole(record) => record.is_plainly(kind, from, text, protect),
        }
    }

    fn whole(self) -> Result<Record, StateError> {
        match self {
            Self::Stored(entry) => entry.record(),
            Self::Whole(record) => Ok(*record),
        }
    }
}

impl<R: Known> Located<R> {
    /// The same, decoded.
    ///
    /// # Errors
    ///
    /// See [`Known::whole`].
    pub fn whole(self) -> Result<Located, StateError> {
        let Self { record, moved_from, blocked } = self;
        Ok(Located { record: record.whole()?, moved_from, blocked })
    }
}

impl From<Located> for Located<Sketch> {
    fn from(located: Located) -> Self {
        let Located { record, moved_from, blocked } = located;
        Self { record: Sketch::Whole(Box::new(record)), moved_from, blocked }
    }
}
