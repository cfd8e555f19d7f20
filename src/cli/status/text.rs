//! A status for people: one screen, also on a narrow one.

use std::{fmt::Write, time::Duration};

use jiff::{Timestamp, tz::TimeZone};

use super::observe::address;
use crate::{
    cli::clock_time::{from_now, time_of_day},
    controller::{MessageStatus, RunSummary, Status, Wait, WaitFor},
    model::{DeliveryStatus, one_line},
    plan::Action,
    render::{display_width, humanize, wrapped},
};

/// How many messages are listed; those that are not as they should be come first.
const MESSAGES: usize = 20;
/// How many unknown deliveries are listed.
const UNKNOWN: usize = 5;
/// How many windows are listed.
const WINDOWS: usize = 5;
/// The widest column of keys, if there is room.
const KEYS: usize = 40;

/// Notes about a message have a column of their own if it is at least this wide.
const NOTES: usize = 36;

/// How it is shown.
pub(super) struct Screen<'a> {
    pub(super) width: usize,
    pub(super) mask: bool,
    pub(super) zone: TimeZone,
    /// The command that shows what is to be agreed to.
    pub(super) plan: &'a str,
    /// The command that decides about what is unknown.
    pub(super) resolve: &'a str,
    /// The command that shows the errors of the manifest.
    pub(super) validate: &'a str,
    /// The command that shows all messages' deliveries.
    pub(super) list: &'a str,
}

/// The whole screen.
pub(super) fn text(status: &Status, screen: &Screen<'_>) -> String {
    let mut page = Page { text: String::new(), screen, now: status.as_of };
    page.head(status);
    page.messages(status);
    page.waits(status);
    page.unknown(status);
    page.budget(status);
    page.runs(status);
    page.text
}

struct Page<'a> {
    text: String,
    screen: &'a Screen<'a>,
    now: Timestamp,
}

