//! How a value looks at rest: one byte for the layout, 16 for a checksum over key and payload,
//! then the payload, JSON for now.
//!
//! The checksum is cut from BLAKE3. It covers the key, so a value that turns up under another
//! key is noticed too; the sum of these checksums is the state's digest.

use serde::{Serialize, de::DeserializeOwned};

use super::Digest;

/// The layout this version writes, and the newest it reads.
const LAYOUT: u8 = 1;
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
}

/// The stored form of a value under this key.
pub(super) fn encode<T: Serialize>(key: &[u8], value: &T) -> Result<Encoded, serde_json::Error> {
    let mut bytes = Vec::with_capacity(512);
    bytes.push(LAYOUT);
    bytes.extend_from_slice(&[0; 16]);
    serde_json::to_writer(&mut bytes, value)?;
    let sum = checksum(key, LAYOUT, &bytes[HEAD..]);
    bytes[1..HEAD].copy_from_slice(&sum);
    Ok(Encoded { bytes, digest: Digest(u128::from_le_bytes(sum)) })
}

/// Checks stored bytes: their payload and its digest.
pub(super) fn open<'a>(key: &[u8], bytes: &'a [u8]) -> Result<(&'a [u8], Digest), Undecodable> {
    let (head, payload) = bytes.split_at_checked(HEAD).ok_or(Undecodable::Short)?;
    let (layout, stored) = head.split_first().ok_or(Undecodable::Short)?;
    let sum = checksum(key, *layout, payload);
    if stored != sum {
        return Err(Undecodable::Checksum);
    }
    if *layout != LAYOUT {
        return Err(Undecodable::Newer(*layout));
    }
    Ok((payload, Digest(u128::from_le_bytes(sum))))
}

/// The value in stored bytes, and its digest.
pub(super) fn decode<T: DeserializeOwned>(
    key: &[u8],
    bytes: &[u8],
) -> Result<(T, Digest), Undecodable> {
    let (payload, digest) = open(key, bytes)?;
    let value =
        serde_json::from_slice(payload).map_err(|error| Undecodable::Payload(error.column()))?;
    Ok((value, digest))
}

/// A payload as if it had been written under this key.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn sealed(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let sum = checksum(key, LAYOUT, payload);
    [&[LAYOUT][..], &sum, payload].concat()
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
        bytes[0] = 2;
        let sum = checksum(b"k", 2, &bytes[HEAD..]);
        bytes[1..HEAD].copy_from_slice(&sum);
        assert_eq!(open(b"k", &bytes), Err(Undecodable::Newer(2)));
    }
}
