//! How far a rollout has come: what one run agreed to, and what of it waits.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;

use crate::{
    model::{Address, Approval, Target},
    plan::{Budget, Forecast},
    render::humanize,
};

/// What one run agreed to, and what became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rollout {
    /// How many deliveries it agreed to.
    pub approved: u64,
    /// How many of them can be carried out now, as far as the budget goes.
    pub due: u64,
    /// How many wait for their windows, and when the first of these opens.
    pub to_open: u64,
    /// See [`Rollout::to_open`].
    pub opens: Option<Timestamp>,
    /// How many are there, and go when their windows close; when the first of these closes.
    pub to_close: u64,
    /// See [`Rollout::to_close`].
    pub closes: Option<Timestamp>,
    /// How many are unknown: they are not sent again before somebody decides.
    pub unknown: u64,
    /// How many left it without being sent, or went again.
    pub gone: Gone,
}

/// What became of the approvals of a run that are no more, other than that they were sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gone {
    /// How many were replaced by a later change, or dropped with the message.
    pub replaced: u64,
    /// How many were not sent before their windows closed.
    pub missed: u64,
    /// How many were sent, and deleted at the end of their windows.
    pub closed: u64,
}

impl Gone {
    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            replaced: self.replaced + other.replaced,
            missed: self.missed + other.missed,
            closed: self.closed + other.closed,
        }
    }
}

impl Rollout {
    /// Counts the approvals that are left of a run.
    pub fn count<'a>(
        approved: u64,
        left: impl IntoIterator<Item = &'a Approval>,
        unknown: &BTreeSet<Address>,
        now: Timestamp,
    ) -> Self {
        let mut rollout = Self { approved, ..Self::default() };
        let sooner =
            |known: Option<Timestamp>, at: Timestamp| known.map_or(at, |known| known.min(at));
        for approval in left.into_iter().filter(|approval| !approval.lapsed) {
            let window = approval.target.window().unwrap_or_default();
            if unknown.contains(&approval.address) {
                rollout.unknown += 1;
            } else if approval.opened {
                rollout.to_close += 1;
                rollout.closes =
                    window.until.map(|at| sooner(rollout.closes, at)).or(rollout.closes);
            } else if let Some(from) = window.from.filter(|from| *from > now) {
                rollout.to_open += 1;
                rollout.opens = Some(sooner(rollout.opens, from));
            } else {
                rollout.due += 1;
            }
        }
        rollout
    }

    /// How many deliveries are as they were agreed to.
    pub fn sent(&self) -> u64 {
        let left = self.due + self.to_open + self.unknown;
        self.approved.saturating_sub(left + self.gone.replaced + self.gone.missed)
    }

    /// Whether nothing is left to send or to decide.
    pub fn is_sent(&self) -> bool {
        self.due + self.to_open + self.unknown == 0
    }

    /// In a sentence: `3,200 of 5,000 sent, done by Friday 14:00 (UTC).` `waiting` is what waits for the budget in
    /// all rollouts: they share it.
    pub fn told(&self, budget: Budget, waiting: u64, now: Timestamp) -> String {
        let number = humanize::number;
        let mut parts = vec![format!("{} of {} sent", number(self.sent()), number(self.approved))];
        if self.due > 0 {
            let done = match budget.forecast(waiting) {
                Forecast::Fits { .. } => "done with the next run".to_owned(),
                Forecast::Takes { about, .. } => match now.checked_add(about) {
                    Ok(at) => format!("done by {}", at_time(later_quarter(at), now)),
                    Err(_) => "done in years".to_owned(),
                },
            };
            parts.push(done);
        }
        if self.gone.replaced > 0 {
            parts.push(format!("{} replaced by a later change", number(self.gone.replaced)));
        }
        let mut out = format!("**{}.**", parts.join(", "));
        if self.unknown > 0 {
            let count = humanize::count(
                self.unknown,
                "is unknown, and needs a decision",
                "are unknown, and need a decision",
            );
            out.push_str(&format!(" {count}."));
        }
        if self.gone.missed > 0 {
            let count = humanize::count(
                self.gone.missed,
                "was not sent before its window closed",
                "were not sent before their windows closed",
            );
            out.push_str(&format!(" {count}."));
        }
        if self.gone.closed > 0 {
            let count = humanize::count(
                self.gone.closed,
                "of the sent was deleted at the end of its window",
                "of the sent were deleted at the end of their windows",
            );
            out.push_str(&format!(" {count}."));
        }
        if let Some(at) = self.opens {
            let count = humanize::count(
                self.to_open,
                "waits for its window, which opens",
                "wait for their windows: the first opens",
            );
            out.push_str(&format!(" {count} {}.", at_time(at, now)));
        }
        if let Some(at) = self.closes {
            let count = humanize::count(
                self.to_close,
                "goes when its window closes",
                "go when their windows close",
            );
            out.push_str(&format!(" {count}: {}.", at_time(at, now)));
        }
        out
    }
}

