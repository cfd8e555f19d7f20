use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The API counts by the hour (`docs/api.md`).
const PERIOD: SignedDuration = SignedDuration::from_hours(1);

/// A reset that is further away than this was a mistake.
const FURTHEST: SignedDuration = SignedDuration::from_hours(2);

/// A note that is newer than this was written by a clock that was ahead, or is read by one that is behind.
const CLOCKS: SignedDuration = SignedDuration::from_mins(1);

/// The API's budget, as its headers last told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetNote {
    /// Requests in one period (`x-sib-ratelimit-limit`).
    pub limit: u64,
    /// Requests left in this one (`x-sib-ratelimit-remaining`).
    pub remaining: u64,
    /// When the period ends (`x-sib-ratelimit-reset`, seconds left, added to the time of the answer).
    pub resets_at: Timestamp,
    /// No request before this (`Retry-After`), whatever is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// When this was heard.
    pub seen_at: Timestamp,
    /// Whether no answer ever told `limit`: then `remaining` was counted down from the assumed one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assumed: bool,
}

impl BudgetNote {
    /// The budget at `now`: as noted, while its period lasts; otherwise whole again, until its
    /// first request begins a period that the API has not told of. `assumed` requests in a period
    /// hold where the API has told nothing.
    pub fn at(note: Option<&Self>, now: Timestamp, assumed: u64) -> Self {
        let note = note.and_then(|note| note.believed(now));
        let retry_at = note.and_then(|note| note.retry_at).filter(|at| *at > now);
        match note {
            Some(note) if note.resets_at > now && note.assumed => {
                let spent = note.limit.saturating_sub(note.remaining);
                let remaining = assumed.saturating_sub(spent);
                Self { limit: assumed, remaining, retry_at, ..note }
            }
            Some(note) if note.resets_at > now => Self { retry_at, ..note },
            _ => {
                let told = note.filter(|note| !note.assumed).map(|note| note.limit);
                let limit = told.unwrap_or(assumed);
                let resets_at = now + PERIOD;
                let assumed = told.is_none();
                Self { limit, remaining: limit, resets_at, retry_at, seen_at: now, assumed }
            }
        }
    }

    /// This note, if it can be from this clock: nothing that a clock says which is ahead may block a run
    /// later. A time that is too far away counts as one hour.
    fn believed(&self, now: Timestamp) -> Option<Self> {
        if self.seen_at.duration_since(now) > CLOCKS {
            return None;
        }
        let near = |at: Timestamp| match at.duration_since(self.seen_at) > FURTHEST {
            true => self.seen_at.checked_add(PERIOD).unwrap_or(self.seen_at),
            false => at,
        };
        Some(Self { resets_at: near(self.resets_at), retry_at: self.retry_at.map(near), ..*self })
    }

    /// When requests can be sent again, if none can be sent now.
    pub fn next_request_at(&self) -> Option<Timestamp> {
        self.retry_at.max((self.remaining == 0).then_some(self.resets_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    /// Nothing is left; heard and reset at these seconds.
    fn spent(seen: i64, reset: i64) -> BudgetNote {
        BudgetNote {
            limit: 600,
            remaining: 0,
            resets_at: at(reset),
            retry_at: None,
            seen_at: at(seen),
            assumed: false,
        }
    }

    fn left(note: BudgetNote, now: i64) -> u64 {
        BudgetNote::at(Some(&note), at(now), 100).remaining
    }

    #[test]
    fn a_note_from_the_future_is_not_believed() {
        const DAYS: i64 = 400 * 86_400;
        assert_eq!(left(spent(DAYS, DAYS + 3600), 0), 100, "nor is its limit");
        assert_eq!(left(spent(61, 3600), 0), 100);
        assert_eq!(left(spent(60, 3600), 0), 0, "clocks differ a little");
    }

    #[test]
    fn a_reset_that_is_too_far_away_counts_as_one_hour() {
        let month = spent(0, 30 * 86_400);
        assert_eq!(left(month, 3599), 0);
        assert_eq!(left(month, 3600), 600);
        let two_hours = spent(0, 7200);
        assert_eq!((left(two_hours, 7199), left(two_hours, 7200)), (0, 600));
    }

    #[test]
    fn a_wait_that_the_api_asked_for_is_remembered_until_it_is_over() {
        let note = |retry| BudgetNote { remaining: 5, retry_at: Some(at(retry)), ..spent(0, 60) };
        let then = |retry, now| BudgetNote::at(Some(&note(retry)), at(now), 100);
        assert_eq!(then(1800, 100).next_request_at(), Some(at(1800)));
        assert_eq!(then(1800, 1800).next_request_at(), None);
        assert_eq!(then(86_400, 100).next_request_at(), Some(at(3600)));
        assert_eq!(spent(0, 60).next_request_at(), Some(at(60)));
    }
}
