//! A plan as annotations of a workflow: one for each entry, beside the line that it comes from.
//!
//! GitHub shows ten annotations of each level for a step. So the most important ones come first, and the
//! summary counts the others.

use std::cmp::Reverse;

use super::{
    approved::{groups_approved, groups_to_review, waits, withdrawn},
    groups::{Group, text_lines},
    humanize,
    later::{self, LaterMessage, THERE_ALREADY, messages},
    summary::{self, Part},
    urgent::Warnings,
    view::View,
};
use crate::{
    diagnostics::{
        Diagnostic,
        workflow::{self, Level, Spot},
    },
    model::one_line,
    plan::{Action, Plan},
};

/// GitHub's limit for each level; the summary is one of the notices.
const MOST: usize = 10;
/// How much of a text an annotation shows.
const MOST_LINES: usize = 12;
const MOST_CHARS: usize = 300;

/// An annotation that is shown if there is room.
struct Note<'a> {
    level: Level,
    /// A lower order comes first.
    order: (u8, Reverse<usize>, u8),
    /// Made only if it is shown, because comparing texts takes time.
    command: Box<dyn Fn() -> String + 'a>,
    changes: usize,
}

pub(super) fn plan(plan: &Plan, view: View<'_>) -> String {
    let mut notes: Vec<Note<'_>> = Vec::new();
    for refusal in view.refusals {
        let command = move || {
            let message = format!("apply will refuse this plan: {refusal}\n{}", refusal.help());
            workflow::command(Level::Error, None, refusal.code().as_str(), &message)
        };
        let (level, order) = (Level::Error, (0, Reverse(0), 0));
        notes.push(Note { level, order, command: Box::new(command), changes: 0 });
    }
    for group in groups_to_review(plan) {
        let (level, action) = (level(group.action()), group.action());
        notes.push(Note {
            level,
            order: (1, Reverse(group.len()), summary::rank(action)),
            changes: group.len(),
            command: Box::new(move || annotation(&group, level, view)),
        });
    }
    for message in messages(plan) {
        let level = Level::Notice;
        if message.is_approved() {
            continue;
        }
        notes.push(Note {
            level,
            order: (1, Reverse(message.to_review.len()), summary::rank(Action::Create)),
            changes: message.to_review.len(),
            command: Box::new(move || later_annotation(&message, level, plan, view)),
        });
    }
    for (title, lines) in [("approved", approved_lines(plan)), ("withdrawn", withdrawn_lines(plan))]
    {
        if lines.is_empty() {
            continue;
        }
        let command =
            Box::new(move || workflow::command(Level::Notice, None, title, &first_lines(&lines)));
        notes.push(Note { level: Level::Notice, order: (0, Reverse(0), 0), command, changes: 0 });
    }
    let told = Warnings::of(plan);
    for (diagnostics, order) in [(&told.urgent, 0), (&told.others, 2)] {
        for diagnostic in diagnostics {
            let diagnostic: &Diagnostic = diagnostic;
            let level = if diagnostic.is_error() { Level::Error } else { Level::Warning };
            let command = Box::new(|| workflow::diagnostic(diagnostic, view.folder));
            notes.push(Note { level, order: (order, Reverse(0), 0), command, changes: 0 });
        }
    }
    // The sort is stable: equal notes stay in the order of the plan.
    notes.sort_by_key(|note| (note.level, note.order));
    let (mut shown, mut left) = (String::new(), (0u64, 0u64));
    for level in Level::ALL {
        let most = if level == Level::Notice { MOST - 1 } else { MOST };
        for (n, note) in notes.iter().filter(|note| note.level == level).enumerate() {
            if n < most {
                shown.push_str(&(note.command)());
                shown.push('\n');
            } else {
                left = (left.0 + 1, left.1 + note.changes as u64);
            }
        }
    }
    let api = summary::at_api(plan).map(|api| format!(", {api}")).unwrap_or_default();
    let title = format!("pushsync plan for {}{api}", plan.environment);
    let told = totals(plan, left);
    format!("{}\n{shown}", workflow::command(Level::Notice, None, &title, &told))
}

/// A decision is an error; a change that takes a message away from visitors is a warning.
fn level(action: Action) -> Level {
    match action {
        Action::Unknown => Level::Error,
        Action::Delete | Action::Replace | Action::Resend => Level::Warning,
        Action::Restore
        | Action::Update
        | Action::Create
        | Action::Adopt
        | Action::Move
        | Action::Forget => Level::Notice,
    }
}

