//! Suspects in a file that can be parsed.

use std::collections::HashSet;

use saphyr_parser::ScalarStyle;

use super::fields::{Holds, exactly, probably};
use crate::{
    diagnostics::Names,
    manifest::{
        secret_values::is_variable,
        suggest,
        yaml::tree::{NodeId, Span, Tree, What},
    },
    model::{Language, mask::likely_ids},
};

/// A scalar, or the part of one, that may be a visitor's id.
#[derive(Debug)]
pub(in crate::manifest) struct Suspect {
    /// Where it is written, without quotes.
    pub(in crate::manifest) span: Span,
    /// What it is; empty if only this place is to be masked.
    pub(in crate::manifest) text: Box<str>,
    /// Whether it may be the name of an audience.
    name: bool,
}

impl Suspect {
    /// Whether it is one, beside audiences of these names.
    pub(in crate::manifest) fn counts(&self, names: &Names) -> bool {
        !(self.name && is_name(&self.text, names))
    }
}

/// Among more names, a typo is masked as an id is: to compare all with all takes too long.
const MOST_NAMES: usize = 200;

/// Whether a text under `to:` is the name of an audience, or was meant to be one.
fn is_name(text: &str, names: &Names) -> bool {
    let typo = |text: &str| {
        text.chars().all(|c| c.is_alphabetic() || c == '-' || c == '_')
            && suggest::nearest(text, names.iter().map(String::as_str)).is_some()
    };
    names.contains(text) || (names.len() <= MOST_NAMES && typo(text))
}

/// What a node is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parent {
    /// The document, or an environment.
    Top,
    /// The value of a field.
    Field(Holds),
    /// An entry of `messages:`.
    Message,
    /// An entry of `audiences:`.
    Audience,
    /// A field that does not exist.
    Nowhere,
}

/// All suspects, in the order of their places; and the names that audiences are declared under.
pub(in crate::manifest) fn of(tree: &Tree) -> (Vec<Suspect>, Vec<Box<str>>) {
    let mut walk = Walk { tree, found: Vec::new(), names: Vec::new(), seen: HashSet::new() };
    if let Some(root) = tree.root {
        walk.node(root, Parent::Top);
    }
    let Walk { mut found, names, .. } = walk;
    found.sort_by_key(|suspect| suspect.span.start);
    (found, names)
}

struct Walk<'t> {
    tree: &'t Tree,
    found: Vec<Suspect>,
    names: Vec<Box<str>>,
    /// What aliases stand for is looked through once for each kind of place.
    seen: HashSet<(NodeId, u8)>,
}

