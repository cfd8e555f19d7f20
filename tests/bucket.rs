//! The store in a bucket, against a real server (moto's), directly and through a proxy that
//! answers wrongly, late, or not at all.
//!
//! Where moto is not installed (`pip install 'moto[server]'`), these tests say so and are left
//! out, unless `PUSHSYNC_NEED_S3` is set: then they fail. `PUSHSYNC_MOTO` names its program, if
//! it is not on the path.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail like tests")]
#![cfg(unix)]

mod bucket {
    mod conditions;
    #[path = "../state/conformance.rs"]
    mod conformance;
    mod cost;
    mod damage;
    mod faults;
    #[path = "../state/forge.rs"]
    mod forge;
    mod leases;
    mod locks;
    mod place;
    mod proxy;
    mod races;
    mod restoring;
    mod server;
    mod stores;
    #[path = "../state/support.rs"]
    #[expect(dead_code, reason = "the tests of the state use more of it")]
    mod support;
    mod words;
}
