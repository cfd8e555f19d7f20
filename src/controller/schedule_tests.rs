//! The schedule on a clock of its own: years of windows, changes of clocks, budgets, failures and changed files.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use fastrand::Rng;
use jiff::{SignedDuration, Span, Timestamp, civil, tz::TimeZone};

use super::*;
use crate::controller::{Driven, Live, Pending, drive};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

fn cycle(outcome: CycleOutcome, ended: i64) -> Cycle {
    let pending = matches!(outcome, CycleOutcome::Done | CycleOutcome::Stopped)
        .then_some(Pending { approved: 0, unapproved: 0 });
    Cycle { outcome, pending, ..Cycle::begun(Wake::Start, at(ended)) }
}

const EVERY: Duration = Duration::from_secs(600);

fn schedule() -> Schedule {
    Schedule::new(EVERY, 7)
}

#[test]
fn the_earliest_of_all_reasons_begins_the_next_cycle() {
    let done = cycle(CycleOutcome::Done, 1000);
    assert_eq!(schedule().after(&done), Next { at: at(1600), why: Wake::Every });
    let window = Cycle { next_window: Some(at(1234)), ..done.clone() };
    assert_eq!(schedule().after(&window), Next { at: at(1234), why: Wake::Window });
    let budget = Cycle { resumes_at: Some(at(1100)), ..window.clone() };
    assert_eq!(schedule().after(&budget), Next { at: at(1100), why: Wake::Budget });
    let verify = Cycle { verifies_at: Some(at(1050)), ..budget.clone() };
    assert_eq!(schedule().after(&verify), Next { at: at(1050), why: Wake::Verify });
    let drift = Cycle { drifted: 1, ..verify };
    assert_eq!(schedule().after(&drift), Next { at: at(1001), why: Wake::Drift });
    let later = Cycle { next_window: Some(at(5000)), resumes_at: Some(at(4000)), ..done };
    assert_eq!(schedule().after(&later), Next { at: at(1600), why: Wake::Every });
}

#[test]
fn pauses_after_failures_grow_up_to_a_bound_and_a_success_ends_them() {
    for (every, longest) in [(1, 60), (60, 60), (600, 600), (86_400, 3600)] {
        let mut schedule = Schedule::new(Duration::from_secs(every), 1);
        let mut before = SignedDuration::ZERO;
        for failure in 1..40 {
            let next = schedule.after(&cycle(CycleOutcome::Outage, 0));
            assert_eq!(next.why, Wake::Retry);
            let pause = next.at.duration_since(at(0));
            assert!(pause >= SignedDuration::from_secs(1), "{failure}: {pause}");
            assert!(pause <= SignedDuration::from_secs(longest), "{failure}: {pause}");
            // Half of it is jitter.
            assert!(pause * 2 >= before, "{failure}: {pause} after {before}");
            before = pause;
        }
        assert!(before * 2 >= SignedDuration::from_secs(longest), "{before} of {longest}");
        schedule.after(&cycle(CycleOutcome::Done, 0));
        let next = schedule.after(&cycle(CycleOutcome::Outage, 0));
        assert!(next.at <= at(5));
    }
}

#[test]
fn what_happens_meanwhile_makes_no_pause_longer() {
    let mut schedule = schedule();
    schedule.after(&cycle(CycleOutcome::Outage, 0));
    for why in [Wake::Files, Wake::Event, Wake::Hangup].repeat(9) {
        let next = schedule.after(&Cycle { why, ..cycle(CycleOutcome::Outage, 0) });
        assert!(next.at <= at(5), "{why:?}: {next:?}");
    }
}

#[test]
fn processes_that_fail_together_do_not_try_again_together() {
    let pauses: BTreeSet<Timestamp> = (0..50)
        .map(|seed| {
            let mut schedule = Schedule::new(EVERY, seed);
            (0..6).for_each(|_| _ = schedule.after(&cycle(CycleOutcome::Api, 0)));
            schedule.after(&cycle(CycleOutcome::Api, 0)).at
        })
        .collect();
    assert!(pauses.len() > 40, "{pauses:?}");
}

#[test]
fn a_window_opens_on_time_although_no_plan_can_be_made_meanwhile() {
    let mut schedule = schedule();
    schedule.after(&Cycle { next_window: Some(at(1003)), ..cycle(CycleOutcome::Done, 0) });
    for _ in 0..12 {
        schedule.after(&cycle(CycleOutcome::Invalid, 1000));
    }
    let next = schedule.after(&cycle(CycleOutcome::Invalid, 1000));
    assert_eq!(next, Next { at: at(1003), why: Wake::Window });
    // It has passed: the pause holds again.
    let next = schedule.after(&cycle(CycleOutcome::Invalid, 1004));
    assert_eq!(next.why, Wake::Retry);
}

#[test]
fn what_happens_meanwhile_begins_a_cycle_at_once_but_never_two_in_a_second() {
    let mut schedule = schedule();
    let next = schedule.after(&cycle(CycleOutcome::Done, 1000));
    for why in [Wake::Files, Wake::Hangup, Wake::Event] {
        assert_eq!(schedule.on(why, next, at(1300)), Next { at: at(1300), why });
        let soon = at(1000) + SignedDuration::from_millis(300);
        assert_eq!(schedule.on(why, next, soon), Next { at: at(1001), why });
    }
    assert_eq!(schedule.on(Wake::Files, next, at(1700)), next, "it is due already");
}

