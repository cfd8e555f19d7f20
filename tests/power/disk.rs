//! A disk that keeps what it must, and of the rest what it likes.
//!
//! Bytes and lengths are durable once their file was fsynced, names once their folder was.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

use fastrand::Rng;

use super::trace::{Deed, FileId, Op};

/// Drives write at least so much at once.
const SECTOR: usize = 512;

/// What of the changes that were not made durable is there after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Luck {
    /// Nothing.
    None,
    /// Some of it; writes may be torn at sectors.
    Some,
    /// All: the process was killed, the machine was not.
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Folder,
    File(FileId),
}

#[derive(Default)]
pub(super) struct Disk {
    files: Vec<File>,
    names: BTreeMap<PathBuf, Entry>,
    /// Changes of names that are not durable, in order, with the folder they are in.
    pending: Vec<(usize, PathBuf, Deed)>,
}

#[derive(Default)]
struct File {
    bytes: Vec<u8>,
    pending: Vec<(usize, Deed)>,
}

impl Disk {
    /// With what lies in this folder, all of it durable; and the files by their names.
    pub(super) fn of(folder: &Path) -> (Self, HashMap<PathBuf, FileId>) {
        let (mut disk, mut names) = (Self::default(), HashMap::new());
        disk.names.insert(PathBuf::new(), Entry::Folder);
        for entry in walkdir::WalkDir::new(folder).min_depth(1) {
            let entry = entry.expect("can be read");
            let name = entry.path().strip_prefix(folder).expect("is inside").to_owned();
            if entry.file_type().is_dir() {
                disk.names.insert(name, Entry::Folder);
            } else {
                let bytes = fs::read(entry.path()).expect("can be read");
                disk.names.insert(name.clone(), Entry::File(disk.files.len()));
                names.insert(name, disk.files.len());
                disk.files.push(File { bytes, pending: Vec::new() });
            }
        }
        (disk, names)
    }

    pub(super) fn apply(&mut self, op: &Op) {
        match &op.deed {
            Deed::Create(path, file) => {
                assert_eq!(*file, self.files.len(), "files are numbered as they come");
                self.files.push(File::default());
                self.pend(op, path);
            }
            Deed::Mkdir(path) | Deed::Rename(path, _) | Deed::Unlink(path) => self.pend(op, path),
            Deed::Write(file, ..) | Deed::SetLength(file, _) => {
                self.files[*file].pending.push((op.done, op.deed.clone()));
            }
            Deed::SyncFile(file) => {
                let File { bytes, pending } = &mut self.files[*file];
                // What was still under way when the sync began need not be part of it.
                for (_, deed) in pending.extract_if(.., |(done, _)| *done < op.begun) {
                    change(bytes, &deed, |_| true);
                }
            }
            Deed::SyncFolder(folder) => {
                let synced =
                    self.pending.extract_if(.., |(done, at, _)| at == folder && *done < op.begun);
                for (_, _, deed) in synced {
                    rename(&mut self.names, &deed);
                }
            }
            Deed::Ack(_) => {}
        }
    }

    fn pend(&mut self, op: &Op, path: &Path) {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        self.pending.push((op.done, folder, op.deed.clone()));
    }

    /// Writes into an empty folder what is there after a cut now.
    pub(super) fn write(&self, to: &Path, luck: Luck, rng: &mut Rng) {
        let mut names = self.names.clone();
        // Of each folder, the changes up to some moment.
        let mut left = HashMap::<&Path, usize>::new();
        for (_, folder, deed) in &self.pending {
            let all = || self.pending.iter().filter(|(_, other, _)| other == folder).count();
            let left = left.entry(folder).or_insert_with(|| match luck {
                Luck::None => 0,
                Luck::Some => rng.usize(..=all()),
                Luck::All => usize::MAX,
            });
            if *left > 0 {
                *left -= 1;
                rename(&mut names, deed);
            }
        }
        for (name, entry) in &names {
            // In the order of names a folder comes before what is in it. What is in none is lost.
            if name.parent().is_some_and(|parent| !to.join(parent).is_dir()) {
                continue;
            }
            let path = to.join(name);
            match entry {
                Entry::Folder if name.as_os_str().is_empty() => {}
                Entry::Folder => fs::create_dir(path).expect("can be created"),
                Entry::File(file) => {
                    fs::write(path, self.files[*file].after(luck, rng)).expect("can be written");
                }
            }
        }
    }
}

impl File {
    fn after(&self, luck: Luck, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for (_, deed) in &self.pending {
            let how = match luck {
                Luck::None => 0,
                Luck::Some => rng.u8(..4),
                Luck::All => 1,
            };
            match how {
                0 => {}
                1 => change(&mut bytes, deed, |_| true),
                2 => change(&mut bytes, deed, |_| rng.bool()),
                // The length without the bytes, or with only the first of them.
                _ => {
                    let until = rng.usize(..8);
                    change(&mut bytes, deed, |sector| sector < until);
                }
            }
        }
        bytes
    }
}

/// Changes the file; of a write only these sectors, counted from its beginning.
fn change(bytes: &mut Vec<u8>, deed: &Deed, mut sectors: impl FnMut(usize) -> bool) {
    match deed {
        Deed::SetLength(_, length) => bytes.resize(*length, 0),
        Deed::Write(_, at, new) => {
            let end = at + new.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            let mut from = *at;
            for count in 0.. {
                let to = ((from / SECTOR + 1) * SECTOR).min(end);
                if from >= end {
                    break;
                }
                if sectors(count) {
                    bytes[from..to].copy_from_slice(&new[from - at..to - at]);
                }
                from = to;
            }
        }
        _ => {}
    }
}

fn rename(names: &mut BTreeMap<PathBuf, Entry>, deed: &Deed) {
    match deed {
        Deed::Create(path, file) => drop(names.insert(path.clone(), Entry::File(*file))),
        Deed::Mkdir(path) => drop(names.insert(path.clone(), Entry::Folder)),
        // With what may still be in a folder of which nobody can say more.
        Deed::Unlink(path) => names.retain(|name, _| !name.starts_with(path)),
        Deed::Rename(from, to) => {
            if let Some(entry) = names.remove(from) {
                names.insert(to.clone(), entry);
            }
        }
        _ => {}
    }
}
