use std::{collections::BTreeMap, fmt, ops::Range, sync::Arc};

/// A file whose lines can be shown.
pub trait Excerpts: Send + Sync {
    /// Line `number` (from 1), without its line break. `None` if there is none, or it cannot be read.
    fn line(&self, number: u32) -> Option<String>;

    /// Which characters (counted from 0) of that line are part of a visitor's id.
    fn secrets(&self, number: u32, line: &str) -> Vec<Range<usize>>;
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

    /// A line of a file, with visitors' ids masked. Its length in characters stays as it is, so
    /// that columns keep their meaning.
    pub fn line(&self, file: &str, number: u32) -> Option<String> {
        let source = self.0.get(file)?;
        let line = source.line(number)?;
        let secrets = source.secrets(number, &line);
        if secrets.is_empty() {
            return Some(line);
        }
        let mut chars: Vec<char> = line.chars().collect();
        for range in secrets {
            let range = range.start.min(chars.len())..range.end.min(chars.len());
            mask(&mut chars[range]);
        }
        Some(chars.into_iter().collect())
    }
}

/// Like `VisitorId::masked`, but of the same length.
fn mask(id: &mut [char]) {
    let (head, tail) = match id.len() {
        0..=3 => (0, 0),
        4..=7 => (1, 1),
        8..=13 => (2, 2),
        _ => (4, 3),
    };
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
