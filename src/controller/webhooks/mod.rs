//! Unknown deliveries are settled by what Brevo itself reports: the events of its webhooks.
//!
//! `event` reads one event, as the work of a stranger, into `Sighting`s of agents' messages. `sightings` collects them,
//! and `matching` decides purely which message proves which delivery. `inbox` keeps the last ones in bounded memory, and
//! `router` takes them over HTTP. What is found here is a claim: [`crate::apply::settle`] asks the API before it counts.

mod event;
mod find;
mod inbox;
mod matching;
mod router;
mod sighting;
mod sightings;
mod token;

#[cfg(test)]
mod tests;

pub use event::{MOST_BYTES, UnreadableEvent, read};
pub use find::find;
pub use inbox::Inbox;
pub use matching::{Finding, Misfit, Unsettled, findings};
pub use router::{PATH, router};
pub use sighting::Sighting;
pub use sightings::Sightings;
pub use token::{ParseTokenError, WebhookToken};
