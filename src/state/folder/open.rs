//! The folder of a store: everything that is checked, and in which order, before its bytes are trusted.

use std::{fs, io, ops::Bound, path::Path};

use uuid::Uuid;

use crate::state::{
    Mode, OpenOptions, StateError,
    engine::Engine,
    header::StateHeader,
    kv::{Changes, Kv, Visit},
    private_file,
};

use super::{
    checksums,
    database::Database,
    last_commit::{self, LastCommit, LastCommits},
    layout::{self, KnownEnvironment, Layout},
    lock::Lock,
    memtable::{self, MemtableKv},
    paths::{SledPaths, exists, remove_folder},
    sled_kv, wal,
};

/// The bytes of one environment in a folder, and the files beside sled's.
pub(super) struct FolderKv {
    kv: MemtableKv,
    layout: Layout,
    last_commits: LastCommits,
    paths: SledPaths,
    environment: String,
    location: String,
    // Dropped last: everything else is closed by then.
    lock: Lock,
}

/// Removes the rest of a creation that was cut off before it was acknowledged: no environment
/// has a state. If a file shows that one had a state, that is damage, and nothing is removed.
fn start_anew(paths: &SledPaths, options: &OpenOptions, location: &str) -> Result<(), StateError> {
    let SledPaths { folder, files, .. } = paths;
    if exists(&folder.join(checksums::FILE))? || last_commit::any_commit(folder)? {
        let what = format!("its {} does not name the environments that it had", layout::FILE);
        return Err(StateError::damaged(location, what));
    }
    if options.mode == Mode::MustExist {
        return Err(options.not_found(location));
    }
    if exists(files)? {
        remove_folder(files)?;
        private_file::sync_folder(folder)?;
    }
    wal::remove(folder)
}

/// None of the store's files may be a link: opening the store changes files, and how they can be read.
fn refuse_links(folder: &Path) -> Result<(), StateError> {
    let entries = match folder.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(StateError::io("read", folder))?,
    };
    for entry in entries {
        let entry = entry.map_err(StateError::io("read", folder))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if ["pushsync.", "sled", "unrecorded-"].iter().any(|ours| name.starts_with(ours)) {
            private_file::refuse_link(&entry.path())?;
        }
    }
    Ok(())
}

/// Opens the state of one environment. Called on the thread that will use it.
pub(super) fn open_engine(
    folder: &Path,
    options: &OpenOptions,
    location: &str,
) -> Result<Engine<FolderKv>, StateError> {
    let OpenOptions { environment, mode, key, .. } = options;
    let paths = SledPaths::of(folder);
    refuse_links(folder)?;
    let not_found = || options.not_found(location);
    let anything = || {
        Ok::<_, StateError>(
            exists(&paths.files)?
                || exists(&folder.join(checksums::FILE))?
                || exists(&folder.join(wal::FILE))?
                || last_commit::any_commit(folder)?,
        )
    };
    if *mode == Mode::MustExist && !exists(&folder.join(layout::FILE))? && !anything()? {
        return Err(not_found());
    }
    let lock = Lock::take(folder, location, &options.holder, options.lock_timeout)?;
    paths.recover()?;

    let layout = match Layout::read(folder, location)? {
        Some(layout) => layout,
        None if anything()? => {
            let what = format!("its {} is missing", layout::FILE);
            return Err(StateError::damaged(location, what));
        }
        None if *mode == Mode::MustExist => return Err(not_found()),
        None => {
            // If this is not the first attempt, the folder itself may not be durable yet. One
            // that the user made may be unreadable above: then it is the user's to keep.
            let _users = private_file::sync_folder(folder.parent().unwrap_or(Path::new(".")));
            // Before anything of sled's: sled's files without this one are damage.
            let layout = Layout::new();
            layout.write(folder)?;
            layout
        }
    };
    let known = layout.position(environment);
    let mut sums = None;
    if layout.environments.is_empty() {
        start_anew(&paths, options, location)?;
    } else {
        check_files(&paths, location)?;
        sums = checksums::check(folder, &paths.files, location)?;
        // If a thread holds the files for long, opening them says so.
        if sums.is_none() && sled_kv::released(&paths.files)? {
            sled_kv::remove_unfinished(&paths.files)?;
            paths.renew()?;
            // Written again as well: its name may be one that the disk does not have.
            layout.write(folder)?;
        }
        if let Some(left) = wal::read(folder, location)? {
            memtable::recover(&paths, location, left)?;
            sums = None;
        }
        wal::remove(folder)?;
        // A store that was closed well has every environment in its layout.
        if sums.is_some() && known.is_none() && *mode == Mode::MustExist {
            return Err(not_found());
        }
    }
    let position = known.unwrap_or(layout.environments.len());
    let noted = match known {
        Some(_) => Some(last_commit::read(folder, position, environment, location)?),
        None => None,
    };
    let closed_well = sums.is_some();
    if !closed_well {
        private_file::create_folder(&paths.files)?;
    }
    let kv = FolderKv {
        kv: MemtableKv::open(paths.clone(), environment, location, sums)?,
        layout,
        last_commits: LastCommits::open(folder, position, environment)?,
        paths,
        environment: environment.clone(),
        location: location.to_owned(),
        lock,
    };
    let mut engine = match StateHeader::stored(&kv, location, environment)? {
        Some(header) => {
            // The environment is not known if a crash came between its first commit and the layout.
            if let Some(known) = known.and_then(|at| kv.layout.environments.get(at)) {
                check_lineage(known, header.meta.lineage, location)?;
            }
            Engine::new(kv, location, header, key.as_ref(), *mode)?
        }
        None if known.is_some() => {
            let what = format!("the environment {environment:?} has vanished from it");
            return Err(StateError::damaged(location, what));
        }
        None if *mode == Mode::MustExist => return Err(not_found()),
        None => {
            let header = StateHeader::new(environment, options.new_lineage, options.now);
            Engine::create(kv, location, header, key.as_ref())?
        }
    };
    let last = LastCommit::of(&engine.header)?;
    if let Some(noted) = noted {
        check_last_commit(noted, last, location)?;
    }
    let lineage = engine.header.meta.lineage;
    let kv = engine.kv_mut();
    if noted != Some(last) || !closed_well {
        kv.last_commits.write(last)?;
        // Before the layout names the environment: from then on the last commit has to be there.
        kv.last_commits.sync()?;
    }
    kv.settle_lineage(lineage)?;
    Ok(engine)
}

