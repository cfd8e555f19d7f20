//! `state approvals`: what somebody agreed to and what is not done yet.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::command::StateCommand;
use crate::{
    cli::{
        args::DataFormat,
        context::Needs,
        environment,
        failure::{Failure, status},
        sent_again::SentAgain,
    },
    model::{Address, Approval, Target, Window, WindowState, one_line},
    plan::{Budget, Forecast},
    render::humanize,
    state::{Meta, Run},
};

/// Requests in an hour, if there is no project that says how many.
const ASSUMED: u64 = 100;

/// What is still to come of an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Send,
    Opens(Timestamp),
    Open(Timestamp),
    Close,
    Delete,
    Leave,
    Over,
    Unknown,
    Resend,
}

impl Stage {
    fn of(
        approval: &Approval,
        now: Timestamp,
        unknown: &BTreeSet<Address>,
        sent_again: &SentAgain,
    ) -> Self {
        let window = match approval.target {
            Target::Present(_)
                if unknown.contains(&approval.address) && sent_again.has(&approval.address) =>
            {
                return Self::Resend;
            }
            _ if unknown.contains(&approval.address) => return Self::Unknown,
            Target::Absent => return Self::Delete,
            Target::Unmanaged => return Self::Leave,
            Target::Present(presence) => presence.window,
        };
        match (window.state(now), approval.opened, window) {
            (WindowState::Over(_), true, _) => Self::Close,
            (WindowState::Over(_), false, _) => Self::Over,
            (_, true, Window { until: Some(until), .. }) => Self::Open(until),
            (WindowState::NotYet(from), _, _) => Self::Opens(from),
            (WindowState::Active, _, _) => Self::Send,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Opens(_) => "opens",
            Self::Open(_) => "open",
            Self::Close => "close",
            Self::Delete => "delete",
            Self::Leave => "leave",
            Self::Over => "over",
            Self::Unknown | Self::Resend => "unknown",
        }
    }

    /// When it changes by itself.
    fn at(self) -> Option<Timestamp> {
        match self {
            Self::Opens(at) | Self::Open(at) => Some(at),
            _ => None,
        }
    }

    /// Whether a request is due as soon as the budget has one.
    fn is_due(self) -> bool {
        matches!(self, Self::Send | Self::Resend | Self::Close | Self::Delete)
    }

    /// What follows a number.
    fn words(self) -> String {
        match self {
            Self::Send => "to send".to_owned(),
            Self::Opens(from) => format!("to send from {from:.0} on"),
            Self::Open(until) => format!("there until {until:.0}, then to delete"),
            Self::Close => "to delete: their window is over".to_owned(),
            Self::Delete => "to delete".to_owned(),
            Self::Leave => "to leave where they are".to_owned(),
            Self::Over => "never to be sent: their window is over".to_owned(),
            Self::Unknown => "unknown: they need a decision".to_owned(),
            Self::Resend => "unknown: to send again (on_unknown: resend)".to_owned(),
        }
    }
}

/// Everything that is shown.
struct Shown {
    environment: String,
    meta: Meta,
    now: Timestamp,
    approvals: Vec<(Approval, Stage)>,
    /// The runs that somebody agreed in, as far as the history has them.
    runs: BTreeMap<u64, Option<Run>>,
    budget: Budget,
}

pub(super) fn approvals(command: &StateCommand<'_>, format: DataFormat) -> Result<u8, Failure> {
    let store = command.read("state approvals")?;
    let meta = command.block_on(store.meta())?;
    let mut approvals = command.block_on(store.approvals())?;
    // They approve nothing any more.
    approvals.retain(|approval| !approval.lapsed);
    let unknown = command.block_on(store.intents())?;
    let unknown: BTreeSet<_> = unknown.into_iter().map(|intent| intent.address).collect();
    let history = match approvals.is_empty() {
        true => Vec::new(),
        false => command.block_on(store.runs(usize::MAX))?,
    };
    drop(store);
    let now = environment::now();
    let mut runs: BTreeMap<_, _> = approvals.iter().map(|one| (one.run, None)).collect();
    for mut run in history {
        if let Some(known) = runs.get_mut(&run.number) {
            run.changes.clear();
            *known = Some(run);
        }
    }
    let loaded = command.context.load_for(Needs::Files);
    let assumed = loaded.settings().map_or(ASSUMED, |settings| settings.requests_per_hour);
    let sent_again = SentAgain::of(&loaded, now);
    let staged = |approval: Approval| {
        let stage = Stage::of(&approval, now, &unknown, &sent_again);
        (approval, stage)
    };
    let shown = Shown {
        environment: command.state.environment().to_owned(),
        budget: Budget::at(now, meta.budget.as_ref(), assumed),
        meta,
        now,
        approvals: approvals.into_iter().map(staged).collect(),
        runs,
    };
    if format == DataFormat::Json {
        command.context.output.json(&shown.json())?;
        return Ok(status::DONE);
    }
    shown.text(&mut command.context.output.out())?;
    command.note(&match (shown.approvals.is_empty(), shown.requests()) {
        (true, _) => "nothing that was approved is still to be done".to_owned(),
        (false, 0) => "nothing of it is due now".to_owned(),
        (false, _) => format!(
            "to carry out what is due: {}",
            command.context.command("apply").flag("--resume")
        ),
    });
    Ok(status::DONE)
}

impl Shown {
    /// How many requests are due.
    fn requests(&self) -> u64 {
        self.approvals.iter().filter(|(_, stage)| stage.is_due()).count() as u64
    }

    /// How long these requests take: zero, if the budget has them now.
    fn takes(&self) -> Duration {
        match self.budget.forecast(self.requests()) {
            _ if self.budget.unlimited => Duration::ZERO,
            Forecast::Fits { .. } => Duration::ZERO,
            Forecast::Takes { about, .. } => about,
        }
    }

