//! The progress of a run on stderr: a bar on a terminal, or a line every ten seconds.

use std::{
    collections::HashSet,
    io::{self, IsTerminal},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;

use super::{
    args::GlobalOptions,
    clock_time::{time_of_day, whole_seconds},
    environment, failure,
    json_log::{Level, LogLine},
    output::Output,
    run_status::{RunStatus, Wait},
};
use crate::{
    apply::{Event, Failure, Reporter, Stop, WaitReason},
    model::{Address, one_line},
    render::humanize,
    state::unrecorded::CreateOutcome,
};

/// How often a line is written without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How often the bar is drawn even if nothing happens.
const DRAW_EVERY: Duration = Duration::from_millis(500);

/// Below this width there is no room for a bar beside the words.
const NARROW: u16 = 76;

/// The progress of one run.
pub(super) struct Progress {
    output: Output,
    verbose: bool,
    run: Arc<Mutex<RunSoFar>>,
    display: Display,
}

/// Where the progress is shown.
enum Display {
    /// On a terminal.
    Bar(ProgressBar),
    /// Line by line. The thread ends when the sender is gone.
    Lines(Mutex<Option<(mpsc::Sender<()>, JoinHandle<()>)>>),
}

/// What has happened in a run.
struct RunSoFar {
    status: RunStatus,
    started: Instant,
    /// When the present wait began, and how long the others took.
    wait_began: Option<Instant>,
    waited: Duration,
    last_request: Instant,
    /// How many changes were done when the last line was written.
    told: u64,
    /// The help that was shown already.
    advised: HashSet<String>,
    zone: TimeZone,
}

impl RunSoFar {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            status: RunStatus::default(),
            started: now,
            wait_began: None,
            waited: Duration::ZERO,
            last_request: now,
            told: 0,
            advised: HashSet::new(),
            zone: environment::zone(),
        }
    }

    fn wait(&mut self, wait: Wait, until: Timestamp) {
        self.status.wait = Some((wait, until));
        if wait != Wait::Repeat {
            self.wait_began.get_or_insert_with(Instant::now);
        }
    }

    /// A request leaves (`1`), or was answered (`-1`).
    fn requested(&mut self, difference: i64) {
        self.status.under_way = self.status.under_way.saturating_add_signed(difference);
        self.last_request = Instant::now();
        if let Some(began) = self.wait_began.take_if(|_| difference > 0) {
            self.waited += began.elapsed();
        }
        if difference > 0 {
            self.status.wait = None;
        }
    }

    fn worked(&self) -> Duration {
        let waits = self.waited + self.wait_began.map_or(Duration::ZERO, |began| began.elapsed());
        self.started.elapsed().saturating_sub(waits)
    }

    fn words(&self) -> String {
        let silent = self.last_request.elapsed();
        self.status.words(environment::now(), &self.zone, self.worked(), silent)
    }

    /// Whether there is something to say that was not said yet.
    fn has_news(&self) -> bool {
        self.status.done > self.told || self.status.is_slow(self.last_request.elapsed())
    }

    /// A line without a terminal.
    fn line(&mut self) -> String {
        self.told = self.status.done;
        let done = format!(
            "{} of {} changes done",
            humanize::number(self.status.done),
            humanize::number(self.status.changes)
        );
        let words = self.words();
        if words.is_empty() { done } else { format!("{done}; {words}") }
    }

    /// The same for a log in JSON.
    fn log_line(&mut self) -> LogLine {
        let left = self.status.left(environment::now(), self.worked());
        let fields = json!({
            "message": self.line(),
            "done": self.status.done,
            "changes": self.status.changes,
            "requests": self.status.answered,
            "left_s": left.map(|left| left.as_secs()),
        });
        LogLine::new(Level::Info, "progress", fields)
    }
}

fn lock(run: &Mutex<RunSoFar>) -> MutexGuard<'_, RunSoFar> {
    run.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A bar whose words follow the run.
fn bar(run: &Arc<Mutex<RunSoFar>>) -> ProgressBar {
    let run = Arc::clone(run);
    let wide = terminal_size::terminal_size_of(io::stderr())
        .is_none_or(|(terminal_size::Width(width), _)| width >= NARROW);
    let template =
        if wide { "  {bar:16} {pos}/{len}  {status}" } else { "  {pos}/{len}  {status}" };
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸ ")
        .with_key("status", move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
            let words = lock(&run).words();
            let _ = out.write_str(&words);
        });
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    bar.set_style(style);
    bar.enable_steady_tick(DRAW_EVERY);
    bar
}

