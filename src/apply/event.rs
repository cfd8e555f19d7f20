use std::time::Duration;

use jiff::Timestamp;

use super::{Failure, Problem, Stop};
use crate::{
    model::{Address, BudgetNote, Kind, MessageId},
    plan::Action,
    state::unrecorded::UnrecordedOutcome,
};

/// What happens during a run: one stream, to which every reporter listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The run begins.
    Started {
        /// How many changes there are.
        changes: u64,
        /// How many requests they take if all goes well.
        requests: u64,
    },
    /// A request leaves.
    Sending,
    /// A request was answered, or given up.
    Requested {
        /// The budget as it is known now.
        budget: Option<BudgetNote>,
    },
    /// A change is done.
    Applied {
        /// The delivery.
        address: Address,
        /// What was done.
        action: Action,
        /// The id that it has now, if it exists.
        id: Option<MessageId>,
    },
    /// A change failed.
    Failed(Failure),
    /// A change may have happened.
    Unknown(Failure),
    /// A request is going to be repeated.
    Repeating {
        /// The delivery, if it is about one.
        address: Option<Address>,
        /// Why.
        why: String,
        /// After how long.
        pause: Duration,
    },
    /// A ping was not answered, or refused.
    Missed(Problem),
    /// The run sleeps before its next request.
    Waiting {
        /// Why.
        why: WaitReason,
        /// For how long.
        pause: Duration,
        /// Until when.
        until: Timestamp,
    },
    /// No new request starts; those under way are awaited.
    Stopping {
        /// Why.
        stop: Stop,
        /// What the next request would have to wait for, as far as is known.
        waits: Option<WaitReason>,
    },
    /// The state could not record what became of a create. The intent stays, but a reporter
    /// should write it down: an id cannot be found again.
    Unrecorded(UnrecordedOutcome),
    /// The API carried out an update or a delete, and the state could not record it.
    UnrecordedChange {
        /// The delivery.
        address: Address,
        /// The message's kind.
        kind: Kind,
        /// The message.
        id: MessageId,
        /// What was done to it: `updated` or `deleted`.
        done: &'static str,
    },
}

/// Why a run sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// The budget is used up, until it is reset.
    Budget,
    /// The API asked for it (`Retry-After`).
    RetryAfter,
}

/// Somebody who wants to hear of [`Event`]s.
pub trait Reporter: Send + Sync {
    /// Called in the order in which things happen, from any thread; should be quick.
    fn report(&self, event: &Event);
}

impl<R: Reporter + ?Sized> Reporter for std::sync::Arc<R> {
    fn report(&self, event: &Event) {
        (**self).report(event);
    }
}

/// Wants to hear of nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn report(&self, _event: &Event) {}
}
