//! The things that every command starts with: the project, the state, the way to the API.

mod api;
mod lineage;
mod project;
mod state;

pub(crate) use api::{SessionParts, base_url};
pub(crate) use project::{Context, Needs};
