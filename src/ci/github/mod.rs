//! GitHub: its events, its API, and how a job says things there.

mod client;
mod event;
mod reporter;
#[cfg(test)]
mod tests;

pub use client::GitHub;
pub use event::job;
pub use reporter::GitHubReporter;
