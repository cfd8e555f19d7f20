//! The page of `--listen`: the same as `pushsync status`, and what the process does. It shows keys, counts and times:
//! no text, no whole visitor id, no secret.

use std::sync::Arc;

use axum::{
    Json, Router,
    response::{IntoResponse, Response},
    routing::get,
};
use jiff::Timestamp;
use serde::Serialize;

use super::{
    BudgetStatus, Cycle, CycleOutcome, Observers, Phase, Snapshot, Status, Wake, headers::harden,
};
use crate::chats::{self, ChangeNotifier};

/// The routes of the page. It is for those who name a host that the server listens on, and for no other.
pub(super) fn routes(observers: &Observers, notifier: Arc<ChangeNotifier>) -> Router {
    let page = || chats::file(chats::HTML, include_str!("page/index.html"));
    let style = || chats::file(chats::CSS, include_str!("page/status.css"));
    let script = || chats::file(chats::JAVASCRIPT, include_str!("page/status.js"));
    let (live, clock) = (Arc::clone(&observers.live), observers.clock.clone());
    Router::new()
        .route("/", get(page))
        .route("/status.css", get(style))
        .route("/status.js", get(script))
        .route("/status.json", get(async move || shown(&live.snapshot(), clock())))
        .route("/events", get(chats::events).with_state(notifier))
}

/// What the page draws.
#[derive(Serialize)]
struct Shown<'a> {
    format: &'static str,
    version: &'static str,
    process: ProcessShown<'a>,
    /// As it was last heard, also in the middle of a cycle.
    budget: Option<BudgetStatus>,
    /// As of the last cycle that could look.
    status: Option<&'a Status>,
}

#[derive(Serialize)]
struct ProcessShown<'a> {
    started: Timestamp,
    phase: PhaseShown,
    cycles: u64,
    last_success: Option<Timestamp>,
    last: Option<CycleShown<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "is", rename_all = "lowercase")]
enum PhaseShown {
    Working { since: Timestamp },
    Waiting { until: Timestamp, why: Wake },
    Ending,
}

#[derive(Serialize)]
struct CycleShown<'a> {
    why: Wake,
    began: Timestamp,
    ended: Timestamp,
    outcome: CycleOutcome,
    good: bool,
    words: &'static str,
    problem: Option<&'a str>,
    applied: u64,
    failed: u64,
    requests: u64,
    verified: u64,
    settled: u64,
}

impl<'a> From<&'a Cycle> for CycleShown<'a> {
    fn from(cycle: &'a Cycle) -> Self {
        Self {
            why: cycle.why,
            began: cycle.began,
            ended: cycle.ended,
            outcome: cycle.outcome,
            good: cycle.outcome.is_good(),
            words: cycle.words(),
            problem: cycle.problem.as_deref(),
            applied: cycle.applied,
            failed: cycle.failed,
            requests: cycle.requests,
            verified: cycle.verified,
            settled: cycle.settled,
        }
    }
}

fn shown(live: &Snapshot, now: Timestamp) -> Response {
    let phase = match live.phase {
        Phase::Working(since) => PhaseShown::Working { since },
        Phase::Waiting(next) => PhaseShown::Waiting { until: next.at, why: next.why },
        Phase::Ending => PhaseShown::Ending,
    };
    let document = Shown {
        format: "pushsync/run-status/1",
        version: env!("CARGO_PKG_VERSION"),
        process: ProcessShown {
            started: live.started,
            phase,
            cycles: live.cycles,
            last_success: live.last_success,
            last: live.last.as_ref().map(CycleShown::from),
        },
        budget: live.budget.map(|note| BudgetStatus::of(&note, now)),
        status: live.status.as_deref(),
    };
    let mut response = Json(document).into_response();
    harden(response.headers_mut());
    response
}
