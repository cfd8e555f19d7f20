//! Rewrites sled's files: sled does not free the room of removed values, and never makes its file shorter.
//!
//! Everything is copied into new files, compared with the old ones, and only then takes their place. Cut
//! off at any step, the old files or the new ones are whole, and the next opening puts them in
//! place (see [`SledPaths::recover`]).

use std::{ops::Bound, path::Path};

use crate::state::{OpenOptions, StateError, kv::Kv as _, private_file};

use super::{
    approvals_file,
    blocks::Blocks,
    checksums,
    database::Database,
    open::open_engine,
    paths::{SledPaths, remove_folder, restrict},
    sled_kv::{AT_ONCE, released},
};

/// What a compaction came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// How many bytes the files had.
    pub before: u64,
    /// How many they have.
    pub after: u64,
}

/// Rewrites the files in `folder`, which nobody has open.
pub(super) fn rewrite(
    folder: &Path,
    options: &OpenOptions,
    location: &str,
) -> Result<Compacted, StateError> {
    let paths = SledPaths::of(folder);
    let SledPaths { files, fresh, old, .. } = &paths;
    // With all its checks, and with the lock.
    let state = open_engine(folder, options, location)?;
    if let Some(problem) = state.verify()?.problems.into_iter().next() {
        // What is damaged is evidence: nothing of it is thrown away.
        return Err(StateError::damaged(location, problem));
    }
    let mut kv = state.into_kv();
    if let Err(error) = kv.database().map(drop) {
        kv.abandon();
        return Err(error);
    }
    let current = kv.database()?;
    let before = size(files)?;
    private_file::create_folder(fresh)?;
    {
        let new = Database::open(fresh, location)?;
        let _call = new.call();
        copy(current, &new, fresh, location)?;
        copy_approvals(files, fresh)?;
        new.flush().map_err(|error| new.error(&error, location, fresh))?;
    }
    let _free = released(fresh)?;
    {
        let new = Database::open(fresh, location)?;
        let _call = new.call();
        if checksum(current, files, location)? != checksum(&new, fresh, location)? {
            let why = "the new files do not have the same entries; the old ones are as they were";
            return Err(StateError::unavailable(location, why));
        }
    }
    if !released(fresh)? {
        let why = "sled does not let go of the new files; the old ones are as they were";
        return Err(StateError::unavailable(location, why));
    }
    if size(fresh)? >= before {
        // sled's files have unused bytes of their own in them: nothing can be won.
        remove_folder(fresh)?;
        kv.close()?;
        return Ok(Compacted { before, after: before });
    }
    restrict(fresh)?;
    private_file::sync_tree(fresh)?;
    let _lock = kv.into_lock();
    if !released(files)? {
        let why = "sled does not let go of the old files; they are as they were";
        return Err(StateError::unavailable(location, why));
    }
    paths.replace_files()?;
    checksums::put(folder, files, None, None)?;
    remove_folder(old)?;
    Ok(Compacted { before, after: size(files)? })
}

/// The files of approvals, which have no unused bytes.
fn copy_approvals(from: &Path, to: &Path) -> Result<(), StateError> {
    for entry in from.read_dir().map_err(StateError::io("read", from))? {
        let path = entry.map_err(StateError::io("read", from))?.path();
        if approvals_file::is_one(&path)
            && let Some(name) = path.file_name()
            && let Some(bytes) = private_file::read_if_any(&path)?
        {
            private_file::replace(&to.join(name), &bytes)?;
        }
    }
    Ok(())
}

/// All environments.
fn copy(from: &Database, to: &Database, folder: &Path, location: &str) -> Result<(), StateError> {
    for name in from.tree_names() {
        let blocks = |database: &Database| {
            let tree = database.open_tree(&name);
            let tree = tree.map_err(|error| database.error(&error, location, folder))?;
            Ok::<_, StateError>(Blocks::new(tree, folder, location))
        };
        let (old, new) = (blocks(from)?, blocks(to)?);
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

/// A checksum over all entries of all environments.
fn checksum(db: &Database, folder: &Path, location: &str) -> Result<blake3::Hash, StateError> {
    let mut sum = blake3::Hasher::new();
    let mut add = |bytes: &[u8]| {
        sum.update(&(bytes.len() as u64).to_le_bytes());
        sum.update(bytes);
    };
    let mut names = db.tree_names();
    names.sort();
    for name in names {
        add(&name);
        let tree = db.open_tree(&name).map_err(|error| db.error(&error, location, folder))?;
        let blocks = Blocks::new(tree, folder, location);
        blocks.walk(&Bound::Unbounded, &Bound::Unbounded, false, &mut |key, value| {
            add(key);
            add(value);
            Ok(true)
        })?;
    }
    Ok(sum.finalize())
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