/// Writes a line every now and then, until its sender is gone.
fn lines(run: &Arc<Mutex<RunSoFar>>, output: Output) -> Option<(mpsc::Sender<()>, JoinHandle<()>)> {
    let (run, (sender, ended)) = (Arc::clone(run), mpsc::channel());
    let ticker = thread::Builder::new().name("progress".to_owned()).spawn(move || {
        while ended.recv_timeout(LINE_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
            let mut run = lock(&run);
            if !run.has_news() {
                continue;
            }
            if output.writes_json() {
                let line = run.log_line();
                drop(run);
                output.log(line);
            } else {
                let line = run.line();
                drop(run);
                output.note(&output.masked(&line));
            }
        }
    });
    // Without a thread, there are no such lines.
    ticker.ok().map(|ticker| (sender, ticker))
}

impl Progress {
    pub(super) fn new(global: &GlobalOptions, output: Output) -> Self {
        let run = Arc::new(Mutex::new(RunSoFar::new()));
        let terminal = io::stderr().is_terminal() && !output.is_quiet() && !output.writes_json();
        let display = if terminal {
            Display::Bar(bar(&run))
        } else if output.is_quiet() {
            Display::Lines(Mutex::new(None))
        } else {
            Display::Lines(Mutex::new(lines(&run, output.clone())))
        };
        Self { output, verbose: global.verbose > 0, run, display }
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        match &self.display {
            Display::Bar(bar) => bar.finish_and_clear(),
            Display::Lines(ticker) => {
                let ticker = ticker.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some((sender, ticker)) = ticker {
                    drop(sender);
                    let _ = ticker.join();
                }
            }
        }
    }

    fn run(&self) -> MutexGuard<'_, RunSoFar> {
        lock(&self.run)
    }

    fn shown(&self, address: &Address) -> String {
        humanize::address(address, self.output.masks_err())
    }

    fn say(&self, text: &str) {
        let text = self.output.masked(text);
        self.beside_bar(|| self.output.note(&text));
    }

    /// Hides the bar while something is printed.
    fn beside_bar(&self, say: impl FnOnce()) {
        match &self.display {
            Display::Bar(bar) => bar.suspend(say),
            Display::Lines(_) => say(),
        }
    }

    /// Prints the failure of one change.
    fn failed(&self, failure: &Failure, what: &str) {
        let Failure { address, action, problem } = failure;
        let address = self.shown(address);
        let told = failure::Failure::new(format!(
            "{action} {address}{what}: {}",
            one_line(&problem.to_string())
        ))
        .code(problem.explained());
        // The same help for every change would bury the differences.
        let told = match problem.hint() {
            Some(hint) if self.run().advised.insert(hint.clone()) => told.help(one_line(&hint)),
            _ => told,
        };
        self.beside_bar(|| self.output.failure(&told));
    }

    fn step(&self) {
        let done = {
            let mut run = self.run();
            run.status.done += 1;
            run.status.done
        };
        if let Display::Bar(bar) = &self.display {
            bar.set_position(done);
        }
    }

    /// Learns from an event how far the run is.
    fn take_in(&self, event: &Event) {
        let mut run = self.run();
        match event {
            Event::Started { changes, requests } => {
                run.status.changes = *changes;
                run.status.requests = *requests;
                drop(run);
                if let Display::Bar(bar) = &self.display {
                    bar.set_length(*changes);
                }
            }
            Event::Sending => run.requested(1),
            Event::Requested { budget } => {
                run.requested(-1);
                run.status.answered += 1;
                run.status.budget = *budget;
            }
            Event::Waiting { until, why, .. } => {
                let wait = match why {
                    WaitReason::Budget => Wait::Budget,
                    WaitReason::RetryAfter => Wait::RetryAfter,
                };
                run.wait(wait, *until);
            }
            Event::Repeating { pause, .. } => {
                let now = environment::now();
                run.wait(Wait::Repeat, now.checked_add(*pause).unwrap_or(now));
            }
            Event::Applied { .. } | Event::Failed(_) | Event::Unknown(_) => {
                drop(run);
                self.step();
            }
            Event::Missed(_)
            | Event::Stopping { .. }
            | Event::Unrecorded(_)
            | Event::UnrecordedChange { .. } => {}
        }
    }

    fn log(&self, event: &Event) {
        let (level, name, fields) = match event {
            Event::Sending | Event::Requested { .. } => return,
            Event::Started { changes, requests } => {
                (Level::Info, "started", json!({ "changes": changes, "requests": requests }))
            }
            Event::Applied { address: of, action, id } => (
                Level::Info,
                "applied",
                json!({ "address": self.shown(of), "action": action, "id": id }),
            ),
            Event::Failed(failure) | Event::Unknown(failure) => {
                let failed = matches!(event, Event::Failed(_));
                let fields = json!({
                    "address": self.shown(&failure.address),
                    "action": failure.action,
                    "status": failure.problem.status(),
                    "message": failure.problem.to_string(),
                    "help": failure.problem.hint(),
                    "code": failure.problem.explained(),
                    "request_id": failure.problem.request_id(),
                });
                (Level::Error, if failed { "failed" } else { "unknown" }, fields)
            }
            Event::Missed(problem) => {
                (Level::Warn, "missed", json!({ "message": problem.to_string() }))
            }
            Event::Repeating { address: of, why, pause } => (
                Level::Warn,
                "repeating",
                json!({
                    "address": of.as_ref().map(|of| self.shown(of)),
                    "why": why,
                    "pause_s": pause.as_secs_f64(),
                }),
            ),
            Event::Waiting { why, pause, until } => (
                Level::Info,
                "waiting",
                json!({
                    "for": match why {
                        WaitReason::Budget => "budget",
                        WaitReason::RetryAfter => "retry-after",
                    },
                    "until": format!("{until:.0}"),
                    "pause_s": pause.as_secs_f64(),
                }),
            ),
            Event::Stopping { stop, .. } => (Level::Warn, "stopping", json!({ "reason": stop })),
            Event::Unrecorded(outcome) => {
                let id = match &outcome.create {
                    CreateOutcome::Sent(record) => Some(&record.id),
                    CreateOutcome::NotSent(_) => None,
                };
                let fields = json!({ "address": self.shown(outcome.address()), "id": id });
                (Level::Error, "unrecorded", fields)
            }
            Event::UnrecordedChange { address: of, kind, id, done } => (
                Level::Error,
                "unrecorded",
                json!({ "address": self.shown(of), "kind": kind, "id": id, "done": done }),
            ),
        };
        if !self.output.is_quiet() || level == Level::Error {
            self.output.log(LogLine::new(level, name, fields));
        }
    }
}

