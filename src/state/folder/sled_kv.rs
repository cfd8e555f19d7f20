//! Sorted bytes in a tree of sled's, one tree for each environment.
//!
//! Facts about sled 0.34.7 (read in its source and measured):
//!
//! - `flush` writes to the file `db` and, on Linux, calls `sync_file_range`, which makes neither
//!   the length of the file nor the drive's cache durable. So `db` is fsynced after every flush.
//! - A value that is too large for a page goes to a file that is never fsynced: see [`super::overflow`].
//! - Its `conf` and the names of its files are never fsynced: all are when it has opened them.
//! - A snapshot that was being written when the process ended is taken for a whole one when the
//!   next opens the files, and is corrupt: it is removed before.
//! - Its threads hold the files on after the database was dropped: they are waited for.

use std::{
    fs::{File, TryLockError},
    io::ErrorKind,
    ops::Bound,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::state::{
    StateError, keys,
    kv::{Changes, Kv, Visit},
    private_file,
};

use super::{approvals_file::ApprovalsFile, blocks::Blocks, database::Database};

/// How many entries are written at once. Of the sizes that were tried, this makes the smallest files for
/// 100,000 and for a million deliveries.
pub(super) const AT_ONCE: usize = 3000;
/// How many bytes sled is given before they are made durable, and a block more. It writes segments with several threads, in
/// any order; if the power goes and a later one is there without an earlier, it takes its files for corrupt.
/// So there are never many segments under way.
const UNSYNCED: usize = 128 << 10;
/// If the files are held longer than this after they were closed, it is not by one of sled's threads.
const LONGEST_RELEASE: Duration = Duration::from_secs(10);

/// sled's files, and in them the tree of one environment.
pub(super) struct SledKv {
    // Before the database: they are dropped first.
    blocks: Blocks,
    approvals: ApprovalsFile,
    database: Database,
    file: File,
    folder: PathBuf,
    location: String,
}

/// Removes the snapshot that sled was writing when the process ended: sled would take it for a
/// whole one, or write the next one over it without making it shorter. The one before is there.
pub(super) fn remove_unfinished(folder: &Path) -> Result<(), StateError> {
    for entry in folder.read_dir().map_err(StateError::io("read", folder))? {
        let path = entry.map_err(StateError::io("read", folder))?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            std::fs::remove_file(&path).map_err(StateError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Whether none of sled's threads has the files open any more; waits a while for it. They hold
/// them on after the database was dropped, and may still make `db` shorter.
pub(super) fn released(folder: &Path) -> Result<bool, StateError> {
    let path = folder.join("db");
    let file = match File::options().read(true).write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(StateError::io("open", &path)(error)),
    };
    let start = Instant::now();
    let mut pause = Duration::from_micros(50);
    loop {
        // The lock that sled itself takes.
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if start.elapsed() > LONGEST_RELEASE => return Ok(false),
            Err(TryLockError::WouldBlock) => {
                thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(10));
            }
            Err(TryLockError::Error(error)) => return Err(StateError::io("lock", &path)(error)),
        }
    }
}

impl SledKv {
    /// Opens (or creates) sled's files in this folder, and in them the tree of this environment.
    pub(super) fn open(
        folder: &Path,
        environment: &str,
        location: &str,
    ) -> Result<Self, StateError> {
        let database = Database::open(folder, location)?;
        let tree = {
            let _call = database.call();
            let tree = database.open_tree(format!("environment:{environment}"));
            tree.map_err(|error| database.error(&error, location, folder))?
        };
        let blocks = Blocks::new(tree, folder, location);
        let path = folder.join("db");
        let file = File::options()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(StateError::io("open", &path))?;
        Ok(Self {
            blocks,
            approvals: ApprovalsFile::new(folder, environment, location),
            database,
            file,
            folder: folder.into(),
            location: location.to_owned(),
        })
    }

    /// All environments.
    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// Closes the database. Answers with its file.
    pub(super) fn close(self) -> File {
        let Self { blocks, database, file, .. } = self;
        drop(blocks);
        drop(database);
        file
    }

    /// Makes everything in the folder durable, with its names.
    pub(super) fn make_durable(&self) -> Result<(), StateError> {
        self.sync()?;
        private_file::sync_tree(&self.folder)
    }

    /// Makes everything written so far durable.
    fn sync(&self) -> Result<(), StateError> {
        {
            let _call = self.database.call();
            let flushed = self.database.flush();
            flushed.map_err(|error| self.database.error(&error, &self.location, &self.folder))?;
        }
        self.sync_blobs()?;
        self.file.sync_all().map_err(StateError::io("sync", self.folder.join("db")))
    }

    /// There should be none; if there are, they are durable before the log that points to them.
    fn sync_blobs(&self) -> Result<(), StateError> {
        let folder = self.folder.join("blobs");
        let mut any = false;
        for entry in folder.read_dir().map_err(StateError::io("read", &folder))? {
            let path = entry.map_err(StateError::io("read", &folder))?.path();
            // sled may have removed it since.
            if let Ok(blob) = File::open(&path) {
                blob.sync_all().map_err(StateError::io("sync", &path))?;
                any = true;
            }
        }
        if any { private_file::sync_folder(&folder) } else { Ok(()) }
    }
}

impl Kv for SledKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        if ApprovalsFile::holds(key) {
            return self.approvals.get(key);
        }
        let _call = self.database.call();
        self.blocks.get(key)
    }

    fn walk(
        &self,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        // Their table is before all others.
        if !backwards && !self.approvals.walk(&from, &to, false, visit)? {
            return Ok(());
        }
        let mut goes_on = true;
        {
            let _call = self.database.call();
            self.blocks.walk(&from, &to, backwards, &mut |key, value| {
                goes_on = visit(key, value)?;
                Ok(goes_on)
            })?;
        }
        if backwards && goes_on {
            self.approvals.walk(&from, &to, true, visit)?;
        }
        Ok(())
    }

    /// In portions, and so not at once: the header comes last, and says whether all of it is there.
    fn write(&mut self, changes: &Changes) -> Result<(), StateError> {
        let all = changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        let (approvals, entries): (Vec<_>, Vec<_>) = all
            .filter(|(key, _)| *key != keys::HEADER)
            .partition(|(key, _)| ApprovalsFile::holds(key));
        self.approvals.write(approvals.into_iter())?;
        let mut rest = entries.as_slice();
        while !rest.is_empty() {
            let written = {
                let _call = self.database.call();
                self.blocks.write_some(rest, UNSYNCED)?
            };
            rest = rest.get(written..).unwrap_or_default();
            self.sync()?;
        }
        let header = changes.get_key_value(keys::HEADER);
        {
            let _call = self.database.call();
            self.blocks
                .write(header.iter().map(|(key, value)| (key.as_slice(), value.as_deref())))?;
        }
        self.sync()
    }
}
