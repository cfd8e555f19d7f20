use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Budget, Selection, StateRef};
use crate::model::{
    Address, Approval, ChangeLimit, Endpoint, Intent, Key, KnownSecrets, MessageId, OnLeave, Place,
    SecretFingerprint, Window, WindowState,
};

/// What the planner must know beside the two streams.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The environment.
    pub environment: String,
    /// The API that it is for.
    pub api: Endpoint,
    /// The instant planned for: windows are open or closed as of it.
    pub as_of: jiff::Timestamp,
    /// Which state this is about.
    pub state: StateRef,
    /// The secrets that the state knows: those that visitors' ids were made with.
    pub secrets: KnownSecrets,
    /// Every message of the manifest.
    pub declared: BTreeMap<Key, Declared>,
    /// Every `import` entry.
    pub imports: Vec<Import>,
    /// Every `removed` entry: whether its deliveries are deleted, or left where they are.
    pub removed: BTreeMap<Key, bool>,
    /// Every `moved` entry, chains resolved: old key → new key.
    pub moved: BTreeMap<Key, Key>,
    /// What somebody has agreed to, and what is not reached yet.
    pub approvals: Vec<Approval>,
    /// Deliveries whose targets are asked for, also if they are reached.
    pub recheck: BTreeSet<Address>,
    /// Creates without outcome.
    pub intents: Vec<Intent>,
    /// What the plan is limited to.
    pub selection: Selection,
    /// Whether nothing should exist.
    pub destroy: bool,
    /// The API's budget at the time of planning.
    pub budget: Budget,
    /// Whether to list what is as it should be; otherwise it is only counted.
    pub keep_unchanged: bool,
    /// How many bytes all changes may have, with their texts.
    pub most_bytes: u64,
}

/// What the planner must know of a message whether or not it has deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Whether its window is open.
    pub presence: WindowState,
    /// Its window.
    pub window: Window,
    /// Whether it is protected; `None`: not said.
    pub protect: Option<bool>,
    /// What becomes of deliveries whose visitors leave the audience.
    pub on_leave: OnLeave,
    /// What speaks against a plan that changes who gets it.
    pub guards: AudienceGuards,
}

/// What is known of the audience of a message: against a plan that nobody can have meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AudienceGuards {
    /// Whether a query says who belongs to it. A query that suddenly gives no rows is no empty audience.
    pub queried: bool,
    /// How many rows it has, before `where` and shares.
    pub rows: u64,
    /// The secret that the visitors' ids are made with.
    pub secret: Option<SecretFingerprint>,
    /// The environment variable that holds the secret.
    pub variable: Option<Arc<str>>,
    /// How far the number of deliveries may differ from that in the state.
    pub change: Option<ChangeLimit>,
}

/// An `import` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The delivery.
    pub to: Address,
    /// The message that it is.
    pub id: MessageId,
    /// Where it is written.
    pub place: Place,
    /// Whether it is a row of a file of many.
    pub of_file: bool,
}
