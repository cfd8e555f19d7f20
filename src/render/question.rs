//! A plan as one question, before it is applied.

use super::{
    humanize,
    later::messages,
    summary::{at_api, count_visitors},
};
use crate::{model::one_line, plan::Plan};

/// What a plan would do to whom, in one question: `Apply to production: 30 messages to 30 visitors?`
pub fn question(plan: &Plan) -> String {
    let mut whats: Vec<_> = asked(plan).into_iter().collect();
    let later = plan.upcoming.len() as u64;
    if later > 0 {
        let mut messages = messages(plan);
        messages.retain(|message| !message.to_review.is_empty());
        let of = match &messages[..] {
            [only] => only.key.to_owned(),
            several => format!("{} messages", humanize::number(several.len() as u64)),
        };
        let deliveries = humanize::count(later, "delivery", "deliveries");
        let windows = if later == 1 { "a later window" } else { "later windows" };
        whats.push(format!("agree to {deliveries} of {of} in {windows}"));
    }
    let withdrawn = plan.withdrawn.len() as u64;
    if withdrawn > 0 {
        whats.push(format!("end {}", humanize::count(withdrawn, "approval", "approvals")));
    }
    if plan.summary.approved > 0 {
        let changes = humanize::count(plan.summary.approved, "approved change", "approved changes");
        whats.push(format!("go on with {changes}"));
    }
    if whats.is_empty() {
        whats.push("no requests".to_owned());
    }
    let api = at_api(plan).map(|api| format!(", {api}")).unwrap_or_default();
    format!("Apply to {}{api}: {}?", one_line(&plan.environment), whats.join("; "))
}

/// What the changes that nobody has agreed to would do to whom.
fn asked(plan: &Plan) -> Option<String> {
    let summary = plan.to_review();
    let changes = plan.changes.iter().filter(|change| !change.waits());
    let visitors = count_visitors(changes);
    let sends = summary.create + summary.resend + summary.replace;
    let mut parts = Vec::new();
    if sends > 0 {
        parts.push(format!("{} to {visitors}", humanize::count(sends, "message", "messages")));
    }
    let rest = [
        (summary.update + summary.restore, "update", "updates"),
        (summary.delete, "delete", "deletes"),
        (summary.adopt, "adopted message", "adopted messages"),
        (summary.r#move, "rename", "renames"),
        (summary.forget, "forgotten message", "forgotten messages"),
    ];
    let rest = rest.into_iter().filter(|(count, ..)| *count > 0);
    parts.extend(rest.map(|(count, one, many)| humanize::count(count, one, many)));
    let (last, others) = parts.split_last()?;
    let mut what = match others {
        [] => last.clone(),
        others => format!("{} and {last}", others.join(", ")),
    };
    if sends == 0 {
        what.push_str(&format!(" for {visitors}"));
    }
    Some(what)
}
