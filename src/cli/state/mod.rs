//! `pushsync state …`: inspects the state, and repairs it.

mod approvals;
mod command;
mod compact;
mod confirm;
mod decisions;
mod decisions_file;
mod edit;
mod export;
mod forget_budget;
mod history;
mod list;
mod migrate;
mod rekey;
mod rename;
mod resolve;
mod restore;
mod run;
mod set_api;
mod settle;
mod take_back;
mod unknown;
mod unlock;
mod verify;

pub(super) use run::run;
