use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{Gateway, Webhook, normalise::Rule};

/// Where the sandbox has its time from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How long Brevo's access tokens live.
pub const TOKEN_LIFE: Duration = Duration::from_secs(60 * 60);

/// How a sandbox behaves.
#[derive(Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The file that keeps its messages (made with mode 0600); `None` keeps them in memory.
    pub data: Option<PathBuf>,
    /// How many requests it accepts; `None` announces more than anybody needs.
    pub budget: Option<Budget>,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// How long access tokens live.
    pub token_life: Duration,
    /// What stands between its clients and the API.
    pub gateway: Gateway,
    /// What it does to the text of each POST and PUT, in this order.
    pub normalise: Vec<Rule>,
    /// Where the events of messages go.
    pub webhook: Option<Webhook>,
    /// The time of messages and of the budget.
    pub clock: Clock,
}

impl Options {
    /// On a free port of 127.0.0.1, in memory, without limits and faults.
    pub fn in_memory(clock: Clock) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data: None,
            budget: None,
            faults: Faults::default(),
            gateway: Gateway::default(),
            normalise: Vec::new(),
            webhook: None,
            token_life: TOKEN_LIFE,
            clock,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            listen,
            data,
            budget,
            faults,
            gateway,
            normalise,
            webhook,
            token_life,
            clock: _,
        } = self;
        f.debug_struct("Options")
            .field("listen", listen)
            .field("data", data)
            .field("budget", budget)
            .field("faults", faults)
            .field("token_life", token_life)
            .field("gateway", gateway)
            .field("normalise", normalise)
            .field("webhook", webhook)
            .finish_non_exhaustive()
    }
}

/// What goes wrong on purpose. The same seed and the same order of requests give the same faults.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Faults {
    /// How long every answer is held back; its effect has happened by then.
    pub latency: Duration,
    /// The probability (0 to 1) of a 500: half of them before the effect, half after it.
    pub fail: f64,
    /// The probability (0 to 1) that a request has its effect and the connection is closed
    /// without an answer.
    pub drop_replies: f64,
    /// The seed.
    pub seed: u64,
}

/// At most this number of requests in a period: `100/h`, `5/30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Requests in one period.
    pub limit: u64,
    /// How long a period is.
    pub period: Duration,
}

/// Why a text is no [`Budget`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a budget is written like 100/h, 10/m or 5/30s, not like {0:?}")]
pub struct ParseBudgetError(String);

impl FromStr for Budget {
    type Err = ParseBudgetError;

    fn from_str(text: &str) -> Result<Self, ParseBudgetError> {
        let parse = || -> Option<Self> {
            let (limit, period) = text.trim().split_once('/')?;
            let (count, unit) = period.split_at(period.find(|c: char| !c.is_ascii_digit())?);
            let seconds: u64 = match unit {
                "s" => 1,
                "m" | "min" => 60,
                "h" => 3_600,
                "d" => 86_400,
                _ => return None,
            };
            let count: u64 = if count.is_empty() { 1 } else { count.parse().ok()? };
            let seconds = seconds.checked_mul(count).filter(|s| (1..=31 * 86_400).contains(s))?;
            let limit = limit.trim().parse().ok()?;
            Some(Self { limit, period: Duration::from_secs(seconds) })
        };
        parse().ok_or_else(|| ParseBudgetError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_read_with_every_unit() {
        for (text, limit, seconds) in [
            ("100/h", 100, 3600),
            ("10/m", 10, 60),
            ("10/min", 10, 60),
            ("5/30s", 5, 30),
            ("0/s", 0, 1),
            (" 600/1d ", 600, 86_400),
        ] {
            let expected = Budget { limit, period: Duration::from_secs(seconds) };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "100", "100/", "/h", "-1/h", "1/0s", "1/w", "1/h2", "x/h", "1/99999999d"] {
            assert_eq!(text.parse::<Budget>(), Err(ParseBudgetError(text.to_owned())), "{text}");
        }
    }
}
