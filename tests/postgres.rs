//! The store in a PostgreSQL database, against real servers that the tests make and remove.
//!
//! Where PostgreSQL's programs are not installed, these tests say so and are left out, unless
//! `PUSHSYNC_NEED_POSTGRES` is set: then they fail.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail like tests")]
#![cfg(target_os = "linux")]

mod postgres {
    mod audience_runs;
    mod audiences;
    #[path = "../cli/support/mod.rs"]
    #[expect(dead_code, unused_imports, reason = "the tests of the command line use more of it")]
    mod cli;
    mod cluster;
    #[path = "../state/conformance.rs"]
    mod conformance;
    mod connecting;
    mod damage;
    #[path = "../state/forge.rs"]
    #[expect(dead_code, reason = "other stores have frames")]
    mod forge;
    mod lifecycle;
    mod locks;
    mod loss;
    mod pooling;
    mod process;
    mod program;
    mod reading;
    mod shop;
    mod stores;
    #[path = "../state/support.rs"]
    #[expect(dead_code, reason = "the tests of the state use more of it")]
    mod support;
    mod writing;
}
