//! States in PostgreSQL and in a bucket, through the binary, both in one project.
//!
//! Where PostgreSQL or moto's server is not installed, these tests say so and are left out.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail like tests")]
#![cfg(target_os = "linux")]

#[path = "elsewhere/bucket.rs"]
#[expect(dead_code, unused_macros, unused_imports, reason = "its own tests use more of it")]
mod bucket;
#[path = "elsewhere/checkouts.rs"]
mod checkouts;
#[path = "elsewhere/crash.rs"]
mod crash;
#[path = "elsewhere/jobs.rs"]
mod jobs;
#[path = "elsewhere/lost_locks.rs"]
mod lost_locks;
#[path = "elsewhere/moving.rs"]
mod moving;
#[path = "elsewhere/postgres.rs"]
#[expect(dead_code, unused_macros, unused_imports, reason = "its own tests use more of it")]
mod postgres;
#[path = "elsewhere/restore.rs"]
mod restore;
#[path = "elsewhere/shared_runs.rs"]
mod shared_runs;
#[path = "cli/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests of the command line use more of it")]
mod support;
#[path = "elsewhere/unrecorded.rs"]
mod unrecorded;
