//! Headers as written by somebody who can write to a store and has no key: every checksum is right.

use serde_json::{Value, json};

/// A change of a header, and what has to be said of it.
pub(crate) struct Forgery {
    pub(crate) name: &'static str,
    pub(crate) change: fn(&mut Value),
}

const fn forgery(name: &'static str, change: fn(&mut Value)) -> Forgery {
    Forgery { name, change }
}

/// Each is refused as damage.
pub(crate) const FORGERIES: &[Forgery] = &[
    forgery("another budget", |header| {
        header["meta"]["budget"] = json!({
            "limit": 9, "remaining": 9, "resets_at": "2026-09-21T14:13:20Z",
            "seen_at": "2026-09-21T13:13:25Z", "assumed": false,
        });
    }),
    forgery("made at another time", |header| {
        header["meta"]["created_at"] = json!("2020-01-01T00:00:00Z");
    }),
    forgery("other intents", |header| header["intents"]["digest"] = json!("0".repeat(32))),
    forgery("other runs", |header| header["runs"]["digest"] = json!("0".repeat(32))),
    forgery("moved elsewhere", |header| {
        header["moved_to"] = json!("postgres://elsewhere.example/state");
    }),
    forgery("without its MAC", |header| {
        header.as_object_mut().expect("an object").remove("mac");
    }),
    forgery("with a MAC of nothing", |header| header["mac"] = json!("0".repeat(64))),
    forgery("with the MAC and without the key", |header| {
        header.as_object_mut().expect("an object").remove("wrapped");
    }),
];

/// The key of the header in every store.
const HEADER: &[u8] = b"m";

/// The stored form of a header, changed.
pub(crate) fn forged(stored: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let (format, payload) = (stored[0], &stored[17..]);
    let mut header: Value = serde_json::from_slice(payload).expect("JSON");
    assert!(header["mac"].is_string() && header["wrapped"].is_object(), "{header}");
    change(&mut header);
    let payload = header.to_string().into_bytes();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(HEADER.len() as u64).to_le_bytes());
    hasher.update(HEADER);
    hasher.update(&[format]);
    hasher.update(&payload);
    [&[format], &hasher.finalize().as_bytes()[..16], &payload[..]].concat()
}

/// A frame (a line, pairs of key and value with their lengths, a checksum) with another header in it.
pub(crate) fn reframed(frame: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let line = frame.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    let (mut out, mut rest) = (frame[..line].to_vec(), &frame[line..frame.len() - 32]);
    let mut change = Some(change);
    while !rest.is_empty() {
        let (key, value) = (take(&mut rest).expect("a key"), take(&mut rest));
        let value = match (value, change.take_if(|_| key == HEADER)) {
            (Some(value), Some(change)) => Some(forged(value, change)),
            (value, _) => value.map(<[u8]>::to_vec),
        };
        out.extend_from_slice(&(key.len() as u32).to_be_bytes());
        out.extend_from_slice(key);
        let length = value.as_ref().map_or(u32::MAX, |value| value.len() as u32);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&value.unwrap_or_default());
    }
    assert!(change.is_none(), "there was no header");
    let sum = blake3::hash(&out);
    out.extend_from_slice(sum.as_bytes());
    out
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>().expect("a length");
    *rest = after;
    let length = u32::from_be_bytes(*length);
    if length == u32::MAX {
        return None;
    }
    let (bytes, after) = rest.split_at(length as usize);
    *rest = after;
    Some(bytes)
}
