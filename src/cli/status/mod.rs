//! `pushsync status`: one screen about a project and its state. It asks the API nothing.

mod command;
mod observe;
mod text;

pub(super) use command::run;
pub(super) use observe::{Observed, observe};
