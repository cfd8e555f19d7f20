use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    ops::Range,
    sync::Arc,
};

use super::Masks;
use crate::model::mask::shown;

/// The names that audiences are declared under: they may stand where an id may stand too.
pub type Names = HashSet<String>;

/// A file whose lines can be shown.
pub trait Excerpts: Send + Sync {
    /// Line `number` (from 1), without its line break. `None` if it does not exist or cannot be read.
    fn line(&self, number: u32) -> Option<String>;

    /// What of that line stands where visitors' ids stand.
    fn secrets(&self, number: u32, line: &str, names: &Names) -> Secrets;

    /// Adds the names of the audiences that it declares.
    fn names(&self, _names: &mut Names) {}

    /// Calls `found` with all that stands where visitors' ids stand.
    fn ids(&self, _names: &Names, _found: &mut dyn FnMut(&str)) {}
}

/// What of a line must not be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secrets {
    /// These characters, counted from 0: each is an id, of which the ends may be shown.
    Ids(Vec<Range<usize>>),
    /// All of it but delimiters and quotes, because the places of the ids are unknown.
    Line,
}

/// The files that diagnostics may point into, by the names that [`super::Place`]s use.
#[derive(Clone, Default)]
pub struct Sources(BTreeMap<Arc<str>, Arc<dyn Excerpts>>);

impl Sources {
    /// Adds a file, or replaces the one of that name.
    pub fn add(&mut self, name: Arc<str>, file: Arc<dyn Excerpts>) {
        self.0.insert(name, file);
    }

    /// Adds all files of another one.
    pub fn merge(&mut self, other: &Self) {
        self.0.extend(other.0.iter().map(|(name, file)| (name.clone(), file.clone())));
    }

    /// The names of audiences in all files.
    pub fn names(&self) -> Names {
        let mut names = Names::new();
        self.0.values().for_each(|file| file.names(&mut names));
        names
    }

    /// Calls `found` with all that stands where visitors' ids stand, in any file.
    pub fn ids(&self, names: &Names, found: &mut dyn FnMut(&str)) {
        self.0.values().for_each(|file| file.ids(names, found));
    }

    /// A line of a file. With masks, visitors' ids in it are masked; its length in characters
    /// stays as it is, so that columns keep their meaning.
    pub fn line(&self, file: &str, number: u32, masks: Option<&Masks>) -> Option<String> {
        let source = self.0.get(file)?;
        let line = source.line(number)?;
        let Some(masks) = masks else { return Some(line) };
        let mut chars: Vec<char> = line.chars().collect();
        match source.secrets(number, &line, masks.names()) {
            Secrets::Line => {
                let keeps = |c: char| matches!(c, ',' | ';' | '|' | '"' | '\t' | ' ');
                chars.iter_mut().filter(|c| !keeps(**c)).for_each(|c| *c = '·');
            }
            Secrets::Ids(ids) => {
                for range in masks.of_line(&line, ids) {
                    let range = range.start.min(chars.len())..range.end.min(chars.len());
                    hide(&mut chars[range]);
                }
            }
        }
        Some(chars.into_iter().collect())
    }
}

/// Like `VisitorId::masked`, but of the same length.
fn hide(id: &mut [char]) {
    let (head, tail) = shown(id);
    let end = id.len() - tail;
    for c in &mut id[head..end] {
        *c = '·';
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
