use std::collections::BTreeMap;

use serde::Serialize;

use crate::brevo::Operation;

/// How many requests there were since the start, for tests and the curious.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All requests to the API, whatever came of them. Those for access tokens do not count.
    pub total: u64,
    /// By operation (`POST /conversations/pushedMessages`, or `other`), then by status (`200`,
    /// or `dropped` if the connection was closed without an answer).
    pub operations: BTreeMap<String, BTreeMap<String, u64>>,
    /// Requests for an access token, by status. They cost nothing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tokens: BTreeMap<String, u64>,
}

impl Counts {
    pub(super) fn add(&mut self, operation: Option<Operation>, outcome: &str) {
        self.total += 1;
        let name = operation.map_or_else(|| "other".to_owned(), |known| known.to_string());
        *self.operations.entry(name).or_default().entry(outcome.to_owned()).or_default() += 1;
    }

    pub(super) fn add_token(&mut self, outcome: &str) {
        *self.tokens.entry(outcome.to_owned()).or_default() += 1;
    }

    /// How many requests of an operation came to this outcome.
    pub fn of(&self, operation: Operation, outcome: &str) -> u64 {
        let by_outcome = self.operations.get(&operation.to_string());
        by_outcome.and_then(|counts| counts.get(outcome)).copied().unwrap_or(0)
    }
}
