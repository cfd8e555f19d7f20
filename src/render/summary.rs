//! The phrases about a plan, or about a change, that all formats share. They are plain text: each format
//! escapes them.

use std::time::Duration;

use super::{
    humanize,
    lookalikes::revealed,
    view::{Commands, View},
};
use crate::{
    diagnostics::{Diagnostic, Severity},
    model::{BaseUrl, Content, Endpoint, Place, one_line, shell_word},
    plan::{self, Action, Change, Commit, Forecast, Operation, Plan, ProtectMark, Summary},
};

/// The words after a count: `3 to create`.
pub(super) fn verb(action: Action) -> &'static str {
    match action {
        Action::Create => "to create",
        Action::Update => "to update",
        Action::Replace => "to replace",
        Action::Delete => "to delete",
        Action::Resend => "to send again",
        Action::Restore => "to restore",
        Action::Forget => "to forget",
        Action::Move => "to rename",
        Action::Adopt => "to adopt",
        Action::Unknown => "unknown",
    }
}

/// Whether there is nothing to do, and nothing to agree to.
pub(super) fn is_quiet(plan: &Plan) -> bool {
    plan.changes.is_empty() && plan.upcoming.is_empty() && plan.withdrawn.is_empty()
}

/// One count of what is to be reviewed, or of what is approved.
pub(super) struct Part {
    /// The action, if it is of one.
    pub(super) action: Option<Action>,
    pub(super) count: u64,
    /// The words after the count.
    pub(super) words: &'static str,
}

/// The counts of what is to be reviewed.
pub(super) fn parts_to_review(plan: &Plan) -> Vec<Part> {
    let mut parts = parts(&plan.to_review());
    let mut other = |count: usize, one, many| {
        if count > 0 {
            let words = if count == 1 { one } else { many };
            parts.push(Part { action: None, count: count as u64, words });
        }
    };
    other(plan.upcoming.len(), "for a later window", "for later windows");
    other(plan.withdrawn.len(), "approval that ends", "approvals that end");
    parts
}

/// The counts of what is approved.
pub(super) fn parts_approved(plan: &Plan) -> Vec<Part> {
    parts(&plan.approved())
}

fn parts(summary: &Summary) -> Vec<Part> {
    let part =
        |action| Part { action: Some(action), count: summary.count(action), words: verb(action) };
    Action::ALL.map(part).into_iter().filter(|part| part.count > 0).collect()
}

impl Part {
    /// `3 to create`
    pub(super) fn text(&self) -> String {
        format!("{} {}", humanize::number(self.count), self.words)
    }
}

/// The reason why there are no changes; it ends the sentence `No changes: …`.
pub(super) fn unchanged(plan: &Plan) -> String {
    let opens = plan.later.iter().filter_map(|later| later.opens).min();
    if let (0, Some(opens)) = (plan.summary.unchanged, opens) {
        return format!("the first window opens {opens}");
    }
    match (plan.summary.unchanged, plan.selection.is_all()) {
        (0, true) => "the manifest has no deliveries, and so has the state".to_owned(),
        (0, false) => "the targets name no deliveries".to_owned(),
        (n, _) => format!(
            "{} as {} should be",
            humanize::count(n, "delivery is", "deliveries are"),
            if n == 1 { "it" } else { "they" }
        ),
    }
}

/// The number of visitors, the number of requests, and how long they take.
pub(super) fn visitors_and_requests(plan: &Plan) -> String {
    format!("{}; {}", visitors(plan), requests(plan))
}

/// The number of requests, and how long they take.
pub(super) fn requests(plan: &Plan) -> String {
    let requests = plan.summary.requests;
    let asked = humanize::count(requests, "request", "requests");
    match plan.budget.forecast(requests) {
        Forecast::Fits { .. } if requests == 0 => asked,
        forecast if plan.budget.unlimited => {
            let api = match plan.api {
                Endpoint::Sandbox => "the sandbox",
                Endpoint::At(_) => "this API",
            };
            let there = match forecast {
                Forecast::Fits { .. } => "fits".to_owned(),
                Forecast::Takes { about, .. } => format!("about {}", humanize::duration(about)),
            };
            format!(
                "{asked}: fits ({api} has no limit; at Brevo's {} an hour: {there})",
                humanize::number(plan.budget.limit)
            )
        }
        Forecast::Fits { left } => {
            format!("{asked}; {} left in this hour: fits", humanize::number(left))
        }
        Forecast::Takes { per_hour, about } => {
            format!(
                "{asked} at {} an hour: about {}",
                humanize::number(per_hour),
                humanize::duration(about)
            )
        }
    }
}

/// The number of requests of a window to come, and how long they take at the budget.
pub(super) fn requests_later(plan: &Plan, requests: u64, takes: Duration) -> String {
    let asked = humanize::count(requests, "request", "requests");
    let (per_hour, about) = (humanize::number(plan.budget.limit), humanize::duration(takes));
    let whose = if plan.budget.unlimited { "Brevo's " } else { "" };
    format!("{asked} at {whose}{per_hour} an hour: about {about}")
}

/// The API, unless it is Brevo's own; it follows the environment.
pub(super) fn at_api(plan: &Plan) -> Option<String> {
    match &plan.api {
        api if api.is_brevo() => None,
        Endpoint::Sandbox => Some("in the sandbox".to_owned()),
        Endpoint::At(url) => Some(format!("at {}", api_url(url))),
    }
}

/// The start of a URL: a plan that was written by hand may have a very long one.
pub(super) fn api_url(url: &BaseUrl) -> String {
    url.as_str().chars().take(200).collect()
}

