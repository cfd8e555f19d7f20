//! What Prometheus reads: numbers only, and labels from fixed lists.
//!
//! Counters are there from the start, at 0, so that their rates are right from the first event on. A gauge of which
//! nothing is known yet has no sample: a 0 would be a lie, and NaN makes every sum with it NaN.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, prometheus_text},
    metrics::{MetricType, counter::Counter, family::Family, histogram::Histogram, info::Info},
    registry::Registry,
};

use super::{Cycle, CycleOutcome, Live};
use crate::{
    apply::Clock,
    brevo::Operation,
    model::{BudgetNote, DeliveryStatus},
    plan::Action,
};

/// The content type of [`Metrics::text`].
pub use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;

/// Bounds of the buckets, in seconds: from a cycle with nothing to do to one that sends for hours.
const DURATIONS: [f64; 12] =
    [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0, 1800.0, 7200.0];

/// How a change ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// It may have happened.
    Unknown,
}

impl ChangeOutcome {
    const ALL: [Self; 3] = [Self::Done, Self::Failed, Self::Unknown];

    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// What became of an event that came to the path of webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOutcome {
    /// It was read.
    Taken,
    /// It is too long or too slow, or not an event.
    Unreadable,
    /// It came without the token.
    Refused,
}

impl EventOutcome {
    const ALL: [Self; 3] = [Self::Taken, Self::Unreadable, Self::Refused];

    fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Unreadable => "unreadable",
            Self::Refused => "refused",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    operation: &'static str,
    status: Cow<'static, str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfChange {
    action: &'static str,
    outcome: &'static str,
}

/// A cycle, or an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WithOutcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfBuild {
    version: &'static str,
}

/// The metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<OfRequest, Counter>,
    changes: Family<OfChange, Counter>,
    cycles: Family<WithOutcome, Counter>,
    events: Family<WithOutcome, Counter>,
    settled: Counter,
    durations: Histogram,
    /// The last text, to be written again without growing.
    buffer: Mutex<String>,
}

impl Metrics {
    /// Those of a process that begins.
    pub fn new(live: Arc<Live>, clock: Clock) -> Self {
        let mut registry = Registry::with_prefix("pushsync");
        let requests = Family::<OfRequest, Counter>::default();
        let changes = Family::<OfChange, Counter>::default();
        let cycles = Family::<WithOutcome, Counter>::default();
        let events = Family::<WithOutcome, Counter>::default();
        let settled = Counter::default();
        let durations = Histogram::new(DURATIONS);
        registry.register(
            "build",
            "The version of pushsync: always 1",
            Info::new(OfBuild { version: env!("CARGO_PKG_VERSION") }),
        );
        registry.register(
            "api_requests",
            "Requests to the API, by operation and HTTP status; lost: no status came back; not_connected, no_token and not_built: it never left",
            requests.clone(),
        );
        registry.register(
            "changes",
            "Changes of deliveries that were tried, by action and outcome; unknown: it may or may not have happened",
            changes.clone(),
        );
        registry.register("cycles", "Cycles that have ended, by outcome", cycles.clone());
        registry.register(
            "cycle_duration_seconds",
            "How long cycles took, without the waits between them",
            durations.clone(),
        );
        registry.register(
            "webhook_events",
            "Events that came to the path of webhooks, by outcome; refused: without the token",
            events.clone(),
        );
        registry.register(
            "settled",
            "Unknown deliveries that were settled by events",
            settled.clone(),
        );
        registry.register_collector(Box::new(Gauges { live, clock }));
        for outcome in CycleOutcome::ALL {
            _ = cycles.get_or_create(&WithOutcome { outcome: outcome.as_str() });
        }
        for outcome in EventOutcome::ALL {
            _ = events.get_or_create(&WithOutcome { outcome: outcome.as_str() });
        }
        // What is unknown is only told of: nothing is tried.
        for action in Action::ALL.into_iter().filter(|action| *action != Action::Unknown) {
            for outcome in ChangeOutcome::ALL {
                _ = changes.get_or_create(&of_change(action.as_str(), outcome));
            }
        }
        for operation in Operation::ALL.into_iter().filter_map(name) {
            for status in ["lost", "not_connected"].map(Cow::Borrowed) {
                _ = requests.get_or_create(&OfRequest { operation, status });
            }
        }
        Self {
            registry,
            requests,
            changes,
            cycles,
            events,
            settled,
            durations,
            buffer: Mutex::default(),
        }
    }

