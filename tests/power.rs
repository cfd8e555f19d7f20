//! The power goes: what was acknowledged survives when only what was fsynced does.
//!
//! A child does a seeded script under `strace`. From the trace the test knows what was written,
//! made durable and acknowledged, in which order, and rebuilds the folder as a loss of power at
//! many moments could have left it. `POWER_SEED` gives another seed.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail like tests")]
#![cfg(target_os = "linux")]

#[path = "state/support.rs"]
#[expect(dead_code, reason = "the tests of the state use more of it")]
mod support;

mod power {
    mod child;
    mod cuts;
    mod disk;
    mod script;
    mod strace;
    mod trace;
}
