//! How a cycle ends that cannot go on.

use crate::{apply::Stop, cli::failure::Failure, controller::CycleOutcome};

/// A cycle that cannot go on.
pub(super) struct End {
    pub(super) outcome: CycleOutcome,
    /// Without messages if it was told already.
    pub(super) failure: Failure,
}

impl End {
    pub(super) fn of(outcome: CycleOutcome, failure: Failure) -> Self {
        Self { outcome, failure }
    }

    pub(super) fn invalid(failure: Failure) -> Self {
        Self::of(CycleOutcome::Invalid, failure)
    }

    pub(super) fn refused(failure: Failure) -> Self {
        Self::of(CycleOutcome::Refused, failure)
    }

    pub(super) fn state(failure: Failure) -> Self {
        Self::of(CycleOutcome::State, failure)
    }

    /// The files have changed since the project was loaded, or the process is to end.
    pub(super) fn interrupted() -> Self {
        Self::of(CycleOutcome::Interrupted, Failure::silent())
    }

    /// What is about the state says so itself.
    pub(super) fn api(failure: Failure) -> Self {
        match failure.about_state {
            true => Self::state(failure),
            false => Self::of(CycleOutcome::Api, failure),
        }
    }

    /// How a cycle ends whose run stopped early.
    pub(super) fn outcome_of(stop: Stop) -> CycleOutcome {
        match stop {
            Stop::Budget | Stop::Duration => CycleOutcome::Stopped,
            Stop::Signal | Stop::Changed => CycleOutcome::Interrupted,
            Stop::Outage => CycleOutcome::Outage,
            Stop::Fatal => CycleOutcome::Api,
        }
    }
}
