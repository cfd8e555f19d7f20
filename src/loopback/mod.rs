//! Servers on this machine, for this machine: what the sandbox and the preview have in common.
//!
//! A page from elsewhere can make a browser send requests here, under a name of its own that it lets
//! resolve to this machine (DNS rebinding), or as a form of another site. And any program can open
//! connections and say nothing. So a server answers only to the hosts that it listens on, refuses what a
//! page of another site would change, and waits for nobody for ever.

mod body;
mod connection;
mod hosts;
mod serve;

pub(crate) use body::{Unread, read, too_slow};
pub(crate) use connection::Cut;
pub(crate) use serve::{Limits, serve, why_not};
