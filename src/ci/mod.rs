//! The kit for CI: plans in reviews, and rollouts that their comments tell of, at GitHub and GitLab.
//!
//! A forge is asked through [`Forge`], and a job says things through [`Reporter`]. Texts of others (comments,
//! answers, names of branches) are data: they become neither code nor commands nor markup.

pub mod clean_environment;
pub mod comment;
mod forge;
pub mod github;
pub mod gitlab;
mod host;
mod http;
mod inputs;
mod job;
mod kit;
pub mod marker;
mod reporter;
pub mod review;
pub mod rollout;
pub mod story;
mod variables;
mod words;

pub use forge::{Comment, Forge, ForgeError, ForgeFuture, Order};
pub use host::{Host, Setup, pause};
pub use http::{Http, Server};
pub use inputs::Inputs;
pub use job::{Job, JobCommand, Refusal};
pub use kit::{Kind, Kit, Only, refuse};
pub use reporter::{Log, Reporter};
pub use variables::Variables;