fn totals(plan: &Plan, (entries, changes): (u64, u64)) -> String {
    let mut out = if summary::is_quiet(plan) {
        format!("No changes: {}.", summary::unchanged(plan))
    } else {
        let texts = |parts: Vec<Part>| parts.iter().map(Part::text).collect::<Vec<_>>().join(", ");
        let unchanged = humanize::number(plan.summary.unchanged);
        let mut out = match texts(summary::parts_to_review(plan)) {
            none if none.is_empty() => format!("Nothing to review, {unchanged} unchanged."),
            counts => format!("{counts}, {unchanged} unchanged."),
        };
        let approved = texts(summary::parts_approved(plan));
        if !approved.is_empty() {
            out.push_str(&format!("\nApproved: {approved}."));
        }
        if !plan.changes.is_empty() {
            out.push_str(&format!("\n{}.", summary::visitors_and_requests(plan)));
        }
        out
    };
    out.push_str(&format!("\n{}.", summary::state(plan)));
    for mark in plan.protect.iter().take(MOST) {
        let now = summary::protection(mark);
        out.push_str(&format!("\n{} {now}.", mark.key));
    }
    if plan.protect.len() > MOST {
        let more = humanize::number((plan.protect.len() - MOST) as u64);
        out.push_str(&format!("\n… and the protection of {more} more changes."));
    }
    if let Some(commit) = &plan.commit {
        let (short, dirt) = (summary::short(commit), summary::dirt(commit));
        out.push_str(&format!("\nThe manifest is that of commit {short}{dirt}."));
    }
    if entries > 0 {
        out.push_str(&format!(
            "\nWithout annotations of their own: {} ({}); --format markdown, html and json show more.",
            humanize::count(entries, "entry", "entries"),
            humanize::count(changes, "change", "changes")
        ));
    }
    out
}

fn annotation(group: &Group<'_>, level: Level, view: View<'_>) -> String {
    let first = group.first();
    let action = group.action();
    let (name, visitors) = match group.len() {
        1 => (humanize::address(&first.address, view.mask), String::new()),
        n => (group.key().to_owned(), format!("{} visitors: ", humanize::number(n as u64))),
    };
    let mut message = format!("{visitors}{}", first.reason.explained());
    if let Some(line) = group.languages().in_a_line() {
        message.push_str(&format!("\n{line}"));
    }
    let variants = group.variants();
    if let Some(variant) = variants.first() {
        for fact in summary::facts(&variant.changes, view) {
            message.push_str(&format!("\n{fact}"));
        }
        for line in sample(text_lines(variant.first)) {
            message.push_str(&format!("\n{line}"));
        }
    }
    if variants.len() > 1 {
        let more = humanize::count(variants.len() as u64 - 1, "more text", "more texts");
        message.push_str(&format!("\n… and {more}"));
    }
    let place = first.source.as_ref();
    let spot = place.map(|place| Spot { folder: view.folder, place });
    workflow::command(level, spot, &format!("{action} {name}"), &message)
}

/// What is approved and waits, and the approved windows.
fn approved_lines(plan: &Plan) -> Vec<String> {
    let waiting = groups_approved(plan);
    let waiting = waiting.iter().map(|group| {
        let (count, end) = waits(group);
        format!("{count}{}{end}", group.key())
    });
    let later = messages(plan).into_iter().filter(LaterMessage::is_approved);
    let later = later.map(|message| {
        format!("{}, {}: {}", message.key, message.visitors(), message.in_a_line(plan))
    });
    waiting.chain(later).collect()
}

/// The approvals that end.
fn withdrawn_lines(plan: &Plan) -> Vec<String> {
    let lines = withdrawn(plan).into_iter();
    lines.map(|(count, key, end)| format!("{count}{key}{end}")).collect()
}

fn first_lines(lines: &[String]) -> String {
    let mut out = lines[..lines.len().min(MOST)].join("\n");
    if lines.len() > MOST {
        let more = (lines.len() - MOST) as u64;
        out.push_str(&format!("\n… and {}", humanize::count(more, "more line", "more lines")));
    }
    out
}

fn later_annotation(
    message: &LaterMessage<'_>,
    level: Level,
    plan: &Plan,
    view: View<'_>,
) -> String {
    let mut out = format!("{}: {}; {}", message.visitors(), message.when(), message.status());
    if let Some(takes) = message.takes(plan) {
        out.push_str(&format!("\n{takes}"));
    }
    let (texts, hidden) = message.first_texts(1);
    if let Some(text) = texts.first() {
        out.push_str(&format!("\nfrom {}", one_line(&view.sender(&text.first.content.from))));
        if text.first.opened {
            out.push_str(&format!("\n{THERE_ALREADY}"));
        }
        for line in sample(later::text_lines(text.first)) {
            out.push_str(&format!("\n{line}"));
        }
    }
    if let Some(hidden) = hidden {
        out.push_str(&format!("\n… and {hidden}"));
    }
    let spot = message.source.map(|place| Spot { folder: view.folder, place });
    workflow::command(level, spot, &format!("later {}", message.key), &out)
}

/// The first lines of the texts that a visitor sees.
fn sample(mut all: Vec<String>) -> Vec<String> {
    let more = all.len().saturating_sub(MOST_LINES);
    all.truncate(MOST_LINES);
    for line in &mut all {
        if let Some((at, _)) = line.char_indices().nth(MOST_CHARS) {
            line.truncate(at);
            line.push('…');
        }
    }
    if more > 0 {
        all.push(format!("… {}", humanize::count(more as u64, "more line", "more lines")));
    }
    all
}
