//! The process that the loop drives: its clock, its waits, and what it says.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::json;
use tokio::runtime::Runtime;

use super::{cycle::CycleRun, files::ProjectFiles, settler::Settler};
use crate::{
    cli::{
        args::RunArgs,
        clock_time,
        context::Context,
        environment,
        interrupts::Interrupts,
        json_log::{Level, LogLine},
    },
    controller::{Cycle, CycleOutcome, Driven, Live, Metrics, Next, Pending, Schedule, Wake},
    render::humanize,
};

/// How often a wait looks at the clock: the machine may have been suspended, or its clock set.
const LOOK_EVERY: Duration = Duration::from_secs(10);

pub(super) struct Process<'a> {
    context: &'a Context,
    runtime: &'a Runtime,
    interrupts: &'a Arc<Interrupts>,
    live: &'a Arc<Live>,
    metrics: &'a Arc<Metrics>,
    work: CycleRun<'a>,
    /// How the last cycle ended.
    last: Option<(CycleOutcome, Option<String>)>,
}

impl<'a> Process<'a> {
    pub(super) fn new(
        context: &'a Context,
        runtime: &'a Runtime,
        args: &'a RunArgs,
        interrupts: &'a Arc<Interrupts>,
        live: &'a Arc<Live>,
        metrics: &'a Arc<Metrics>,
        settler: Option<Settler>,
    ) -> Self {
        let files = ProjectFiles::new(interrupts, &context.output);
        files.follow(runtime);
        let work = CycleRun::new(context, runtime, args, files, settler, live);
        Self { context, runtime, interrupts, live, metrics, work, last: None }
    }
}

impl Driven for Process<'_> {
    fn now(&self) -> Timestamp {
        environment::now()
    }

    fn cycle(&mut self, why: Wake) -> Cycle {
        self.interrupts.seen();
        let cycle = self.work.cycle(why);
        self.context.output.said().end_cycle();
        cycle
    }

    fn ended(&mut self, cycle: &Cycle, next: Next) {
        // It was cut off, and says nothing.
        if self.interrupts.is_over_at_once() {
            return;
        }
        self.metrics.ended(cycle);
        // Since when another process has the lock changes all the time.
        let problem = cycle.problem.clone().filter(|_| cycle.outcome != CycleOutcome::Locked);
        let ended = (cycle.outcome, problem);
        let did = cycle.applied + cycle.failed + cycle.settled + cycle.drifted > 0;
        // Anyone who reloads the unit wants to see that it did something.
        let was_asked = cycle.why == Wake::Hangup;
        let tells = did || was_asked || self.last.as_ref() != Some(&ended);
        self.last = Some(ended);
        if tells || self.context.global.verbose > 0 {
            let next = (!self.interrupts.is_over()).then_some(next);
            tell(self.context, cycle, next);
        }
    }

    fn wait(&mut self, schedule: &Schedule, next: Next) -> Option<Wake> {
        let began = (Instant::now(), environment::now());
        // A clock that is set back does not make it longer.
        let longest = Duration::try_from(next.at.duration_since(began.1)).unwrap_or_default();
        self.runtime.block_on(async {
            loop {
                let now = environment::now();
                self.live.beat(now);
                if self.interrupts.is_over() {
                    return None;
                }
                let happened = self.interrupts.first();
                let first = happened.map_or(next, |why| schedule.on(why, next, now));
                let left = Duration::try_from(first.at.duration_since(now)).unwrap_or_default();
                if left.is_zero() || began.0.elapsed() >= longest {
                    return Some(first.why);
                }
                tokio::select! {
                    () = self.interrupts.news() => {}
                    () = tokio::time::sleep(left.min(LOOK_EVERY)) => {}
                }
            }
        })
    }

    fn is_over(&self) -> bool {
        self.interrupts.is_over()
    }
}

/// Says how a cycle ended, and when the next one begins, if any does.
fn tell(context: &Context, cycle: &Cycle, next: Option<Next>) {
    let Cycle { why, outcome, problem, applied, failed, requests, verified, .. } = cycle;
    let output = &context.output;
    if output.is_quiet() {
        return;
    }
    if output.writes_json() {
        let level = if outcome.is_good() { Level::Info } else { Level::Error };
        let fields = json!({
            "why": why,
            "outcome": outcome,
            "message": problem,
            "applied": applied,
            "failed": failed,
            "requests": requests,
            "verified": verified,
            "drifted": cycle.drifted,
            "settled": cycle.settled,
            "unknown": cycle.unknown,
            "pending": cycle.pending,
            "next_at": next.map(|next| next.at),
            "next_why": next.map(|next| next.why),
        });
        return output.log(LogLine::new(level, "cycle", fields));
    }
    let mut parts = vec![cycle.words().to_owned()];
    if *applied > 0 {
        parts.push(format!("{} applied", humanize::count(*applied, "change", "changes")));
    }
    if *failed > 0 {
        parts.push(format!("{} failed", humanize::number(*failed)));
    }
    if cycle.settled > 0 {
        parts.push(format!("{} settled", humanize::number(cycle.settled)));
    }
    if *verified > 0 {
        parts.push(format!("{} verified", humanize::number(*verified)));
    }
    if *requests > 0 {
        parts.push(humanize::count(*requests, "request", "requests"));
    }
    let Pending { approved: left, unapproved } = cycle.pending.unwrap_or_default();
    if left > 0 {
        parts.push(format!("{} left", humanize::count(left, "change", "changes")));
    }
    if unapproved > 0 {
        parts.push(format!("{} not approved", humanize::number(unapproved)));
    }
    if let Some(unknown) = cycle.unknown.filter(|unknown| *unknown > 0) {
        parts.push(format!("{} unknown", humanize::number(unknown)));
    }
    if let Some(problem) = problem.as_ref().filter(|_| *outcome == CycleOutcome::Locked) {
        parts.push(problem.clone());
    }
    let told = format!("{}: {}", why.as_str(), parts.join(", "));
    let Some(next) = next else { return output.line(&told) };
    let left = clock_time::from_now(next.at, cycle.ended);
    let at = match left < Duration::from_secs(90) {
        true => format!("in {}", humanize::duration(left)),
        false => {
            format!("at {}", clock_time::time_of_day(next.at, cycle.ended, &environment::zone()))
        }
    };
    output.line(&format!("{told}; next {at} ({})", next.why.as_str()));
}
