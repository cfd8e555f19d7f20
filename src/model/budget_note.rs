use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

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
        // The API counts by the hour (`docs/api.md`).
        const PERIOD: SignedDuration = SignedDuration::from_hours(1);
        match note {
            Some(note) if note.resets_at > now && note.assumed => {
                let spent = note.limit.saturating_sub(note.remaining);
                Self { limit: assumed, remaining: assumed.saturating_sub(spent), ..*note }
            }
            Some(note) if note.resets_at > now => *note,
            _ => {
                let told = note.filter(|note| !note.assumed).map(|note| note.limit);
                let limit = told.unwrap_or(assumed);
                let resets_at = now + PERIOD;
                let assumed = told.is_none();
                Self { limit, remaining: limit, resets_at, seen_at: now, assumed }
            }
        }
    }
}
