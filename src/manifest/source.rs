//! Files as text, and places in them that are only looked up when they are shown.

use std::{
    fmt,
    ops::Range,
    sync::{Arc, OnceLock},
};

use super::yaml::tree::{Flaw, NodeId, Span, Tree, What};
use crate::diagnostics::{Excerpts, Place};

/// A YAML file that was read. Its tree is made when a place in it is asked for.
pub struct SourceFile {
    name: Arc<str>,
    text: String,
    lines: OnceLock<Vec<usize>>,
    tree: OnceLock<Result<Tree, Flaw>>,
    secrets: OnceLock<Vec<Span>>,
}

impl SourceFile {
    /// `name` is what diagnostics call the file.
    pub(crate) fn new(name: Arc<str>, text: String) -> Self {
        Self { name, text, lines: OnceLock::new(), tree: OnceLock::new(), secrets: OnceLock::new() }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn tree(&self) -> Result<&Tree, &Flaw> {
        self.tree.get_or_init(|| Tree::parse(&self.text)).as_ref()
    }

    /// Line `number`, from 1, without its line break.
    pub(crate) fn line_text(&self, number: u32) -> Option<&str> {
        let starts = self.lines.get_or_init(|| line_starts(&self.text));
        let at = (number as usize).checked_sub(1)?;
        let start = *starts.get(at)?;
        let end = starts.get(at + 1).copied().unwrap_or(self.text.len());
        self.text.get(start..end).map(|line| line.trim_end_matches(['\n', '\r']))
    }

    pub(crate) fn place_at(&self, line: u32, column: u32, length: u32) -> Place {
        Place { file: self.name.clone(), line, column, length }
    }

    /// The place of a span: its first line, if it has several.
    pub(crate) fn place_of(&self, span: Span) -> Place {
        let Span { start, end } = span;
        let end = if end.line == start.line {
            end.column
        } else {
            let text = self.line_text(start.line).unwrap_or_default();
            u32::try_from(text.trim_end().chars().count()).unwrap_or(u32::MAX)
        };
        let length = end.saturating_sub(start.column).max(1);
        self.place_at(start.line.max(1), start.column + 1, length)
    }

    /// Which spans hold visitors' ids.
    fn visitor_spans(&self) -> &[Span] {
        self.secrets.get_or_init(|| {
            let mut spans = Vec::new();
            let Ok(tree) = self.tree() else { return spans };
            for (_, node) in tree.nodes() {
                let What::Map(entries) = &node.what else { continue };
                for (key, value) in entries {
                    match tree.text(*key) {
                        Some("visitor") => spans.push(tree.node(*value).span),
                        Some("visitors") => {
                            spans.extend(tree.items(*value).iter().map(|id| tree.node(*id).span));
                        }
                        Some("to") => {
                            let mut span = tree.node(*value).span;
                            let text = tree.text(*value).unwrap_or_default();
                            if let Some(at) = text.find('@') {
                                span.start.column += u32::try_from(at).unwrap_or(0) + 1;
                                spans.push(span);
                            }
                        }
                        _ => {}
                    }
                }
            }
            spans
        })
    }
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceFile({})", self.name)
    }
}

impl Excerpts for SourceFile {
    fn line(&self, number: u32) -> Option<String> {
        self.line_text(number).map(str::to_owned)
    }

    fn secrets(&self, number: u32, line: &str) -> Vec<Range<usize>> {
        if self.tree().is_err() {
            return likely_ids(line);
        }
        let hidden = self
            .visitor_spans()
            .iter()
            .filter(|span| (span.start.line..=span.end.line).contains(&number));
        hidden
            .map(|span| {
                let start = if span.start.line == number { span.start.column as usize } else { 0 };
                let end =
                    if span.end.line == number { span.end.column as usize } else { usize::MAX };
                start..end.max(start)
            })
            .collect()
    }
}

/// In a file that cannot be parsed, whatever looks like an id: 20 letters and digits or more,
/// with both.
fn likely_ids(line: &str) -> Vec<Range<usize>> {
    let chars: Vec<char> = line.chars().collect();
    let mut found = Vec::new();
    let mut start = 0;
    for at in 0..=chars.len() {
        let inside = chars.get(at).is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
        if inside {
            continue;
        }
        let run = &chars[start..at];
        if run.len() >= 20
            && run.iter().any(char::is_ascii_digit)
            && run.iter().any(|c| c.is_alphabetic())
        {
            found.push(start..at);
        }
        start = at + 1;
    }
    found
}

