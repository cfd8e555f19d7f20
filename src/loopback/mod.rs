//! Servers for this machine: the common part of the sandbox, the preview and `pushsync run --listen`.
//!
//! A web page can make a browser send requests here: it submits a form, or its host name resolves to this
//! machine (DNS rebinding). Any program can open connections and stay silent. So a server answers only to the
//! hosts that it listens on, refuses changes that a page of another site asks for, and ends connections that
//! wait for too long. What is safe for strangers ([`Site::open`]) is answered by any name on an address that others
//! reach.

mod body;
mod connection;
mod hosts;
mod serve;

pub(crate) use body::{Unread, read, too_slow};
pub(crate) use connection::Cut;
pub(crate) use serve::{Limits, Site, serve, why_not};
