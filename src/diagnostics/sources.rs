use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    ops::Range,
    sync::Arc,
};

/// The names that audiences are declared under: they may stand where an id may stand too.
pub type Names = HashSet<String>;

/// A file whose lines can be shown.
pub trait Excerpts: Send + Sync {
    /// Line `number` (from 1), without its line break. `None` if it does not exist or cannot be read.
    fn line(&self, number: u32) -> Option<String>;

    /// What of that line stands where visitors' ids stand.
    fn secrets(&self, number: u32, line: &str, names: &Names) -> Secrets;

    /// Whether a line may hold a password or another secret: it is shown to nobody.
    fn withholds(&self, _number: u32) -> bool {
        false
    }

    /// Adds the names of the audiences that it declares.
    fn names(&self, _names: &mut Names) {}

    /// Calls `found` with all that stands where visitors' ids stand.
    fn ids(&self, _names: &Names, _found: &mut dyn FnMut(&str)) {}

    /// How the file is read, if there are several ways: each knows of other ids.
    fn variant(&self) -> String {
        String::new()
    }
}

/// What of a line must not be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secrets {
    /// These characters, counted from 0: each is an id, of which the ends may be shown.
    Ids(Vec<Range<usize>>),
    /// All of it but delimiters and quotes, because the places of the ids are unknown.
    Line,
}

/// The files that diagnostics may point into, by the names that [`crate::model::Place`]s use. One file may be read
/// in several ways.
#[derive(Clone, Default)]
pub struct Sources(BTreeMap<Arc<str>, Vec<Arc<dyn Excerpts>>>);

impl Sources {
    /// Adds a file, or replaces the one of that name that is read in the same way.
    pub fn add(&mut self, name: Arc<str>, file: Arc<dyn Excerpts>) {
        let all = self.0.entry(name).or_default();
        match all.iter_mut().find(|other| other.variant() == file.variant()) {
            Some(other) => *other = file,
            None => all.push(file),
        }
    }

    /// Adds all files of another one.
    pub fn merge(&mut self, other: &Self) {
        for (name, files) in &other.0 {
            files.iter().for_each(|file| self.add(name.clone(), file.clone()));
        }
    }

    /// The names of audiences in all files.
    pub fn names(&self) -> Names {
        let mut names = Names::new();
        self.0.values().flatten().for_each(|file| file.names(&mut names));
        names
    }

    /// Calls `found` with all that stands where visitors' ids stand, in any file.
    pub fn ids(&self, names: &Names, found: &mut dyn FnMut(&str)) {
        self.0.values().flatten().for_each(|file| file.ids(names, found));
    }

    /// What of a line stands where visitors' ids stand, in whichever way the file is read.
    pub(super) fn secrets(&self, file: &str, number: u32, line: &str, names: &Names) -> Secrets {
        let mut found = Vec::new();
        for file in self.0.get(file).into_iter().flatten() {
            match file.secrets(number, line, names) {
                Secrets::Line => return Secrets::Line,
                Secrets::Ids(ids) => found.extend(ids),
            }
        }
        Secrets::Ids(found)
    }

    /// A line of a file, as it is; `None` also if nobody may see it.
    pub fn line(&self, file: &str, number: u32) -> Option<String> {
        let files = self.0.get(file)?;
        let withheld = files.iter().any(|file| file.withholds(number));
        if withheld { None } else { files.first()?.line(number) }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