/// The offsets at which lines begin; `\n`, `\r\n` and a lone `\r` end one, as in YAML.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut starts = vec![0];
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
            starts.push(at + 1);
        }
    }
    starts
}

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(Arc<str>),
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.into())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// Where something is written. The line is only looked up when it is asked for.
#[derive(Clone)]
pub struct Source(Inner);

#[derive(Clone)]
enum Inner {
    Fixed(Place),
    Path { file: Arc<SourceFile>, steps: Arc<[Step]>, key: bool },
}

impl Source {
    /// A place that is known already: for tests.
    pub fn fixed(file: &str, line: u32) -> Self {
        Self(Inner::Fixed(Place { file: file.into(), line, column: 1, length: 1 }))
    }

    /// A place that is known already.
    pub(crate) fn known(place: Place) -> Self {
        Self(Inner::Fixed(place))
    }

    pub(crate) fn root(file: &Arc<SourceFile>) -> Self {
        Self(Inner::Path { file: file.clone(), steps: [].into(), key: false })
    }

    /// What is written under `step`.
    pub(crate) fn child(&self, step: impl Into<Step>) -> Self {
        match &self.0 {
            Inner::Fixed(_) => self.clone(),
            Inner::Path { file, steps, .. } => {
                let steps = steps.iter().cloned().chain([step.into()]).collect();
                Self(Inner::Path { file: file.clone(), steps, key: false })
            }
        }
    }

    /// The key of an entry, instead of its value.
    pub(crate) fn key(&self) -> Self {
        match &self.0 {
            Inner::Fixed(_) => self.clone(),
            Inner::Path { file, steps, .. } => {
                Self(Inner::Path { file: file.clone(), steps: steps.clone(), key: true })
            }
        }
    }

    /// The place. If it cannot be found any more, the nearest one around it.
    pub fn place(&self) -> Place {
        match &self.0 {
            Inner::Fixed(place) => place.clone(),
            Inner::Path { file, steps, key } => match file.tree() {
                Ok(tree) => match find(tree, steps, *key) {
                    Some(node) => file.place_of(tree.node(node).span),
                    None => file.place_at(1, 1, 1),
                },
                Err(_) => file.place_at(1, 1, 1),
            },
        }
    }

    /// The file, the tree and the node of a value, for what must know how it is written.
    pub(crate) fn node(&self) -> Option<(&Arc<SourceFile>, &Tree, NodeId)> {
        match &self.0 {
            Inner::Fixed(_) => None,
            Inner::Path { file, steps, key } => {
                let tree = file.tree().ok()?;
                Some((file, tree, find(tree, steps, *key)?))
            }
        }
    }
}

/// The node at the end of the path, or the last one on the way to it.
fn find(tree: &Tree, steps: &[Step], key: bool) -> Option<NodeId> {
    let mut node = tree.root?;
    let mut shown = node;
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Key(name) => {
                let Some((name, value)) = tree.entry(node, name) else { return Some(shown) };
                node = value;
                let last = at + 1 == steps.len();
                // A place inside another value is shown by the key: a mapping's own span is long.
                let nothing = tree.text(value) == Some("");
                shown = if (last && !key && !nothing) || (!last && nothing) { value } else { name };
            }
            Step::Index(index) => {
                let Some(item) = tree.items(node).get(*index) else { return Some(shown) };
                node = *item;
                shown = *item;
            }
        }
    }
    Some(shown)
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (
                Inner::Path { file, steps, key },
                Inner::Path { file: other_file, steps: other_steps, key: other_key },
            ) => file.name == other_file.name && steps == other_steps && key == other_key,
            _ => self.place() == other.place(),
        }
    }
}

impl Eq for Source {}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Fixed(place) => write!(f, "{}:{}:{}", place.file, place.line, place.column),
            Inner::Path { file, steps, .. } => write!(f, "{}{:?}", file.name, steps),
        }
    }
}