impl Reporter for Progress {
    fn report(&self, event: &Event) {
        self.take_in(event);
        if self.output.writes_json() {
            self.log(event);
            return;
        }
        match event {
            Event::Started { .. } | Event::Sending | Event::Requested { .. } => {}
            Event::Applied { address, action, id } => {
                if self.verbose {
                    let id = id.as_ref().map_or_else(String::new, |id| format!("  {id}"));
                    let address = self.shown(address);
                    self.say(&format!("  {} {action} {address}{id}", action.sign()));
                }
            }
            Event::Failed(failure) => self.failed(failure, ""),
            Event::Unknown(failure) => self.failed(failure, " is unknown"),
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
            // A bar says it itself.
            Event::Waiting { why, pause, until } => {
                if matches!(self.display, Display::Lines(_)) {
                    let until = time_of_day(*until, environment::now(), &environment::zone());
                    let pause = humanize::duration(whole_seconds(*pause));
                    self.say(&match why {
                        WaitReason::Budget => {
                            format!("  waiting for the budget until {until} ({pause})")
                        }
                        WaitReason::RetryAfter => {
                            format!("  waiting until {until} ({pause}), as the API asked")
                        }
                    });
                }
            }
            Event::Stopping { stop, waits } => self.say(match stop {
                Stop::Signal => {
                    "  stopping: requests under way are awaited (once more to stop at once)"
                }
                Stop::Changed => "  stopping: the files of the project have changed",
                Stop::Budget if *waits == Some(WaitReason::RetryAfter) => {
                    "  stopping: the API asks for a pause, and takes no request before its end"
                }
                // As many as `--max-requests` allows, say.
                Stop::Budget if waits.is_none() => "  stopping: no further request is allowed",
                Stop::Budget => "  stopping: the budget of requests is used up",
                Stop::Duration => "  stopping: the time is over",
                Stop::Outage => "  stopping: the API gave no usable answer five times in a row",
                Stop::Fatal => "  stopping: no further request would fare better",
            }),
            // The recorder reports it.
            Event::Unrecorded(_) | Event::UnrecordedChange { .. } => {}
        }
    }
}