    /// All of them, in Prometheus's text format.
    pub fn text(&self) -> String {
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.clear();
        // Writing to a String does not fail.
        let _ = prometheus_text::encode(&mut *buffer, &self.registry);
        buffer.clone()
    }

    /// Counts a request that was answered, or not.
    pub fn requested(&self, operation: Operation, status: Cow<'static, str>) {
        if let Some(operation) = name(operation) {
            self.requests.get_or_create(&OfRequest { operation, status }).inc();
        }
    }

    /// Counts a change that was tried.
    pub fn changed(&self, action: &'static str, outcome: ChangeOutcome) {
        self.changes.get_or_create(&of_change(action, outcome)).inc();
    }

    /// Counts an event that came to the path of webhooks.
    pub fn received(&self, outcome: EventOutcome) {
        self.events.get_or_create(&WithOutcome { outcome: outcome.as_str() }).inc();
    }

    /// Counts a cycle that has ended, and what it has settled.
    pub fn ended(&self, cycle: &Cycle) {
        self.cycles.get_or_create(&WithOutcome { outcome: cycle.outcome.as_str() }).inc();
        self.settled.inc_by(cycle.settled);
        // A clock that was set back.
        let took = cycle.ended.duration_since(cycle.began).as_secs_f64().max(0.0);
        self.durations.observe(took);
    }
}

fn of_change(action: &'static str, outcome: ChangeOutcome) -> OfChange {
    OfChange { action, outcome: outcome.as_str() }
}

/// The name of an operation; none for the ping of an agent, which `run` does not send.
fn name(operation: Operation) -> Option<&'static str> {
    Some(match operation {
        Operation::SendPushedMessage => "create_pushed",
        Operation::GetPushedMessage => "get_pushed",
        Operation::UpdatePushedMessage => "update_pushed",
        Operation::DeletePushedMessage => "delete_pushed",
        Operation::SendAgentMessage => "create_agent",
        Operation::GetAgentMessage => "get_agent",
        Operation::UpdateAgentMessage => "update_agent",
        Operation::DeleteAgentMessage => "delete_agent",
        Operation::PingAgentOnline => return None,
    })
}

/// The gauges: what is known when they are read.
struct Gauges {
    live: Arc<Live>,
    clock: Clock,
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauges").finish_non_exhaustive()
    }
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (live, now) = (self.live.snapshot(), (self.clock)());
        let statuses = live.deliveries.iter().flat_map(|deliveries| {
            DeliveryStatus::ALL
                .into_iter()
                .map(|status| ([("status", status.as_str())], deliveries.with(status)))
        });
        labelled(
            &mut encoder,
            "deliveries",
            "Deliveries of the state, by their status in `state list`; no samples until the state was read",
            statuses,
        )?;
        let pending = live.pending.iter().flat_map(|pending| {
            [
                ([("approved", "true")], pending.approved),
                ([("approved", "false")], pending.unapproved),
            ]
        });
        labelled(
            &mut encoder,
            "pending_changes",
            "Changes that are not carried out, as of the last plan; false: nobody has agreed to them, and --approved leaves them out; no samples until the first plan",
            pending,
        )?;
        let budget = live.budget.map(|note| BudgetNote::at(Some(&note), now, note.limit));
        single(
            &mut encoder,
            "budget_limit",
            "Requests that the API lets through in one period, as it says, or as is assumed until it does; no sample until the first answer",
            budget.map(|budget| budget.limit),
        )?;
        single(
            &mut encoder,
            "budget_remaining",
            "Requests that are left in this period; no sample until the first answer",
            budget.map(|budget| budget.remaining),
        )?;
        // A period begins with its first request.
        let period = live.budget.map(|note| note.resets_at).filter(|resets_at| *resets_at > now);
        let asked = budget.and_then(|budget| budget.retry_at);
        single(
            &mut encoder,
            "budget_reset_timestamp_seconds",
            "When the budget is whole again, or the pause is over that the API asked for; no sample while no period runs",
            period.max(asked).map(|at| at.as_second()),
        )?;
        single(
            &mut encoder,
            "next_window_timestamp_seconds",
            "When the next window opens or closes, as of the last plan; no sample if none does",
            live.next_window.map(|at| at.as_second()),
        )?;
        single(
            &mut encoder,
            "last_success_timestamp_seconds",
            "When the last cycle ended that did all it could and had the lock; no sample until the first",
            live.last_success.map(|at| at.as_second()),
        )
    }
}

