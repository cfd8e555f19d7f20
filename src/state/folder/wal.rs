//! `pushsync.log`, the write-ahead log: the commits that sled does not have yet, each a frame with a
//! checksum, durable before it is acknowledged.
//!
//! sled is worst at many small commits: each one rewrites pages, keeps their room, and wakes
//! its threads. A log takes a commit with one write and one fsync; sled gets all of them at once when the
//! store is closed, or when the log is long ([`super::memtable`]). The file is there only meanwhile, or after
//! a kill: then the next opening writes its commits to sled.
//!
//! The file has room for frames to come, filled with zeros: as long as a frame goes where the file was
//! written before, an fsync need not wait for the file system to write down a new length, which takes
//! several times as long as the bytes.
//!
//! A frame is written only after the one before it is durable. So only the last one can be torn, and was
//! never acknowledged; if anything whole follows one that is not, something else has changed the file.

use std::{
    fs::File,
    io::{Seek as _, SeekFrom, Write as _},
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::state::{StateError, codec::FORMAT, frame, keys, kv::Changes, private_file};

pub(super) const FILE: &str = "pushsync.log";
/// The first bytes of each frame; eight bytes with its length follow.
const START: [u8; 8] = *b"\x1bcommit\n";

/// The room that is made at first, and the most that is made at once; in between, the file doubles.
const ROOM: RangeInclusive<u64> = 64 << 10..=512 << 10;

/// The header of a frame.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u32,
    environment: String,
    /// How many frames are before it in the file.
    number: u64,
}

/// The log of an open store.
pub(super) struct Wal {
    folder: PathBuf,
    environment: String,
    /// `None` as long as nothing was committed since it was last cleared.
    file: Option<File>,
    frames: u64,
    /// Of its frames.
    length: u64,
    /// Of the file.
    room: u64,
}

impl Wal {
    /// There is no file yet: see [`read`].
    pub(super) fn new(folder: &Path, environment: &str) -> Self {
        let (folder, environment) = (folder.to_owned(), environment.to_owned());
        Self { folder, environment, file: None, frames: 0, length: 0, room: 0 }
    }

    /// Of its frames, in bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Whether it is open, and has a name somewhere.
    pub(super) fn is_linked(&self) -> bool {
        self.file.as_ref().is_some_and(private_file::is_linked)
    }

    /// Adds one commit. It is durable when this returns.
    pub(super) fn append(&mut self, changes: &Changes) -> Result<(), StateError> {
        let path = self.folder.join(FILE);
        let (environment, number) = (self.environment.clone(), self.frames);
        let header = Header { format: FORMAT, environment, number };
        let pairs = changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        let (frame, _) = frame::seal(&header, pairs)?;
        let mut bytes = Vec::with_capacity(START.len() + 8 + frame.len());
        bytes.extend_from_slice(&START);
        bytes.extend_from_slice(&(frame.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&frame);
        let length = self.length + bytes.len() as u64;
        let step = length.next_power_of_two().clamp(*ROOM.start(), *ROOM.end());
        let room = self.room.max(length.next_multiple_of(step));
        if room > self.room {
            // It always fits; without room, a commit takes longer.
            bytes.resize(bytes.len() + usize::try_from(room - length).unwrap_or(0), 0);
        }
        let is_new = self.file.is_none();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(private_file::create(&path)?),
        };
        file.seek(SeekFrom::Start(self.length))
            .and_then(|_| file.write_all(&bytes))
            .and_then(|()| file.sync_data())
            .map_err(StateError::io("write", &path))?;
        if is_new {
            private_file::sync_folder(&self.folder)?;
        }
        self.frames += 1;
        (self.length, self.room) = (length, room);
        Ok(())
    }

    /// Removes the file: sled has its commits.
    pub(super) fn clear(&mut self) -> Result<(), StateError> {
        if self.file.take().is_some() {
            remove(&self.folder)?;
        }
        (self.frames, self.length, self.room) = (0, 0, 0);
        Ok(())
    }
}

/// The log of a process that died.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) environment: String,
    /// The last value of each key.
    pub(super) changes: Changes,
    /// The header that the first of its commits wrote.
    pub(super) first_header: Option<Vec<u8>>,
}

/// The commits in the log; `None` if none was acknowledged.
pub(super) fn read(folder: &Path, location: &str) -> Result<Option<Left>, StateError> {
    private_file::read_if_any(&folder.join(FILE))?
        .map_or(Ok(None), |bytes| decode(&bytes, location))
}

fn decode(bytes: &[u8], location: &str) -> Result<Option<Left>, StateError> {
    let damaged = |how: &str| StateError::damaged(location, format!("its {FILE} {how}"));
    let mut left: Option<Left> = None;
    let mut rest = bytes;
    let mut number = 0;
    while let Some((frame, after)) = first(rest) {
        let opened = match frame::open::<Header>(frame, location, "a commit of its log") {
            Ok(opened) => opened,
            Err(error @ StateError::Newer { .. }) => return Err(error),
            Err(_) => break,
        };
        let left = left.get_or_insert_with(|| Left {
            environment: opened.header.environment.clone(),
            changes: Changes::new(),
            first_header: header_in(&opened.pairs),
        });
        if opened.header.number != number || opened.header.environment != left.environment {
            return Err(damaged("has commits that do not follow each other"));
        }
        for (key, value) in opened.pairs {
            left.changes.insert(key.to_vec(), value.map(<[u8]>::to_vec));
        }
        number += 1;
        rest = after;
    }
    // Zeros, if nothing was torn.
    let torn = rest.get(1..).unwrap_or_default();
    let whole = |at: usize| {
        let frame = first(torn.get(at..)?)?.0;
        frame::open::<Header>(frame, location, FILE).ok()
    };
    if torn
        .windows(START.len())
        .enumerate()
        .any(|(at, start)| start == START && whole(at).is_some())
    {
        return Err(damaged("was changed by something else"));
    }
    Ok(left)
}

