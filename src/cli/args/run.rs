//! The arguments of `pushsync run`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, ValueHint};

use super::{
    planning::Bounds,
    values::{interval, listen, share},
};

#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// Begin a cycle at least this often; queries of audiences are run anew
    #[arg(long, value_name = "D", value_parser = interval, default_value = "10m")]
    pub(crate) every: Duration,
    /// Do only what somebody has agreed to
    ///
    /// By a review, a saved plan, or an answer: what `apply --resume` does.
    #[arg(long)]
    pub(crate) approved: bool,
    /// Verify what was sent with this share of the budget, as far as it is left over: 20%
    ///
    /// The least recently verified deliveries first; those of the last hour are passed over.
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0")]
    pub(crate) refresh_share: f64,
    /// Serve a page, health, metrics and webhooks here: a port on 127.0.0.1, or ADDRESS:PORT
    #[arg(long, value_name = "ADDR", value_parser = listen)]
    pub(crate) listen: Option<SocketAddr>,
    /// Take the webhooks of Brevo at /webhooks/brevo/TOKEN; the file's first line is the token
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "listen")]
    pub(crate) webhook_token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
}
