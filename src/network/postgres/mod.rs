//! Connections to PostgreSQL, for a state and for queries: how a URL is read, TLS, passwords, and the words of errors.

mod connect;
mod connect_options;
mod error;
mod password;
mod tls;

pub(crate) use connect::{Connected, Traffic, connect};
pub(crate) use connect_options::{ConnectOptions, location};
pub(crate) use error::{Unavailable, hint, lost, not_connected, of_statement, one_line};
pub(crate) use password::with_variables;