fn labelled<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = ([(&'a str, &'a str); 1], u64)>,
) -> fmt::Result {
    let mut metric =
        encoder.encode_descriptor(name, &format!("{help}."), None, MetricType::Gauge)?;
    samples
        .into_iter()
        .try_for_each(|(labels, value)| metric.encode_family(&labels)?.encode_gauge(&value))
}

fn single<N: EncodeGaugeValue>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: Option<N>,
) -> fmt::Result {
    let mut metric =
        encoder.encode_descriptor(name, &format!("{help}."), None, MetricType::Gauge)?;
    value.map_or(Ok(()), |value| metric.encode_gauge(&value))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::controller::{DeliveryCounts, Pending, Wake};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    /// The metrics of `live` at this second.
    fn text(live: &Arc<Live>, second: i64) -> String {
        Metrics::new(Arc::clone(live), Arc::new(move || at(second))).text()
    }

    fn sample(text: &str, name: &str) -> Option<String> {
        let begins = format!("pushsync_{name} ");
        text.lines().find_map(|line| line.strip_prefix(&begins)).map(str::to_owned)
    }

    #[test]
    fn counters_begin_at_0_and_gauges_without_a_sample() {
        let text = text(&Arc::new(Live::new(at(0))), 0);
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            let counts = name.contains("_total") || name.contains("_duration_");
            assert!(counts || name.starts_with("pushsync_build_info"), "{line}");
            assert!(!counts || ["0", "0.0"].contains(&value), "{line}");
        }
        assert!(!text.contains("# EOF"), "that is the other format");
    }

    #[test]
    fn a_budget_is_whole_again_once_its_period_is_over() {
        let live = Arc::new(Live::new(at(0)));
        live.heard(BudgetNote {
            limit: 100,
            remaining: 7,
            resets_at: at(3600),
            retry_at: None,
            seen_at: at(0),
            assumed: false,
        });
        let then = |second| {
            let text = text(&live, second);
            ["budget_limit", "budget_remaining", "budget_reset_timestamp_seconds"]
                .map(|name| sample(&text, name))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(then(3599), [some("100"), some("7"), some("3600")]);
        assert_eq!(then(3600), [some("100"), some("100"), None]);
    }

    #[test]
    fn what_is_left_of_the_last_plan_stays_while_no_other_can_be_made() {
        let live = Arc::new(Live::new(at(0)));
        let planned = Cycle {
            pending: Some(Pending { approved: 3, unapproved: 4 }),
            next_window: Some(at(86_400)),
            ..Cycle::begun(Wake::Start, at(0))
        };
        live.ended(&planned);
        live.counts(Arc::new(DeliveryCounts::default()));
        live.ended(&Cycle { outcome: CycleOutcome::Invalid, ..Cycle::begun(Wake::Retry, at(60)) });
        let text = text(&live, 60);
        for (name, value) in [
            ("pending_changes{approved=\"true\"}", "3"),
            ("pending_changes{approved=\"false\"}", "4"),
            ("next_window_timestamp_seconds", "86400"),
            ("last_success_timestamp_seconds", "0"),
            ("deliveries{status=\"unknown\"}", "0"),
        ] {
            assert_eq!(sample(&text, name).as_deref(), Some(value), "{name}");
        }
    }
}
