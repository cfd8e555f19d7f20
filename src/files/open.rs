use std::{
    fs::{self, File, FileType, Metadata, OpenOptions},
    io,
    path::Path,
};

/// Opens a regular file to read it, links resolved. Never waits.
///
/// # Errors
///
/// If it is anything else, or cannot be opened.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // Before it is opened: to open a device can have an effect.
    refuse_other(&fs::metadata(path)?)?;
    let file = at_once().open(path)?;
    // It may be another one by now.
    refuse_other(&file.metadata()?)?;
    Ok(file)
}

/// The same for a file that a person has named on the command line: it may be a pipe that their shell has opened
/// (`<(…)`, `/dev/stdin`). To open such a pipe never waits, and to read it ends when its writer ends.
///
/// # Errors
///
/// Those of [`open`].
pub(crate) fn open_given(path: &Path) -> io::Result<File> {
    if is_descriptor(path) && is_pipe(fs::metadata(path)?.file_type()) {
        return File::open(path);
    }
    open(path)
}

/// Whether a path names an open file of this process.
fn is_descriptor(path: &Path) -> bool {
    path == Path::new("/dev/stdin")
        || ["/dev/fd", "/proc/self/fd"]
            .iter()
            .any(|folder| path.parent() == Some(Path::new(folder)))
}

fn refuse_other(there: &Metadata) -> io::Result<()> {
    let kind = there.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let what = if kind.is_dir() {
        "a folder"
    } else if is_pipe(kind) {
        "a pipe"
    } else {
        "a device or a socket"
    };
    Err(io::Error::other(format!("it is {what}, not a file")))
}

#[cfg(unix)]
fn is_pipe(kind: FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&kind)
}

#[cfg(not(unix))]
fn is_pipe(_: FileType) -> bool {
    false
}

fn at_once() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        libc::O_NONBLOCK | libc::O_NOCTTY,
    );
    options
}