#[test]
fn the_lock_of_another_process_is_tried_again_soon_however_often() {
    let mut schedule = schedule();
    for _ in 0..100 {
        let next = schedule.after(&cycle(CycleOutcome::Locked, 0));
        assert_eq!(next.why, Wake::Lock);
        assert!((at(2)..=at(6)).contains(&next.at), "{next:?}");
    }
    assert_eq!(schedule.failures(), 0);
}

/// Windows of messages, by local times; and everything else that can happen.
struct World {
    now: Cell<Timestamp>,
    end: Timestamp,
    random: Rng,
    /// All edges of windows.
    edges: BTreeSet<Timestamp>,
    /// The visitors of a window that opens.
    visitors: u64,
    /// Sent at most this often in an hour.
    limit: u64,
    /// Begin and end of each time in which nothing works.
    failures: Vec<(Timestamp, Timestamp)>,
    /// When files change.
    changes: BTreeSet<Timestamp>,
    /// How long a cycle takes.
    takes: SignedDuration,
    /// Jumps of the machine's clock at these times: the process was suspended.
    suspended: Vec<(Timestamp, SignedDuration)>,

    planned: Timestamp,
    to_send: u64,
    period: (Timestamp, u64),
    cycles: Vec<(Timestamp, Wake, CycleOutcome)>,
}

impl World {
    fn is_down(&self) -> bool {
        self.failures.iter().any(|(from, until)| (*from..*until).contains(&self.now.get()))
    }
}

impl Driven for World {
    fn now(&self) -> Timestamp {
        self.now.get()
    }

    fn cycle(&mut self, why: Wake) -> Cycle {
        let began = self.now.get();
        let mut cycle = Cycle::begun(why, began);
        if self.is_down() {
            let failures = [
                CycleOutcome::Invalid,
                CycleOutcome::Api,
                CycleOutcome::State,
                CycleOutcome::Refused,
            ];
            cycle.outcome = failures[self.random.usize(..failures.len())];
        } else {
            let opened = self.edges.range(self.planned..=began).count() as u64;
            self.planned = began + SignedDuration::from_nanos(1);
            self.to_send += opened * self.visitors;
            if self.period.0 <= began {
                self.period = (began + SignedDuration::from_hours(1), self.limit);
            }
            let sent = self.to_send.min(self.period.1);
            self.to_send -= sent;
            self.period.1 -= sent;
            cycle.pending = Some(Pending { approved: self.to_send, unapproved: 0 });
            cycle.next_window = self.edges.range(self.planned..).next().copied();
            if self.to_send > 0 {
                cycle.outcome = CycleOutcome::Stopped;
                cycle.resumes_at = Some(self.period.0);
            }
        }
        self.now.set(began + self.takes);
        cycle.ended = self.now.get();
        self.cycles.push((began, why, cycle.outcome));
        cycle
    }

    fn ended(&mut self, cycle: &Cycle, next: Next) {
        assert!(next.at >= cycle.ended.min(cycle.began + SignedDuration::from_secs(1)));
    }

    fn wait(&mut self, schedule: &Schedule, next: Next) -> Option<Wake> {
        let now = self.now.get();
        let changed = self.changes.range(now..next.at.max(now)).next().copied();
        let mut woken = match changed {
            Some(changed) => schedule.on(Wake::Files, next, changed),
            None => next,
        };
        if let Some((_, jump)) =
            self.suspended.iter().find(|(from, _)| (now..woken.at.max(now)).contains(from))
        {
            // It sleeps while the machine does, and sees the clock when that wakes up.
            woken.at += *jump;
        }
        self.changes = self.changes.split_off(&woken.at);
        self.now.set(woken.at.max(now));
        (self.now.get() < self.end).then_some(woken.why)
    }

    fn is_over(&self) -> bool {
        false
    }
}

/// Sundays from nine to six, every day in the hour that the clocks skip, and the last minute of each year.
fn edges(zone: &str, first: i16, last: i16) -> BTreeSet<Timestamp> {
    let zone = TimeZone::get(zone).expect("a zone");
    let mut edges = BTreeSet::new();
    let mut add = |time: civil::DateTime| {
        edges.insert(zone.to_ambiguous_zoned(time).compatible().expect("a time").timestamp());
    };
    for year in first..=last {
        let mut day = civil::date(year, 1, 1);
        while day.year() == year {
            if day.weekday() == civil::Weekday::Sunday {
                add(day.at(9, 0, 0, 0));
                add(day.at(18, 0, 0, 0));
            }
            if day.day() == 29 || (day.month() == 3 && day.day() > 24) {
                add(day.at(2, 30, 0, 0));
                add(day.at(2, 59, 59, 0));
            }
            day = day.checked_add(Span::new().days(1)).expect("a day");
        }
        add(civil::date(year, 12, 31).at(23, 59, 0, 0));
    }
    edges
}

