use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::Problem;
use crate::model::Address;

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Changes that were carried out.
    pub applied: u64,
    /// Changes that failed; the state is right.
    pub failed: Vec<Failure>,
    /// The deliveries that are unknown now. [`super::apply`] gives those of its plan; a command reports all that
    /// the state has.
    pub unknown: Vec<Address>,
    /// Changes that were not tried.
    pub remaining: u64,
    /// Changes that nobody has agreed to, and that a resumed run leaves out.
    pub unapproved: u64,
    /// Messages for which the API answered another text than it was sent.
    pub rewritten: Rewritten,
    /// Requests that were sent.
    pub requests: u64,
    /// Why it ended early, if it did.
    pub stopped: Option<Stop>,
    /// When the API's budget has room again, if the run stopped early with none left.
    pub resets_at: Option<Timestamp>,
    /// What ended it, if that was an answer of the API or the lack of a connection.
    pub fatal: Option<Problem>,
}

/// Messages of a run for which the API answered another text than it was sent: their records have both
/// texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// How many.
    pub messages: u64,
    /// The first of them.
    pub first: Option<Address>,
}

impl Rewritten {
    pub(super) fn add(&mut self, address: &Address) {
        self.messages += 1;
        // Deliveries end in any order.
        if self.first.as_ref().is_none_or(|first| address < first) {
            self.first = Some(address.clone());
        }
    }
}

/// Why a run ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stop {
    /// The API's budget, or `--max-requests`.
    Budget,
    /// `--max-duration`.
    Duration,
    /// Ctrl-C, SIGTERM, SIGHUP or SIGQUIT.
    Signal,
    /// The files of the project changed: what was planned may not be meant any more. Only in `run`.
    Changed,
    /// Several requests in a row ended without a usable answer: the API is out, or something else answers
    /// in its place.
    Outage,
    /// No further request would fare better.
    Fatal,
}

impl Stop {
    /// The word in JSON and in the history.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Duration => "duration",
            Self::Signal => "signal",
            Self::Changed => "changed",
            Self::Outage => "outage",
            Self::Fatal => "fatal",
        }
    }
}

/// A change that did not go as planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The delivery.
    pub address: Address,
    /// What was tried: an action, or `refresh`.
    pub action: &'static str,
    /// What went wrong.
    pub problem: Problem,
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = serializer.serialize_struct("Failure", 6)?;
        document.serialize_field("address", &self.address)?;
        document.serialize_field("action", &self.action)?;
        document.serialize_field("status", &self.problem.status())?;
        document.serialize_field("code", &self.problem.code())?;
        document.serialize_field("message", &self.problem.to_string())?;
        document.serialize_field("request_id", &self.problem.request_id())?;
        document.end()
    }
}

impl Outcome {
    /// The exit status of a command that ended like this.
    pub fn exit_status(&self) -> u8 {
        // Somebody has to decide, however the run ended.
        if !self.unknown.is_empty() {
            4
        } else if matches!(self.stopped, Some(Stop::Fatal | Stop::Outage))
            || !self.failed.is_empty()
        {
            1
        } else if self.stopped.is_some() {
            3
        } else {
            0
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rewritten = self.rewritten.messages;
        let unapproved = self.unapproved;
        let fields = 7
            + usize::from(unapproved > 0)
            + usize::from(rewritten > 0)
            + usize::from(self.resets_at.is_some());
        let mut document = serializer.serialize_struct("Outcome", fields)?;
        document.serialize_field("format", "pushsync/apply/1")?;
        document.serialize_field("applied", &self.applied)?;
        document.serialize_field("failed", &self.failed)?;
        document.serialize_field("unknown", &self.unknown)?;
        document.serialize_field("remaining", &self.remaining)?;
        match unapproved {
            0 => document.skip_field("unapproved")?,
            _ => document.serialize_field("unapproved", &unapproved)?,
        }
        match rewritten {
            0 => document.skip_field("rewritten")?,
            _ => document.serialize_field("rewritten", &rewritten)?,
        }
        document.serialize_field("requests", &self.requests)?;
        document.serialize_field("stopped", &self.stopped)?;
        match &self.resets_at {
            Some(at) => document.serialize_field("resets_at", at)?,
            None => document.skip_field("resets_at")?,
        }
        document.end()
    }
}