impl Walk<'_> {
    fn node(&mut self, node: NodeId, parent: Parent) {
        match &self.tree.node(node).what {
            What::Alias(_) => {
                let kind = match parent {
                    Parent::Field(holds) => holds as u8,
                    Parent::Top => 100,
                    Parent::Message => 101,
                    Parent::Audience => 102,
                    Parent::Nowhere => 103,
                };
                let target = self.tree.resolve(node);
                if self.seen.insert((target, kind)) {
                    self.node(target, parent);
                }
            }
            What::Scalar { .. } => self.scalar(node, parent),
            What::Seq(items) => {
                let inside = match parent {
                    // A list of ids in place of a mapping.
                    Parent::Audience | Parent::Top => Parent::Field(Holds::Ids),
                    Parent::Field(Holds::Messages) => Parent::Message,
                    Parent::Field(Holds::Audiences) => Parent::Audience,
                    parent => parent,
                };
                for item in items {
                    self.node(*item, inside);
                }
            }
            What::Map(entries) => {
                for (key, value) in entries {
                    self.entry(*key, *value, parent);
                }
            }
        }
    }

    fn entry(&mut self, key: NodeId, value: NodeId, parent: Parent) {
        let Some(name) = self.tree.text(key) else {
            // A list or a mapping as a key.
            self.node(key, parent);
            return self.node(value, parent);
        };
        let nothing = self.tree.text(value).is_some_and(|text| matches!(text, "" | "~" | "null"));
        let inside = match parent {
            Parent::Field(Holds::Messages) => {
                self.behind_at(key, false);
                Parent::Message
            }
            Parent::Field(Holds::Environments) => Parent::Top,
            Parent::Field(Holds::Audiences) if nothing => {
                return self.suspect(key, false);
            }
            Parent::Field(Holds::Audiences) => {
                if !self.tree.entries(value).is_empty() {
                    self.names.push(name.into());
                } else {
                    self.suspect(key, true);
                }
                Parent::Audience
            }
            // Whatever the keys are, ids stand below.
            Parent::Field(Holds::Ids) => {
                if exactly(name).is_none() {
                    self.suspect(key, false);
                }
                parent
            }
            // Ids as keys.
            Parent::Audience | Parent::Message if nothing && probably(name).is_none() => {
                return self.suspect(key, false);
            }
            Parent::Field(Holds::Recipients | Holds::Adoptions | Holds::Keys)
                if probably(name).is_none() =>
            {
                match parent {
                    Parent::Field(Holds::Adoptions | Holds::Keys) => {
                        self.behind_at(key, parent == Parent::Field(Holds::Adoptions));
                    }
                    _ => self.suspect(key, false),
                }
                parent
            }
            Parent::Field(kept @ (Holds::Keys | Holds::Adoptions)) => match exactly(name) {
                // The key of a file of many imports, or of a message that is removed.
                Some(Holds::Other) if name == "key" => Parent::Field(Holds::Keys),
                Some(Holds::Other | Holds::Text) if name != "from" => Parent::Field(Holds::Other),
                Some(Holds::Ids) => Parent::Field(Holds::Ids),
                _ => Parent::Field(kept),
            },
            // `to: …` is a text in Tongan there.
            Parent::Field(Holds::Text) if Language::parse(name).is_ok() => {
                Parent::Field(Holds::Other)
            }
            // Whatever the columns are called.
            Parent::Field(Holds::Columns) => parent,
            // A column, or how the id is derived.
            Parent::Audience if name == "visitor" => match self.tree.text(value) {
                Some(column) if is_column(column) => Parent::Field(Holds::Other),
                None if !self.tree.entries(value).is_empty() => Parent::Field(Holds::Other),
                _ => Parent::Field(Holds::Ids),
            },
            // A secret in the place of the name of its variable.
            _ if name == "hmac_sha256" && !self.tree.text(value).is_none_or(may_be_variable) => {
                Parent::Field(Holds::Ids)
            }
            _ => match (probably(name), parent) {
                (Some(holds), _) => Parent::Field(holds),
                (
                    None,
                    Parent::Message
                    | Parent::Audience
                    | Parent::Top
                    | Parent::Field(Holds::Recipients),
                ) => {
                    // No field is called like that.
                    if is_strange(name) {
                        self.suspect(key, false);
                    }
                    Parent::Nowhere
                }
                (None, parent) => parent,
            },
        };
        self.node(value, inside);
    }

    fn scalar(&mut self, node: NodeId, parent: Parent) {
        match parent {
            Parent::Field(Holds::Ids | Holds::Audiences) | Parent::Audience => {
                self.suspect(node, false);
            }
            Parent::Field(Holds::Recipients) => self.suspect(node, true),
            Parent::Field(Holds::Adoptions) => self.behind_at(node, true),
            Parent::Field(Holds::Keys) => self.behind_at(node, false),
            Parent::Field(Holds::Where) => self.literals(node),
            // One word: it may be anything.
            Parent::Message | Parent::Nowhere | Parent::Top => {
                let text = self.tree.text(node).unwrap_or_default();
                if !text.is_empty() && !text.contains(char::is_whitespace) {
                    let text =
                        if is_strange(text) || parent != Parent::Nowhere { text } else { "" };
                    self.found.push(Suspect {
                        span: inside(self.tree, node),
                        text: text.into(),
                        name: false,
                    });
                }
            }
            Parent::Field(
                Holds::Messages | Holds::Environments | Holds::Text | Holds::Columns | Holds::Other,
            ) => {}
        }
    }

    /// The whole scalar, and each of its words.
    fn suspect(&mut self, node: NodeId, name: bool) {
        let text = self.tree.text(node).unwrap_or_default();
        if text.is_empty() || matches!(text, "~" | "null") {
            return;
        }
        let span = inside(self.tree, node);
        let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|'));
        for word in words.clone().filter(|word| !word.is_empty() && *word != text) {
            self.found.push(Suspect { span, text: word.into(), name: false });
        }
        self.found.push(Suspect { span, text: text.into(), name });
        if text.contains('@') {
            self.behind_at(node, false);
        }
    }

    /// The part behind the first `@`; without one, the whole text if `or_all`.
    fn behind_at(&mut self, node: NodeId, or_all: bool) {
        let text = self.tree.text(node).unwrap_or_default();
        match text.split_once('@') {
            Some((key, visitor)) => {
                let mut span = inside(self.tree, node);
                if span.start.line == span.end.line {
                    span.start.column += u32::try_from(key.chars().count()).unwrap_or(0) + 1;
                }
                self.found.push(Suspect { span, text: visitor.into(), name: false });
            }
            None if or_all => self.suspect(node, false),
            None => {
                if !likely_ids(text).is_empty() {
                    self.suspect(node, false);
                }
            }
        }
    }

    /// The texts in a condition that asks for visitors, and words that are not the name of a column.
    fn literals(&mut self, node: NodeId) {
        let text = self.tree.text(node).unwrap_or_default();
        let lower = text.to_lowercase();
        if !["visitor", "user", "id"].iter().any(|word| lower.contains(word)) {
            return;
        }
        let span = inside(self.tree, node);
        // Where they stand in the line is found by their value.
        let nowhere = Span { start: span.start, end: span.start };
        let quoted = ['\'', '"'].into_iter().flat_map(|quote| text.split(quote).skip(1).step_by(2));
        let ends = |c: char| c.is_whitespace() || "'\"()[]{},=<>!|".contains(c);
        let words = text.split(ends).filter(|word| is_strange(word));
        for found in quoted.filter(|text| !text.is_empty()).chain(words) {
            self.found.push(Suspect { span: nowhere, text: found.into(), name: false });
        }
    }
}

