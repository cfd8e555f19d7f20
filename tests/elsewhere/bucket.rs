//! The server of the store's own tests.

#[path = "../bucket/place.rs"]
pub(crate) mod place;
#[path = "../bucket/server.rs"]
pub(crate) mod server;

use crate::postgres::support;
