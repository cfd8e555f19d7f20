//! Keys and values that are written at once, in a file or an object: a line of JSON about them, the pairs,
//! and a BLAKE3 checksum over all of it.

use serde::{Deserialize, Serialize};

use super::{
    StateError,
    codec::{FORMAT, newer},
};

/// The checksum of a frame, as text.
pub(super) type Sum = String;

const SUM: usize = 32;
/// The length that says that a key is removed.
const REMOVED: u32 = u32::MAX;

#[derive(Deserialize)]
struct AnyHeader {
    format: u32,
}

/// Puts a frame together; its checksum.
pub(super) fn seal<'a>(
    header: &impl Serialize,
    pairs: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
) -> Result<(Vec<u8>, Sum), StateError> {
    let unstorable = |why: String| StateError::Unstorable { what: "what is written at once", why };
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

/// A frame whose checksum is right.
pub(super) struct Opened<'a, H> {
    pub(super) header: H,
    pub(super) sum: Sum,
    pub(super) pairs: Vec<(&'a [u8], Option<&'a [u8]>)>,
}

/// Takes a frame apart. `what` names it.
pub(super) fn open<'a, H: Deserialize<'a>>(
    bytes: &'a [u8],
    location: &str,
    what: &str,
) -> Result<Opened<'a, H>, StateError> {
    let damaged = |how: &str| StateError::damaged(location, format!("{what} {how}"));
    let body = bytes.len().checked_sub(SUM).ok_or_else(|| damaged("is cut off"))?;
    let (body, stored) = bytes.split_at(body);
    let sum = blake3::hash(body);
    if stored != sum.as_bytes() {
        return Err(damaged("does not match its checksum"));
    }
    let unreadable = || damaged("matches its checksum but cannot be read");
    let end = body.iter().position(|byte| *byte == b'\n').ok_or_else(unreadable)?;
    let (line, mut rest) = (&body[..end], &body[end + 1..]);
    let header = header(line, location)?.ok_or_else(unreadable)?;
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        let key = take(&mut rest).flatten().ok_or_else(unreadable)?;
        let value = take(&mut rest).ok_or_else(unreadable)?;
        pairs.push((key, value));
    }
    Ok(Opened { header, sum: sum.to_hex().to_string(), pairs })
}

/// The line at the start of a frame; `None` if it is none.
pub(super) fn header<'a, H: Deserialize<'a>>(
    line: &'a [u8],
    location: &str,
) -> Result<Option<H>, StateError> {
    // The version first: a newer one may say more than this version can read.
    match serde_json::from_slice::<AnyHeader>(line) {
        Ok(any) if any.format > FORMAT => Err(newer(location, any.format)),
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

    #[derive(Serialize, Deserialize)]
    struct Header {
        format: u32,
        number: u64,
    }

    fn sealed() -> Vec<u8> {
        let header = Header { format: FORMAT, number: 7 };
        let pairs: [(&[u8], Option<&[u8]>); 2] = [(b"one", Some(b"1")), (b"two", None)];
        seal(&header, pairs.into_iter()).expect("is sealed").0
    }

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let bytes = sealed();
        let opened = open::<Header>(&bytes, "p", "it").expect("opens");
        assert_eq!(opened.pairs, [(&b"one"[..], Some(&b"1"[..])), (&b"two"[..], None)]);
        assert_eq!(opened.header.number, 7);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = sealed();
        for at in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            assert!(open::<Header>(&bytes, "p", "it").is_err(), "bit {at}");
        }
        for length in 0..bytes.len() {
            assert!(open::<Header>(&bytes[..length], "p", "it").is_err(), "{length}");
        }
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let header = serde_json::json!({ "format": FORMAT + 1, "new": true });
        let (bytes, _) = seal(&header, std::iter::empty()).expect("is sealed");
        let result = open::<Header>(&bytes, "p", "it");
        assert!(matches!(result, Err(StateError::Newer { .. })));
    }
}
