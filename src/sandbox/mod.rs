//! The API's behaviour in memory and on disk, served on loopback.
//!
//! It answers as Brevo's specification and documentation say (`../brevo` names the facts), so
//! that a newcomer can plan and apply without an account, tests can count what was sent, and
//! official SDKs can be run against it. Where the API's behaviour is not documented, it decides:
//!
//! - `agentId` together with `groupId` is refused (400), as is `agentId` together with
//!   `agentEmail` or `agentName`. Fields that are `null` count as absent, unknown ones are ignored.
//! - A text of nothing but white space is refused like an empty one.
//! - Every agent id and group id is taken to exist. A random agent, and the agent of a group, is
//!   picked by the visitor: the same visitor always meets the same one.
//! - An `agentEmail` makes a dummy agent, once; later messages have the same `agentId`.
//! - `GET /conversations/messages/{id}` answers for automated messages too, with `isPushed`
//!   (the API says that it may return others' messages); PUT and DELETE there, and all of
//!   `/conversations/pushedMessages/{id}`, know only messages of their own kind.
//! - Any client gets an access token from `/realms/partner/oauth/token`. Its own tokens are refused once they are
//!   over, and for what their scopes do not allow; any other bearer token counts as a key.
//! - The period of the budget starts with its first request. A refused request (401, 429) is not
//!   counted, any other is.
//!
//! Beside the API it serves, without a key, what tests want to know: `GET /_sandbox/messages`
//! (every message ever created) and `GET /_sandbox/requests` (how many requests, by operation
//! and status).
//!
//! ```
//! use std::sync::Arc;
//!
//! use pushsync::sandbox::{Options, Sandbox};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let clock = Arc::new(|| jiff::Timestamp::UNIX_EPOCH);
//! let running = Sandbox::start(Options::in_memory(clock)).await?;
//! assert!(running.base_url().starts_with("http://127.0.0.1:"));
//! assert_eq!(running.messages().len(), 0);
//! running.stop().await;
//! # Ok::<(), pushsync::sandbox::StartError>(())
//! # }).unwrap();
//! ```

mod counts;
mod events;
mod gateway;
mod handler;
mod ids;
mod journal;
mod normalise;
mod options;
mod page;
mod quota;
mod reply;
mod request;
mod server;
mod tokens;
mod webhook;
mod world;

pub use counts::Counts;
pub use gateway::{Fault, Gateway};
pub use journal::JournalError;
pub use normalise::{ParseRuleError, Rule};
pub use options::{Budget, Clock, Faults, Options, ParseBudgetError, TOKEN_LIFE};
pub use server::{Running, Sandbox, StartError};
pub use webhook::{ParseWebhookUrlError, Webhook, WebhookFault, WebhookUrl};
pub use world::SandboxMessage;
