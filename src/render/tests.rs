//! What plans look like. The snapshots are read before they are accepted.

mod documents;
mod github;
mod hostile;
mod html;
mod lookalikes;
mod markdown;
mod markup;
mod plans;
mod rollouts;
mod sizes;

use plans::{address, everything, of, sized};

use super::{Format, View, plan as show, question};
use crate::{
    model::{BaseUrl, Endpoint},
    plan::{Change, Plan, Summary},
};

/// A plan in a format, with visitors masked.
fn masked(plan: &Plan, format: Format) -> String {
    let mut out = Vec::new();
    show(plan, format, View::new(true, 100), &mut out).expect("a Vec takes all");
    String::from_utf8(out).expect("utf-8")
}

fn text(plan: &Plan, width: usize, mask: bool) -> String {
    let mut out = anstream::StripStream::new(Vec::new());
    show(plan, Format::Text, View::new(mask, width), &mut out).expect("a Vec takes all");
    String::from_utf8(out.into_inner()).expect("utf-8")
}

#[test]
fn a_plan_with_every_action_at_100_columns() {
    insta::assert_snapshot!(text(&everything(), 100, true));
}

#[test]
fn a_plan_with_every_action_at_60_columns() {
    let text = text(&everything(), 60, true);
    // A command to copy stays on one line.
    let lines = text.lines().filter(|line| !line.contains(": pushsync "));
    let longest = lines.map(super::wrap::display_width).max();
    insta::assert_snapshot!(&text);
    assert!(longest <= Some(60), "{longest:?} columns");
}

#[test]
fn a_plan_as_json_is_complete() {
    let text = masked(&everything(), Format::Json);
    assert!(text.contains(address("text", 1).as_str()), "ids are not masked in JSON");
    insta::assert_snapshot!(text);
}

#[test]
fn an_empty_plan_says_that_nothing_changes() {
    let mut plan = everything();
    plan.changes.clear();
    plan.unchanged.clear();
    plan.summary = Summary::of(&[], 12);
    assert_eq!(
        text(&plan, 80, true),
        "This plan is for the environment default.\nState: state.\nNo changes: 12 deliveries are as they should be.\n"
    );
}

#[test]
fn whole_visitor_ids_are_shown_only_where_they_may_be() {
    let whole = address("text", 1);
    assert!(!text(&everything(), 80, true).contains(whole.visitor_str()));
    assert!(text(&everything(), 80, false).contains(whole.visitor_str()));
}

#[test]
fn what_came_from_outside_cannot_steer_the_terminal() {
    let text = text(&everything(), 80, true);
    assert!(!text.contains('\u{1b}'));
    assert!(text.contains("\\u{1b}[31m"), "{text}");
}

#[test]
fn the_question_names_environment_api_counts_and_visitors() {
    let ask = |changes: Vec<Change>, api: Endpoint| {
        question(&Plan { environment: "production".into(), api, ..of(changes) })
    };
    let brevo = || Endpoint::At(BaseUrl::brevo());
    let all = sized(3).changes;
    let [update, delete, create] = &all[..] else { panic!("three changes") };
    let twice = vec![create.clone(), Change { address: address("greeting", 9), ..create.clone() }];
    assert_eq!(ask(twice, brevo()), "Apply to production: 2 messages to 2 visitors?");
    assert_eq!(
        ask(all.clone(), Endpoint::Sandbox),
        "Apply to production, in the sandbox: 1 message to 2 visitors, 1 update and 1 delete?"
    );
    assert_eq!(ask(vec![delete.clone()], brevo()), "Apply to production: 1 delete for 1 visitor?");
    assert_eq!(
        ask(vec![update.clone(), delete.clone()], brevo()),
        "Apply to production: 1 update and 1 delete for 1 visitor?"
    );
}
