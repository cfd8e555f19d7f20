//! `moved` and `removed`.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    context::Context,
    layers::Layer,
    project::{Move, Removed},
    raw,
    source_path::SourcePath,
    suggest,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::Key,
};

/// At most this number of keys of a circle is named.
const MOST_NAMED: usize = 10;

/// The keys that are declared, with their places.
pub(crate) type Keys<'a> = BTreeMap<&'a str, SourcePath>;

/// Moves by their old keys: the new key, and where the two are written.
pub(crate) type Steps = BTreeMap<Key, (Key, SourcePath, SourcePath)>;

pub(super) fn required<'a>(
    cx: &mut Context<'_>,
    layer: &Layer<'a, impl Sized>,
    field: &str,
    value: Option<&'a String>,
) -> Option<(&'a str, SourcePath)> {
    match value {
        Some(value) => Some((value, layer.at.child(field))),
        None => {
            cx.error(Code::MissingField, format!("this entry has no `{field}`"), &layer.at);
            None
        }
    }
}

pub(super) fn key(cx: &mut Context<'_>, text: &str, at: &SourcePath) -> Option<Key> {
    match Key::parse(text) {
        Ok(key) => Some(key),
        Err(error) => {
            let help = suggest::key(text).map(|key| format!("did you mean `{key}`?"));
            cx.error_with(Code::BadKey, error.to_string(), at, help);
            None
        }
    }
}

