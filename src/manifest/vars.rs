//! The variables of templates, from their layers.

use std::collections::{BTreeMap, HashMap};

use minijinja::Value;

use super::unions::Var;

/// Variables for templates.
pub(crate) type Vars = BTreeMap<String, Value>;

/// Mappings of later layers merge with those below.
pub(crate) fn vars(layers: &[&[(String, Var)]]) -> Vars {
    let mut merged = Vec::new();
    for layer in layers {
        merge(&mut merged, layer);
    }
    let known = merged.into_iter().filter(|(_, var)| *var != Var::Null);
    known.map(|(name, var)| (name, value(var))).collect()
}

/// Mappings merge, everything else replaces.
fn merge(base: &mut Vec<(String, Var)>, over: &[(String, Var)]) {
    let places = base.iter().enumerate().map(|(at, (name, _))| (name.clone(), at));
    let places: HashMap<String, usize> = places.collect();
    for (name, var) in over {
        match (places.get(name).and_then(|at| base.get_mut(*at)), var) {
            (Some((_, Var::Map(base))), Var::Map(over)) => merge(base, over),
            (Some((_, base)), var) => *base = var.clone(),
            // No name comes twice in one mapping.
            (None, var) => base.push((name.clone(), var.clone())),
        }
    }
}

fn value(var: Var) -> Value {
    match var {
        Var::Null => Value::UNDEFINED,
        Var::Bool(value) => Value::from(value),
        Var::Int(value) => Value::from(value),
        Var::Text(text) => Value::from(text),
        Var::List(items) => items.into_iter().map(value).collect(),
        Var::Map(entries) => {
            let known = entries.into_iter().filter(|(_, var)| *var != Var::Null);
            let map: BTreeMap<String, Value> =
                known.map(|(name, var)| (name, value(var))).collect();
            Value::from_pairs(map)
        }
    }
}
