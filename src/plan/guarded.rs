//! Messages whose audience says something against a plan that nobody can have meant.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{ChangeLimit, Key, SecretFingerprint};

/// A message whose audience sets a guard, with the numbers that decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guarded {
    /// The message.
    pub key: Key,
    /// Its earlier keys, by which the state may have it still.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Key>,
    /// How many deliveries of it the state has.
    pub sent: u64,
    /// How many were agreed to, and are not sent yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waiting: u64,
    /// How many it has once everything that somebody has agreed to is carried out, and nothing else.
    pub before: u64,
    /// How many the manifest has now; none once its window is over. None if the plan is not about this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// How far `after` may differ from `before`. None once its window is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeLimit>,
    /// Whether a query says who gets it, and gave no rows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_query: bool,
    /// The secret that its visitors' ids are made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretFingerprint>,
    /// The environment variable that holds the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Guarded {
    /// The variable that holds the secret; empty without one.
    pub(super) fn variable(&self) -> &str {
        self.variable.as_deref().unwrap_or_default()
    }

    /// Whether it is one of these, by this key or an earlier one.
    pub(super) fn is_among(&self, keys: &BTreeSet<&str>) -> bool {
        keys.contains(self.key.as_str())
            || self.earlier.iter().any(|key| keys.contains(key.as_str()))
    }
}
