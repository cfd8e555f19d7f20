//! Visitor ids in texts: found by their value, wherever they stand.

use std::{
    borrow::Cow,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Address, VisitorId, mask::replaced};

/// From this many characters on, an id is found inside of longer words too.
const LONG: usize = 8;
/// Shorter ids cannot be told from words, unless they are quoted or follow an `@`.
const SHORT: usize = 4;

/// Where visitor ids are known from: a file, an audience, a plan.
pub trait IdSource: Send + Sync {
    /// Calls `found` with each id, whole.
    fn ids(&self, found: &mut dyn FnMut(&str));
}

impl IdSource for VisitorId {
    fn ids(&self, found: &mut dyn FnMut(&str)) {
        found(self.as_str());
    }
}

impl IdSource for Vec<VisitorId> {
    fn ids(&self, found: &mut dyn FnMut(&str)) {
        self.iter().for_each(|id| found(id.as_str()));
    }
}

impl IdSource for Vec<Address> {
    fn ids(&self, found: &mut dyn FnMut(&str)) {
        self.iter().for_each(|address| found(address.visitor_str()));
    }
}

/// All visitor ids that are known so far. Copies share what they know; nothing is read before a text has
/// to be redacted.
#[derive(Clone, Default)]
pub struct KnownIds(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    sources: Vec<Arc<dyn IdSource>>,
    redactor: Option<Arc<Redactor>>,
}

impl KnownIds {
    /// Adds the ids of a source.
    pub fn add(&self, source: Arc<dyn IdSource>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.sources.push(source);
        known.redactor = None;
    }

    /// Forgets the ids so far: others take their place.
    pub fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Known::default();
    }

    /// What finds them.
    pub fn redactor(&self) -> Arc<Redactor> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { sources, redactor } = &mut *known;
        redactor.get_or_insert_with(|| Arc::new(Redactor::of(sources.iter().map(|s| &**s)))).clone()
    }
}

impl IdSource for KnownIds {
    fn ids(&self, found: &mut dyn FnMut(&str)) {
        let sources = self.0.lock().unwrap_or_else(PoisonError::into_inner).sources.clone();
        sources.iter().for_each(|source| source.ids(found));
    }
}

impl fmt::Debug for KnownIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownIds(…)")
    }
}

/// Finds ids in texts and masks them: in any case, and percent-encoded or escaped as in JSON.
///
/// An id of 8 characters or more is found anywhere, and more than its half too if it was cut off. One of 4
/// to 7 characters is found as a whole word (letters, digits, `_` and `-`), a shorter one in quotes or after
/// an `@`.
#[derive(Default)]
pub struct Redactor {
    /// In lower case, sorted.
    needles: Vec<Box<str>>,
}

impl Redactor {
    /// Of all ids of these sources.
    pub fn of<'s>(sources: impl IntoIterator<Item = &'s dyn IdSource>) -> Self {
        let mut needles = Vec::new();
        for source in sources {
            source.ids(&mut |id| add(id, &mut needles));
        }
        needles.sort_unstable();
        needles.dedup();
        Self { needles }
    }

    /// Whether there is nothing to find.
    pub fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// The text with each id masked.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        replaced(text, &self.spans(text))
    }

    /// The bytes of a text that are part of an id: sorted, and apart from each other.
    pub fn spans(&self, text: &str) -> Vec<Range<usize>> {
        let mut spans = Vec::new();
        if self.needles.is_empty() {
            return spans;
        }
        let lower = lower(text);
        let mut at = 0;
        while at < lower.len() {
            match self.length_at(&lower, at) {
                Some(length) => {
                    spans.push(at..at + length);
                    at += length;
                }
                None => at += lower[at..].chars().next().map_or(1, char::len_utf8),
            }
        }
        spans
    }

    /// How long the longest id is that begins here.
    fn length_at(&self, text: &str, at: usize) -> Option<usize> {
        let mut view = &text[at..];
        let mut cut_off = None;
        loop {
            let after = self.needles.partition_point(|needle| **needle <= *view);
            if cut_off.is_none() {
                let around = [after.checked_sub(1), Some(after)].into_iter().flatten();
                let around = around.filter_map(|at| self.needles.get(at));
                cut_off = Some(around.filter_map(|id| larger_part(id, text, at)).max());
            }
            let Some(needle) = after.checked_sub(1).and_then(|at| self.needles.get(at)) else {
                break;
            };
            let common = in_common(needle, view);
            if common == needle.len() {
                if stands(text, at..at + common) {
                    return Some(common.max(cut_off.flatten().unwrap_or(0)));
                }
                // A shorter one may begin here too.
                let last = needle.chars().next_back().map_or(1, char::len_utf8);
                view = &view[..common - last];
            } else {
                view = &view[..common];
            }
            if view.is_empty() {
                break;
            }
        }
        cut_off.flatten()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} ids)", self.needles.len())
    }
}

/// In lower case, each character as long as it was.
fn lower(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let one = |c: char| {
        let mut lower = c.to_lowercase();
        match (lower.next(), lower.next()) {
            (Some(small), None) if small.len_utf8() == c.len_utf8() => small,
            _ => c,
        }
    };
    text.chars().map(one).collect()
}

/// An id in the forms that it may have.
fn add(id: &str, needles: &mut Vec<Box<str>>) {
    let id = id.trim();
    if id.is_empty() {
        return;
    }
    let mut push = |text: &str| needles.push(lower(text).into());
    push(id);
    // As a key that is suggested instead.
    if id.contains(|c: char| !c.is_ascii_alphanumeric() && !"-._".contains(c)) {
        let key = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' };
        push(&id.to_lowercase().chars().map(key).collect::<String>());
    }
    if id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) {
        return;
    }
    let mut encoded = String::with_capacity(id.len() * 3);
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02x}"));
        }
    }
    push(&encoded);
    let mut escaped = String::with_capacity(id.len() * 2);
    for c in id.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            _ if c.is_ascii() => escaped.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }),
        }
    }
    push(&escaped);
    push(&id.replace('\\', "\\\\").replace('"', "\\\""));
    for (sign, entity) in [('&', "&amp;"), ('\'', "&#39;"), ('<', "&lt;"), ('"', "&quot;")] {
        if id.contains(sign) {
            push(&id.replace(sign, entity));
        }
    }
}

/// The bytes that both begin with, whole characters only.
fn in_common(one: &str, other: &str) -> usize {
    let mut same = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    while !one.is_char_boundary(same) || !other.is_char_boundary(same) {
        same -= 1;
    }
    same
}

/// The part of an id that begins here, if it is more than the half.
fn larger_part(id: &str, text: &str, at: usize) -> Option<usize> {
    let common = in_common(id, &text[at..]);
    (common >= LONG && common * 2 > id.len()).then_some(common)
}

/// Whether an id of this length may be taken for one where it stands.
fn stands(text: &str, span: Range<usize>) -> bool {
    let length = text[span.clone()].chars().take(LONG).count();
    if length >= LONG {
        return true;
    }
    let before = text[..span.start].chars().next_back();
    let after = text[span.end..].chars().next();
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if word(before) || word(after) {
        return false;
    }
    let quote = |c: Option<char>| c.is_some_and(|c| matches!(c, '`' | '"' | '\''));
    length >= SHORT || before == Some('@') || (quote(before) && quote(after))
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
