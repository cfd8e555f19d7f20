//! Projects of at most 10 MB that mean harm, made by code.

mod audiences;
mod files;
mod names;
mod states;
mod templates;
mod yaml;

use std::{fs, path::Path};

/// What a pull request may bring.
pub(crate) const MOST_BYTES: u64 = 10 << 20;

/// A project that takes much time or memory, or would.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) make: fn(&Folder),
    /// What was applied before, to a sandbox.
    pub(crate) before: Option<fn(&Folder)>,
}

/// A folder that files are written into.
pub(crate) struct Folder<'a>(pub(crate) &'a Path);

impl Folder<'_> {
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
        fs::write(path, content).expect("a file is written");
    }

    pub(crate) fn project(&self, yaml: impl AsRef<[u8]>) {
        self.file("pushsync.yaml", yaml);
    }

    /// The bytes of all files but those of the state.
    pub(crate) fn bytes(&self) -> u64 {
        let files = walkdir::WalkDir::new(self.0).into_iter().filter_map(Result::ok);
        let own = files.filter(|file| !file.path().starts_with(self.0.join("state")));
        own.filter_map(|file| file.metadata().ok())
            .filter(fs::Metadata::is_file)
            .map(|f| f.len())
            .sum()
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Shape> {
    [yaml::ALL, files::ALL, names::ALL, audiences::ALL, templates::ALL, states::ALL]
        .into_iter()
        .flatten()
        .map(|(name, make)| Shape { name, make: *make, before: states::before(name) })
        .collect()
}

type Named = (&'static str, fn(&Folder));

/// Joins what is made for each number.
pub(crate) fn each(count: usize, make: impl Fn(usize) -> String) -> String {
    (0..count).map(make).collect()
}
