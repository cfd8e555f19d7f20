//! YAML files as text, with the places in them.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, OnceLock},
};

use super::{
    audience::ids::stands_for_nothing,
    comments,
    limits::Limits,
    line_index::Lines,
    secret_values::{self, Withheld},
    suspects::{self, Suspect, Words},
    yaml::{
        tree::{Flaw, Mark, NodeId, Span, Tree, What, places::Places},
        values::{ValueId, Values},
    },
};
use crate::{
    diagnostics::{Excerpts, Names, Secrets},
    model::Place,
};

/// No id is written over more lines.
const MOST_LINES: u32 = 1_000;

/// A line with more bytes is not shown: it is too long to read, and takes time to copy.
pub(super) const MOST_SHOWN: usize = 100_000;

/// A YAML file that was read. Its tree is made when a place in it is asked for.
pub struct SourceFile {
    name: Arc<str>,
    text: String,
    limits: Limits,
    lines: OnceLock<Lines>,
    tree: OnceLock<Result<Tree, Flaw>>,
    /// The rest of lists of which something was passed over because of errors.
    shortened: OnceLock<HashMap<NodeId, Vec<NodeId>>>,
    suspects: OnceLock<(Vec<Suspect>, Vec<Box<str>>)>,
    words: OnceLock<Words>,
    withheld: OnceLock<Withheld>,
}

impl SourceFile {
    /// `name` is what diagnostics call the file. A byte order mark at the beginning, as Windows writes it, is not
    /// part of the text: no column counts it.
    pub(crate) fn new(name: Arc<str>, mut text: String) -> Self {
        if text.starts_with('\u{feff}') {
            text.remove(0);
        }
        Self {
            name,
            text,
            limits: Limits::default(),
            lines: OnceLock::new(),
            tree: OnceLock::new(),
            shortened: OnceLock::new(),
            suspects: OnceLock::new(),
            words: OnceLock::new(),
            withheld: OnceLock::new(),
        }
    }