fn header_in(pairs: &[(&[u8], Option<&[u8]>)]) -> Option<Vec<u8>> {
    let (_, header) = pairs.iter().find(|(key, _)| *key == keys::HEADER)?;
    header.map(<[u8]>::to_vec)
}

/// The first frame and the bytes after it, if there is a whole one.
fn first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.strip_prefix(&START)?.split_first_chunk::<8>()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
}

/// Removes the log, if there is one.
pub(super) fn remove(folder: &Path) -> Result<(), StateError> {
    if private_file::remove_if_any(&folder.join(FILE))? {
        private_file::sync_folder(folder)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::*;

    fn changes(pairs: &[(&str, Option<&str>)]) -> Changes {
        pairs.iter().map(|(key, text)| (key.as_bytes().to_vec(), text.map(Into::into))).collect()
    }

    /// The log of three commits, without the room that is left, and where each ends.
    fn written() -> (Vec<u8>, Vec<usize>) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = Wal::new(folder.path(), "default");
        let mut ends = vec![0];
        for commit in [
            changes(&[("a", Some("1")), ("b", Some("1"))]),
            changes(&[("b", None), ("c", Some("\x1bcommit\n in a text"))]),
            changes(&[("a", Some("2"))]),
        ] {
            log.append(&commit).expect("is written");
            ends.push(usize::try_from(log.length()).expect("is short"));
        }
        let mut bytes = fs::read(folder.path().join(FILE)).expect("reads");
        let room = bytes.split_off(ends[3]);
        assert!(!room.is_empty() && room.iter().all(|byte| *byte == 0));
        (bytes, ends)
    }

    fn pending(bytes: &[u8]) -> Option<Vec<(String, Option<String>)>> {
        let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).expect("is text");
        let left = decode(bytes, "here").expect("is not damage")?;
        assert_eq!(left.environment, "default");
        Some(
            left.changes.iter().map(|(key, value)| (text(key), value.as_ref().map(text))).collect(),
        )
    }

    #[test]
    fn what_was_committed_is_read_back_the_last_word_of_each_key() {
        let (bytes, _) = written();
        let all = [("a", Some("2")), ("b", None), ("c", Some("\x1bcommit\n in a text"))];
        let all = all.map(|(key, value)| (key.to_owned(), value.map(str::to_owned)));
        assert_eq!(pending(&bytes), Some(all.to_vec()));
    }

    #[test]
    fn a_log_that_ends_anywhere_has_all_commits_that_are_whole() {
        let (bytes, ends) = written();
        for length in 0..=bytes.len() {
            let whole = ends.iter().rev().find(|end| **end <= length).expect("the beginning");
            assert_eq!(pending(&bytes[..length]), pending(&bytes[..*whole]), "{length}");
            let with_room = [&bytes[..length], &[0; 900]].concat();
            assert_eq!(pending(&with_room), pending(&bytes[..*whole]), "{length}");
        }
    }

    #[test]
    fn a_last_commit_of_which_any_part_is_missing_is_as_if_it_were_not_there() {
        let (bytes, ends) = written();
        let last = ends[2];
        for from in last..bytes.len() {
            let mut torn = [&bytes[..], &[0; 900]].concat();
            torn[from..(from + 40).min(bytes.len())].fill(0);
            assert_eq!(pending(&torn), pending(&bytes[..last]), "{from}");
        }
    }

    #[test]
    fn a_log_that_outgrows_its_room_makes_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = Wal::new(folder.path(), "default");
        let path = folder.path().join(FILE);
        let mut lengths = BTreeSet::new();
        for number in 0..150 {
            let key = format!("key {number}");
            log.append(&changes(&[(&key, Some(&"x".repeat(9000)))])).expect("is written");
            lengths.insert(fs::metadata(&path).expect("is there").len());
            let left = pending(&fs::read(&path).expect("reads")).expect("is not empty");
            assert_eq!(left.len(), number + 1);
        }
        let expected = [64, 128, 256, 512, 1024, 1536];
        assert_eq!(Vec::from_iter(lengths), expected.map(|length| length << 10));
    }

    #[test]
    fn a_changed_byte_takes_away_the_last_commit_or_is_damage() {
        let (bytes, ends) = written();
        let last = ends[ends.len() - 2];
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x20;
            if at < last {
                let error = decode(&changed, "here").expect_err("what follows is whole");
                assert!(error.to_string().contains("pushsync.log was changed"), "{at}: {error}");
            } else {
                assert_eq!(pending(&changed), pending(&bytes[..last]), "{at}");
            }
        }
    }

    #[test]
    fn commits_of_another_log_are_damage() {
        let (bytes, ends) = written();
        let again = [&bytes[..ends[1]], &bytes[..ends[1]]].concat();
        assert!(decode(&again, "here").is_err());
        assert!(decode(&bytes[ends[1]..], "here").is_err(), "the first one is missing");
    }
}