    fn until(&self) -> Option<Timestamp> {
        self.now.checked_add(self.takes()).ok()
    }

    /// How many approvals of each run and each stage a message has.
    fn messages(&self) -> BTreeMap<&str, BTreeMap<u64, BTreeMap<Stage, u64>>> {
        let mut messages = BTreeMap::<&str, BTreeMap<u64, BTreeMap<Stage, u64>>>::new();
        for (approval, stage) in &self.approvals {
            let runs = messages.entry(approval.address.key_str()).or_default();
            *runs.entry(approval.run).or_default().entry(*stage).or_default() += 1;
        }
        messages
    }

    /// How many approvals of each run are left of which more is to be done than that a window closes.
    fn not_done(&self) -> BTreeMap<u64, u64> {
        let mut left: BTreeMap<_, _> = self.runs.keys().map(|run| (*run, 0)).collect();
        for (approval, _) in self.approvals.iter().filter(|(one, _)| !one.opened) {
            *left.entry(approval.run).or_default() += 1;
        }
        left
    }

    /// No line has more than 60 columns, unless a key is long.
    fn text(&self, out: &mut impl Write) -> io::Result<()> {
        for (key, runs) in self.messages() {
            writeln!(out, "{key}")?;
            for (number, stages) in runs {
                let run = self.runs.get(&number).and_then(Option::as_ref);
                writeln!(out, "  {}", approved(number, run))?;
                for (stage, count) in stages {
                    writeln!(out, "    {} {}", humanize::number(count), stage.words())?;
                }
            }
        }
        let not_done = self.not_done();
        for run in self.runs.values().flatten().filter(|run| run.approved > 0) {
            let left = not_done.get(&run.number).copied().unwrap_or_default();
            let [left, all] = [left, run.approved].map(humanize::number);
            writeln!(out, "{:.0}: {left} of {all} not done yet", run.started_at)?;
        }
        let requests = self.requests();
        if requests == 0 {
            return Ok(());
        }
        let asked = humanize::count(requests, "request", "requests");
        match self.budget.forecast(requests) {
            _ if self.budget.unlimited => {
                let per_hour = humanize::number(self.budget.limit);
                let about = humanize::duration(self.budget.takes(requests));
                writeln!(out, "{asked}: this API has no limit;")?;
                writeln!(out, "at Brevo's {per_hour} an hour: about {about}")
            }
            Forecast::Fits { left } => {
                let left = humanize::number(left);
                writeln!(out, "{asked}; {left} left in this hour: fits")
            }
            Forecast::Takes { per_hour, about } => {
                let (per_hour, about) = (humanize::number(per_hour), humanize::duration(about));
                writeln!(out, "{asked} at {per_hour} an hour: about {about},")?;
                self.until().map_or(Ok(()), |until| {
                    writeln!(out, "until {until:.0} if nothing else is sent")
                })
            }
        }
    }

    fn json(&self) -> Value {
        let counts = |stages: &BTreeMap<Stage, u64>| {
            let count = |(stage, count): (&Stage, &u64)| json!({ "status": stage.name(), "at": stage.at(), "count": count });
            stages.iter().map(count).collect::<Vec<_>>()
        };
        let messages: Vec<_> = self
            .messages()
            .iter()
            .map(|(key, runs)| {
                let runs: Vec<_> = runs
                    .iter()
                    .map(|(run, stages)| json!({ "run": run, "counts": counts(stages) }))
                    .collect();
                json!({ "key": key, "runs": runs })
            })
            .collect();
        let not_done = self.not_done();
        let runs: Vec<_> = self
            .runs
            .iter()
            .map(|(number, run)| {
                json!({
                    "number": number,
                    "not_done": not_done.get(number),
                    "approved": run.as_ref().map(|run| run.approved).filter(|all| *all > 0),
                    "id": run.as_ref().map(|run| run.id),
                    "command": run.as_ref().map(|run| &run.command),
                    "started_at": run.as_ref().map(|run| run.started_at),
                    "commit": run.as_ref().and_then(|run| run.commit.as_ref()),
                    "dirty": run.as_ref().map(|run| run.dirty),
                })
            })
            .collect();
        let approvals: Vec<_> = self
            .approvals
            .iter()
            .map(|(Approval { address, target, run, opened, lapsed: _ }, stage)| {
                json!({
                    "address": address,
                    "key": address.key(),
                    "visitor": address.visitor(),
                    "target": target,
                    "run": run,
                    "opened": opened,
                    "status": stage.name(),
                    "at": stage.at(),
                })
            })
            .collect();
        let Budget { limit, remaining, resets_in_s, fits: _, unlimited } = self.budget;
        json!({
            "format": "pushsync/approvals/1",
            "environment": self.environment,
            "lineage": self.meta.lineage,
            "serial": self.meta.serial,
            "api": self.meta.api,
            "as_of": self.now,
            "budget": {
                "limit": limit,
                "remaining": remaining,
                "resets_in_s": resets_in_s,
                "unlimited": unlimited,
            },
            "requests": self.requests(),
            "takes_s": self.takes().as_secs(),
            "until": self.until(),
            "messages": messages,
            "runs": runs,
            "approvals": approvals,
        })
    }
}

/// When somebody agreed, and to which commit.
fn approved(number: u64, run: Option<&Run>) -> String {
    let Some(run) = run else {
        return format!("approved in run {number}, no longer in the history");
    };
    let mut line = format!("approved {:.0}", run.started_at);
    if let Some(commit) = &run.commit {
        let short = one_line(&commit.chars().take(12).collect::<String>());
        line = format!("{line}, {short}{}", if run.dirty { " with changes" } else { "" });
    }
    line
}
