//! Changes that nobody would see, in every format that shows a difference.

use super::{
    Format, View,
    plans::{change, content, of},
    show,
};
use crate::{
    model::{MessageId, Sender},
    plan::{Operation, Reason},
};

fn shown(format: Format, old: &str, new: &str) -> String {
    let sender = Sender::Group("PjRBMhWGen6aRHjif".into());
    let update = Operation::Update {
        id: MessageId::new("AXCR3k9bpSY7bpuh7"),
        before: content(old, &sender),
        after: content(new, &sender),
    };
    let plan = of(vec![change("note", 1, Reason::Text, update)]);
    let mut out = anstream::StripStream::new(Vec::new());
    show(&plan, format, View::new(true, 100), &mut out).expect("a Vec takes all");
    // How Markdown and HTML mark a backslash, and parts of a text, does not matter here.
    String::from_utf8(out.into_inner()).expect("utf-8").replace("\\\\u", "\\u")
}

#[test]
fn every_format_spells_out_what_looks_alike_on_both_sides() {
    let pairs = [
        ("Ein Zimmer für Zoë", "Ein Zimmer für Zoe\u{308}", ["\\u{eb}", "\\u{65}\\u{308}"]),
        ("ab 12\u{a0}€", "ab 12\u{202f}€", ["\\u{a0}", "\\u{202f}"]),
        ("Visit acme now", "Visit \u{430}cme now", ["\\u{61}cme", "\\u{430}cme"]),
        ("Thanks ✔\u{fe0e}!", "Thanks ✔\u{fe0f}!", ["\\u{fe0e}", "\\u{fe0f}"]),
        ("a b", "a\tb", ["\\u{20}", "\\u{9}"]),
    ];
    for format in [Format::Text, Format::Markdown, Format::Html] {
        for (old, new, escapes) in pairs {
            let shown = shown(format, old, new);
            for escape in escapes {
                assert!(shown.contains(escape), "{escape} in {shown}");
            }
        }
    }
}

#[test]
fn changes_that_are_seen_have_no_escapes() {
    for format in [Format::Text, Format::Markdown, Format::Html] {
        for (old, new) in
            [("Zoë", "Zoé"), ("Hallo Welt", "Hello, мир"), ("It's", "It’s"), ("5 €", "6 €")]
        {
            let shown = shown(format, old, new);
            assert!(!shown.contains("\\u{"), "{shown}");
        }
    }
}
