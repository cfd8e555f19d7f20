//! The binary, end to end: as users, their CI and hostile circumstances run it.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly too")]
#![cfg(unix)]

mod actions;
mod apply;
mod crash;
//TODO mod environments;
//TODO mod hostile;
mod plan;
mod planfile;
mod refusals;
mod safety;
//TODO mod secrets;
mod show;
//TODO mod signals;
mod start;
//TODO mod state;
mod support;
//TODO mod unknown;
