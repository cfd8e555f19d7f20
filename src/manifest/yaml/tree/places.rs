//! The places of the values of a document: those of their nodes, where both parsers agree.

use std::collections::HashMap;

use super::{NodeId, Span, Tree, What};
use crate::manifest::yaml::values::{Value, ValueId, Values};

/// The places of values.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// The span of each value, or the nearest known one around it.
    spans: Vec<Span>,
    /// The nodes of values.
    nodes: HashMap<ValueId, NodeId>,
}

impl Places {
    pub(crate) fn span(&self, value: ValueId) -> Span {
        self.spans.get(value as usize).copied().unwrap_or_default()
    }

    /// The node of a value, if it has one of its own.
    pub(crate) fn node(&self, value: ValueId) -> Option<NodeId> {
        self.nodes.get(&value).copied()
    }
}

impl Tree {
    /// Compares the nodes with the values, and forgets the places of those that differ.
    pub(crate) fn fit(&mut self, values: &Values<'_>) -> Places {
        let spans = vec![Span::default(); values.ids().count()];
        let mut places = Places { spans, nodes: HashMap::new() };
        if let Some(root) = self.root {
            self.fit_node(values, Values::ROOT, root, Span::default(), &mut places);
        }
        places
    }

    fn fit_node(
        &mut self,
        values: &Values<'_>,
        value: ValueId,
        node: NodeId,
        around: Span,
        places: &mut Places,
    ) {
        let target = self.resolve(node);
        let same = match (values.get(value), &self.node(target).what) {
            (Value::List(items), What::Seq(nodes)) => items.len() == nodes.len(),
            (Value::Map(entries), What::Map(nodes)) => entries.len() == nodes.len(),
            (Value::Null, What::Scalar { value: text, .. }) => {
                matches!(&**text, "" | "~" | "null" | "Null" | "NULL")
            }
            (_, What::Scalar { value: text, .. }) => values.text(value) == Some(text),
            _ => false,
        };
        if !same {
            self.strange.insert(node);
            return around_all(values, value, around, places);
        }
        let span = self.node(node).span;
        places.spans[value as usize] = span;
        places.nodes.insert(value, node);
        match values.get(value) {
            Value::List(items) => {
                for (item, node) in items.iter().zip(self.items(target).to_vec()) {
                    self.fit_node(values, *item, node, span, places);
                }
            }
            Value::Map(entries) => {
                let nodes = self.entries(target).to_vec();
                for ((key, value), (key_node, node)) in entries.iter().zip(nodes) {
                    self.fit_node(values, *key, key_node, span, places);
                    let key = places.span(*key);
                    self.fit_node(values, *value, node, key, places);
                }
            }
            _ => {}
        }
    }
}

/// Gives a value and all inside it the place around it.
fn around_all(values: &Values<'_>, value: ValueId, around: Span, places: &mut Places) {
    places.spans[value as usize] = around;
    match values.get(value) {
        Value::List(items) => {
            items.iter().for_each(|item| around_all(values, *item, around, places));
        }
        Value::Map(entries) => {
            for (key, value) in entries {
                around_all(values, *key, around, places);
                around_all(values, *value, around, places);
            }
        }
        _ => {}
    }
}
