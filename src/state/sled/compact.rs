//! Rewrites sled's files: sled keeps the room of what was removed, and never makes its file shorter.
//!
//! Everything is copied into new files, compared with the old ones, and only then takes their place. Cut
//! off at any step, the old files or the new ones are whole, and the next opening puts them in
//! their place (see [`recover`]).

use std::{fs, ops::Bound, path::Path};

use sled::Db;

use crate::state::{OpenOptions, StateError, private_file, worker::Keeper};

use super::{
    backing::{self, AT_ONCE},
    blocks::Blocks,
    folder, seal,
    trouble::sled_error,
};

/// The new files while they are written, and the old ones until they are removed.
const FRESH: &str = "sled.new";
const OLD: &str = "sled.old";
/// What a compaction came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// How many bytes the files had.
    pub before: u64,
    /// How many they have.
    pub after: u64,
}

/// Rewrites the files in `folder`, which nobody has open.
pub(super) fn compact(
    folder: &Path,
    options: &OpenOptions,
    place: &str,
) -> Result<Compacted, StateError> {
    let (files, fresh, old) = (folder::files(folder), folder.join(FRESH), folder.join(OLD));
    // With all its checks, and with the lock.
    let mut store = folder::open(folder, options, place)?;
    if let Some(problem) = store.verify()?.problems.into_iter().next() {
        // What is damaged is evidence: nothing of it is thrown away.
        return Err(StateError::damaged(place, problem));
    }
    let database = store.database()?;
    let before = size(&files)?;
    private_file::create_folder(&fresh)?;
    let copied = {
        let new = backing::database(&fresh, place)?;
        copy(database, &new, &fresh, place)?;
        new.flush().map_err(|error| sled_error(&error, place, &fresh))
    };
    copied?;
    let _free = backing::released(&fresh)?;
    {
        let new = backing::database(&fresh, place)?;
        compare(database, &new, &fresh, place)?;
    }
    if !backing::released(&fresh)? {
        return Err(StateError::Unavailable {
            place: place.to_owned(),
            why: "sled does not let go of the new files; the old ones are as they were".into(),
        });
    }
    if size(&fresh)? >= before {
        // sled's files have room of their own in them: nothing was lost that could be won.
        fs::remove_dir_all(&fresh).map_err(StateError::io("remove", &fresh))?;
        return Ok(Compacted { before, after: before });
    }
    folder::restrict(&fresh)?;
    private_file::sync_tree(&fresh)?;
    let _lock = store.let_go();
    if !backing::released(&files)? {
        return Err(StateError::Unavailable {
            place: place.to_owned(),
            why: "sled does not let go of the old files; they are as they were".into(),
        });
    }
    rename(&files, &old)?;
    private_file::sync_folder(folder)?;
    rename(&fresh, &files)?;
    private_file::sync_folder(folder)?;
    seal::put(folder, &files, None)?;
    fs::remove_dir_all(&old).map_err(StateError::io("remove", &old))?;
    Ok(Compacted { before, after: size(&files)? })
}

/// Puts in order what a compaction has left that was cut off. Nobody has the files open.
pub(super) fn recover(folder: &Path) -> Result<(), StateError> {
    let (files, fresh, old) = (folder::files(folder), folder.join(FRESH), folder.join(OLD));
    if folder::exists(&old)? {
        if folder::exists(&files)? {
            // The new ones have taken their place.
            fs::remove_dir_all(&old).map_err(StateError::io("remove", &old))?;
        } else {
            rename(&old, &files)?;
        }
        private_file::sync_folder(folder)?;
    }
    if folder::exists(&fresh)? {
        fs::remove_dir_all(&fresh).map_err(StateError::io("remove", &fresh))?;
    }
    Ok(())
}

/// All environments.
fn copy(from: &Db, to: &Db, folder: &Path, place: &str) -> Result<(), StateError> {
    let failed = |error: sled::Error| sled_error(&error, place, folder);
    for name in from.tree_names() {
        let old = Blocks::new(from.open_tree(&name).map_err(failed)?, folder, place)?;
        let new = Blocks::new(to.open_tree(&name).map_err(failed)?, folder, place)?;
        let mut batch = Vec::<(Vec<u8>, Vec<u8>)>::new();
        let write = |batch: &mut Vec<(Vec<u8>, Vec<u8>)>| {
            new.write(batch.iter().map(|(key, value)| (key.as_slice(), Some(value.as_slice()))))?;
            batch.clear();
            Ok::<_, StateError>(())
        };
        old.walk(&Bound::Unbounded, &Bound::Unbounded, false, &mut |key, value| {
            batch.push((key.to_vec(), value.to_vec()));
            if batch.len() == AT_ONCE {
                write(&mut batch)?;
            }
            Ok(true)
        })?;
        write(&mut batch)?;
    }
    Ok(())
}

/// That both have the same entries.
fn compare(old: &Db, new: &Db, folder: &Path, place: &str) -> Result<(), StateError> {
    let failed = |error: sled::Error| sled_error(&error, place, folder);
    let names = |db: &Db| {
        let mut names = db.tree_names();
        names.sort();
        names
    };
    let sum = |db: &Db, name: &[u8]| {
        let blocks = Blocks::new(db.open_tree(name).map_err(failed)?, folder, place)?;
        let mut sum = blake3::Hasher::new();
        blocks.walk(&Bound::Unbounded, &Bound::Unbounded, false, &mut |key, value| {
            for bytes in [key, value] {
                sum.update(&(bytes.len() as u64).to_le_bytes());
                sum.update(bytes);
            }
            Ok(true)
        })?;
        Ok::<_, StateError>(sum.finalize())
    };
    let mut same = names(old) == names(new);
    for name in old.tree_names() {
        same = same && sum(old, &name)? == sum(new, &name)?;
    }
    if same {
        return Ok(());
    }
    Err(StateError::Unavailable {
        place: place.to_owned(),
        why: "what was written anew is not what is there; the old files are as they were".into(),
    })
}

fn size(folder: &Path) -> Result<u64, StateError> {
    let mut size = 0;
    for entry in walkdir::WalkDir::new(folder) {
        let meta = entry.and_then(|entry| entry.metadata());
        let meta = meta.map_err(|error| StateError::io("read", folder)(error.into()))?;
        size += if meta.is_file() { meta.len() } else { 0 };
    }
    Ok(size)
}

fn rename(from: &Path, to: &Path) -> Result<(), StateError> {
    fs::rename(from, to).map_err(StateError::io("rename", from))
}
