//! Where the visitor ids of an audience come from.

use std::fmt;

use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

use super::{VISITOR_COLUMN, ids::IdKind};
use crate::model::SecretFingerprint;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Where visitors' ids come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VisitorRule {
    /// The column with the ids, or with what they are made from.
    pub(crate) column: Box<str>,
    /// How they are made; without it, the cells are the ids.
    pub(crate) derivation: Option<Derivation>,
}

impl VisitorRule {
    /// What the cells of the column identify.
    pub(crate) fn kind(&self) -> IdKind {
        match self.derivation {
            None => IdKind::Visitor,
            Some(_) => IdKind::User,
        }
    }
}

impl Default for VisitorRule {
    fn default() -> Self {
        Self { column: VISITOR_COLUMN.into(), derivation: None }
    }
}

/// How a visitor's id is made from a cell.
#[derive(Clone)]
pub(crate) struct Derivation {
    /// The environment variable with the secret.
    pub(crate) variable: Box<str>,
    /// How many digits an id has.
    pub(crate) length: usize,
    /// The secret as a key; it is never shown.
    key: hmac::Key,
    /// What the state remembers of the secret; `None` if the variable is not set, and the key only stands in.
    pub(crate) fingerprint: Option<SecretFingerprint>,
}

impl PartialEq for Derivation {
    /// A variable holds one secret during a run.
    fn eq(&self, other: &Self) -> bool {
        self.variable == other.variable && self.length == other.length
    }
}

impl Eq for Derivation {}

impl fmt::Debug for Derivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Derivation({}, {} digits)", self.variable, self.length)
    }
}

impl Derivation {
    /// What the fingerprint of a secret is made from.
    const FINGERPRINT: &[u8] = b"pushsync: fingerprint of a visitor secret";
    /// The number of digits of a whole HMAC.
    pub(crate) const MOST: usize = 64;

    /// With the secret that the variable holds.
    pub(crate) fn new(variable: &str, length: usize, secret: &SecretString) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        let tag = hmac::sign(&key, Self::FINGERPRINT);
        let mut fingerprint = [0; 8];
        fingerprint.copy_from_slice(&tag.as_ref()[..8]);
        let fingerprint = Some(SecretFingerprint(fingerprint));
        Self { variable: variable.into(), length, key, fingerprint }
    }

    /// Without a secret: ids are made all the same, so that everything else can be checked.
    pub(crate) fn standing_in(variable: &str, length: usize) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"");
        Self { variable: variable.into(), length, key, fingerprint: None }
    }

    /// The HMAC of a cell, in lower-case hexadecimal digits. The first `length` of them are the id.
    pub(super) fn digits(&self, cell: &str) -> [u8; Self::MOST] {
        let tag = hmac::sign(&self.key, cell.as_bytes());
        let mut digits = [0; Self::MOST];
        for (two, byte) in digits.chunks_exact_mut(2).zip(tag.as_ref()) {
            two[0] = HEX[usize::from(byte >> 4)];
            two[1] = HEX[usize::from(byte & 0xf)];
        }
        digits
    }
}