/// What became of the approvals of a run that another run took away, with the addresses for which that run carried
/// out changes. What is gone without a change of it was dropped; what another run agreed to was replaced.
pub fn gone(
    run: u64,
    before: &[Approval],
    after: &[Approval],
    changed: &HashSet<&Address>,
    now: Timestamp,
) -> Gone {
    let left = after.iter().filter(|one| !one.lapsed);
    let left: HashSet<(&Address, u64)> = left.map(|one| (&one.address, one.run)).collect();
    let again: HashSet<&Address> = after.iter().map(|one| &one.address).collect();
    let mine = before.iter().filter(|one| one.run == run && !one.lapsed);
    let mut all = Gone::default();
    for one in mine.filter(|one| !left.contains(&(&one.address, run))) {
        let until = one.target.window().and_then(|window| window.until);
        let has_closed = until.is_some_and(|until| until <= now) && !again.contains(&one.address);
        let is_changed = changed.contains(&one.address) || matches!(one.target, Target::Unmanaged);
        if one.opened {
            all.closed += u64::from(has_closed);
        } else if again.contains(&one.address) || !is_changed {
            if has_closed {
                all.missed += 1;
            } else {
                all.replaced += 1;
            }
        }
    }
    all
}

/// A day and a time of day in UTC; the date too, if the day is not one of the next six.
fn at_time(at: Timestamp, now: Timestamp) -> String {
    let soon = at.duration_since(now).as_hours() < 6 * 24;
    let format = if soon { "%A %H:%M (UTC)" } else { "%A, %-d %B %Y, %H:%M (UTC)" };
    at.strftime(format).to_string()
}