    /// With other limits for what its aliases may add.
    pub(crate) fn within(self, limits: &Limits) -> Self {
        Self { limits: *limits, ..self }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Where the values of the file are written. A node that is not the value at its path is strange.
    pub(crate) fn tree(&self) -> Result<&Tree, &Flaw> {
        let made = self.tree.get_or_init(|| {
            let mut tree = Tree::parse(&self.text, &self.limits)?;
            if let Ok(values) = Values::read(&self.text, &self.limits) {
                tree.fit(&values);
            }
            Ok(tree)
        });
        made.as_ref()
    }

    /// The places of all values.
    pub(crate) fn places(&self, values: &Values<'_>) -> Places {
        let mut places = Places::default();
        self.tree.get_or_init(|| {
            let mut tree = Tree::parse(&self.text, &self.limits)?;
            places = tree.fit(values);
            Ok(tree)
        });
        places
    }

    /// Remembers which values were passed over because of errors: they do not count in lists.
    pub(crate) fn drop_values(&self, dropped: &HashSet<ValueId>, places: &Places) {
        let Ok(tree) = self.tree() else { return };
        let nodes: HashSet<NodeId> = dropped.iter().filter_map(|id| places.node(*id)).collect();
        let lists = tree.nodes().filter_map(|(id, node)| match &node.what {
            What::Seq(items) if items.iter().any(|item| nodes.contains(item)) => Some((id, items)),
            _ => None,
        });
        let shortened = lists.map(|(id, items)| {
            (id, items.iter().copied().filter(|item| !nodes.contains(item)).collect())
        });
        if !nodes.is_empty() {
            // Set once, when the file is decoded.
            let _ = self.shortened.set(shortened.collect());
        }
    }

    /// The elements of a list that were not passed over.
    pub(super) fn items<'t>(&'t self, tree: &'t Tree, list: NodeId) -> &'t [NodeId] {
        let shortened = self.shortened.get().and_then(|lists| lists.get(&tree.resolve(list)));
        shortened.map_or_else(|| tree.items(list), Vec::as_slice)
    }

    fn lines(&self) -> &Lines {
        self.lines.get_or_init(|| Lines::new(&self.text))
    }

    /// Line `number`, from 1, without its line break.
    pub(crate) fn line_text(&self, number: u32) -> Option<&str> {
        self.lines().get(&self.text, number)
    }

    /// What of a line stands between two places, the second of which may be in a later line; and
    /// the column where that begins.
    pub(crate) fn part_of_line(&self, number: u32, span: Span) -> Option<(&str, u32)> {
        let line = self.line_text(number)?;
        let column = if number == span.start.line { span.start.column } else { 0 };
        let from = self.lines().offset(line, number, column);
        let to = match number == span.end.line {
            true => self.lines().offset(line, number, span.end.column),
            false => line.len(),
        };
        Some((line.get(from..to)?, column))
    }

    /// Where a character of a line begins, in bytes.
    pub(crate) fn offset(&self, mark: Mark) -> usize {
        let line = self.line_text(mark.line).unwrap_or_default();
        self.lines().offset(line, mark.line, mark.column)
    }

    pub(crate) fn place_at(&self, line: u32, column: u32, length: u32) -> Place {
        Place { file: self.name.clone(), line, column, length }
    }

    /// The place of a span: its first line, if it has several.
    pub(crate) fn place_of(&self, span: Span) -> Place {
        let Span { start, end: _ } = span;
        // Only the part between the two is looked at: a line may be the whole file.
        let meant = self.part_of_line(start.line, span).map_or("", |(meant, _)| meant);
        // Spans of the parser may have white space at their end.
        let meant = meant.trim_end();
        let length = u32::try_from(meant.chars().count()).unwrap_or(u32::MAX).max(1);
        self.place_at(start.line.max(1), start.column + 1, length)
    }

    /// What stands where visitors' ids belong, and the names of audiences.
    fn suspects(&self, tree: &Tree) -> &(Vec<Suspect>, Vec<Box<str>>) {
        self.suspects.get_or_init(|| suspects::in_tree(tree))
    }

    /// The same, where there is no tree.
    fn words(&self) -> &Words {
        self.words.get_or_init(|| {
            let lines = (1..).map_while(|number| self.line_text(number));
            suspects::in_words(lines)
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
        self.line_text(number).filter(|line| line.len() <= MOST_SHOWN).map(str::to_owned)
    }

    fn secrets(&self, number: u32, line: &str, names: &Names) -> Secrets {
        let Ok(tree) = self.tree() else {
            return Secrets::Ids(self.words().of_line(number));
        };
        let strange = tree.has_strange().then(|| self.words().of_line(number));
        let (suspects, _) = self.suspects(tree);
        let here = |span: Span| (span.start.line..=span.end.line).contains(&number);
        let before = suspects.partition_point(|suspect| suspect.span.start.line <= number);
        let spans = suspects[..before].iter().rev();
        let hidden = spans
            .take_while(|suspect| suspect.span.start.line + MOST_LINES > number)
            .filter(|suspect| here(suspect.span) && suspect.counts(names))
            .map(|Suspect { span, .. }| {
                let start = if span.start.line == number { span.start.column as usize } else { 0 };
                let end =
                    if span.end.line == number { span.end.column as usize } else { usize::MAX };
                start..end.max(start).min(line.len())
            });
        let others = strange.into_iter().flatten().chain(comments::hidden(line));
        Secrets::Ids(hidden.chain(others).filter(|span| span.start < span.end).collect())
    }

    fn withholds(&self, number: u32) -> bool {
        let withheld = self.withheld.get_or_init(|| {
            let lines = || (1..).map_while(|number| self.line_text(number));
            match self.tree() {
                Ok(tree) if !tree.has_strange() => secret_values::in_tree(tree),
                Ok(tree) => {
                    let mut all = secret_values::in_tree(tree);
                    all.extend(secret_values::in_lines(lines()));
                    all
                }
                Err(_) => secret_values::in_lines(lines()),
            }
        });
        withheld.iter().any(|lines| lines.contains(&number))
    }

    fn names(&self, names: &mut Names) {
        if let Ok(tree) = self.tree() {
            names.extend(self.suspects(tree).1.iter().map(|name| String::from(&**name)));
        }
    }

    fn ids(&self, names: &Names, found: &mut dyn FnMut(&str)) {
        let tree = self.tree();
        if let Ok(tree) = tree {
            let suspects = self.suspects(tree).0.iter();
            let ids = suspects.filter(|one| one.counts(names) && !stands_for_nothing(&one.text));
            ids.for_each(|one| found(&one.text));
        }
        if tree.map_or(true, Tree::has_strange) {
            self.words().texts.iter().for_each(|text| found(text));
        }
    }
}
