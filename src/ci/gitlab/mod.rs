//! GitLab: the variables of its jobs, its API, and how a job says things there.

mod client;
mod pipeline;
mod reporter;
#[cfg(test)]
mod tests;
mod variables;

pub use client::GitLab;
pub use pipeline::{job, warning};
pub use reporter::GitLabReporter;
