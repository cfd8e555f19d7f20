//! The stores that need nothing but this machine.

use pushsync::state::{self, Store};

use super::{
    conformance::{self, conformance},
    support::*,
};

conformance!(in_memory, |test| test(&memory()));
conformance!(in_sled, |test| {
    let folder = tempfile::tempdir().expect("a folder");
    test(&*open(folder.path()).expect("opens"));
});
conformance!(in_sled_encrypted, |test| {
    let folder = tempfile::tempdir().expect("a folder");
    test(&*state::open(encrypted(folder.path())).expect("opens"));
});
