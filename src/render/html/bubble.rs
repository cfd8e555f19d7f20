//! The bubbles of a chat: what the visitor sees before and after a change.

use serde::Serialize;

use crate::{
    model::{Content, one_line, printable},
    plan::{Change, Upcoming},
    render::{
        diff::{DiffPart, word_diff},
        groups::{Shown, shown},
    },
};

/// A text with more characters scrolls in its bubble.
const LONG: usize = 2_000;

/// One message, as the template shows it.
#[derive(Serialize)]
pub(super) struct Bubble {
    label: &'static str,
    class: &'static str,
    scrolls: bool,
    parts: Vec<Part>,
    from: String,
}

/// A stretch of a text, in a tag if it is marked.
#[derive(Serialize)]
struct Part {
    tag: Option<&'static str>,
    text: String,
}

pub(super) fn bubbles(change: &Change) -> Vec<Bubble> {
    match shown(change) {
        Shown::New(after) => vec![whole("After", "after", after)],
        Shown::Gone(before) => vec![whole("Before; it goes", "before", before)],
        Shown::Kept(content) => vec![whole("It stays", "kept", content)],
        Shown::Doubtful(sent) => vec![whole("It may be there", "doubtful", sent)],
        Shown::Changed(before, after) if before.text == after.text => {
            vec![whole("Before", "before", before), whole("After; the same text", "after", after)]
        }
        Shown::Changed(before, after) => {
            let (old, new) = marked(&before.text, &after.text);
            vec![bubble("Before", "before", before, old), bubble("After", "after", after, new)]
        }
        Shown::Nothing => Vec::new(),
    }
}

/// That of a delivery whose window opens or closes later.
pub(super) fn later(upcoming: &Upcoming) -> Bubble {
    match upcoming.opened {
        true => whole("It is there", "kept", &upcoming.content),
        false => whole("Later", "after", &upcoming.content),
    }
}

fn whole(label: &'static str, class: &'static str, content: &Content) -> Bubble {
    let text = printable(&content.text).into_owned();
    bubble(label, class, content, vec![Part { tag: None, text }])
}

fn bubble(label: &'static str, class: &'static str, content: &Content, parts: Vec<Part>) -> Bubble {
    let scrolls = content.text.chars().nth(LONG).is_some();
    Bubble { label, class, scrolls, parts, from: one_line(&content.from.to_string()) }
}

/// The old text with its removed words marked, and the new text with its added words marked. Both are made
/// printable first, so that a mark cannot split a hostile sequence.
fn marked(old: &str, new: &str) -> (Vec<Part>, Vec<Part>) {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for part in word_diff(&printable(old), &printable(new)) {
        match part {
            DiffPart::Same(text) => {
                before.push(Part { tag: None, text: text.clone() });
                after.push(Part { tag: None, text });
            }
            DiffPart::Old(text) => before.push(Part { tag: Some("del"), text }),
            DiffPart::New(text) => after.push(Part { tag: Some("ins"), text }),
        }
    }
    (before, after)
}
