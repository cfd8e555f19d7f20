//! The server of the store's own tests.

#[path = "../postgres/cluster.rs"]
pub(crate) mod cluster;
#[path = "../state/support.rs"]
pub(crate) mod support;