/// sled would make new files in place of those that are missing.
fn check_files(paths: &SledPaths, location: &str) -> Result<(), StateError> {
    for name in ["db", "conf"] {
        let path = paths.files.join(name);
        let how = match fs::metadata(&path) {
            Ok(file) if file.len() == 0 => "empty",
            Ok(_) => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => "missing",
            Err(error) => return Err(StateError::io("read", path)(error)),
        };
        return Err(StateError::damaged(location, format!("its file sled/{name} is {how}")));
    }
    Ok(())
}

impl FolderKv {
    /// All environments, as sled has them.
    pub(super) fn database(&mut self) -> Result<&Database, StateError> {
        self.kv.database()
    }

    /// Closes sled's files, and keeps the lock.
    pub(super) fn into_lock(self) -> Lock {
        self.lock
    }

    fn known(&self) -> Option<&KnownEnvironment> {
        self.layout.environments.iter().find(|known| known.name == self.environment)
    }

    /// Writes down the lineage of the state, once only one is possible.
    fn settle_lineage(&mut self, lineage: Uuid) -> Result<(), StateError> {
        let settled =
            self.known().is_some_and(|known| known.lineage == lineage && known.before.is_none());
        if settled { Ok(()) } else { self.note_lineage(lineage, None) }
    }

    fn note_lineage(&mut self, lineage: Uuid, before: Option<Uuid>) -> Result<(), StateError> {
        let name = self.environment.clone();
        let noted = KnownEnvironment { name, lineage, before };
        let mut layout = self.layout.clone();
        match layout.environments.iter_mut().find(|known| known.name == self.environment) {
            Some(known) => *known = noted,
            None => layout.environments.push(noted),
        }
        layout.write(&self.paths.folder)?;
        self.layout = layout;
        Ok(())
    }
}

impl Kv for FolderKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.kv.get(key)
    }

    fn walk(
        &self,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        self.kv.walk(from, to, backwards, visit)
    }

    fn write(&mut self, changes: &Changes) -> Result<(), StateError> {
        if !self.lock.has_folder() && !self.kv.detach() {
            return self.lock.check();
        }
        let header = StateHeader::among(changes, &self.location)?;
        let lineage = header.meta.lineage;
        // `None` before the first commit.
        let before = self.known().map(|known| known.lineage);
        let renewed = before.is_some_and(|before| before != lineage);
        if renewed {
            // Both are right until the commit is done.
            self.note_lineage(lineage, before)?;
        }
        self.kv.write(changes)?;
        // The commit is durable; if this is not written, it only lags behind.
        let _lags = LastCommit::of(&header).and_then(|last| self.last_commits.write(last));
        if renewed { self.settle_lineage(lineage) } else { Ok(()) }
    }

    fn verify(&self) -> Result<Vec<String>, StateError> {
        match Layout::read(&self.paths.folder, &self.location) {
            Ok(Some(layout)) if layout == self.layout => Ok(Vec::new()),
            Ok(Some(_) | None) | Err(StateError::Damaged { .. } | StateError::Newer { .. }) => {
                Ok(vec![format!("its {} is not what was written", layout::FILE)])
            }
            Err(error) => Err(error),
        }
    }

    fn check_lock(&self) -> Result<(), StateError> {
        self.lock.check()
    }

    fn close(mut self) -> Result<(), StateError> {
        if !self.lock.has_folder() {
            self.kv.detach();
        }
        self.kv.close()
    }

    fn abandon(self) {
        let Self { kv, lock, .. } = self;
        kv.abandon();
        drop(lock);
    }
}

fn check_lineage(known: &KnownEnvironment, found: Uuid, location: &str) -> Result<(), StateError> {
    if known.lineage == found || known.before == Some(found) {
        return Ok(());
    }
    let (expected, what) = (known.lineage, layout::FILE);
    let what = format!("it is of lineage {found}, its {what} says {expected}");
    Err(StateError::damaged(location, what))
}

fn check_last_commit(
    noted: LastCommit,
    found: LastCommit,
    location: &str,
) -> Result<(), StateError> {
    if noted.sequence > found.sequence {
        let what = format!(
            "it went back from commit {} to commit {}: its end is missing",
            noted.sequence, found.sequence
        );
        return Err(StateError::damaged(location, what));
    }
    if noted.sequence == found.sequence && noted.header != found.header {
        let what = format!("its commit {} is not the one that was written", found.sequence);
        return Err(StateError::damaged(location, what));
    }
    Ok(())
}