/// The environment, and the API unless it is Brevo's; it ends the sentence `This plan is …`.
pub(super) fn whereabouts(plan: &Plan) -> String {
    let environment = format!("for the environment {}", one_line(&plan.environment));
    match at_api(plan) {
        Some(api) => format!("{environment}, {api}"),
        None => environment,
    }
}

/// The state. Its serial depends on how commits were grouped: it is for reports, not for people at a terminal.
pub(super) fn state(plan: &Plan) -> String {
    let location = one_line(&plan.location);
    match plan.state.lineage {
        Some(_) => format!("State: {location}"),
        None => format!("State: {location} (does not exist yet)"),
    }
}

/// The number of visitors that the plan concerns.
pub(super) fn visitors(plan: &Plan) -> String {
    count_visitors(plan.changes.iter())
}

/// The number of visitors that these changes concern.
pub(super) fn count_visitors<'a>(changes: impl Iterator<Item = &'a Change>) -> String {
    humanize::count(plan::visitors(changes), "visitor", "visitors")
}

/// Twelve digits of a commit, as in the history.
pub(super) fn short(commit: &Commit) -> String {
    one_line(&commit.id.as_str().chars().take(12).collect::<String>())
}

/// The change of the protection of a key; it follows the key.
pub(super) fn protection(mark: &ProtectMark) -> &'static str {
    if mark.protect { "is protected from now on" } else { "is no longer protected" }
}

/// Whether the files differ from the commit; it follows the commit.
pub(super) fn dirt(commit: &Commit) -> &'static str {
    if commit.dirty { ", with changes that are not committed" } else { "" }
}

/// The facts about changes with the same texts besides these, each on one line.
pub(super) fn facts(changes: &[&Change], view: View<'_>) -> Vec<String> {
    let Some(change) = changes.first() else { return Vec::new() };
    let senders = |before: &Content, after: &Content| {
        let (before, after) = revealed(&sender(before, view), &sender(after, view), None, None);
        format!("from {after}, not {before} as before")
    };
    match &change.operation {
        Operation::Create { after } | Operation::Resend { after, .. } => {
            vec![format!("from {}", sender(after, view))]
        }
        Operation::Reinstate { .. } => {
            vec!["sent again only if the message is gone; updated if its text differs".to_owned()]
        }
        Operation::Replace { before, after, .. } if before.from != after.from => {
            vec![senders(before, after)]
        }
        Operation::Update { .. }
        | Operation::Restore { .. }
        | Operation::Replace { .. }
        | Operation::Delete { .. }
        | Operation::Forget { .. } => Vec::new(),
        Operation::Adopt { id, .. } => vec![format!("message {}", one_line(id.as_str()))],
        Operation::FinishReplace { old, .. } => {
            vec![format!("delete message {}", one_line(old.id.as_str()))]
        }
        Operation::Move { from, .. } => vec![format!("was {}", humanize::address(from, view.mask))],
        Operation::Unknown { at, trouble, request_id, .. } => {
            let mut fact = format!("sent {at:.0}; {}", cause(trouble.as_deref()));
            if let Some(id) = request_id {
                fact.push_str(&format!(" (sib-request-id {})", one_line(id)));
            }
            let mut facts = vec![fact];
            facts.extend(resolve(changes, view));
            facts
        }
    }
}

/// The reason why a delivery is unknown.
fn cause(trouble: Option<&str>) -> String {
    one_line(trouble.unwrap_or("the run that sent it did not live to see the answer"))
}

/// The steps to resolve unknown deliveries. Each command ends its line, to be copied.
fn resolve(changes: &[&Change], view: View<'_>) -> Vec<String> {
    let Commands { resolve, unclear, plan: _ } = view.commands;
    let address = match changes {
        [change] => Some(humanize::address(&change.address, view.mask)),
        _ => None,
    };
    let Some(address) = address.filter(|address| !unclear.contains(address)) else {
        return vec![
            "look at the visitors' chats in Brevo".to_owned(),
            format!("the command that lists them, to say what became of each: {resolve}"),
        ];
    };
    let word = shell_word(address.as_ref());
    vec![
        "look at the visitor's chat in Brevo".to_owned(),
        format!("if the message is there: {resolve} {word} --sent ID"),
        format!("if it is not there: {resolve} {word} --not-sent"),
    ]
}

fn sender(content: &Content, view: View<'_>) -> String {
    one_line(&view.sender(&content.from))
}

/// The place of the message in the manifest.
pub(super) fn source(change: &Change) -> Option<String> {
    change.source.as_ref().map(place)
}

/// `FILE:LINE`, with only the end of a very long name.
pub(super) fn place(place: &Place) -> String {
    const MOST: usize = 200;
    let file = one_line(&place.file);
    let start = file.char_indices().rev().nth(MOST - 1).map_or(0, |(at, _)| at);
    let cut = if start > 0 { "…" } else { "" };
    format!("{cut}{}:{}", &file[start..], place.line)
}

/// A diagnostic in one line.
pub(super) fn diagnostic(diagnostic: &Diagnostic) -> String {
    let Diagnostic { severity, code, message, place: at, related: _, help } = diagnostic;
    let severity = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut out = format!("{severity}[{}]: {}", code.as_str(), one_line(message));
    if let Some(at) = at {
        out.push_str(&format!(" ({})", place(at)));
    }
    if let Some(help) = help {
        out.push_str(&format!("; {}", one_line(help)));
    }
    out
}

/// A lower rank is more important for a reviewer.
pub(super) fn rank(action: Action) -> u8 {
    match action {
        Action::Unknown => 0,
        Action::Delete => 1,
        Action::Replace => 2,
        Action::Resend => 3,
        Action::Restore => 4,
        Action::Update => 5,
        Action::Create => 6,
        Action::Adopt => 7,
        Action::Move => 8,
        Action::Forget => 9,
    }
}
