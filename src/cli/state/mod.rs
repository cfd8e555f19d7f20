//! `pushsync state …`: inspects the state, and repairs it.

mod command;
mod compact;
mod edit;
mod export;
mod history;
mod list;
mod migrate;
mod rekey;
mod rename;
mod resolve;
mod restore;
mod run;
mod set_api;
mod unlock;
mod verify;

pub(super) use run::run;