impl Page<'_> {
    /// A paragraph.
    fn line(&mut self, indent: usize, words: &str) {
        self.text.push_str(&wrapped(words, indent, self.screen.width));
    }

    fn title(&mut self, title: &str) {
        self.text.push('\n');
        self.line(0, title);
    }

    /// `14:05 (in 3 min)`.
    fn then(&self, at: Timestamp) -> String {
        let time = time_of_day(at, self.now, &self.screen.zone);
        let left = from_now(at, self.now);
        match left.as_secs() {
            0 => time,
            // The time of day is told to the minute.
            1..60 => format!("in {}", about(left)),
            _ => format!("{time} (in {})", about(left)),
        }
    }

    fn head(&mut self, status: &Status) {
        let at = status.api.as_ref().map(|api| format!(" at {}", one_line(api)));
        let environment = one_line(&status.environment);
        self.line(0, &format!("{environment}{}", at.unwrap_or_default()));
        let state = &status.state;
        let location = one_line(&state.location);
        if let Some(holder) = &state.locked_by {
            self.line(
                0,
                &format!(
                    "The state in `{location}` is locked by {holder}: it can be read when that has ended."
                ),
            );
        } else if state.exists == Some(false) {
            self.line(
                0,
                &format!(
                    "There is no state yet in `{location}`: nothing is known to have been sent from here."
                ),
            );
        }
        if let Some(problem) = &state.problem {
            self.line(0, &format!("Careful: {problem}"));
        }
        let manifest = &status.manifest;
        if !manifest.ok {
            let errors = humanize::count(manifest.errors, "error", "errors");
            let first = manifest.problem.as_ref().map(|problem| format!(": {problem}"));
            self.line(
                0,
                &format!(
                    "The manifest has {errors}{}. What should be there is not known. To see all: {}",
                    first.unwrap_or_default(),
                    self.screen.validate
                ),
            );
        }
    }

    fn messages(&mut self, status: &Status) {
        if status.messages.is_empty() {
            return;
        }
        // Those that are not right first.
        let mut rows: Vec<_> = status.messages.iter().collect();
        rows.sort_by_key(|message| message.is_right());
        let left_out = rows.split_off(rows.len().min(MESSAGES));
        let keys = rows.iter().map(|message| display_width(&message.key)).max().unwrap_or(0);
        let room = (self.screen.width / 2).saturating_sub(2).clamp(12, KEYS);
        let keys = keys.clamp(7, room);
        let counts: Vec<_> = rows.iter().map(|message| live_of(message)).collect();
        let wide = counts.iter().map(|count| display_width(count)).max().unwrap_or(0).max(4);
        self.title(&format!("{:keys$}  {:>wide$}", "MESSAGE", "LIVE"));
        for (message, count) in rows.iter().zip(&counts) {
            let notes = self.notes(message);
            let key = shortened(&message.key, keys);
            let before = format!("{key}{:1$}  {count:>wide$}  ", "", keys - display_width(&key));
            let column = display_width(&before);
            let room = self.screen.width.saturating_sub(column);
            self.text.push_str(before.trim_end());
            if notes.is_empty() {
                self.text.push('\n');
            } else if room >= NOTES || display_width(&notes) <= room {
                // The first line begins after the columns.
                let lines = wrapped(&notes, column, self.screen.width.max(column + NOTES));
                self.text.push_str(&format!("  {}", lines.trim_start()));
            } else {
                self.text.push('\n');
                self.line(4, &notes);
            }
        }
        if !left_out.is_empty() {
            let right = left_out.iter().all(|message| message.is_right());
            let more = humanize::count(left_out.len() as u64, "message", "messages");
            let how = if right { ", all as they should be" } else { "" };
            self.line(0, &format!("… and {more} more{how}: {}", self.screen.list));
        }
    }

    /// What is to be said of a message.
    fn notes(&self, message: &MessageStatus) -> String {
        let mut notes = Vec::new();
        for (action, count) in &message.changes {
            if *action != Action::Unknown {
                notes.push(format!("{} to {}", humanize::number(*count), verb(*action)));
            }
        }
        for (status, count) in &message.statuses {
            let words = match status {
                DeliveryStatus::Ok => continue,
                DeliveryStatus::Changed => "changed there",
                DeliveryStatus::Gone => "gone there",
                DeliveryStatus::Forgotten => "gone there, left so",
                DeliveryStatus::Replacing => "being replaced",
                DeliveryStatus::Updating => "update without outcome",
                DeliveryStatus::Deleting => "delete without outcome",
                DeliveryStatus::Unknown => "unknown",
            };
            notes.push(format!("{} {words}", humanize::number(*count)));
        }
        if let Some(opens) = message.opens {
            notes.push(format!("opens {}", self.then(opens)));
        } else if let Some(closes) = message.closes {
            notes.push(format!("closes {}", self.then(closes)));
        }
        notes.join(", ")
    }

    fn waits(&mut self, status: &Status) {
        let edges = |wait: &&Wait| matches!(wait.what, WaitFor::Opening | WaitFor::Closing);
        let waits: Vec<_> = status.waits.iter().filter(|wait| !edges(wait)).collect();
        let mut windows: Vec<_> = status.waits.iter().filter(edges).collect();
        windows.sort_by_key(|wait| wait.until);
        let known = status.state.locked_by.is_none() && status.manifest.ok;
        if waits.is_empty() && windows.is_empty() {
            if known && status.messages.iter().all(|message| message.wanted.is_some()) {
                self.title("Nothing waits: all is as the manifest says.");
            }
            return;
        }
        self.title("WAITS");
        for wait in waits {
            let changes = humanize::count(wait.count, "change", "changes");
            let done = wait.done_at.map(|at| format!("; the last about {}", self.then(at)));
            let done = done.unwrap_or_default();
            let words = match wait.what {
                WaitFor::Budget => {
                    let until = wait.until.map(|at| format!(", until {}", self.then(at)));
                    format!("{changes} for the budget{}{done}", until.unwrap_or_default())
                }
                WaitFor::Apply => format!("{changes} for the next apply{done}"),
                WaitFor::Approval => {
                    format!("{changes} for somebody who agrees: {}", self.screen.plan)
                }
                WaitFor::Decision => {
                    let deliveries = humanize::count(wait.count, "delivery", "deliveries");
                    format!("{deliveries} for a decision: {}", self.screen.resolve)
                }
                WaitFor::Opening | WaitFor::Closing => continue,
            };
            self.line(2, &words);
        }
        for wait in windows.iter().take(WINDOWS) {
            let (Some(key), Some(until)) = (&wait.key, wait.until) else { continue };
            let does = if wait.what == WaitFor::Opening { "opens" } else { "closes" };
            let deliveries = humanize::count(wait.count, "delivery", "deliveries");
            let key = shortened(key, KEYS);
            self.line(2, &format!("{key} {does} {}: {deliveries}", self.then(until)));
        }
        if let Some(more) = windows.len().checked_sub(WINDOWS).filter(|more| *more > 0) {
            self.line(2, &format!("… and {more} more windows"));
        }
    }

    fn unknown(&mut self, status: &Status) {
        if status.unknown.is_empty() {
            return;
        }
        self.title("UNKNOWN");
        for unknown in status.unknown.iter().take(UNKNOWN) {
            let sent = unknown.sent_at;
            let trouble =
                unknown.trouble.as_ref().map(|trouble| format!(", {}", one_line(trouble)));
            self.line(
                2,
                &format!(
                    "{}: sent {sent:.0}{}",
                    address(&unknown.address, self.screen.mask),
                    trouble.unwrap_or_default()
                ),
            );
        }
        if let Some(more) = status.unknown.len().checked_sub(UNKNOWN).filter(|more| *more > 0) {
            self.line(2, &format!("… and {} more", humanize::number(more as u64)));
        }
    }

    fn budget(&mut self, status: &Status) {
        let Some(budget) = &status.budget else { return };
        self.title("BUDGET");
        // The sandbox announces a budget that is too large to matter.
        if budget.limit >= 10_000_000 {
            return self.line(2, "no limit that matters");
        }
        let (left, limit) = (humanize::number(budget.remaining), humanize::number(budget.limit));
        let assumed = if budget.assumed { ", as is assumed" } else { "" };
        let until = match (budget.retry_at, budget.resets_at) {
            (Some(retry), _) => format!("; the API wants a pause until {}", self.then(retry)),
            (None, Some(resets)) => format!("; whole again {}", self.then(resets)),
            (None, None) => String::new(),
        };
        self.line(2, &format!("{left} of {limit} requests left{assumed}{until}"));
    }

    fn runs(&mut self, status: &Status) {
        if status.runs.is_empty() {
            return;
        }
        self.title("LAST RUNS");
        for run in &status.runs {
            let at = run.started_at.to_zoned(self.screen.zone.clone());
            let at = at.strftime("%Y-%m-%d %H:%M").to_string();
            let words = wrapped(&run_words(run), 20, self.screen.width);
            self.text.push_str(&format!("  {at}  {}", words.trim_start()));
        }
    }
}