fn begin(year: i16) -> Timestamp {
    civil::date(year, 1, 1).at(0, 0, 0, 0).to_zoned(TimeZone::UTC).expect("a time").timestamp()
}

fn world(seed: u64, zone: &str) -> World {
    let (start, end) = (begin(2026), begin(2029) + SignedDuration::from_hours(24 * 14));
    let mut random = Rng::with_seed(seed);
    let seconds = end.duration_since(start).as_secs();
    let moment = |random: &mut Rng| start + SignedDuration::from_secs(random.i64(0..seconds));
    let failures = (0..60)
        .map(|_| {
            let from = moment(&mut random);
            (from, from + SignedDuration::from_secs(random.i64(1..40_000)))
        })
        .collect();
    let changes = (0..2000).map(|_| moment(&mut random)).collect();
    let suspended = (0..10)
        .map(|_| (moment(&mut random), SignedDuration::from_secs(random.i64(1..100_000))))
        .collect();
    World {
        now: Cell::new(start),
        end,
        edges: edges(zone, 2026, 2028).split_off(&start),
        visitors: random.u64(1..700),
        limit: 100,
        failures,
        changes,
        takes: SignedDuration::from_millis(random.i64(1..5000)),
        suspended,
        planned: start,
        to_send: 0,
        period: (start, 100),
        cycles: Vec::new(),
        random,
    }
}

#[test]
fn years_of_windows_clock_changes_budgets_and_failures_are_met_on_time() {
    for (seed, zone) in
        ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
            .iter()
            .cycle()
            .enumerate()
            .take(5)
    {
        let mut world = world(seed as u64, zone);
        let begun = world.now.get();
        let live = Live::new(begun);
        drive(&mut world, Schedule::new(EVERY, seed as u64), &live);
        assert_eq!(world.to_send, 0, "{seed}: everything was sent");

        let longest = SignedDuration::from_secs(601) + world.takes;
        let jumped = |from: Timestamp, until: Timestamp| {
            let jumps = world.suspended.iter().filter(|(at, _)| (from..=until).contains(at));
            jumps.fold(SignedDuration::ZERO, |sum, (_, jump)| sum + *jump)
        };
        for pair in world.cycles.windows(2) {
            let ((before, ..), (after, why, _)) = (pair[0], pair[1]);
            let gap = after.duration_since(before);
            assert!(gap >= SignedDuration::from_secs(1), "{seed}: {gap} before {after} ({why:?})");
            let asleep = jumped(before, after);
            assert!(gap <= longest + asleep, "{seed}: {gap} before {after} ({why:?})");
        }
        // Each edge has a cycle at once: but for one that is under way, a failure, or a sleep.
        let begins: BTreeSet<Timestamp> = world.cycles.iter().map(|(at, ..)| *at).collect();
        let outcomes: BTreeMap<_, _> =
            world.cycles.iter().map(|(at, _, end)| (*at, *end)).collect();
        let last = *begins.last().expect("a cycle");
        for edge in world.edges.range(begun..last) {
            let first = *begins.range(edge..).next().expect("a cycle");
            let before = *begins.range(..edge).next_back().unwrap_or(&begun);
            let late = first.duration_since(*edge);
            // Without a plan, only the edge that the last one had is known.
            let failed = outcomes.get(&before).is_some_and(|outcome| !outcome.is_good());
            let slack = if failed { longest } else { SignedDuration::from_secs(1) + world.takes };
            assert!(late <= slack + jumped(before, first), "{seed}: {edge}: {late}");
        }
        // And no more cycles than there are reasons.
        let years = world.end.duration_since(begun).as_secs();
        let failing: i64 = world.failures.iter().map(|(a, b)| b.duration_since(*a).as_secs()).sum();
        let reasons = years / 600 + failing / 300 + 60 * 8 + 2000 + world.edges.len() as i64;
        let hours = (world.edges.len() as u64 * world.visitors / 100) as i64;
        assert!((world.cycles.len() as i64) < reasons + hours, "{seed}: {}", world.cycles.len());
    }
}

#[test]
fn an_edge_in_the_hour_that_a_clock_skips_or_repeats_is_met_once() {
    let zone = TimeZone::get("Europe/Berlin").expect("a zone");
    let at = |time: civil::DateTime| {
        zone.to_ambiguous_zoned(time).compatible().expect("a time").timestamp()
    };
    let skipped = at(civil::date(2026, 3, 29).at(2, 30, 0, 0));
    let repeated = at(civil::date(2026, 10, 25).at(2, 30, 0, 0));
    for edge in [skipped, repeated] {
        let mut schedule = schedule();
        let before = edge - SignedDuration::from_mins(3);
        let done = Cycle {
            next_window: Some(edge),
            pending: Some(Pending::default()),
            ..Cycle::begun(Wake::Every, before)
        };
        assert_eq!(schedule.after(&done), Next { at: edge, why: Wake::Window });
        let met = Cycle { next_window: None, ..Cycle { began: edge, ended: edge, ..done } };
        assert_eq!(schedule.after(&met).why, Wake::Every);
    }
}
