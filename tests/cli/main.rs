//! The binary, end to end: as users, their CI and hostile circumstances run it.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly too")]
#![cfg(unix)]

mod actions;
mod apis;
mod apply;
mod approvals;
mod audiences;
mod browser;
mod budget;
mod clocks;
mod compact;
mod completions;
mod crash;
mod damage;
mod documents;
mod durable;
mod environments;
mod expectations;
mod folders;
mod formats;
mod frugal;
mod gateways;
mod git;
mod hints;
mod hostile;
mod ids;
#[path = "../support/ignored_signals.rs"]
mod ignored_signals;
mod inputs;
mod languages;
mod later;
mod live;
mod lockfile;
mod lost_lock;
mod masks;
mod other_secrets;
mod outage;
mod plan;
mod planfile;
mod refreshed;
mod refusals;
mod resolve;
mod reviewed;
mod rewriting;
mod rollout;
mod run_cycles;
mod run_files;
mod run_http;
mod safety;
mod secret_state;
mod secrets;
mod servers;
mod settle;
mod show;
mod signals;
#[cfg(target_os = "linux")]
mod soak;
mod start;
mod state;
mod status;
#[path = "../power/strace.rs"]
mod strace;
#[cfg(target_os = "linux")]
mod streams;
mod support;
mod telling;
mod tokens;
mod tracked;
mod unfinished;
mod unknown;
mod unrecorded;
mod variables;
mod visitor_secrets;
mod webhooks;
