//! **pushsync** keeps the automated messages of Brevo Conversations in version control.
//!
//! YAML says which messages should exist; [`plan`] compares that with a [`state`] (address →
//! message id); [`apply`] converges with the calls of [`brevo`]. The folders of this crate are
//! the way of the data, and each is one room: see `docs/decisions/`.

pub mod apply;
pub mod brevo;
mod chats;
pub mod ci;
pub mod cli;
pub mod controller;
pub mod desired;
pub mod diagnostics;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod loopback;
pub mod manifest;
pub mod model;
pub mod network;
pub mod plan;
pub mod preview;
pub mod render;
pub mod sandbox;
pub mod state;
pub mod watch;
