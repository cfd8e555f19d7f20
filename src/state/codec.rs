//! How a value looks at rest: one byte for the layout, 16 for a checksum over key and payload,
//! then the payload: JSON, or since format 2 a record as [`super::packed`] says.
//!
//! The checksum is cut from BLAKE3. It covers the key, so a value that turns up under another
//! key is noticed too; the sum of these checksums is the state's digest.

use serde::{Serialize, de::DeserializeOwned};

use crate::model::Address;

use super::{
    Digest, Record,
    packed::{self, Packed},
};

/// The layout of everything but records, and of records that were written in format 1.
const JSON: u8 = 1;
/// The layout of records, and the newest that this version reads.
const PACKED: u8 = 2;
const HEAD: usize = 17;

/// A value as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    pub(super) digest: Digest,
}

/// Why stored bytes are no value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Undecodable {
    #[error("is cut off")]
    Short,
    #[error("has a layout of a newer version ({0})")]
    Newer(u8),
    #[error("does not match its checksum")]
    Checksum,
    // The parser's own words could quote what it read, a visitor's id for example.
    #[error("matches its checksum but cannot be read (column {0})")]
    Payload(usize),
    #[error("says that it is another one")]
    Name,
    #[error("lies under a name that is no address")]
    NoAddress,
}

/// The stored form of a value under this key.
pub(super) fn encode<T: Serialize>(key: &[u8], value: &T) -> Result<Encoded, serde_json::Error> {
    seal(key, JSON, |payload| serde_json::to_writer(payload, value))
}

/// The stored form of a record under this key.
pub(super) fn encode_record(key: &[u8], record: &Record) -> Result<Encoded, serde_json::Error> {
    seal(key, PACKED, |payload| packed::pack(record, payload))
}

fn seal(
    key: &[u8],
    layout: u8,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), serde_json::Error>,
) -> Result<Encoded, serde_json::Error> {
    let mut bytes = Vec::with_capacity(512);
    bytes.push(layout);
    bytes.extend_from_slice(&[0; 16]);
    write(&mut bytes)?;
    let sum = checksum(key, layout, &bytes[HEAD..]);
    bytes[1..HEAD].copy_from_slice(&sum);
    Ok(Encoded { bytes, digest: Digest(u128::from_le_bytes(sum)) })
}

/// A payload that matches its checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Payload<'a> {
    layout: u8,
    bytes: &'a [u8],
}

/// Checks stored bytes: their payload and its digest.
pub(super) fn open<'a>(key: &[u8], bytes: &'a [u8]) -> Result<(Payload<'a>, Digest), Undecodable> {
    let (payload, stored) = split(bytes)?;
    let sum = checksum(key, payload.layout, payload.bytes);
    if stored != sum {
        return Err(Undecodable::Checksum);
    }
    if !(JSON..=PACKED).contains(&payload.layout) {
        return Err(Undecodable::Newer(payload.layout));
    }
    Ok((payload, Digest(u128::from_le_bytes(sum))))
}

/// The payload of stored bytes that were checked before.
pub(super) fn opened(bytes: &[u8]) -> Result<Payload<'_>, Undecodable> {
    split(bytes).map(|(payload, _)| payload)
}

fn split(bytes: &[u8]) -> Result<(Payload<'_>, &[u8]), Undecodable> {
    let (head, bytes) = bytes.split_at_checked(HEAD).ok_or(Undecodable::Short)?;
    let (layout, stored) = head.split_first().ok_or(Undecodable::Short)?;
    Ok((Payload { layout: *layout, bytes }, stored))
}

/// The value in stored bytes, and its digest.
pub(super) fn decode<T: DeserializeOwned>(
    key: &[u8],
    bytes: &[u8],
) -> Result<(T, Digest), Undecodable> {
    let (payload, digest) = open(key, bytes)?;
    Ok((payload.json()?, digest))
}

impl<'a> Payload<'a> {
    fn json<T: DeserializeOwned>(&self) -> Result<T, Undecodable> {
        if self.layout != JSON {
            return Err(Undecodable::Payload(0));
        }
        serde_json::from_slice(self.bytes).map_err(|error| Undecodable::Payload(error.column()))
    }

    /// The parts of a record of the newest layout; `None` of an older one.
    pub(super) fn packed(&self) -> Option<Result<Packed<'a>, Undecodable>> {
        (self.layout == PACKED).then(|| Packed::read(self.bytes).map_err(Undecodable::Payload))
    }

    /// The record, which is stored under this key.
    pub(super) fn record(&self, key: &[u8]) -> Result<Record, Undecodable> {
        let name = key.get(1..).unwrap_or_default();
        let Some(packed) = self.packed() else {
            let record: Record = self.json()?;
            let same = record.address.as_str().as_bytes() == name;
            return if same { Ok(record) } else { Err(Undecodable::Name) };
        };
        let broken = Undecodable::Payload(self.bytes.len());
        packed?.whole(address(key)?).ok_or(broken)
    }
}

/// The address of the record under this key.
pub(super) fn address(key: &[u8]) -> Result<Address, Undecodable> {
    let name = std::str::from_utf8(key.get(1..).unwrap_or_default());
    name.ok().and_then(|name| Address::parse(name).ok()).ok_or(Undecodable::NoAddress)
}

/// A payload as if it had been written under this key.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn sealed(key: &[u8], payload: &[u8], packed: bool) -> Vec<u8> {
    let layout = if packed { PACKED } else { JSON };
    let sum = checksum(key, layout, payload);
    [&[layout][..], &sum, payload].concat()
}

fn checksum(key: &[u8], layout: u8, payload: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    // The length keeps the border between key and payload from moving.
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(&[layout]);
    hasher.update(payload);
    let mut sum = [0; 16];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_noticed() {
        let encoded = encode(b"rkey@visitor", &"a text").expect("encodes");
        assert_eq!(
            decode::<String>(b"rkey@visitor", &encoded.bytes),
            Ok(("a text".to_owned(), encoded.digest))
        );
        for at in 0..encoded.bytes.len() * 8 {
            let mut bytes = encoded.bytes.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            assert_eq!(open(b"rkey@visitor", &bytes), Err(Undecodable::Checksum), "bit {at}");
        }
    }

    #[test]
    fn every_cut_is_noticed() {
        let encoded = encode(b"rkey@visitor", &"a text").expect("encodes");
        for length in 0..encoded.bytes.len() {
            assert!(open(b"rkey@visitor", &encoded.bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_value_under_another_key_is_noticed() {
        let encoded = encode(b"rone@visitor", &"a text").expect("encodes");
        assert_eq!(open(b"rtwo@visitor", &encoded.bytes), Err(Undecodable::Checksum));
    }

    #[test]
    fn a_newer_layout_is_told_from_damage() {
        let mut bytes = encode(b"k", &"a text").expect("encodes").bytes;
        bytes[0] = PACKED + 1;
        let sum = checksum(b"k", PACKED + 1, &bytes[HEAD..]);
        bytes[1..HEAD].copy_from_slice(&sum);
        assert_eq!(open(b"k", &bytes), Err(Undecodable::Newer(PACKED + 1)));
    }
}
