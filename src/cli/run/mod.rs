//! `pushsync run`: the process around `crate::controller`.

mod command;
mod cycle;
mod end;
mod files;
mod look;
mod opening;
mod outages;
mod precedence;
mod process;
mod settler;
mod verification;

pub(super) use command::run;
