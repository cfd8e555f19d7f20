use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    path::Path,
    thread,
    time::{Duration, SystemTime},
};

use super::open::{open, open_given};

/// How often a file that changes is read, and the pause before it is read again.
const ATTEMPTS: [Duration; 3] =
    [Duration::ZERO, Duration::from_millis(100), Duration::from_millis(400)];
/// A file that was written to within this time is looked at again after it.
const QUIET: Duration = Duration::from_millis(20);
/// The same for a file whose last line does not end: its writer has probably more to write.
const QUIET_CUT: Duration = Duration::from_millis(500);

/// Reads a regular file whole, at most `most` bytes.
///
/// # Errors
///
/// If it is not a regular file, has more bytes, or cannot be read.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    whole(&open(path)?, most)
}

/// The same for a file, or a pipe, that a person has named on the command line.
///
/// # Errors
///
/// Those of [`read`].
pub(crate) fn read_given(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    whole(&open_given(path)?, most)
}

/// How a whole file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With a line break, mostly: one that ends otherwise and was written to just now is probably not finished.
    LineBreak,
    /// In any way.
    Any,
}

/// Reads a regular file whole, as it was at one moment: one that somebody writes to meanwhile is read again.
///
/// A program that writes a file slowly leaves half of it there for some time. Length, times and inode are compared
/// before and after reading, and once more when nobody can have written for [`QUIET`]. A writer that pauses for
/// longer is not noticed, unless it pauses in the middle of a line ([`QUIET_CUT`]).
///
/// # Errors
///
/// Those of [`read`], and if it changed each time, or changed and ends in the middle of a line.
pub(crate) fn read_unchanged(path: &Path, most: u64, ending: Ending) -> io::Result<Vec<u8>> {
    let mut changed = false;
    for pause in ATTEMPTS {
        thread::sleep(pause);
        let Some(bytes) = attempt(path, most, ending)? else {
            changed = true;
            continue;
        };
        if changed && ending == Ending::LineBreak && is_cut(&bytes) {
            continue;
        }
        return Ok(bytes);
    }
    Err(io::Error::other(
        "it changed while it was read, each time: something is writing to it. Run again once that has ended; a program \
         that makes this file should write another one, and rename it",
    ))
}

/// The bytes of the file, or nothing if it changed meanwhile.
fn attempt(path: &Path, most: u64, ending: Ending) -> io::Result<Option<Vec<u8>>> {
    let file = open(path)?;
    let before = Stamp::of(&file.metadata()?);
    let bytes = whole(&file, most)?;
    let cut = ending == Ending::LineBreak && is_cut(&bytes);
    if let Some(age) = before.age() {
        thread::sleep(if cut { QUIET_CUT } else { QUIET }.saturating_sub(age));
    }
    let after = Stamp::of(&file.metadata()?);
    let there = match fs::metadata(path) {
        Ok(there) => Some(Stamp::of(&there)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let same = before == after && there == Some(after) && bytes.len() as u64 == before.length;
    Ok(same.then_some(bytes))
}

fn is_cut(bytes: &[u8]) -> bool {
    let end = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    // In UTF-16, a zero may follow a line break.
    !bytes.is_empty() && end.last() != Some(&b'\n')
}

fn whole(file: &File, most: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len().min(most);
    let mut bytes = Vec::new();
    // A file may claim any length.
    bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX).saturating_add(1))?;
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}

/// What changes of a file when it is written to, or another one takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// Device, inode, and the time at which any of this changed.
    identity: [i64; 4],
}

impl Stamp {
    fn of(file: &Metadata) -> Self {
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            [file.dev() as i64, file.ino() as i64, file.ctime(), file.ctime_nsec()]
        };
        #[cfg(not(unix))]
        let identity = [0; 4];
        Self { length: file.len(), modified: file.modified().ok(), identity }
    }

    /// How long ago it was written to. By a clock that runs ahead of this one, it was just now.
    fn age(&self) -> Option<Duration> {
        // Only for the length of a pause: nothing that is read depends on it.
        Some(SystemTime::now().duration_since(self.modified?).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_is_read_again_or_refused() {
        let folder = folder();
        let path = folder.path().join("grows.csv");
        let mut file = File::create(&path).expect("created");
        file.write_all(b"visitor_id\nv1\n").expect("written");
        let stop = std::sync::atomic::AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    file.write_all(b"v\n").expect("written");
                    thread::sleep(Duration::from_millis(1));
                }
            });
            let error = read_unchanged(&path, 1 << 20, Ending::LineBreak).expect_err("it grows");
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(error.to_string().contains("something is writing to it"), "{error}");
        });
        // Nobody writes any more.
        let bytes = read_unchanged(&path, 1 << 20, Ending::LineBreak).expect("readable");
        assert_eq!(bytes, fs::read(&path).expect("readable"));
    }

    #[test]
    fn a_file_that_is_written_in_two_goes_is_read_whole() {
        let folder = folder();
        let path = folder.path().join("slow.csv");
        fs::write(&path, "visitor_id\nv1\nvisi").expect("written");
        thread::scope(|scope| {
            let path = &path;
            scope.spawn(move || {
                thread::sleep(Duration::from_millis(50));
                let mut file = File::options().append(true).open(path).expect("opened");
                file.write_all(b"tor2\n").expect("written");
            });
            let bytes = read_unchanged(path, 1 << 20, Ending::LineBreak).expect("readable");
            assert_eq!(bytes, b"visitor_id\nv1\nvisitor2\n");
        });
    }

    #[test]
    fn a_last_line_without_an_end_is_right_in_a_file_that_nobody_writes_to() {
        let folder = folder();
        let path = folder.path().join("plain.csv");
        fs::write(&path, "visitor_id\nv1").expect("written");
        let bytes = read_unchanged(&path, 1 << 20, Ending::LineBreak).expect("readable");
        assert_eq!(bytes, b"visitor_id\nv1");
    }

    #[test]
    fn what_is_not_a_regular_file_is_not_opened() {
        let folder = folder();
        let path = folder.path();
        assert_eq!(read(path, 9).expect_err("a folder").to_string(), "it is a folder, not a file");
        for device in ["/dev/zero", "/dev/null"] {
            let device = Path::new(device);
            if device.exists() {
                for error in [read(device, 9), read_given(device, 9)] {
                    let error = error.expect_err("a device").to_string();
                    assert_eq!(error, "it is a device or a socket, not a file");
                }
            }
        }
        fs::write(path.join("long"), "0123456789").expect("written");
        let error = read(&path.join("long"), 9).expect_err("too long").to_string();
        assert_eq!(error, "it has more than 9 bytes");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = folder();
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
        assert!(made.success());
        for error in [read(&path, 9), read_given(&path, 9)] {
            assert_eq!(error.expect_err("a pipe").to_string(), "it is a pipe, not a file");
        }
    }
}
