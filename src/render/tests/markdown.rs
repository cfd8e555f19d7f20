use super::{
    Format, View, masked,
    plans::{address, change, content, everything, of, sized},
    show,
};
use crate::{
    model::Sender,
    plan::{Action, Operation, Plan, Reason, Summary, safety::Refusal},
};

const MOST: usize = 65_536;

fn markdown(plan: &Plan) -> String {
    masked(plan, Format::Markdown)
}

/// The first lines, and how long the rest is.
fn head(text: &str, lines: usize) -> String {
    let head: Vec<_> = text.lines().take(lines).collect();
    let last: Vec<_> = text.lines().rev().take(6).collect();
    let last: Vec<_> = last.into_iter().rev().collect();
    let (bytes, all) = (text.len(), text.lines().count());
    format!("{}\n[…]\n{}\n[{all} lines, {bytes} bytes]", head.join("\n"), last.join("\n"))
}

#[test]
fn a_comment_with_every_action() {
    insta::assert_snapshot!(markdown(&everything()));
}

#[test]
fn a_comment_on_3_changes() {
    insta::assert_snapshot!(markdown(&sized(3)));
}

#[test]
fn a_comment_on_300_changes() {
    insta::assert_snapshot!(head(&markdown(&sized(300)), 60));
}

#[test]
fn a_comment_on_30_000_changes() {
    insta::assert_snapshot!(head(&markdown(&sized(30_000)), 60));
}

#[test]
fn a_comment_without_changes_says_so() {
    let mut plan = of(Vec::new());
    plan.summary = Summary::of(&[], 12);
    plan.environment = "staging".into();
    let text = markdown(&plan);
    assert!(text.starts_with("<!-- pushsync:plan environment=staging changes="), "{text}");
    assert!(text.contains("**No changes:** 12 deliveries are as they should be."), "{text}");
}

#[test]
fn a_comment_is_never_too_long_and_its_counts_are_always_complete() {
    let long = "word ".repeat(9_000);
    let sender = Sender::Random;
    for (keys, text) in [(1, 20 * MOST), (2, 40_000), (50, 5_000), (700, 300), (5_000, 1)] {
        let text = &long.repeat(text / long.len() + 1)[..text];
        let changes = (0..keys).map(|n| {
            let after = content(text, &sender);
            change(&format!("key-{n}"), n, Reason::New, Operation::Create { after })
        });
        let plan = of(changes.collect());
        let shown = markdown(&plan);
        assert!(shown.len() <= MOST, "{} bytes for {keys} of {}", shown.len(), text.len());
        let count = crate::render::humanize::number(keys as u64);
        assert!(shown.contains(&format!("| create | {count} |")), "{keys}: {}", &shown[..300]);
        assert!(shown.contains("Left out, for want of room:"), "{keys}");
        // What is not folded, not a line and not counted would be lost.
        let (full, lines) =
            (shown.matches("<details>").count(), shown.matches("\n- `+` create").count());
        let counted = keys - full - lines;
        let said = format!("({} change", crate::render::humanize::number(counted as u64));
        assert_eq!(shown.contains(&said), counted > 0, "{full} full, {lines} lines of {keys}");
    }
}

#[test]
fn a_comment_that_is_nearly_too_long_has_room_for_what_it_says_of_that() {
    let mut left = 0;
    for keys in (150..1_200).step_by(9) {
        let changes = (0..keys).map(|n| {
            let after = content(&"word ".repeat(n % 50), &Sender::Random);
            change(&format!("key-{n}"), n, Reason::New, Operation::Create { after })
        });
        let shown = markdown(&Plan { environment: "e".repeat(100_000), ..of(changes.collect()) });
        assert!(shown.len() <= MOST, "{} bytes for {keys}", shown.len());
        left += usize::from(shown.contains("Left out, for want of room:"));
    }
    assert!(left > 50, "{left}");
}

#[test]
fn the_biggest_texts_are_left_out_first_and_what_needs_a_decision_last() {
    let sender = Sender::Random;
    let create = |key: &str, n, text: &str| {
        let after = content(text, &sender);
        change(key, n, Reason::New, Operation::Create { after })
    };
    let plan = of(vec![create("big", 0, &"a ".repeat(40_000)), create("small", 1, "Hello.")]);
    let text = markdown(&plan);
    assert!(text.contains("+ Hello."), "{text}");
    assert!(text.contains("the texts of 1 entry"), "{text}");
    let mut changes: Vec<_> =
        (0..3_000).map(|n| create(&format!("key-{n}"), n, "Hello.")).collect();
    let id = crate::model::MessageId::new("x");
    let before = content("Bye.", &sender);
    changes.push(change("gone", 1, Reason::NotInManifest, Operation::Delete { id, before }));
    let plan = of(changes);
    assert_eq!(plan.changes.last().map(crate::plan::Change::action), Some(Action::Delete));
    let text = markdown(&plan);
    assert!(text.contains("- Bye.\n"), "{text}");
    // One text for many is one thing to review, and the first of them.
    let text = markdown(&sized(30_000));
    assert!(text.contains("<code>dark-mode</code>, 10,000 visitors"), "{text}");
}

#[test]
fn visitors_in_a_comment_are_masked_unless_they_may_be_shown() {
    let whole = address("text", 1);
    assert!(!markdown(&everything()).contains(whole.visitor_str()));
    let mut out = Vec::new();
    show(&everything(), Format::Markdown, View::new(false, 80), &mut out).expect("a Vec takes all");
    assert!(String::from_utf8(out).expect("utf-8").contains(whole.visitor_str()));
}

#[test]
fn a_comment_says_what_apply_would_refuse() {
    let refusals: Vec<_> = (0..8)
        .map(|n| Refusal::Protected { address: address("vip", n), action: Action::Delete })
        .collect();
    let mut out = Vec::new();
    let view = View { refusals: &refusals, ..View::new(false, 80) };
    show(&sized(3), Format::Markdown, view, &mut out).expect("a Vec takes all");
    let text = String::from_utf8(out).expect("utf-8");
    assert!(text.contains("will refuse this plan"), "{text}");
    assert!(text.contains("is protected, and this plan would delete it`"), "{text}");
    assert!(text.contains("``if it is meant to go, set `protect: false` on vip"), "{text}");
    assert!(text.contains("… and 3 more"), "{text}");
}
