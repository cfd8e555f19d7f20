//! Ways through a document: their places are only looked up when they are shown.

use std::{fmt, sync::Arc};

use super::{
    source_file::SourceFile,
    yaml::tree::{NodeId, Tree},
};
use crate::model::{FindPlace, Place, Source};

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathStep {
    Key(Arc<str>),
    Index(usize),
}

impl From<&str> for PathStep {
    fn from(key: &str) -> Self {
        Self::Key(key.into())
    }
}

impl From<usize> for PathStep {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// Where something is written: the way to it through its document. The line is only looked up when it is
/// asked for.
#[derive(Clone)]
pub struct SourcePath {
    file: Arc<SourceFile>,
    steps: Arc<[PathStep]>,
    key: bool,
}

impl SourcePath {
    pub(crate) fn root(file: &Arc<SourceFile>) -> Self {
        Self { file: file.clone(), steps: [].into(), key: false }
    }

    /// The name of its file.
    pub(crate) fn file(&self) -> &Arc<str> {
        self.file.name()
    }

    /// What is written under `step`.
    pub(crate) fn child(&self, step: impl Into<PathStep>) -> Self {
        let steps = self.steps.iter().cloned().chain([step.into()]).collect();
        Self { file: self.file.clone(), steps, key: false }
    }

    /// The key of an entry, instead of its value.
    pub(crate) fn key(&self) -> Self {
        Self { key: true, ..self.clone() }
    }

    /// The place. If it cannot be found any more, the nearest one around it.
    pub fn place(&self) -> Place {
        match self.node() {
            Some((file, tree, node)) => file.place_of(tree.node(node).span),
            None => self.file.place_at(1, 1, 1),
        }
    }

    /// Whether the file has this path to its end.
    pub(crate) fn is_written(&self) -> bool {
        let Ok(tree) = self.file.tree() else { return false };
        let mut node = tree.root;
        for step in &*self.steps {
            node = node.and_then(|node| match step {
                PathStep::Key(name) => tree.entry(node, name).map(|(_, value)| value),
                PathStep::Index(index) => tree.items(node).get(*index).copied(),
            });
        }
        node.is_some()
    }

    /// The file, the tree and the node of a value, for what must know how it is written.
    pub(crate) fn node(&self) -> Option<(&Arc<SourceFile>, &Tree, NodeId)> {
        let Self { file, steps, key } = self;
        let tree = file.tree().ok()?;
        Some((file, tree, find(file, tree, steps, *key)?))
    }
}

impl FindPlace for SourcePath {
    fn place(&self) -> Place {
        Self::place(self)
    }
}

impl From<SourcePath> for Source {
    fn from(path: SourcePath) -> Self {
        Self::new(path)
    }
}

/// The node at the end of the path, or the last one on the way to it.
fn find(file: &SourceFile, tree: &Tree, steps: &[PathStep], key: bool) -> Option<NodeId> {
    let mut node = tree.root?;
    let mut shown = node;
    for (at, step) in steps.iter().enumerate() {
        match step {
            PathStep::Key(name) => {
                let Some((name, value)) = tree.entry(node, name) else { return Some(shown) };
                if tree.is_strange(name) {
                    return Some(shown);
                }
                if tree.is_strange(value) {
                    return Some(name);
                }
                node = value;
                let last = at + 1 == steps.len();
                // A place inside another value is shown by the key: a mapping's own span is long.
                let span = tree.node(value).span;
                let nothing = span.start == span.end;
                shown = if (last && !key && !nothing) || (!last && nothing) { value } else { name };
            }
            PathStep::Index(index) => {
                let Some(item) = file.items(tree, node).get(*index) else { return Some(shown) };
                if tree.is_strange(*item) {
                    return Some(shown);
                }
                node = *item;
                shown = *item;
            }
        }
    }
    Some(shown)
}

impl PartialEq for SourcePath {
    fn eq(&self, other: &Self) -> bool {
        let Self { file, steps, key } = self;
        file.name() == other.file.name() && *steps == other.steps && *key == other.key
    }
}

impl Eq for SourcePath {}

impl fmt::Debug for SourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.file.name(), self.steps)
    }
}
