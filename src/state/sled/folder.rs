//! The folder of a store: what is looked at, and in which order, before it is trusted.

use std::{
    fs, io, mem,
    path::{Path, PathBuf},
};

use sled::Db;
use uuid::Uuid;

use crate::state::{
    Amendment, Meta, Mode, OpenOptions, StateError, Verification, Write,
    engine::{Engine, stored_ledger},
    ledger::Ledger,
    private_file,
    worker::Keeper,
};

use super::{
    backing, compact, copy,
    head::{self, Head, Heads},
    lock::Lock,
    log,
    logged::{self, Logged, Site},
    marker::{self, Known, LAYOUT, Marker},
    seal::{self, Sums},
};

/// An open store.
pub(super) struct OpenStore {
    engine: Engine<Logged>,
    close: Close,
    marker: Marker,
    heads: Heads,
    /// The place of the environment among those of the marker.
    position: usize,
}

/// What is to be done once sled's files are closed. The lock goes last.
struct Close {
    folder: PathBuf,
    _lock: Lock,
}

/// Where sled's files lie.
pub(super) fn files(folder: &Path) -> PathBuf {
    folder.join("sled")
}

/// Removes what is left of a creation that was cut off before it was acknowledged: no environment
/// has a state. What says that one had one is not removed.
fn start_anew(
    folder: &Path,
    options: &OpenOptions,
    files: &Path,
    place: &str,
) -> Result<(), StateError> {
    if seal::exists(folder)? || head::any_commit(folder)? {
        let what = format!("its {} does not name the environments that it had", marker::FILE);
        return Err(StateError::damaged(place, what));
    }
    if options.mode == Mode::MustExist {
        return Err(not_found(options, place));
    }
    if exists(files)? {
        fs::remove_dir_all(files).map_err(StateError::io("remove", files))?;
        private_file::sync_folder(folder)?;
    }
    log::remove(folder)
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

fn not_found(options: &OpenOptions, place: &str) -> StateError {
    StateError::NotFound { place: place.to_owned(), environment: options.environment.clone() }
}

/// Opens the store in a folder. Called on the thread that will use it.
pub(super) fn open(
    folder: &Path,
    options: &OpenOptions,
    place: &str,
) -> Result<OpenStore, StateError> {
    let files = files(folder);
    refuse_links(folder)?;
    let not_found = || not_found(options, place);
    let anything = || {
        Ok(exists(&files)?
            || seal::exists(folder)?
            || log::exists(folder)?
            || head::any_commit(folder)?)
    };
    if options.mode == Mode::MustExist && !exists(&folder.join(marker::FILE))? && !anything()? {
        return Err(not_found());
    }
    private_file::create_folder(folder)?;
    let lock = Lock::take(folder, place, &options.holder, options.lock_timeout)?;
    compact::recover(folder)?;

    let mut marker = match Marker::read(folder, place)? {
        Some(marker) => marker,
        None if anything()? => {
            let what = format!("its {} is missing", marker::FILE);
            return Err(StateError::damaged(place, what));
        }
        None if options.mode == Mode::MustExist => return Err(not_found()),
        None => {
            // If this is not the first attempt, the folder itself may not be durable yet. One
            // that the user made may be unreadable above: then it is the user's to keep.
            let _users = private_file::sync_folder(folder.parent().unwrap_or(Path::new(".")));
            // Before anything of sled's: files of sled's without a marker are damage.
            let marker = Marker::new();
            marker.write(folder)?;
            marker
        }
    };
    let known = marker.position(&options.environment);
    let site = Site {
        folder: folder.to_owned(),
        files: files.clone(),
        environment: options.environment.clone(),
        place: place.to_owned(),
    };
    let mut sealed = None;
    if marker.environments.is_empty() {
        start_anew(folder, options, &files, place)?;
    } else {
        // sled would make new ones.
        for name in ["db", "conf"] {
            let length = fs::metadata(files.join(name)).map(|file| file.len());
            match length {
                Ok(0) => {
                    let what = format!("its file sled/{name} is empty");
                    return Err(StateError::damaged(place, what));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let what = format!("its file sled/{name} is missing");
                    return Err(StateError::damaged(place, what));
                }
                Err(error) => return Err(StateError::io("read", files.join(name))(error)),
            }
        }
        sealed = seal::check(folder, &files, place)?;
        if sealed.is_none() {
            backing::remove_unfinished(&files)?;
        }
        if let Some(left) = log::read(folder, place)? {
            logged::recover(&site, left)?;
            sealed = None;
        }
        log::remove(folder)?;
        // What was closed well has every environment in its marker.
        if sealed.is_some() && known.is_none() && options.mode == Mode::MustExist {
            return Err(not_found());
        }
    }
    let at = known.unwrap_or(marker.environments.len());
    let noted = match known {
        Some(_) => Some(head::read(folder, at, &options.environment, place)?),
        None => None,
    };
    if sealed.is_none() {
        private_file::create_folder(&files)?;
    }
    let is_sealed = sealed.is_some();
    let backing = backing_of(site, at, sealed, noted)?;
    let stored = stored_ledger(&backing, place, &options.environment)?;
    let engine = match (stored, known) {
        (Some(ledger), Some(at)) => {
            check_lineage(&marker.environments[at], ledger.meta.lineage, place)?;
            Engine::new(backing, place, ledger, options.key.as_ref())?
        }
        // The crash came between the first commit and the marker.
        (Some(ledger), None) => Engine::new(backing, place, ledger, options.key.as_ref())?,
        (None, Some(_)) => {
            let what = format!("the environment {:?} has vanished from it", options.environment);
            return Err(StateError::damaged(place, what));
        }
        (None, None) if options.mode == Mode::MustExist => return Err(not_found()),
        (None, None) => {
            let ledger = Ledger::new(&options.environment, options.new_lineage, options.now);
            Engine::create(backing, place, ledger, options.key.as_ref())?
        }
    };
    let head = Head::of(&engine.ledger)?;
    if let Some(noted) = noted {
        check_head(noted, head, place)?;
    }
    let mut heads = Heads::open(folder, at, &options.environment)?;
    if noted != Some(head) || !is_sealed {
        heads.write(head)?;
        // Before the marker names the environment: from then on the head has to be there.
        heads.sync()?;
    }
    if known.is_none() {
        let name = options.environment.clone();
        let lineage = engine.ledger.meta.lineage;
        marker.environments.push(Known { name, lineage, before: None });
        marker.write(folder)?;
    }
    let close = Close { folder: folder.to_owned(), _lock: lock };
    let mut open = OpenStore { engine, close, marker, heads, position: at };
    open.settle_lineage()?;
    Ok(open)
}

/// The bytes of a state whose files have this seal, and whose last commit was noted so.
fn backing_of(
    site: Site,
    position: usize,
    sealed: Option<Sums>,
    noted: Option<Head>,
) -> Result<Logged, StateError> {
    if let (Some(seal), Some(head)) = (&sealed, noted) {
        let Site { folder, environment, place, .. } = &site;
        if let Some(copy) = copy::read(folder, position, environment, place, head) {
            let seal = seal.clone();
            return Ok(Logged::on_copy(site, copy, seal));
        }
    }
    Logged::on_sled(site, sealed)
}

impl Keeper for OpenStore {
    type Backing = Logged;

    fn engine(&self) -> &Engine<Logged> {
        &self.engine
    }

    fn commit(&mut self, writes: &[Write]) -> Result<Meta, StateError> {
        let restored = writes.iter().rev().find_map(|write| match write {
            Write::Restore { lineage, .. } => Some(*lineage),
            _ => None,
        });
        self.renew_marker()?;
        if let Some(lineage) = restored {
            // Both are right until the commit is done.
            self.note_lineage(lineage, Some(self.engine.ledger.meta.lineage))?;
        }
        let meta = self.engine.commit(writes)?;
        // What is durable stays so, whatever becomes of the head: it only lags behind.
        let _lags = Head::of(&self.engine.ledger).and_then(|head| self.heads.write(head));
        if restored.is_some() {
            self.settle_lineage()?;
        }
        Ok(meta)
    }

    fn amend(&mut self, amendment: &Amendment) -> Result<Meta, StateError> {
        self.renew_marker()?;
        let meta = self.engine.amend(amendment)?;
        let _lags = Head::of(&self.engine.ledger).and_then(|head| self.heads.write(head));
        Ok(meta)
    }

    fn verify(&self) -> Result<Verification, StateError> {
        let mut found = self.engine.verify()?;
        match Marker::read(&self.close.folder, "") {
            Ok(Some(marker)) if marker == self.marker => {}
            Ok(Some(_) | None) | Err(StateError::Damaged { .. } | StateError::Newer { .. }) => {
                found.problems.push(format!("its {} is not what was written", marker::FILE));
            }
            Err(error) => return Err(error),
        }
        Ok(found)
    }

    /// Without a seal, the next opening just trusts less.
    fn close(self) {
        let Self { engine, close, position, .. } = self;
        let records = engine.ledger.meta.records;
        engine.into_backing().close(position, records, |lifted| close.seal(lifted));
    }

    /// sled could panic again when it is dropped, or wait for ever.
    fn abandon(self) {
        let Self { engine, close, .. } = self;
        mem::forget(engine);
        drop(close);
    }
}

impl OpenStore {
    /// All environments, as sled has them.
    pub(super) fn database(&mut self) -> Result<&Db, StateError> {
        self.engine.backing_mut().database()
    }

    /// Closes sled's files, and keeps the lock.
    pub(super) fn let_go(self) -> impl Sized {
        let Self { engine, close, .. } = self;
        drop(engine);
        close
    }

    /// Writes down which lineage the state has, once only one is possible.
    fn settle_lineage(&mut self) -> Result<(), StateError> {
        let meta = &self.engine.ledger.meta;
        let lineage = meta.lineage;
        let settled = self
            .marker
            .position(&meta.environment)
            .and_then(|at| self.marker.environments.get(at))
            .is_none_or(|known| known.lineage == lineage && known.before.is_none());
        if settled { Ok(()) } else { self.note_lineage(lineage, None) }
    }

    /// Says that the folder is of this version's layout, before anything in it is: an older version
    /// then does not touch sled's files.
    fn renew_marker(&mut self) -> Result<(), StateError> {
        if self.marker.format < LAYOUT {
            let marker = Marker { format: LAYOUT, ..self.marker.clone() };
            marker.write(&self.close.folder)?;
            self.marker = marker;
        }
        Ok(())
    }

    fn note_lineage(&mut self, lineage: Uuid, before: Option<Uuid>) -> Result<(), StateError> {
        let mut marker = self.marker.clone();
        let environment = &self.engine.ledger.meta.environment;
        if let Some(known) = marker.environments.iter_mut().find(|known| known.name == *environment)
        {
            known.lineage = lineage;
            known.before = before;
        }
        marker.write(&self.close.folder)?;
        self.marker = marker;
        Ok(())
    }
}

impl Close {
    /// Seals the files of sled's, which are closed now. See [`seal::put`].
    fn seal(&self, lifted: Option<&Sums>) -> Result<(), StateError> {
        let files = files(&self.folder);
        if backing::released(&files)? { seal::put(&self.folder, &files, lifted) } else { Ok(()) }
    }
}

fn check_lineage(known: &Known, found: Uuid, place: &str) -> Result<(), StateError> {
    if known.lineage == found || known.before == Some(found) {
        return Ok(());
    }
    let (expected, what) = (known.lineage, marker::FILE);
    let what = format!("it is of lineage {found}, its {what} says {expected}");
    Err(StateError::damaged(place, what))
}

fn check_head(noted: Head, found: Head, place: &str) -> Result<(), StateError> {
    if noted.sequence > found.sequence {
        let what = format!(
            "it went back from commit {} to commit {}: its end is missing",
            noted.sequence, found.sequence
        );
        return Err(StateError::damaged(place, what));
    }
    if noted.sequence == found.sequence && noted.ledger != found.ledger {
        let what = format!("its commit {} is not the one that was written", found.sequence);
        return Err(StateError::damaged(place, what));
    }
    Ok(())
}

/// sled makes its files with the process's usual mode.
pub(super) fn restrict(files: &Path) -> Result<(), StateError> {
    #[cfg(unix)]
    for entry in files.read_dir().map_err(StateError::io("read", files))? {
        use std::os::unix::fs::PermissionsExt;
        let entry = entry.map_err(StateError::io("read", files))?;
        let path = entry.path();
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .map_err(StateError::io("restrict", &path))?;
    }
    Ok(())
}

pub(super) fn exists(path: &Path) -> Result<bool, StateError> {
    path.try_exists().map_err(StateError::io("read", path))
}
