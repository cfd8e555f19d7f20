//! How a value looks at rest: one byte for the format, 16 for a checksum over key and payload,
//! then the payload: a record as [`crate::model::packed_record`] says, approvals as `approvals/packed.rs`, anything
//! else as JSON.
//!
//! The checksum is cut from BLAKE3. It covers the key, so a value that turns up under another
//! key is noticed too; the sum of these checksums is the state's digest.

use serde::{Serialize, de::DeserializeOwned};

use super::{Digest, StateError, approvals, keys};
use crate::model::{
    Approval, Record,
    packed_record::{NotARecord, pack, unpack},
};

/// The format of everything in a state, which this version writes, and the newest that it reads.
pub(super) const FORMAT: u32 = 1;
/// The same, as it is in front of each value.
const FORMAT_BYTE: u8 = FORMAT as u8;
/// The bytes before the payload.
const HEAD: usize = 17;

/// Why stored bytes are not a value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Undecodable {
    #[error("is cut off")]
    Short,
    #[error("has a format of a newer version ({0})")]
    Newer(u8),
    #[error("does not match its checksum")]
    Checksum,
    // The parser's own words could quote what it read, a visitor's id for example.
    #[error("matches its checksum but cannot be read (column {0})")]
    Payload(usize),
    #[error("says that it is another one")]
    Name,
    #[error(transparent)]
    Record(#[from] NotARecord),
}

impl Undecodable {
    /// The error of a state in which the value of this key is so.
    pub(super) fn at(&self, location: &str, key: &[u8]) -> StateError {
        match self {
            Self::Newer(format) => newer(location, u32::from(*format)),
            error => StateError::damaged(location, format!("{} {error}", keys::describe(key))),
        }
    }
}

/// The error of a state that a newer version wrote.
pub(super) fn newer(location: &str, found: u32) -> StateError {
    StateError::Newer { location: location.to_owned(), found, known: FORMAT }
}

/// The stored form of a value under this key.
pub(super) fn encode<T: Serialize>(key: &[u8], value: &T) -> Result<Vec<u8>, serde_json::Error> {
    seal(key, |payload| serde_json::to_writer(payload, value))
}

/// The stored form of a record under this key.
pub(super) fn encode_record(key: &[u8], record: &Record) -> Result<Vec<u8>, serde_json::Error> {
    seal(key, |payload| pack(record, payload))
}

/// The stored form of a page of approvals under this key.
pub(super) fn encode_approvals(
    key: &[u8],
    approvals: &[Approval],
) -> Result<Vec<u8>, serde_json::Error> {
    seal(key, |payload| {
        approvals::pack(approvals, payload);
        Ok(())
    })
}

/// The stored form of something that is all in its key.
pub(super) fn encode_empty(key: &[u8]) -> Vec<u8> {
    let sum = checksum(key, FORMAT_BYTE, &[]);
    [&[FORMAT_BYTE][..], &sum].concat()
}

fn seal(
    key: &[u8],
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), serde_json::Error>,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::with_capacity(512);
    bytes.push(FORMAT_BYTE);
    bytes.extend_from_slice(&[0; 16]);
    write(&mut bytes)?;
    let sum = checksum(key, FORMAT_BYTE, &bytes[HEAD..]);
    bytes[1..HEAD].copy_from_slice(&sum);
    Ok(bytes)
}

/// The parts of stored bytes.
struct Parts<'a> {
    format: u8,
    sum: [u8; 16],
    payload: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, Undecodable> {
        let (format, rest) = bytes.split_first().ok_or(Undecodable::Short)?;
        let (sum, payload) = rest.split_first_chunk().ok_or(Undecodable::Short)?;
        Ok(Self { format: *format, sum: *sum, payload })
    }
}

/// The digest of stored bytes that were written here or checked before.
pub(super) fn digest(bytes: &[u8]) -> Digest {
    Parts::of(bytes)
        .map_or_else(|_| Digest::default(), |parts| Digest(u128::from_le_bytes(parts.sum)))
}

/// Checks stored bytes: their payload and its digest.
pub(super) fn check<'a>(key: &[u8], bytes: &'a [u8]) -> Result<(&'a [u8], Digest), Undecodable> {
    let Parts { format, sum, payload } = Parts::of(bytes)?;
    if sum != checksum(key, format, payload) {
        return Err(Undecodable::Checksum);
    }
    if format != FORMAT_BYTE {
        return Err(Undecodable::Newer(format));
    }
    Ok((payload, Digest(u128::from_le_bytes(sum))))
}

/// The value in stored bytes, and its digest.
pub(super) fn decode<T: DeserializeOwned>(
    key: &[u8],
    bytes: &[u8],
) -> Result<(T, Digest), Undecodable> {
    let (payload, digest) = check(key, bytes)?;
    let value = serde_json::from_slice(payload);
    Ok((value.map_err(|error| Undecodable::Payload(error.column()))?, digest))
}

/// The record in stored bytes, and its digest.
pub(super) fn decode_record(key: &[u8], bytes: &[u8]) -> Result<(Record, Digest), Undecodable> {
    let (payload, digest) = check(key, bytes)?;
    Ok((unpack(key.get(1..).unwrap_or_default(), payload)?, digest))
}

/// The page of approvals in stored bytes, and its digest.
pub(super) fn decode_approvals(
    key: &[u8],
    bytes: &[u8],
) -> Result<(Vec<Approval>, Digest), Undecodable> {
    let (payload, digest) = check(key, bytes)?;
    let approvals = approvals::unpack(key.get(1..).unwrap_or_default(), payload);
    Ok((approvals.map_err(Undecodable::Payload)?, digest))
}

/// A payload as if it had been written under this key.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn sealed(key: &[u8], payload: &[u8]) -> Vec<u8> {
    [&[FORMAT_BYTE][..], &checksum(key, FORMAT_BYTE, payload), payload].concat()
}

fn checksum(key: &[u8], format: u8, payload: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    // The length keeps the border between key and payload from moving.
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(&[format]);
    hasher.update(payload);
    let mut sum = [0; 16];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"rkey@visitor";

    fn encoded() -> Vec<u8> {
        encode(KEY, &"a text").expect("encodes")
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let encoded = encoded();
        let decoded = decode::<String>(KEY, &encoded);
        assert_eq!(decoded, Ok(("a text".to_owned(), digest(&encoded))));
        for at in 0..encoded.len() * 8 {
            let mut bytes = encoded.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            assert_eq!(check(KEY, &bytes), Err(Undecodable::Checksum), "bit {at}");
        }
    }

    #[test]
    fn a_value_that_is_cut_anywhere_is_noticed() {
        let encoded = encoded();
        for length in 0..encoded.len() {
            assert!(check(KEY, &encoded[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_value_under_another_key_is_noticed() {
        assert_eq!(check(b"rtwo@visitor", &encoded()), Err(Undecodable::Checksum));
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let mut bytes = encoded();
        bytes[0] = FORMAT_BYTE + 1;
        let sum = checksum(KEY, FORMAT_BYTE + 1, &bytes[HEAD..]);
        bytes[1..HEAD].copy_from_slice(&sum);
        assert_eq!(check(KEY, &bytes), Err(Undecodable::Newer(FORMAT_BYTE + 1)));
    }
}
