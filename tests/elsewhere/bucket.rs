//! The server of the store's own tests.

#[path = "../bucket/place.rs"]
pub(crate) mod place;
#[path = "../bucket/proxy.rs"]
pub(crate) mod proxy;
#[path = "../bucket/server.rs"]
pub(crate) mod server;

use crate::postgres::support;
