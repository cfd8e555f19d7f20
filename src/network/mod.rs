//! Requests that fail: to the API, to a bucket, to a database.
//!
//! [`ErrorKind`] says how far a request came, [`verdict`] looks up whether it may be sent again, and [`pauses`] says
//! when.

mod backoff;
mod causes;
mod error_kind;
mod http;
pub(crate) mod postgres;
mod retry_table;

pub(crate) use backoff::Attempts;
pub use backoff::{MOST_REPEATS, pauses};
pub(crate) use causes::{causes, http_causes};
pub use error_kind::ErrorKind;
pub(crate) use http::client as http_client;
pub use retry_table::{Reach, Request, Verdict, verdict};
