//! `pushsync run`: the process around `crate::controller`.

mod command;
mod cycle;
mod files;
mod process;
mod verification;

pub(super) use command::run;
