//! Where the values of a YAML document are written.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span as ParserSpan};

use super::{surrogates, values::MAX_DEPTH};
use crate::manifest::limits::Limits;

pub(crate) mod places;

/// A point in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    /// From 1.
    pub(crate) line: u32,
    /// From 0, in characters.
    pub(crate) column: u32,
}

/// From a point to another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: Mark,
    pub(crate) end: Mark,
}

/// A node of a [`Tree`].
pub(crate) type NodeId = u32;

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) what: What,
    /// A tag that `serde_yaml` passes over: see [`uri`].
    pub(crate) tag: Option<Box<str>>,
}

#[derive(Debug)]
pub(crate) enum What {
    Scalar { value: Box<str>, style: ScalarStyle },
    Seq(Vec<NodeId>),
    Map(Vec<(NodeId, NodeId)>),
    Alias(NodeId),
}

/// Why a text has no [`Tree`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flaw {
    Syntax {
        at: Mark,
        message: String,
    },
    TooDeep {
        at: Mark,
    },
    /// An alias inside its own anchor.
    Endless {
        at: Mark,
    },
    /// Aliases add more than this limit allows.
    Grows {
        at: Mark,
        limit: &'static str,
        most: u64,
    },
    SeveralDocuments {
        at: Mark,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    pub(crate) root: Option<NodeId>,
    /// Entries of large mappings by their keys; small ones are searched.
    index: HashMap<NodeId, HashMap<Box<str>, usize>>,
    /// Nodes that are not the value at their path: their places count for nothing.
    strange: HashSet<NodeId>,
}

/// Mappings with more entries than this are indexed.
const SMALL: usize = 16;

fn mark(marker: Marker) -> Mark {
    Mark {
        line: u32::try_from(marker.line()).unwrap_or(u32::MAX),
        column: u32::try_from(marker.col()).unwrap_or(u32::MAX),
    }
}

fn span(span: ParserSpan) -> Span {
    Span { start: mark(span.start), end: mark(span.end) }
}

/// A collection that is being read, and what was there before it.
enum Open {
    Seq(NodeId, usize, Size, Vec<NodeId>),
    Map(NodeId, usize, Size, Vec<(NodeId, NodeId)>, Option<NodeId>),
}

/// How much there is once each alias is replaced by what it stands for.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    nodes: u64,
    bytes: u64,
}

impl Size {
    fn add(&mut self, more: Self) {
        self.nodes = self.nodes.saturating_add(more.nodes);
        self.bytes = self.bytes.saturating_add(more.bytes);
    }

    fn since(self, before: Self) -> Self {
        Self { nodes: self.nodes - before.nodes, bytes: self.bytes - before.bytes }
    }
}

