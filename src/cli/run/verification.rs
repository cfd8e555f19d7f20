//! The part of the budget that is for verifying what was sent.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{end::End, opening::Setting};
use crate::{
    apply::{Oldest, Stop},
    cli::{
        args::{Bounds, RunArgs},
        environment,
        failure::Failure,
        refresh::{self, RefreshRequest},
    },
    controller::Cycle,
    model::BudgetNote,
    state::Store,
};

/// A delivery that was verified this recently is not asked about again: the API counts by the hour.
const OLD: SignedDuration = SignedDuration::from_hours(1);

/// How much of the budget's share was used in this period.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Verification {
    /// The end of the period, and the requests in it.
    used: Option<(Timestamp, u64)>,
    /// When there may be something to verify again.
    next: Option<Timestamp>,
}

impl Verification {
    /// How many deliveries may be verified now: at most this share of the limit in each period, and no more than
    /// nothing else needs.
    fn allowance(&mut self, share: f64, budget: &BudgetNote, now: Timestamp) -> u64 {
        if self.used.is_some_and(|(end, _)| end <= now) {
            self.used = None;
        }
        if budget.retry_at.is_some() {
            return 0;
        }
        let (_, used) = *self.used.get_or_insert((budget.resets_at, 0));
        share_of(share, budget.limit).saturating_sub(used).min(budget.remaining)
    }

    /// Counts requests.
    fn used(&mut self, requests: u64) {
        if let Some((_, used)) = &mut self.used {
            *used += requests;
        }
    }

    /// When there may be something to verify again.
    fn again_at(&self, allowed: u64, verified: u64, now: Timestamp) -> Timestamp {
        match self.used {
            Some((end, _)) if verified >= allowed => end,
            _ => now + OLD,
        }
    }

    /// Verifies the oldest deliveries with what is left of the budget.
    pub(super) fn carry_out(
        &mut self,
        args: &RunArgs,
        setting: &Setting<'_>,
        store: &Arc<dyn Store>,
        bounds: &Bounds,
        cycle: &mut Cycle,
    ) -> Result<(), End> {
        let Setting { context, runtime, project, state, .. } = setting;
        let (now, meta) = (environment::now(), setting.meta(&**store)?);
        if args.refresh_share <= 0.0 || meta.records == 0 {
            return Ok(());
        }
        let note = meta.budget.as_ref();
        let budget = BudgetNote::at(note, now, project.settings.requests_per_hour);
        let allowed = self.allowance(args.refresh_share, &budget, now);
        // Nothing is old enough before.
        let next = self.next.filter(|next| *next > now && allowed > 0);
        cycle.verifies_at = Some(next.unwrap_or_else(|| self.again_at(allowed, 0, now)));
        if allowed == 0 || next.is_some() {
            return Ok(());
        }
        let which = Oldest { most: Some(allowed), before: Some(now - OLD) };
        let written;
        let store = match setting.is_locked_by_readers() || cycle.requests > 0 {
            true => store,
            // It records what it finds.
            false => {
                written = setting.open_to_write()?;
                &written
            }
        };
        let (targets, command) = (&[][..], "run");
        let request = RefreshRequest { project, state, store, targets, which, bounds, command };
        let found = refresh::refresh(context, runtime, &request).map_err(End::api)?;
        self.used(found.requests);
        cycle.requests += found.requests;
        cycle.verified = found.verified;
        cycle.drifted = (found.gone.len() + found.changed.len()) as u64;
        self.next = Some(self.again_at(allowed, found.verified, now));
        cycle.verifies_at = self.next;
        match found.stopped {
            Some(stop @ (Stop::Fatal | Stop::Outage)) => {
                let failure = found.fatal.as_ref().map_or_else(Failure::silent, Failure::from);
                Err(End::of(End::outcome_of(stop), failure))
            }
            _ => Ok(()),
        }
    }
}

/// Rounded down.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of a number of requests, from 0 to all of them"
)]
fn share_of(share: f64, limit: u64) -> u64 {
    (share * limit as f64).floor() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn budget(remaining: u64) -> BudgetNote {
        BudgetNote {
            limit: 100,
            remaining,
            resets_at: at(3600),
            retry_at: None,
            seen_at: at(0),
            assumed: false,
        }
    }

    #[test]
    fn a_period_verifies_at_most_its_share_and_no_more_than_is_left() {
        let mut verification = Verification::default();
        assert_eq!(verification.allowance(0.2, &budget(100), at(0)), 20);
        verification.used(15);
        assert_eq!(verification.allowance(0.2, &budget(85), at(60)), 5);
        assert_eq!(verification.allowance(0.2, &budget(3), at(60)), 3);
        verification.used(5);
        assert_eq!(verification.allowance(0.2, &budget(80), at(120)), 0);
        assert_eq!(verification.again_at(0, 0, at(120)), at(3600), "the next period");
        let next = BudgetNote { resets_at: at(7200), ..budget(100) };
        assert_eq!(verification.allowance(0.2, &next, at(3600)), 20);
        assert_eq!(verification.again_at(20, 7, at(3600)), at(7200), "all others are fresh");
    }

    #[test]
    fn nothing_is_verified_without_a_share_or_while_the_api_wants_a_pause() {
        let mut verification = Verification::default();
        assert_eq!(verification.allowance(0.0, &budget(100), at(0)), 0);
        let paused = BudgetNote { retry_at: Some(at(60)), ..budget(100) };
        assert_eq!(verification.allowance(1.0, &paused, at(0)), 0);
    }
}
