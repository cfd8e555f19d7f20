//! What YAML files hold, as serde sees it: every field may be missing, and nothing is checked
//! beyond its shape.

use serde::Deserialize;

use super::unions::{Entries, From, Threshold, To, Var};
use crate::{
    desired::{OnMissing, OnUnknown},
    model::Kind,
};

macro_rules! raw {
    ($($(#[$meta:meta])* $expected:literal $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)+ })+) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Clone, Default, Deserialize)]
            #[serde(deny_unknown_fields, default, expecting = $expected)]
            pub(crate) struct $name {
                $($(#[$field_meta])* pub(crate) $field: Option<$type>,)+
            }
        )+
    };
}

raw! {
    /// A whole file. Some fields belong in `pushsync.yaml` only.
    "a mapping with `messages`, `senders`, `audiences`, …"
    File {
        version: u64,
        include: Vec<String>,
        state: String,
        api: Api,
        limits: Limits,
        safety: Safety,
        privacy: Privacy,
        vars: Entries<Var>,
        environments: Entries<Environment>,
        senders: Entries<Sender>,
        audiences: Entries<Audience>,
        messages: Entries<Message>,
        moved: Vec<Move>,
        import: Vec<Import>,
        removed: Vec<Removed>,
    }

    /// What an environment may lay over the rest.
    "a mapping of what is different in this environment"
    Environment {
        state: String,
        api: Api,
        limits: Limits,
        safety: Safety,
        privacy: Privacy,
        vars: Entries<Var>,
        senders: Entries<Sender>,
        audiences: Entries<Audience>,
        messages: Entries<Message>,
        moved: Vec<Move>,
        import: Vec<Import>,
        removed: Vec<Removed>,
    }

    "a mapping with `base_url`, `concurrency`, `timeout`"
    Api { base_url: String, concurrency: u64, timeout: String, }

    "a mapping with `requests_per_hour`"
    Limits { requests_per_hour: u64, }

    "a mapping with `max_deletes`, `max_resends`"
    Safety { max_deletes: Threshold, max_resends: Threshold, }

    "a mapping with `mask_visitors`"
    Privacy { mask_visitors: super::settings::MaskVisitors, }

    "a sender: { group: ID }, { agent: ID } or { email, name, received_from }"
    Sender { group: String, agent: String, email: String, name: String, received_from: String, }

    "an audience: { file: FILE } or { visitors: [ID, …] }"
    Audience { file: String, visitors: Vec<String>, }

    "a mapping with `to`, `text`, …"
    Message {
        kind: Kind,
        from: From,
        to: To,
        text: String,
        active: Active,
        protect: bool,
        on_missing: OnMissing,
        on_unknown: OnUnknown,
        priority: i32,
        raw: bool,
    }

    "a mapping with `from` and `until`"
    Active { from: String, until: String, }

    "{ visitor: ID }, { visitors: [ID, …] } or { audience: NAME, where: EXPRESSION }"
    Recipients {
        visitor: String,
        visitors: Vec<String>,
        audience: String,
        #[serde(rename = "where")]
        condition: String,
    }

    "{ from: KEY, to: KEY }"
    Move { from: String, to: String, }

    "{ to: ADDRESS, id: ID }"
    Import { to: String, id: String, }

    "{ key: KEY, delete: true or false }"
    Removed { key: String, delete: bool, }
}
