//! What a process did to the files of one folder, from the words of `strace`.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

/// The calls that change files, make changes durable, or say which file is meant. One that
/// changes files in the folder and is not understood below is an error.
pub(super) const CALLS: &str = "openat,open,creat,close,lseek,dup,dup2,dup3,fcntl,write,writev,pwrite64,pwritev,\
                     pwritev2,ftruncate,truncate,fallocate,rename,renameat,renameat2,unlink,unlinkat,\
                     rmdir,mkdir,mkdirat,link,linkat,symlink,symlinkat,copy_file_range,sendfile,\
                     fsync,fdatasync,sync,syncfs,sync_file_range";

/// A file, whatever its name is now: an index into the list of all files there ever were.
pub(super) type FileId = usize;

/// One thing that was done. Paths are relative to the folder.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    Create(PathBuf, FileId),
    Mkdir(PathBuf),
    Rename(PathBuf, PathBuf),
    Unlink(PathBuf),
    Write(FileId, usize, Vec<u8>),
    SetLength(FileId, usize),
    SyncFile(FileId),
    SyncFolder(PathBuf),
    /// The step of this number was acknowledged.
    Ack(usize),
}

/// A deed, and the lines of the trace where it began and was done.
#[derive(Debug, Clone)]
pub(super) struct Op {
    pub(super) begun: usize,
    pub(super) done: usize,
    pub(super) deed: Deed,
}

/// What is known of the folder while a trace is read. Several processes may follow each other.
pub(super) struct Reader {
    folder: PathBuf,
    acks: PathBuf,
    /// The files by their names now.
    names: HashMap<PathBuf, FileId>,
    files: usize,
    lines: usize,
    ops: Vec<Op>,
}

/// What an open descriptor leads to.
#[derive(Clone)]
enum Open {
    File(FileId, usize),
    Folder(PathBuf),
    Acks,
}

impl Reader {
    /// `names` are the files that are there before.
    pub(super) fn new(folder: &Path, acks: &Path, names: HashMap<PathBuf, FileId>) -> Self {
        let files = names.len();
        let (folder, acks) = (folder.to_owned(), acks.to_owned());
        Self { folder, acks, names, files, lines: 0, ops: Vec::new() }
    }

    /// Reads the trace of one process.
    pub(super) fn read(&mut self, trace: &[u8]) {
        // Processes follow each other, with line numbers that go on: what is done is in order.
        let mut open = HashMap::<i64, Open>::new();
        let mut unfinished = HashMap::<&[u8], (usize, &[u8])>::new();
        for line in trace.split(|byte| *byte == b'\n') {
            self.lines += 1;
            let Some(space) = line.iter().position(|byte| *byte == b' ') else { continue };
            let (pid, call) = (&line[..space], line[space..].trim_ascii_start());
            if let Some(start) = call.strip_suffix(b" <unfinished ...>") {
                unfinished.insert(pid, (self.lines, start));
            } else if call.starts_with(b"<... ") {
                let (begun, start) = unfinished.remove(pid).expect("it had begun");
                let at = find(call, b" resumed>").expect("it resumes") + b" resumed>".len();
                self.call(begun, &[start, &call[at..]].concat(), &mut open);
            } else if !call.starts_with(b"+++") && !call.starts_with(b"---") {
                self.call(self.lines, call, &mut open);
            }
        }
    }

    /// What was done, in the order in which it was.
    pub(super) fn into_ops(self) -> Vec<Op> {
        self.ops
    }

