//! The server of the tests.

#[path = "../../tests/postgres/cluster.rs"]
pub(crate) mod cluster;
#[path = "../../tests/state/support.rs"]
pub(crate) mod support;