impl Tree {
    pub(crate) fn parse(text: &str, limits: &Limits) -> Result<Self, Flaw> {
        let mut tree = Self::default();
        let mut anchors: HashMap<usize, (NodeId, Size)> = HashMap::new();
        let mut open: Vec<Open> = Vec::new();
        let (mut all, mut aliased) = (Size::default(), Size::default());
        let mut documents = 0;
        let text = surrogates::hidden(text);
        let hidden = matches!(text, Cow::Owned(_));
        let mut parser = Parser::new_from_str(&text);
        while let Some(event) = parser.next_event() {
            let (event, at) = event.map_err(|error| {
                let at = mark(*error.marker());
                match error.info() {
                    // The parser has a limit of its own, and looks ahead.
                    info if info.contains("recursion limit") => Flaw::TooDeep { at },
                    info => Flaw::Syntax { at, message: info.to_owned() },
                }
            })?;
            let at = span(at);
            let done = match event {
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => continue,
                Event::StreamEnd => break,
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        return Err(Flaw::SeveralDocuments { at: at.start });
                    }
                    continue;
                }
                Event::Alias(anchor) => {
                    // An alias inside its own anchor would have no end.
                    let Some(&(target, size)) = anchors.get(&anchor) else {
                        return Err(Flaw::Endless { at: at.start });
                    };
                    all.add(size);
                    aliased.add(size);
                    let at_most = |limit, found, most| match found > most {
                        true => Err(Flaw::Grows { at: at.start, limit, most }),
                        false => Ok(()),
                    };
                    at_most("yaml-aliased", aliased.nodes, limits.yaml_aliased)?;
                    at_most("yaml-aliased-bytes", aliased.bytes, limits.yaml_aliased_bytes)?;
                    tree.push(at, What::Alias(target), None)
                }
                Event::Scalar(value, style, anchor, tag) => {
                    let value = match hidden {
                        true => Cow::Owned(surrogates::shown(&value).into_owned()),
                        false => value,
                    };
                    let size = Size { nodes: 1, bytes: value.len() as u64 };
                    all.add(size);
                    // The parser gives nothing the place of the sign behind it.
                    let nothing = value.is_empty() && style == ScalarStyle::Plain;
                    let at = if nothing { Span { end: at.start, ..at } } else { at };
                    let what = What::Scalar { value: value.into(), style };
                    let id = tree.push(at, what, uri(tag.as_deref()));
                    if anchor != 0 {
                        anchors.insert(anchor, (id, size));
                    }
                    id
                }
                Event::SequenceStart(anchor, tag) => {
                    let id = tree.push(at, What::Seq(Vec::new()), uri(tag.as_deref()));
                    open.push(Open::Seq(id, anchor, all, Vec::new()));
                    all.add(Size { nodes: 1, bytes: 0 });
                    if open.len() > MAX_DEPTH {
                        return Err(Flaw::TooDeep { at: at.start });
                    }
                    continue;
                }
                Event::MappingStart(anchor, tag) => {
                    let id = tree.push(at, What::Map(Vec::new()), uri(tag.as_deref()));
                    open.push(Open::Map(id, anchor, all, Vec::new(), None));
                    all.add(Size { nodes: 1, bytes: 0 });
                    if open.len() > MAX_DEPTH {
                        return Err(Flaw::TooDeep { at: at.start });
                    }
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let (id, anchor, before, what) = match open.pop() {
                        Some(Open::Seq(id, anchor, before, items)) => {
                            (id, anchor, before, What::Seq(items))
                        }
                        Some(Open::Map(id, anchor, before, entries, _)) => {
                            (id, anchor, before, What::Map(entries))
                        }
                        None => continue,
                    };
                    // Only from here on may an alias refer to it.
                    if anchor != 0 {
                        anchors.insert(anchor, (id, all.since(before)));
                    }
                    tree.close(id, what, at.end);
                    id
                }
            };
            match open.last_mut() {
                None => tree.root = Some(done),
                Some(Open::Seq(.., items)) => items.push(done),
                Some(Open::Map(.., entries, key)) => match key.take() {
                    None => *key = Some(done),
                    Some(key) => entries.push((key, done)),
                },
            }
        }
        Ok(tree)
    }

    fn push(&mut self, span: Span, what: What, tag: Option<Box<str>>) -> NodeId {
        self.nodes.push(Node { span, what, tag });
        (self.nodes.len() - 1) as NodeId
    }

    fn close(&mut self, id: NodeId, what: What, end: Mark) {
        if let What::Map(entries) = &what
            && entries.len() > SMALL
        {
            let mut index = HashMap::with_capacity(entries.len());
            for (at, (key, _)) in entries.iter().enumerate() {
                if let Some(key) = self.text(*key) {
                    index.entry(key.into()).or_insert(at);
                }
            }
            self.index.insert(id, index);
        }
        let node = &mut self.nodes[id as usize];
        node.what = what;
        node.span.end = end;
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// All nodes, with their ids.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(id, node)| (id as NodeId, node))
    }

    /// The node itself, or what the alias stands for.
    pub(crate) fn resolve(&self, mut id: NodeId) -> NodeId {
        // An alias only refers to what was complete before it, so this ends.
        while let What::Alias(target) = self.node(id).what {
            id = target;
        }
        id
    }

    /// The text of a scalar.
    pub(crate) fn text(&self, id: NodeId) -> Option<&str> {
        match &self.node(self.resolve(id)).what {
            What::Scalar { value, .. } => Some(value),
            _ => None,
        }
    }

    /// The entries of a mapping; none if it is something else.
    pub(crate) fn entries(&self, id: NodeId) -> &[(NodeId, NodeId)] {
        match &self.node(self.resolve(id)).what {
            What::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The elements of a list; none if it is something else.
    pub(crate) fn items(&self, id: NodeId) -> &[NodeId] {
        match &self.node(self.resolve(id)).what {
            What::Seq(items) => items,
            _ => &[],
        }
    }

    /// The key and the value of a mapping's entry.
    pub(crate) fn entry(&self, id: NodeId, key: &str) -> Option<(NodeId, NodeId)> {
        let id = self.resolve(id);
        let entries = self.entries(id);
        match self.index.get(&id) {
            Some(index) => index.get(key).map(|at| entries[*at]),
            None => entries.iter().copied().find(|(k, _)| self.text(*k) == Some(key)),
        }
    }

    /// Whether the place of a node is that of the value at its path.
    pub(crate) fn is_strange(&self, node: NodeId) -> bool {
        self.strange.contains(&node)
    }

    /// Whether any node is not the value at its path.
    pub(crate) fn has_strange(&self) -> bool {
        !self.strange.is_empty()
    }
}

/// The tag as a URI, if it is one that `serde_yaml` passes over: not `!name`, and not one of YAML's own.
fn uri(tag: Option<&saphyr_parser::Tag>) -> Option<Box<str>> {
    let tag = tag?;
    let uri = format!("{}{}", tag.handle, tag.suffix);
    (!tag.is_yaml_core_schema() && !uri.starts_with('!')).then(|| uri.into())
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
