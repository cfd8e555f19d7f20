use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    Event, Options, Problem, Reporter, Stop, Stopper,
    api::Call,
    request_sender::{RequestSender, Undone},
};
use crate::{brevo::Client, model::Sender};

/// Brevo recommends a ping a minute; one lasts 2 to 3 minutes (its specification of
/// `agentOnlinePing`).
pub const EVERY: Duration = Duration::from_secs(60);

/// What came of [`keep_online`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presence {
    /// Pings that were answered.
    pub pings: u64,
    /// Pings that were not; the agent stays online if the next one is.
    pub missed: u64,
    /// Why it ended, unless the time was over.
    pub stopped: Option<Stop>,
    /// When the API takes requests again, if it takes none now.
    pub resets_at: Option<Timestamp>,
    /// What ended it, if that was an answer of the API or the lack of a connection.
    pub fatal: Option<Problem>,
}

/// Pings an agent every minute, `times` times (for ever without it), until stopped.
pub async fn keep_online(
    client: &Client,
    agent: &Sender,
    times: Option<u64>,
    options: &Options,
    reporter: Arc<dyn Reporter>,
    stopper: Stopper,
) -> Presence {
    let sender = RequestSender::new(None, options, Arc::clone(&reporter), stopper.clone(), None);
    let mut presence = Presence::default();
    let mut minutes = tokio::time::interval(EVERY);
    minutes.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while times.is_none_or(|times| presence.pings + presence.missed < times) {
        tokio::select! {
            _ = minutes.tick() => {}
            _ = stopper.stopped() => break,
        }
        let ping = || -> Call<'_, ()> { Box::pin(client.ping_agent_online(agent)) };
        match sender.send_uncounted(None, None, ping).await {
            Ok(()) => presence.pings += 1,
            Err(Undone::Refused(error) | Undone::Lost(error)) => {
                presence.missed += 1;
                if stopper.reason().is_none() {
                    reporter.report(&Event::Missed(Problem::Api(error)));
                }
            }
            Err(Undone::Abandoned { .. }) => break,
        }
    }
    presence.stopped = stopper.reason();
    presence.resets_at = sender.resets_at(presence.stopped);
    presence.fatal = sender.fatal();
    presence
}
