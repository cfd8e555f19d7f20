use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use super::{
    quota::Window,
    world::{JournalEntry, World},
};

/// The first line of every journal.
const HEADER: &str = r#"{"format":"pushsync/sandbox/1"}"#;

/// The file that keeps a sandbox's messages: JSON lines, only ever appended to, so that a
/// process that is killed loses nothing that was answered. (A loss of power may: no fsync.)
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    length: u64,
    /// The file before a compaction: its lock keeps out those who opened it just before.
    _previous: Option<File>,
}

/// What a journal held.
#[derive(Default)]
pub(super) struct Replay {
    pub(super) world: World,
    pub(super) window: Option<Window>,
    pub(super) warnings: Vec<String>,
}

/// Why a sandbox's data could not be used. It is never taken for empty.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file could not be read or written.
    #[error("could not use the sandbox's data {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another sandbox uses it.
    #[error(
        "the sandbox's data {path} is in use by another process; stop it, or use another file",
        path = .0.display()
    )]
    InUse(PathBuf),
    /// The file is something else.
    #[error(
        "{path} does not hold a sandbox's data, so it is left as it is; use another file",
        path = .0.display()
    )]
    Foreign(PathBuf),
    /// A line in the middle cannot be read.
    #[error(
        "line {line} of the sandbox's data {path} is damaged; move the file away to start anew",
        path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

impl Journal {
    /// Opens the file (and makes it, and its folder), and replays it.
    pub(super) fn open(path: &Path) -> Result<(Self, Replay), JournalError> {
        let failed = |source| JournalError::Io { path: path.to_owned(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut file = options().create(true).open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(failed(io::Error::other("it is not a regular file")));
        }
        lock(&file, path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;

        let mut replay = Replay::default();
        let (kept, lines) = read(&bytes, path, &mut replay)?;
        let mut journal = Self { file, length: kept, _previous: None };
        if kept < bytes.len() as u64 {
            journal.file.set_len(kept).map_err(failed)?;
        }
        if kept == 0 {
            journal.append(&format!("{HEADER}\n")).map_err(failed)?;
        } else if bytes.get(kept as usize - 1) != Some(&b'\n') {
            // Whole but for its line break.
            journal.append("\n").map_err(failed)?;
        }
        let needed = replay.world.messages().len() + replay.world.agents().len();
        if lines > 2 * needed + 64 {
            journal = journal.compact(path, &replay).map_err(failed)?;
        }
        Ok((journal, replay))
    }

    /// Writes down what is about to change. On an error nothing of it stays.
    pub(super) fn write(&mut self, entry: &JournalEntry) -> io::Result<()> {
        let mut line = serde_json::to_string(entry)?;
        line.push('\n');
        self.append(&line)
    }

    fn append(&mut self, text: &str) -> io::Result<()> {
        self.file.seek(io::SeekFrom::Start(self.length))?;
        match self.file.write_all(text.as_bytes()) {
            Ok(()) => {
                self.length += text.len() as u64;
                Ok(())
            }
            Err(error) => {
                // Half a line would spoil the next one.
                let _ = self.file.set_len(self.length);
                Err(error)
            }
        }
    }

    /// Writes the same world in fewer lines to a new file, and puts it in the place of this one.
    fn compact(self, path: &Path, replay: &Replay) -> io::Result<Self> {
        let mut text = format!("{HEADER}\n");
        let messages = replay.world.messages().iter();
        let agents = replay.world.agents();
        let all = messages
            .map(|message| JournalEntry::Message(Box::new(message.clone())))
            .chain(agents.map(|agent| JournalEntry::Agent(agent.clone())))
            .chain(replay.window.map(JournalEntry::Window));
        for entry in all {
            text.push_str(&serde_json::to_string(&entry)?);
            text.push('\n');
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = options().create_new(true).open(&beside)?;
        file.lock()?;
        let mut fresh = Self { file, length: 0, _previous: Some(self.file) };
        fresh.append(&text)?;
        fs::rename(&beside, path)?;
        Ok(fresh)
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

fn lock(file: &File, path: &Path) -> Result<(), JournalError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(source)) => Err(JournalError::Io { path: path.to_owned(), source }),
    }
}

/// Replays the lines. Answers how many bytes are to be kept, and how many lines those are.
fn read(bytes: &[u8], path: &Path, replay: &mut Replay) -> Result<(u64, usize), JournalError> {
    let foreign = || JournalError::Foreign(path.to_owned());
    if HEADER.as_bytes().starts_with(bytes) && bytes.len() < HEADER.len() {
        // Nothing, or a first line that was torn.
        return Ok((0, 0));
    }
    let mut kept = 0;
    let mut count = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        count += 1;
        let whole = line.ends_with(b"\n");
        let content = line.trim_ascii_end();
        if count == 1 {
            if content != HEADER.as_bytes() {
                return Err(foreign());
            }
        } else {
            match serde_json::from_slice::<JournalEntry>(content) {
                Ok(JournalEntry::Window(window)) => replay.window = Some(window),
                Ok(entry) => replay.world.apply(entry),
                Err(_) if !whole => {
                    replay.warnings.push(format!(
                        "the last line of the sandbox's data {} was torn and is dropped (line {count}); its request was never answered",
                        path.display()
                    ));
                    break;
                }
                Err(_) => {
                    return Err(JournalError::Damaged { path: path.to_owned(), line: count });
                }
            }
        }
        kept += line.len() as u64;
    }
    Ok((kept, count))
}