fn run_words(run: &RunSummary) -> String {
    let mut words = one_line(&run.command);
    let counts = [(run.done, "done"), (run.failed, "failed"), (run.unknown, "unknown")];
    let counts: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", humanize::number(*count)))
        .collect();
    let counts = if counts.is_empty() { "no changes".to_owned() } else { counts.join(", ") };
    // Writing to a String does not fail.
    let _ = write!(words, ": {counts}, {}", humanize::count(run.requests, "request", "requests"));
    if let Some(stopped) = &run.stopped {
        let _ = write!(words, ", stopped: {}", one_line(stopped));
    }
    if let Some(commit) = &run.commit {
        let short = one_line(&commit.chars().take(7).collect::<String>());
        let _ = write!(words, ", {short}{}", if run.dirty { " with changes" } else { "" });
    }
    words
}

/// `10 of 12`.
fn live_of(message: &MessageStatus) -> String {
    let wanted = message.wanted.map_or_else(|| "?".to_owned(), humanize::number);
    format!("{} of {wanted}", humanize::number(message.live))
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::Restore => "put right",
        Action::Resend => "send again",
        other => other.as_str(),
    }
}

/// The text, without its end if it is too wide.
fn shortened(text: &str, width: usize) -> String {
    if display_width(text) <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Without seconds where minutes are enough.
fn about(left: Duration) -> String {
    let seconds = left.as_secs();
    let unit = if seconds >= 120 { 60 } else { 1 };
    humanize::duration(Duration::from_secs(seconds.div_ceil(unit) * unit))
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
