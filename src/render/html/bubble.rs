use super::{
    super::{
        diff::{Piece, words},
        groups::{Shown, shown},
        words as say,
    },
    line, text,
};
use crate::{model::Content, plan::Change};

/// More characters than this scroll in their bubble.
const LONG: usize = 2_000;

/// What the visitor sees before and after a change.
pub(super) fn bubbles(change: &Change) -> String {
    let sides = match shown(change) {
        Shown::New(after) => whole("After", "after", after),
        Shown::Gone(before) => whole("Before; it goes", "before", before),
        Shown::Kept(content) => whole("It stays", "kept", content),
        Shown::Doubtful(sent) => whole("It may be there", "doubtful", sent),
        Shown::Changed(before, after) if before.text == after.text => {
            whole("Before", "before", before) + &whole("After; the same text", "after", after)
        }
        Shown::Changed(before, after) => {
            let (old, new) = marked(&before.text, &after.text);
            side("Before", "before", before, &old) + &side("After", "after", after, &new)
        }
        Shown::Nothing => return String::new(),
    };
    format!("<div class=\"chat\">\n{sides}</div>\n")
}

fn whole(label: &str, class: &str, content: &Content) -> String {
    side(label, class, content, &text(&content.text))
}

/// One bubble, its text as HTML.
fn side(label: &str, class: &str, content: &Content, html: &str) -> String {
    // What scrolls must be reached with the keyboard.
    let scrolls = if content.text.chars().nth(LONG).is_some() {
        format!(" tabindex=\"0\" role=\"region\" aria-label=\"{label}\"")
    } else {
        String::new()
    };
    format!(
        "<div class=\"side\"><h4>{label}</h4>\n<div class=\"bubble {class}\"{scrolls}><p class=\"text\" dir=\"auto\">{html}</p></div>\n<p class=\"from\">from {}</p></div>\n",
        line(&content.from.to_string())
    )
}

/// The old text with what goes marked, and the new one with what comes marked.
fn marked(old: &str, new: &str) -> (String, String) {
    let (mut before, mut after) = (String::new(), String::new());
    for piece in words(&say::printable(old), &say::printable(new)) {
        // Printable already: that is done before, so that marks do not hide anything from it.
        let html = super::escape::html(piece.text());
        match piece {
            Piece::Same(_) => {
                before.push_str(&html);
                after.push_str(&html);
            }
            Piece::Old(_) => before.push_str(&format!("<del>{html}</del>")),
            Piece::New(_) => after.push_str(&format!("<ins>{html}</ins>")),
        }
    }
    (before, after)
}
