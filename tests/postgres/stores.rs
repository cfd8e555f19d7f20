//! What every store promises, kept by this one.

use pushsync::state::Store;

use super::{
    cluster::server,
    conformance::{self, conformance},
    support::*,
};

conformance!(in_postgres, |test| test(&server!().database().open().expect("opens")));
