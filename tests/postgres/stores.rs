//! What every store promises, kept by this one.

use pushsync::state::{self, OpenOptions, Store};

use super::{
    cluster::server,
    conformance::{self, conformance},
    support::*,
};

conformance!(in_postgres, |test| test(&*server!().database().open().expect("opens")));
conformance!(in_postgres_encrypted, |test| {
    let key = Some(key("correct horse battery"));
    let options = OpenOptions { key, ..server!().database().options() };
    test(&*state::open(options).expect("opens"));
});
