//! The server of the tests.

#[path = "../../tests/bucket/place.rs"]
pub(crate) mod place;
#[path = "../../tests/bucket/server.rs"]
pub(crate) mod server;
use crate::postgres::support;