    fn call(&mut self, begun: usize, call: &[u8], open: &mut HashMap<i64, Open>) {
        let Call { name, arguments, result } = Call::parse(call);
        if result < 0 {
            return;
        }
        let number = |at: usize| arguments[at].number();
        // A path that is relative begins at the folder whose descriptor stands before it.
        let whole =
            |at: usize| match at.checked_sub(1).and_then(|before| on_fd(open, arguments[before])) {
                Some(Open::Folder(folder)) => self.folder.join(folder).join(arguments[at].path()),
                _ => arguments[at].path(),
            };
        let path = |at: usize| self.inside(&whole(at));
        let on = |at: usize| on_fd(open, arguments[at]);
        let mut deeds = Vec::new();
        match name.as_str() {
            "openat" => {
                let (path, flags) = (whole(1), arguments[2].words());
                if path == self.acks {
                    open.insert(result, Open::Acks);
                } else if let Some(path) = self.inside(&path) {
                    if flags.contains("O_DIRECTORY") || self.folder.join(&path).is_dir() {
                        open.insert(result, Open::Folder(path));
                        return;
                    }
                    assert!(!flags.contains("O_APPEND") && !flags.contains("O_SYNC"), "{flags}");
                    let file = self.names.get(&path).copied().unwrap_or_else(|| {
                        self.names.insert(path.clone(), self.files);
                        self.files += 1;
                        deeds.push(Deed::Create(path, self.files - 1));
                        self.files - 1
                    });
                    if flags.contains("O_TRUNC") {
                        deeds.push(Deed::SetLength(file, 0));
                    }
                    open.insert(result, Open::File(file, 0));
                }
            }
            "close" => drop(open.remove(&number(0))),
            "lseek" => {
                if let Some(Open::File(_, at)) = open.get_mut(&number(0)) {
                    *at = size(result);
                }
            }
            "write" => match open.get_mut(&number(0)) {
                Some(Open::File(file, at)) => {
                    let bytes = arguments[1].text()[..size(result)].to_vec();
                    deeds.push(Deed::Write(*file, *at, bytes));
                    *at += size(result);
                }
                Some(Open::Acks) => {
                    let text = String::from_utf8(arguments[1].text()).expect("is a number");
                    deeds.push(Deed::Ack(text.trim().parse().expect("is a number")));
                }
                Some(Open::Folder(_)) | None => {}
            },
            "pwrite64" => {
                if let Some(Open::File(file, _)) = on(0) {
                    let bytes = arguments[1].text()[..size(result)].to_vec();
                    deeds.push(Deed::Write(file, size(number(3)), bytes));
                }
            }
            "ftruncate" => {
                if let Some(Open::File(file, _)) = on(0) {
                    deeds.push(Deed::SetLength(file, size(number(1))));
                }
            }
            "fsync" | "fdatasync" => match on(0) {
                Some(Open::File(file, _)) => deeds.push(Deed::SyncFile(file)),
                Some(Open::Folder(path)) => deeds.push(Deed::SyncFolder(path)),
                Some(Open::Acks) | None => {}
            },
            "rename" => {
                if let (Some(from), Some(to)) = (path(0), path(1)) {
                    let file = self.names.remove(&from).expect("it is there");
                    self.names.insert(to.clone(), file);
                    deeds.push(Deed::Rename(from, to));
                }
            }
            "unlink" | "rmdir" | "unlinkat" => {
                if let Some(path) = path(usize::from(name == "unlinkat")) {
                    self.names.remove(&path);
                    deeds.push(Deed::Unlink(path));
                }
            }
            "mkdir" => deeds.extend(path(0).map(Deed::Mkdir)),
            // It makes nothing durable.
            "sync_file_range" => {}
            "fcntl" if !arguments[1].words().contains("DUP") => {}
            other => {
                let named =
                    arguments.iter().any(|a| a.is_text() && self.inside(&a.path()).is_some());
                assert!(!named && on(0).is_none(), "{other} is not understood");
            }
        }
        let done = self.lines;
        self.ops.extend(deeds.into_iter().map(|deed| Op { begun, done, deed }));
    }

    fn inside(&self, path: &Path) -> Option<PathBuf> {
        path.strip_prefix(&self.folder).ok().map(Path::to_owned)
    }
}

fn on_fd(open: &HashMap<i64, Open>, argument: Argument<'_>) -> Option<Open> {
    argument.try_number().and_then(|fd| open.get(&fd)).cloned()
}

/// `name(argument, argument, …) = result`.
struct Call<'a> {
    name: String,
    arguments: Vec<Argument<'a>>,
    result: i64,
}

/// As it stands there.
#[derive(Clone, Copy)]
struct Argument<'a>(&'a [u8]);

impl<'a> Call<'a> {
    fn parse(call: &'a [u8]) -> Self {
        let from = find(call, b"(").expect("has arguments");
        let to = call.windows(3).rposition(|w| w == b" = ").expect("has a result");
        let name = String::from_utf8_lossy(&call[..from]).into_owned();
        let result = String::from_utf8_lossy(&call[to + 3..]).into_owned();
        let result = result.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(-1);
        let inside = call[from + 1..to].trim_ascii_end();
        let inside = inside.strip_suffix(b")").expect("ends");
        // In strings every byte is \xNN: no comma is part of one.
        let arguments = inside.split(|b| *b == b',').map(|a| Argument(a.trim_ascii())).collect();
        Self { name, arguments, result }
    }
}

impl Argument<'_> {
    fn words(self) -> String {
        String::from_utf8_lossy(self.0).into_owned()
    }

    fn try_number(self) -> Option<i64> {
        self.words().parse().ok()
    }

    fn number(self) -> i64 {
        self.try_number().unwrap_or_else(|| panic!("{} is not a number", self.words()))
    }

    fn is_text(self) -> bool {
        self.0.starts_with(b"\"")
    }

    fn text(self) -> Vec<u8> {
        let digits = self.0.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        let digits = digits.expect("a whole string");
        let value = |digit: u8| if digit >= b'a' { digit - b'a' + 10 } else { digit - b'0' };
        digits.chunks_exact(4).map(|c| value(c[2]) << 4 | value(c[3])).collect()
    }

    fn path(self) -> PathBuf {
        use std::os::unix::ffi::OsStringExt;
        PathBuf::from(std::ffi::OsString::from_vec(self.text()))
    }
}

fn size(number: i64) -> usize {
    usize::try_from(number).expect("is not negative")
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
