//! The words about a whole plan, and about a change, that all formats share. They are plain text:
//! each format escapes them.

use super::words as say;
use crate::plan::{Action, Change, Commit, Forecast, Plan};

/// What stands after the count: `3 to create`.
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

/// Why there are no changes: ends the sentence `No changes: …`.
pub(super) fn unchanged(plan: &Plan) -> String {
    match (plan.summary.unchanged, plan.selection.is_all()) {
        (0, true) => "the manifest has no deliveries, and so has the state".to_owned(),
        (0, false) => "the targets name no deliveries".to_owned(),
        (n, _) => format!(
            "{} as {} should be",
            say::count(n, "delivery is", "deliveries are"),
            if n == 1 { "it" } else { "they" }
        ),
    }
}

/// The requests, and when they can be made.
pub(super) fn requests(plan: &Plan) -> String {
    let requests = plan.summary.requests;
    let asked = say::count(requests, "request", "requests");
    match plan.budget.forecast(requests) {
        Forecast::Fits { .. } if requests == 0 => asked,
        Forecast::Fits { left } => {
            format!("{asked}; {} left in this hour: fits", say::number(left))
        }
        Forecast::Takes { per_hour, about } => {
            format!("{asked} at {} an hour: about {}", say::number(per_hour), say::duration(about))
        }
    }
}

/// Twelve digits of a commit, as in the history.
pub(super) fn short(commit: &Commit) -> String {
    say::one_line(&commit.id.chars().take(12).collect::<String>())
}

/// What stands after a commit.
pub(super) fn dirt(commit: &Commit) -> &'static str {
    if commit.dirty { ", with changes that are not committed" } else { "" }
}

/// Why nobody knows of an unknown delivery.
pub(super) fn cause(trouble: Option<&str>) -> String {
    say::one_line(trouble.unwrap_or("the run that sent it did not live to see the answer"))
}

/// What to do about an unknown delivery.
pub(super) fn resolve(change: &Change, mask: bool) -> String {
    format!(
        "look at the visitor's chat in Brevo, then: pushsync state resolve {} --sent ID, or --not-sent",
        say::address(&change.address, mask)
    )
}
