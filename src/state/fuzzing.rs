//! Stored bytes that nobody wrote: see `crate::fuzzing`.

use std::{collections::BTreeMap, fs, ops::Bound};

use uuid::Uuid;

use super::{
    Digest, MemoryStore, StateError, Store,
    codec::{self, Undecodable},
    engine::Engine,
    export::{export as write_export, import},
    folder,
    header::{StateHeader, Tally},
    keys::{self, Table},
    memory::MemoryKv,
};
use crate::{
    fuzzing::{assert_harmless, choice, folder, now},
    model::printable,
};

const LINEAGE: Uuid = Uuid::from_u128(7);
const NOW: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

fn harmless<T>(result: Result<T, StateError>) -> Option<T> {
    result.map_err(|error| assert_harmless(&printable(&error.to_string()))).ok()
}

/// A store with one value for each line: a letter for the table (a capital one: the checksum is
/// made right), the name, a space, the payload.
pub fn record(data: &[u8]) {
    let mut bytes = BTreeMap::new();
    let mut header = StateHeader::new("default", LINEAGE, NOW);
    for line in data.split(|byte| *byte == b'\n').take(64) {
        let (letter, line) = choice(line);
        let space = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let (name, payload) = (&line[..space], line.get(space + 1..).unwrap_or_default());
        let key = match letter.to_ascii_lowercase() {
            b'r' => Table::Records.key(name),
            b'i' => Table::Intents.key(name),
            b'h' => Table::Runs.key(&unhex(name)),
            b'a' => Table::Approvals.key(name),
            b'm' => keys::HEADER.to_vec(),
            _ => line.to_vec(),
        };
        assert_harmless(&keys::describe(&key));
        let value = if letter.is_ascii_uppercase() {
            codec::sealed(&key, payload)
        } else {
            payload.to_vec()
        };
        match codec::check(&key, &value) {
            Ok((_, digest)) => {
                let tally = match letter {
                    b'I' => &mut header.intents,
                    b'H' => &mut header.runs,
                    b'A' => &mut header.approval_pages,
                    _ => &mut Tally::default(),
                };
                tally.add(digest);
                if letter == b'R' {
                    header.meta.records += 1;
                    let sum = header.meta.digest.0.wrapping_add(digest.0);
                    header.meta.digest = Digest(sum);
                }
            }
            Err(error) => {
                assert!(!letter.is_ascii_uppercase() || matches!(error, Undecodable::Newer(_)));
                assert_harmless(&error.to_string());
            }
        }
        bytes.insert(key, value);
    }
    let kv = MemoryKv(bytes);
    let _ = harmless(StateHeader::stored(&kv, "here", "default"));
    let Some(engine) = harmless(Engine::new(kv, "here", header, None, super::Mode::MustExist))
    else {
        return;
    };
    let page = harmless(engine.page(Bound::Unbounded, Bound::Unbounded, 1024));
    for lazy in page.iter().flat_map(|page| (0..page.len()).filter_map(|at| page.get(at))) {
        let Some(record) = harmless(lazy.clone().decode().map_err(Into::into)) else { continue };
        let again = harmless(engine.record(&record.address));
        assert_eq!(again.flatten().as_ref(), Some(&record));
        let (content, protect) = (&record.content, Some(record.protect));
        if lazy.certainly_has(record.kind, &content.from, &content.text, protect) {
            assert_eq!((record.drift, record.superseded), (None, None));
        }
    }
    let _ = harmless(engine.intents());
    let _ = harmless(engine.approvals());
    let _ = harmless(engine.runs(10));
    for problem in harmless(engine.verify()).into_iter().flat_map(|found| found.problems) {
        assert_harmless(&problem);
    }
}

/// Names of runs are bytes.
fn unhex(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
    text.chunks(2).map(|pair| pair.iter().fold(0, |sum, byte| sum << 4 | digit(*byte))).collect()
}

/// Any bytes as an export. An odd first byte: its environment, counts and checksum are made right.
pub fn export(data: &[u8]) {
    let (form, bytes) = choice(data);
    let bytes = if form % 2 == 1 { completed(bytes) } else { bytes.to_vec() };
    let Ok(store) = MemoryStore::new("default", LINEAGE, NOW) else { return };
    let Some(result) = now(import(&mut &bytes[..], &store)) else { return };
    let Some(counts) = harmless(result) else { return };
    let found = now(store.verify()).and_then(Result::ok);
    assert!(found.is_some_and(|found| found.problems.is_empty()), "a state that is damaged");
    let mut out = Vec::new();
    let written = now(write_export(&store, &mut out));
    assert!(matches!(written, Some(Ok(again)) if again == counts), "not what was read");
    let Ok(copy) = MemoryStore::new("default", LINEAGE, NOW) else { return };
    let again = now(import(&mut &out[..], &copy));
    assert!(matches!(again, Some(Ok(again)) if again == counts), "an export that cannot be read");
}

/// An export with its environment, counts and last line as they should be.
pub(crate) fn completed(bytes: &[u8]) -> Vec<u8> {
    let (header, lines) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[][..]),
    };
    let count = |start: &[u8]| {
        lines.split(|byte| *byte == b'\n').filter(|line| line.starts_with(start)).count()
    };
    let counts = serde_json::json!({
        "records": count(b"{\"record\""), "intents": count(b"{\"intent\""),
        "approvals": count(b"{\"approval\""), "runs": count(b"{\"run\""),
    });
    let mut out = match serde_json::from_slice::<serde_json::Value>(header) {
        Ok(serde_json::Value::Object(mut fields)) => {
            fields.insert("counts".to_owned(), counts.clone());
            fields.insert("environment".to_owned(), "default".into());
            serde_json::Value::Object(fields).to_string().into_bytes()
        }
        _ => header.to_vec(),
    };
    out.push(b'\n');
    out.extend_from_slice(lines);
    if !out.ends_with(b"\n") {
        out.push(b'\n');
    }
    let checksum = blake3::hash(&out).to_hex();
    let end = serde_json::json!({ "end": { "counts": counts, "checksum": checksum.as_str() } });
    out.extend_from_slice(format!("{end}\n").as_bytes());
    out
}

/// Any bytes as the files beside sled's.
pub fn marker(data: &[u8]) {
    let folder = folder("marker");
    let files = folder.join("files");
    let (form, bytes) = choice(data);
    const NAMES: [&str; 4] = ["pushsync.json", "pushsync.heads", "pushsync.seal", "pushsync.log"];
    let name = NAMES[usize::from(form) % NAMES.len()];
    let ready = fs::create_dir_all(&files).and_then(|()| fs::write(files.join("db"), b"x"));
    let ready = ready.and_then(|()| fs::write(folder.join(name), bytes));
    assert!(ready.is_ok(), "could not write {name}");
    let _ = harmless(folder::read_beside(&folder, &files));
}
