//! Where a sandbox posts its events, and what goes wrong with them.

use std::{fmt, str::FromStr};

use crate::model::BaseUrl;

/// Where the events go, and what goes wrong with them on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where.
    pub url: WebhookUrl,
    /// What goes wrong.
    pub faults: Vec<WebhookFault>,
}

/// Where events go: https, or http on this machine. It may hold a secret, so it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(pub(super) BaseUrl);

/// Why a text is not a [`WebhookUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the URL of a webhook is https, or http to this machine, without a query: http://127.0.0.1:8080/webhooks/brevo/TOKEN"
)]
pub struct ParseWebhookUrlError;

impl FromStr for WebhookUrl {
    type Err = ParseWebhookUrlError;

    fn from_str(text: &str) -> Result<Self, ParseWebhookUrlError> {
        BaseUrl::parse(text).map(Self).map_err(|_| ParseWebhookUrlError)
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({}/…)", self.0.origin())
    }
}

/// Something that happens to events on their way, or comes beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookFault {
    /// Events come two seconds late.
    Late,
    /// Each event comes twice.
    Twice,
    /// Events come out of order.
    Shuffled,
    /// Events of other visitors and messages come too.
    Others,
    /// Events of somebody who means harm come too.
    Hostile,
    /// Half of the events never come.
    Missing,
}

impl WebhookFault {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Late, Self::Twice, Self::Shuffled, Self::Others, Self::Hostile, Self::Missing];

    /// What happens, in a few words.
    pub fn description(self) -> &'static str {
        match self {
            Self::Late => "events come two seconds late",
            Self::Twice => "each event comes twice",
            Self::Shuffled => "events come out of order",
            Self::Others => "events of other visitors and other messages come too",
            Self::Hostile => {
                "broken JSON, huge and deep events, and events of messages that do not exist come too"
            }
            Self::Missing => "half of the events never come",
        }
    }

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Twice => "twice",
            Self::Shuffled => "shuffled",
            Self::Others => "others",
            Self::Hostile => "hostile",
            Self::Missing => "missing",
        }
    }
}