/// Checks all moves.
pub(crate) fn steps(
    cx: &mut Context<'_>,
    entries: &[Layer<'_, raw::Move>],
    keys: &Keys<'_>,
) -> Steps {
    let mut steps: Steps = BTreeMap::new();
    let mut targets: HashMap<Key, SourcePath> = HashMap::new();
    for layer in entries {
        if cx.is_full() {
            break;
        }
        let from = required(cx, layer, "from", layer.raw.from.as_ref());
        let to = required(cx, layer, "to", layer.raw.to.as_ref());
        let (Some((from, from_at)), Some((to, to_at))) = (from, to) else { continue };
        let (Some(from), Some(to)) = (key(cx, from, &from_at), key(cx, to, &to_at)) else {
            continue;
        };
        if let Some(place) = keys.get(from.as_str()) {
            let message = format!("`{from}` is moved away, but is still declared");
            let problem = Diagnostic::error(Code::BadMove, message)
                .at(from_at.place())
                .related(place.place(), "it is declared here")
                .help("rename the message, or drop this entry");
            cx.problems.push(problem);
            continue;
        }
        if let Some((_, first, _)) = steps.get(&from) {
            let problem = Diagnostic::error(Code::BadMove, format!("`{from}` is moved twice"))
                .at(from_at.place())
                .related(first.place(), "the first time is here");
            cx.problems.push(problem);
            continue;
        }
        if let Some(first) = targets.get(&to) {
            let message = format!("two keys are moved to `{to}`");
            let problem = Diagnostic::error(Code::BadMove, message)
                .at(to_at.place())
                .related(first.place(), "the other one is moved here");
            cx.problems.push(problem);
            continue;
        }
        targets.insert(to.clone(), to_at.clone());
        steps.insert(from, (to, from_at, to_at));
    }
    steps
}

/// The keys that messages had before they were moved for the first time, by the keys that they have now.
pub(crate) fn first_keys(moves: &[Move], steps: &Steps) -> HashMap<Key, Key> {
    let targets: HashSet<&Key> = steps.values().map(|(to, ..)| to).collect();
    let firsts = moves.iter().filter(|one| !targets.contains(&one.from));
    firsts.map(|one| (one.to.clone(), one.from.clone())).collect()
}

/// That each move ends at a message. One that is removed since counts too: its messages go by the old key as well.
pub(crate) fn moved_to_nothing(
    cx: &mut Context<'_>,
    moves: &[Move],
    keys: &Keys<'_>,
    removed: &[Layer<'_, raw::Removed>],
) {
    let removed: HashSet<&str> =
        removed.iter().filter_map(|layer| layer.raw.key.as_deref()).collect();
    let mut told = HashSet::new();
    for one in moves {
        let to = one.to.as_str();
        if keys.contains_key(to) || removed.contains(to) || !told.insert(to) {
            continue;
        }
        if cx.is_full() {
            break;
        }
        let near = match suggest::has_room_for(keys.len()) {
            true => suggest::nearest(to, keys.keys().copied()),
            false => None,
        };
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare `{to}` under `messages:`, or remove this entry"),
        };
        let message = format!("`{}` is moved to `{to}`, and there is no message `{to}`", one.from);
        cx.error_with(Code::BadMove, message, &one.target, Some(help));
    }
}

/// Follows the chains of moves: where each ends. No two moves have the same source or the same target, so each key is in
/// one chain or in one circle, and is passed once.
pub(crate) fn follow(cx: &mut Context<'_>, steps: &Steps) -> Vec<Move> {
    let targets: HashSet<&Key> = steps.values().map(|(to, ..)| to).collect();
    let mut ends: HashMap<&Key, (&Key, &SourcePath)> = HashMap::with_capacity(steps.len());
    for start in steps.keys().filter(|from| !targets.contains(from)) {
        let mut way = Vec::new();
        let mut at = start;
        let mut written = None;
        while let Some((next, _, target)) = steps.get(at) {
            way.push(at);
            (at, written) = (next, Some(target));
        }
        ends.extend(way.into_iter().filter_map(|from| Some((from, (at, written?)))));
    }
    let mut circles: HashSet<&Key> = HashSet::new();
    let mut moves = Vec::with_capacity(ends.len());
    for (from, (next, source, _)) in steps {
        if let Some((to, target)) = ends.get(from) {
            let (from, to) = (from.clone(), (*to).clone());
            let (source, target) = (source.clone(), (*target).clone());
            moves.push(Move { from, to, source, target });
            continue;
        }
        if !circles.insert(from) {
            continue;
        }
        let mut way = vec![from];
        let mut at = next;
        while at != from
            && let Some((next, ..)) = steps.get(at)
        {
            circles.insert(at);
            way.push(at);
            at = next;
        }
        let more = way.len().saturating_sub(MOST_NAMED);
        let mut names: Vec<&str> = way.iter().take(MOST_NAMED).map(|key| key.as_str()).collect();
        let rest = format!("{more} more");
        if more > 0 {
            names.push(&rest);
        }
        if cx.is_full() {
            break;
        }
        let message = format!("these moves go round in a circle: {}", names.join(" → "));
        cx.error(Code::BadMove, message, source);
    }
    moves
}

/// Checks all removals.
pub(crate) fn removed(
    cx: &mut Context<'_>,
    entries: &[Layer<'_, raw::Removed>],
    keys: &Keys<'_>,
    moves: &[Move],
) -> Vec<Removed> {
    let mut found: Vec<Removed> = Vec::new();
    let mut places: HashMap<Key, usize> = HashMap::new();
    let moved_from: HashMap<&Key, &Move> = moves.iter().map(|one| (&one.from, one)).collect();
    for layer in entries {
        if cx.is_full() {
            break;
        }
        let Some((name, at)) = required(cx, layer, "key", layer.raw.key.as_ref()) else {
            continue;
        };
        let Some(key) = key(cx, name, &at) else { continue };
        let clash = keys
            .get(name)
            .map(|place| {
                (place.place(), "is removed, but is still declared", "it is declared here")
            })
            .or_else(|| {
                let first = found.get(*places.get(&key)?)?;
                Some((first.source.place(), "is removed twice", "the first time is here"))
            })
            .or_else(|| {
                let moved = moved_from.get(&key)?;
                Some((moved.source.place(), "is both moved and removed", "it is moved here"))
            });
        if let Some((place, what, note)) = clash {
            let problem = Diagnostic::error(Code::BadRemoved, format!("`{key}` {what}"))
                .at(at.place())
                .related(place, note);
            cx.problems.push(problem);
            continue;
        }
        places.insert(key.clone(), found.len());
        found.push(Removed { key, delete: layer.raw.delete.unwrap_or(true), source: at });
    }
    found
}
