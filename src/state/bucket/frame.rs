//! How a snapshot and a segment look: a line of JSON about them, the keys and values, and a
//! BLAKE3 checksum over all of it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::state::{StateError, engine::newer, ledger::FORMAT};

/// The checksum of an object, as text.
pub(super) type Sum = String;

const SUM: usize = 32;
/// The length that says that a key is removed.
const REMOVED: u32 = u32::MAX;

/// What a segment says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SegmentHeader {
    pub(super) format: u32,
    pub(super) environment: String,
    /// See [`super::head::Head::origin`].
    pub(super) origin: Uuid,
    /// The number of the commit.
    pub(super) sequence: u64,
    /// The checksum of the segment before. None if this one has the whole state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<Sum>,
    /// Who wrote it: no two writers ever write the same bytes.
    pub(super) writer: Uuid,
}

/// What a snapshot says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SnapshotHeader {
    pub(super) format: u32,
    pub(super) environment: String,
    pub(super) origin: Uuid,
    /// The number of the last commit that is in it.
    pub(super) sequence: u64,
    /// The checksum of that commit's segment.
    pub(super) segment: Sum,
    pub(super) serial: u64,
    pub(super) records: u64,
}

#[derive(Deserialize)]
struct AnyHeader {
    format: u32,
}

/// Puts an object together; its checksum.
pub(super) fn seal<'a>(
    header: &impl Serialize,
    pairs: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
) -> Result<(Vec<u8>, Sum), StateError> {
    let unstorable = |why: String| StateError::Unstorable { what: "an object of the bucket", why };
    let mut bytes = serde_json::to_vec(header).map_err(|error| unstorable(error.to_string()))?;
    bytes.push(b'\n');
    for (key, value) in pairs {
        let length = |bytes: &[u8]| {
            u32::try_from(bytes.len())
                .ok()
                .filter(|length| *length != REMOVED)
                .ok_or_else(|| unstorable("a value is too long".to_owned()))
        };
        bytes.extend_from_slice(&length(key)?.to_be_bytes());
        bytes.extend_from_slice(key);
        match value {
            None => bytes.extend_from_slice(&REMOVED.to_be_bytes()),
            Some(value) => {
                bytes.extend_from_slice(&length(value)?.to_be_bytes());
                bytes.extend_from_slice(value);
            }
        }
    }
    let sum = blake3::hash(&bytes);
    bytes.extend_from_slice(sum.as_bytes());
    Ok((bytes, sum.to_hex().to_string()))
}

/// An object whose checksum is right.
pub(super) struct Opened<'a, H> {
    pub(super) header: H,
    pub(super) sum: Sum,
    pub(super) pairs: Vec<(&'a [u8], Option<&'a [u8]>)>,
}

/// Takes an object apart. `what` names it.
pub(super) fn open<'a, H: Deserialize<'a>>(
    bytes: &'a [u8],
    place: &str,
    what: &str,
) -> Result<Opened<'a, H>, StateError> {
    let damaged = |how: &str| StateError::damaged(place, format!("{what} {how}"));
    let body = bytes.len().checked_sub(SUM).ok_or_else(|| damaged("is cut off"))?;
    let (body, stored) = bytes.split_at(body);
    let sum = blake3::hash(body);
    if stored != sum.as_bytes() {
        return Err(damaged("does not match its checksum"));
    }
    let unreadable = || damaged("matches its checksum but cannot be read");
    let end = body.iter().position(|byte| *byte == b'\n').ok_or_else(unreadable)?;
    let (line, mut rest) = (&body[..end], &body[end + 1..]);
    let header = header(line, place)?.ok_or_else(unreadable)?;
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        let key = take(&mut rest).flatten().ok_or_else(unreadable)?;
        let value = take(&mut rest).ok_or_else(unreadable)?;
        pairs.push((key, value));
    }
    Ok(Opened { header, sum: sum.to_hex().to_string(), pairs })
}

/// The line at the start of an object; `None` if it is none.
pub(super) fn header<'a, H: Deserialize<'a>>(
    line: &'a [u8],
    place: &str,
) -> Result<Option<H>, StateError> {
    // The version first: a newer one may say more than this version can read.
    match serde_json::from_slice::<AnyHeader>(line) {
        Ok(any) if any.format > FORMAT => Err(newer(place, any.format)),
        Ok(_) => Ok(serde_json::from_slice(line).ok()),
        Err(_) => Ok(None),
    }
}

/// The next bytes of which the length comes first; `Some(None)` if the length says that there are
/// none.
fn take<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length);
    if length == REMOVED {
        *rest = after;
        return Some(None);
    }
    let (bytes, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Vec<u8> {
        let header = SnapshotHeader {
            format: FORMAT,
            environment: "default".into(),
            origin: Uuid::nil(),
            sequence: 7,
            segment: "ab".into(),
            serial: 3,
            records: 1,
        };
        let pairs: [(&[u8], Option<&[u8]>); 2] = [(b"one", Some(b"1")), (b"two", None)];
        seal(&header, pairs.into_iter()).expect("is sealed").0
    }

    #[test]
    fn what_was_sealed_comes_back() {
        let bytes = sealed();
        let opened = open::<SnapshotHeader>(&bytes, "p", "it").expect("opens");
        assert_eq!(opened.pairs, [(&b"one"[..], Some(&b"1"[..])), (&b"two"[..], None)]);
        assert_eq!(opened.header.sequence, 7);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = sealed();
        for at in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            assert!(open::<SnapshotHeader>(&bytes, "p", "it").is_err(), "bit {at}");
        }
        for length in 0..bytes.len() {
            assert!(open::<SnapshotHeader>(&bytes[..length], "p", "it").is_err(), "{length}");
        }
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let header = serde_json::json!({ "format": FORMAT + 1, "new": true });
        let (bytes, _) = seal(&header, std::iter::empty()).expect("is sealed");
        let result = open::<SnapshotHeader>(&bytes, "p", "it");
        assert!(matches!(result, Err(StateError::Newer { .. })));
    }
}
