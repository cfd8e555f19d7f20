//! Files that hold texts or visitor ids: nobody but their owner can read them.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use super::StateError;
use crate::files;

/// Creates a file that only its owner can read (mode 0600), open for writing.
///
/// # Errors
///
/// If there is one already, or the folder cannot be written.
pub fn create(path: &Path) -> Result<File, StateError> {
    options().write(true).create_new(true).open(path).map_err(StateError::io("create", path))
}

/// Writes a whole file that only its owner can read, and replaces an older one: after a crash there
/// is the old one or the new one.
///
/// # Errors
///
/// If the folder cannot be written.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    replace_with(path, |file| file.write_all(bytes))
}

/// The same, written piece by piece.
///
/// # Errors
///
/// If the folder cannot be written.
pub fn replace_with(
    path: &Path,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result<(), StateError> {
    // A device or a pipe is written to. In its place, root would leave a file: `/dev/null` is one for all programs.
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        let opened = File::options().write(true).open(path);
        return opened.and_then(|mut file| write(&mut file)).map_err(StateError::io("write", path));
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = create_anew(&beside)?;
    write(&mut file).and_then(|()| file.sync_all()).map_err(StateError::io("write", &beside))?;
    fs::rename(&beside, path).map_err(StateError::io("rename", &beside))?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Like [`create`], after removing a file that a crash has left behind.
pub(super) fn create_anew(path: &Path) -> Result<File, StateError> {
    remove_if_any(path)?;
    create(path)
}

/// A new file that only this process can read, in the folder for temporary files. It has no name any more.
///
/// # Errors
///
/// With the folder, if it cannot be written.
pub fn nameless() -> std::io::Result<File> {
    let folder = std::env::temp_dir();
    let path = folder.join(format!("pushsync-{}", uuid::Uuid::new_v4()));
    let made = options().read(true).write(true).create_new(true).open(&path);
    made.and_then(|file| fs::remove_file(&path).map(|()| file)).map_err(|error| {
        let why = format!("{}: {error}; TMPDIR can name another folder", folder.display());
        std::io::Error::new(error.kind(), why)
    })
}

/// Removes a file; `false` if there is none.
pub(super) fn remove_if_any(path: &Path) -> Result<bool, StateError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StateError::io("remove", path)(error)),
    }
}

/// The bytes of a file; `None` if there is none.
pub(super) fn read_if_any(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    match files::read(path, u64::MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StateError::io("read", path)(error)),
    }
}

/// Creates a folder that only its owner can enter (mode 0700), and those above it as usual. All
/// of them are durable.
pub(super) fn create_folder(path: &Path) -> Result<(), StateError> {
    create_parent(path)?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    make(&builder, path)
}

/// Creates the folders above this path as usual, durably.
pub(super) fn create_parent(path: &Path) -> Result<(), StateError> {
    path.parent().map_or(Ok(()), create_above)
}

fn create_above(path: &Path) -> Result<(), StateError> {
    // The empty path is above a relative name.
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        create_above(above)?;
    }
    make(&fs::DirBuilder::new(), path)
}

fn make(builder: &fs::DirBuilder, path: &Path) -> Result<(), StateError> {
    match builder.create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(StateError::io("create", path)(error)),
        Ok(()) => sync_folder(path.parent().unwrap_or(Path::new("."))),
    }
}

/// Refuses a symbolic link where a file or folder of ours is: what is written there would go elsewhere.
///
/// # Errors
///
/// If there is a link, or the path cannot be looked at.
pub fn refuse_link(path: &Path) -> Result<(), StateError> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_symlink() => Err(StateError::io("use", path)(std::io::Error::other(
            "it is a symbolic link, and what is written there would go elsewhere",
        ))),
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(StateError::io("look at", path)(error))
        }
        _ => Ok(()),
    }
}

/// Whether an open file has a name somewhere: another process can open it later.
pub(super) fn is_linked(file: &File) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        file.metadata().is_ok_and(|file| file.nlink() > 0)
    }
    #[cfg(not(unix))]
    {
        let _has_always = file;
        true
    }
}

/// Makes new names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), StateError> {
    // The parent of a relative name is the empty path.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    if cfg!(unix) {
        File::open(path)
            .and_then(|folder| folder.sync_all())
            .map_err(StateError::io("sync", path))?;
    }
    Ok(())
}

/// Makes everything in a folder durable: bytes and names, also of the folders in it.
pub(super) fn sync_tree(path: &Path) -> Result<(), StateError> {
    for entry in walkdir::WalkDir::new(path).contents_first(true) {
        let entry = entry.map_err(|error| StateError::io("read", path)(error.into()))?;
        if entry.file_type().is_dir() {
            sync_folder(entry.path())?;
        } else {
            // For writing: not every system syncs a file that is open for reading.
            File::options()
                .write(true)
                .open(entry.path())
                .and_then(|file| file.sync_all())
                .map_err(StateError::io("sync", entry.path()))?;
        }
    }
    Ok(())
}

/// Opens a file for reading and writing, creating it (mode 0600) if there is none.
pub(super) fn open(path: &Path) -> Result<File, StateError> {
    // A pipe that is opened to be read and written is not waited for.
    let opened = options().read(true).write(true).create(true).truncate(false).open(path);
    let regular = |file: File| match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(std::io::Error::other("it is not a regular file")),
    };
    opened.and_then(regular).map_err(StateError::io("open", path))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
