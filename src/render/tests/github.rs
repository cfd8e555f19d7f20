use super::{
    Format, View, masked,
    plans::{address, everything, of, sized},
    show,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::Place,
    plan::{Action, Plan, safety::Refusal},
};

fn github(plan: &Plan) -> String {
    masked(plan, Format::Github)
}

fn count(text: &str, level: &str) -> usize {
    text.lines().filter(|line| line.starts_with(&format!("::{level} "))).count()
}

#[test]
fn annotations_of_every_action() {
    insta::assert_snapshot!(github(&everything()));
}

#[test]
fn annotations_of_3_changes() {
    insta::assert_snapshot!(github(&sized(3)));
}

#[test]
fn annotations_of_300_changes() {
    insta::assert_snapshot!(github(&sized(300)));
}

#[test]
fn annotations_of_30_000_changes() {
    insta::assert_snapshot!(github(&sized(30_000)));
}

#[test]
fn there_are_no_more_annotations_than_github_shows_and_the_summary_is_the_first() {
    let mut plan = sized(300);
    let place = Place { file: "a.yaml".into(), line: 1, column: 1, length: 1 };
    plan.diagnostics = vec![Diagnostic::warning(Code::SameText, "x").at(place); 20];
    let refusals: Vec<_> = (0..20)
        .map(|n| Refusal::Protected { address: address("vip", n), action: Action::Delete })
        .collect();
    let mut out = Vec::new();
    let view = View { refusals: &refusals, folder: "chat/", ..View::new(true, 80) };
    show(&plan, Format::Github, view, &mut out).expect("a Vec takes all");
    let text = String::from_utf8(out).expect("utf-8");
    let (errors, warnings, notices) =
        (count(&text, "error"), count(&text, "warning"), count(&text, "notice"));
    assert_eq!((errors, warnings, notices), (10, 10, 3), "{text}");
    assert_eq!(errors + warnings + notices, text.lines().count(), "{text}");
    let first = text.lines().next().expect("a line");
    // 10 refusals, 90 deletes, 20 diagnostics.
    assert!(first.contains("own: 120 entries (90 changes)"), "{first}");
    assert!(text.contains("file=chat/messages/"), "{text}");
}

#[test]
fn without_changes_there_is_only_the_summary() {
    let text = github(&of(Vec::new()));
    assert_eq!(text.lines().count(), 1);
    assert!(text.starts_with("::notice title=pushsync plan for default::No changes: "), "{text}");
}
