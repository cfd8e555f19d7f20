//! A typed client of Brevo's Conversations API: nine operations, errors with hints, the budget
//! from headers.
//!
//! It sends each request once. It never repeats one, never follows a redirect, and every
//! [`Error`] says how far the request came ([`Error::kind`]): the caller decides what may be
//! repeated, because a POST whose answer was lost may have taken effect, and the API has no
//! idempotency key and no list to look it up in.
//!
//! The facts about the API are from Brevo's specification of 2026-09 and its documentation
//! pages; each is named where it is used.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use pushsync::{
//!     brevo::{Client, Config, Credentials},
//!     model::{BaseUrl, Content, Kind, Sender, VisitorId},
//! };
//! use secrecy::SecretString;
//!
//! # async fn example(key: String) -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(Config {
//!     base_url: BaseUrl::parse("https://api.brevo.com/v3")?,
//!     credentials: Credentials::Key(SecretString::from(key)),
//!     partner_key: None,
//!     timeout: Duration::from_secs(30),
//!     user_agent: "example/1.0".to_owned(),
//! })?;
//! let visitor = VisitorId::parse("kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg")?;
//! let content = Content {
//!     text: "Your order has shipped!".into(),
//!     from: Sender::Group("PjRBMhWGen6aRHjif".to_owned()),
//! };
//! let sent = client.send(Kind::Pushed, &visitor, &content).await?;
//! // Keep the id: the API cannot list messages, so a lost id cannot be found again.
//! println!("{}", sent.body.id);
//! if let Some(remaining) = sent.budget.and_then(|budget| budget.remaining) {
//!     println!("{remaining} requests left in this period");
//! }
//! client.update(Kind::Pushed, &sent.body.id, "It has arrived!").await?;
//! client.delete(Kind::Pushed, &sent.body.id).await?;
//! # Ok(())
//! # }
//! ```
//!
//! When something goes wrong, the error says what to do now:
//!
//! ```no_run
//! # async fn example(client: pushsync::brevo::Client, id: pushsync::model::MessageId) {
//! use pushsync::{brevo::ErrorKind, model::Kind};
//!
//! if let Err(error) = client.get(Kind::Pushed, &id).await {
//!     println!("{error}");
//!     if let Some(hint) = error.hint() {
//!         println!("{hint}");
//!     }
//!     match (error.kind(), error.status()) {
//!         (ErrorKind::NotConnected { .. }, _) => println!("nothing was sent"),
//!         (_, None) => println!("it may have taken effect"),
//!         (_, Some(status)) => println!("the API answered {status}"),
//!     }
//! }
//! # }
//! ```

mod budget;
mod client;
mod config;
mod credentials;
mod encoding;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod header_time;
mod hint;
pub mod key;
mod message;
mod operation;
mod request;
mod scrub;
mod token;
mod token_url;
mod transport;

pub use budget::BudgetReading;
pub use client::{Answer, Client};
pub use config::{Clock, Config, ConfigError};
pub use credentials::{ClientCredentials, ClientPart, ClientProblem, Credentials};
pub use error::Error;
pub use hint::Hint;
pub use message::{Message, MessageType};
pub use operation::Operation;
pub use request::SenderMismatch;
pub use token_url::{ParseTokenUrlError, TokenUrl};

pub use crate::network::ErrorKind;
