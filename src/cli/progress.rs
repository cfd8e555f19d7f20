//! The progress of a run on stderr: a bar on a terminal, or a line every ten seconds.

use std::{
    collections::HashSet,
    io::{self, IsTerminal},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde_json::json;

use super::{args::GlobalOptions, failure, output::Output};
use crate::{
    apply::{Event, Failure, Reporter, Stop},
    model::{Address, one_line},
    render::humanize,
    state::unrecorded::CreateOutcome,
};

/// How often a line is written without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// The progress of one run.
pub(super) struct Progress {
    output: Output,
    bar: Option<ProgressBar>,
    verbose: bool,
    counts: Mutex<Counts>,
}

struct Counts {
    changes: u64,
    done: u64,
    requests: u64,
    last: Instant,
    started: Instant,
    /// The help that was shown already.
    advised: HashSet<String>,
}

impl Progress {
    pub(super) fn new(global: &GlobalOptions, output: Output) -> Self {
        let terminal = io::stderr().is_terminal() && !output.is_quiet() && !output.writes_json();
        let bar = terminal.then(|| {
            let style =
                ProgressStyle::with_template("  {bar:24} {pos}/{len}  {rate}  {left}{wide_msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_bar())
                    .progress_chars("━╸ ")
                    .with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                        let _ = write!(out, "{:.1}/s", state.per_sec());
                    })
                    .with_key("left", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                        let _ = write!(out, "{} left  ", humanize::duration(state.eta()));
                    });
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            bar.set_style(style);
            bar
        });
        let now = Instant::now();
        Self {
            output,
            bar,
            verbose: global.verbose > 0,
            counts: Mutex::new(Counts {
                changes: 0,
                done: 0,
                requests: 0,
                last: now,
                started: now,
                advised: HashSet::new(),
            }),
        }
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn shown(&self, address: &Address) -> String {
        humanize::address(address, self.output.masks_err())
    }

    fn say(&self, text: &str) {
        let text = self.output.masked(text);
        self.beside_bar(|| self.output.note(&text));
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hides the bar while something is printed.
    fn beside_bar(&self, say: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    /// Prints the failure of one change.
    fn failed(&self, failure: &Failure, what: &str) {
        let Failure { address, action, problem } = failure;
        let address = self.shown(address);
        let told = failure::Failure::new(format!(
            "{action} {address}{what}: {}",
            one_line(&problem.to_string())
        ));
        // The same help for every change would bury the differences.
        let told = match problem.hint() {
            Some(hint) if self.counts().advised.insert(hint.clone()) => told.help(one_line(&hint)),
            _ => told,
        };
        self.beside_bar(|| self.output.failure(&told));
    }

    fn step(&self) {
        let mut counts = self.counts();
        counts.done += 1;
        if let Some(bar) = &self.bar {
            bar.set_position(counts.done);
        } else if counts.last.elapsed() >= LINE_EVERY {
            counts.last = Instant::now();
            let rate = counts.done as f64 / counts.started.elapsed().as_secs_f64();
            let text = format!(
                "{} of {} changes done, {rate:.1} a second",
                humanize::number(counts.done),
                humanize::number(counts.changes)
            );
            drop(counts);
            self.say(&text);
        }
    }

    fn log(&self, event: &Event) {
        let line = match event {
            Event::Started { changes, requests } => {
                json!({ "event": "started", "changes": changes, "requests": requests })
            }
            Event::Requested => return,
            Event::Applied { address: of, action, id } => {
                json!({ "event": "applied", "address": self.shown(of), "action": action, "id": id })
            }
            Event::Failed(failure) | Event::Unknown(failure) => {
                let event = if matches!(event, Event::Failed(_)) { "failed" } else { "unknown" };
                json!({
                    "event": event,
                    "address": self.shown(&failure.address),
                    "action": failure.action,
                    "status": failure.problem.status(),
                    "message": failure.problem.to_string(),
                    "request_id": failure.problem.request_id(),
                })
            }
            Event::Missed(problem) => json!({ "event": "missed", "message": problem.to_string() }),
            Event::Repeating { address: of, why, pause } => json!({
                "event": "repeating",
                "address": of.as_ref().map(|of| self.shown(of)),
                "why": why,
                "pause_s": pause.as_secs_f64(),
            }),
            Event::Waiting { pause } => {
                json!({ "event": "waiting", "pause_s": pause.as_secs_f64() })
            }
            Event::Stopping(stop) => json!({ "event": "stopping", "reason": stop }),
            Event::Unrecorded(outcome) => {
                let id = match &outcome.create {
                    CreateOutcome::Sent(record) => Some(&record.id),
                    CreateOutcome::NotSent(_) => None,
                };
                json!({ "event": "unrecorded", "address": self.shown(outcome.address()), "id": id })
            }
            Event::UnrecordedChange { address: of, kind, id, done } => json!({
                "event": "unrecorded", "address": self.shown(of), "kind": kind, "id": id, "done": done,
            }),
        };
        if !self.output.is_quiet() {
            self.output.event(&line);
        }
    }
}

impl Reporter for Progress {
    fn report(&self, event: &Event) {
        if matches!(event, Event::Requested) {
            self.counts().requests += 1;
            return;
        }
        if self.output.writes_json() {
            self.log(event);
            return;
        }
        match event {
            Event::Requested => {}
            Event::Started { changes, .. } => {
                self.counts().changes = *changes;
                if let Some(bar) = &self.bar {
                    bar.set_length(*changes);
                }
            }
            Event::Applied { address, action, id } => {
                if self.verbose {
                    let id = id.as_ref().map_or_else(String::new, |id| format!("  {id}"));
                    let address = self.shown(address);
                    self.say(&format!("  {} {action} {address}{id}", action.sign()));
                }
                self.step();
            }
            Event::Failed(failure) => {
                self.failed(failure, "");
                self.step();
            }
            Event::Unknown(failure) => {
                self.failed(failure, " is unknown");
                self.step();
            }
            Event::Missed(problem) => self.say(&format!("  a ping failed: {problem}")),
            Event::Repeating { address, why, pause } => {
                let of = address
                    .as_ref()
                    .map_or_else(String::new, |address| format!(" of {}", self.shown(address)));
                self.say(&format!(
                    "  again in {}: the request{of}: {}",
                    humanize::duration(*pause),
                    one_line(why)
                ));
            }
            Event::Waiting { pause } => self.say(&format!(
                "  the API's budget is used up; going on in {}",
                humanize::duration(*pause)
            )),
            Event::Stopping(stop) => self.say(match stop {
                Stop::Signal => {
                    "  stopping: requests under way are awaited (once more to stop at once)"
                }
                Stop::Budget => "  stopping: the budget of requests is used up",
                Stop::Duration => "  stopping: the time is over",
                Stop::Fatal => "  stopping: no further request would fare better",
            }),
            // The recorder reports it.
            Event::Unrecorded(_) | Event::UnrecordedChange { .. } => {}
        }
    }
}
