use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Address, Key, Kind, Language, Sender, Source, Window};

/// What to do when somebody deleted a message on the other side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnMissing {
    /// Send it again.
    #[default]
    Resend,
    /// Drop it from the state and leave it gone.
    Forget,
}

/// What to do when the answer to a create was lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// Send nothing until there is proof of what happened: `state resolve`, or an event of Brevo's webhooks.
    #[default]
    Hold,
    /// Send it again: it may reach the visitor twice.
    Resend,
}

/// What becomes of the message of a visitor who leaves the audience.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnLeave {
    /// It is deleted.
    #[default]
    Delete,
    /// It stays where it is, and is no longer managed.
    Keep,
}

/// What all deliveries of one message have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Its key.
    pub key: Key,
    /// Its kind.
    pub kind: Kind,
    /// On whose behalf.
    pub sender: Sender,
    /// When it should exist.
    pub window: Window,
    /// Whether plans that would delete or replace it fail. `None`: not said; what the state
    /// remembers goes on.
    pub protect: Option<bool>,
    /// See [`OnMissing`].
    pub on_missing: OnMissing,
    /// See [`OnUnknown`].
    pub on_unknown: OnUnknown,
    /// See [`OnLeave`].
    pub on_leave: OnLeave,
    /// Higher goes first.
    pub priority: i32,
    /// Where it is written.
    pub source: Source,
}

/// One message for one visitor, as it should exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its name.
    pub address: Address,
    /// What it has in common with its siblings.
    pub spec: Arc<Spec>,
    /// The rendered text.
    pub text: Arc<str>,
    /// Which of the message's texts it is, if there is one for each language.
    pub language: Option<Language>,
}
