//! Disks that fail: the binary runs on a disk that answers some calls with errors, and then on one that works.
//!
//! The disk is a library in C that is preloaded. Where there is no `cc`, these tests say so and are left out.
//! `FAULTS=N` injects at N moments for each command, kind of call and way to fail (1), `FAULT_SEED` chooses others.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail like tests")]
#![cfg(target_os = "linux")]

mod disk_faults {
    mod commands;
    mod faults;
    mod moments;
    mod shim;
}
#[path = "cli/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests of the command line use more of it")]
mod support;
