//! The state: what every store promises, and how the one on sled meets damage.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod state {
    mod approvals;
    mod backup;
    mod conformance;
    mod damage;
    mod export;
    mod folder;
    mod forge;
    mod header;
    mod laws;
    mod log;
    mod scan;
    mod secret;
    mod stores;
    mod support;
}