/// The next full quarter of an hour: nobody can say it better.
fn later_quarter(at: Timestamp) -> Timestamp {
    const QUARTER: i64 = 900;
    let second = at.as_second();
    let rest = second.rem_euclid(QUARTER);
    let later = if rest == 0 { second } else { second + QUARTER - rest };
    Timestamp::from_second(later).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Content, Kind, Sender, Window};

    fn instant(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn approval(n: usize, run: u64, window: Window, opened: bool) -> Approval {
        let content = Content { text: "one".into(), from: Sender::Random };
        Approval {
            address: Address::parse(&format!("note@visitor{n:04}")).expect("an address"),
            target: Target::present(Kind::Pushed, &content, window),
            run,
            opened,
            lapsed: false,
        }
    }

    fn budget(now: Timestamp) -> Budget {
        Budget::at(now, None, 100)
    }

    #[test]
    fn a_rollout_says_how_much_is_sent_and_when_it_is_done() {
        let now = instant("2026-12-02T18:20:00Z");
        let left: Vec<_> = (0..1800).map(|n| approval(n, 1, Window::default(), false)).collect();
        let rollout = Rollout::count(5000, &left, &BTreeSet::new(), now);
        assert_eq!(
            rollout.told(budget(now), 1800, now),
            "**3,200 of 5,000 sent, done by Thursday 12:30 (UTC).**"
        );
        // Others share the budget.
        assert!(
            rollout.told(budget(now), 18_000, now).contains("Thursday, 10 December 2026, 06:30")
        );
        let few = Rollout::count(5000, &left[..50], &BTreeSet::new(), now);
        assert!(
            few.told(budget(now), 50, now).contains("4,950 of 5,000 sent, done with the next run")
        );
        assert_eq!(
            Rollout::count(5000, [], &BTreeSet::new(), now).told(budget(now), 0, now),
            "**5,000 of 5,000 sent.**"
        );
    }

    #[test]
    fn windows_that_open_and_close_later_are_told_apart() {
        let now = instant("2026-12-02T18:20:00Z");
        let from = Some(instant("2026-12-24T09:00:00Z"));
        let until = Some(instant("2026-12-27T09:00:00Z"));
        let waits = approval(1, 1, Window { from, until }, false);
        let there = approval(2, 1, Window { from: None, until }, true);
        let rollout = Rollout::count(2, [&waits, &there], &BTreeSet::new(), now);
        assert_eq!((rollout.due, rollout.to_open, rollout.to_close, rollout.sent()), (0, 1, 1, 1));
        let told = rollout.told(budget(now), 0, now);
        assert!(told.contains("**1 of 2 sent.** 1 waits for its window, which opens Thursday, 24 December 2026, 09:00 (UTC)."), "{told}");
        assert!(told.contains("1 goes when its window closes: Sunday, 27 December"), "{told}");
    }

    #[test]
    fn what_a_later_run_took_over_is_not_counted_as_sent() {
        let before: Vec<_> = (0..4).map(|n| approval(n, 1, Window::default(), false)).collect();
        // One still waits, one is another run's now, one was sent, and one is gone with its message.
        let after = [before[0].clone(), Approval { run: 2, ..before[1].clone() }];
        let changed = HashSet::from([&before[2].address]);
        let now = instant("2026-12-02T18:20:00Z");
        let gone = gone(1, &before, &after, &changed, now);
        assert_eq!(gone, Gone { replaced: 2, ..Gone::default() });
        let rollout = Rollout { gone, ..Rollout::count(10, &after[..1], &BTreeSet::new(), now) };
        assert_eq!(rollout.sent(), 7);
    }

    #[test]
    fn what_a_window_ended_is_told_as_deleted_or_as_never_sent() {
        let now = instant("2026-12-02T18:20:00Z");
        let window = Window { from: None, until: Some(instant("2026-12-02T18:00:00Z")) };
        let before: Vec<_> = (0..5).map(|n| approval(n, 1, window, n < 3)).collect();
        // Of three that were there, another run has taken one over.
        let after = [Approval { run: 2, ..before[2].clone() }];
        let changed = before[..2].iter().map(|one| &one.address).collect();
        let gone = gone(1, &before, &after, &changed, now);
        assert_eq!(gone, Gone { replaced: 0, missed: 2, closed: 2 });
        let rollout = Rollout { gone, ..Rollout::count(5, [], &BTreeSet::new(), now) };
        assert_eq!(
            rollout.told(budget(now), 0, now),
            "**3 of 5 sent.** 2 were not sent before their windows closed. 2 of the sent were deleted at the end of their windows."
        );
    }

    #[test]
    fn what_needs_a_decision_is_not_told_as_done_with_the_next_run() {
        let now = instant("2026-12-02T18:20:00Z");
        let left = [approval(1, 1, Window::default(), false)];
        let unknown = BTreeSet::from([left[0].address.clone()]);
        let rollout = Rollout::count(3, &left, &unknown, now);
        assert!(!rollout.is_sent());
        assert_eq!(
            rollout.told(budget(now), 0, now),
            "**2 of 3 sent.** 1 is unknown, and needs a decision."
        );
    }
}