/// Whether a text is the name of an environment variable, also as `${NAME}`.
fn may_be_variable(text: &str) -> bool {
    is_variable(text.strip_prefix("${").and_then(|name| name.strip_suffix('}')).unwrap_or(text))
}

/// Whether a text is the name of a column, rather than somebody's id.
fn is_column(text: &str) -> bool {
    text.chars().count() <= 40
        && !text.contains('@')
        && text.chars().filter(char::is_ascii_digit).count() <= 2
        && likely_ids(text).is_empty()
}

/// Whether a word can hardly be a word of ours: a long one with a digit.
fn is_strange(word: &str) -> bool {
    word.len() >= 8 && word.contains(|c: char| c.is_ascii_digit())
}

/// The span of a scalar without its quotes.
fn inside(tree: &Tree, node: NodeId) -> Span {
    let node = tree.node(tree.resolve(node));
    let mut span = node.span;
    if let What::Scalar { style: ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted, .. } =
        node.what
    {
        span.start.column += 1;
        span.end.column = span.end.column.saturating_sub(1);
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::limits::Limits;

    fn suspects(yaml: &str) -> Vec<String> {
        let tree = Tree::parse(yaml, &Limits::default()).expect("YAML");
        of(&tree).0.into_iter().map(|suspect| suspect.text.into()).collect()
    }

    #[test]
    fn ids_without_quotes_and_ids_as_fields_are_suspects() {
        for yaml in [
            "messages: { m: { to: { where: visitor_id == member-20931 } } }",
            "audiences: { beta: { member-20931: 1 } }",
            "messages: { m: { member-20931: 1 } }",
            "member-20931: 1",
        ] {
            assert!(suspects(yaml).iter().any(|text| text == "member-20931"), "{yaml}");
        }
        for yaml in [
            "audiences: { beta: { file: a.csv, columns: { t: text, users: integer, too: text } } }",
            "audiences: { beta: { expect: { columns: { user: required, visitor_id: required } } } }",
            "audiences: { beta: { expect: { columns: { to: [free, pro], id: [a] }, rows: 1..2 } } }",
        ] {
            assert!(suspects(yaml).is_empty(), "{yaml}: {:?}", suspects(yaml));
        }
        assert!(
            !suspects("audiences: { beta: { colour: 1 } }").iter().any(|text| text == "colour")
        );
    }
}
