//! The arguments of the commands that plan, or send requests: `plan`, `apply`, `refresh`, `import`.

use std::{num::NonZeroUsize, path::PathBuf, str::FromStr as _, time::Duration};

use clap::{Args, ValueEnum, ValueHint};
use jiff::Timestamp;

use super::{
    global::DataFormat,
    values::{Amount, Target, amount, concurrency, duration, target},
};
use crate::{
    model::{Address, Key, MessageId, WrittenTime},
    plan::Review,
};

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SelectionArgs {
    /// Only this message or delivery (may be repeated)
    #[arg(long, value_name = "KEY|ADDRESS", value_parser = target)]
    pub(crate) target: Vec<Target>,
    /// Plan to delete everything that the state has
    #[arg(long)]
    pub(crate) destroy: bool,
    /// Plan as of another instant (RFC 3339), for windows; a date alone is midnight in UTC
    #[arg(long, value_name = "INSTANT", value_parser = WrittenTime::parse_instant)]
    pub(crate) at: Option<Timestamp>,
    /// First ask the API about all (or N) deliveries
    ///
    /// With N, about the least recently verified ones. It takes a request for each.
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "all", value_parser = amount)]
    pub(crate) refresh: Option<Amount>,
}

/// What may happen although an audience speaks against it.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct AudienceArgs {
    /// Allow any change of who gets this message (may be repeated)
    ///
    /// Although its audience expects another number of deliveries, or its query gave no rows.
    #[arg(hide_short_help = true, long, value_name = "KEY", value_parser = Key::parse)]
    pub(crate) allow_change: Vec<Key>,
    /// Allow another visitor secret: its messages are sent again
    ///
    /// The state forgets the secret that it knows.
    #[arg(hide_short_help = true, long)]
    pub(crate) new_visitor_secret: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) audiences: AudienceArgs,
    /// Save the plan, for `apply FILE`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// How to show it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: PlanFormat,
    /// Exit with 2 if there are changes, or approvals to give or to end
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    /// Also list what is as it should be, and show the texts of what is approved
    #[arg(long)]
    pub(crate) show_unchanged: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For people
    Text,
    /// One document, complete
    Json,
    /// A comment on a pull request
    Markdown,
    /// A page with every message as its visitor sees it; it fetches nothing
    Html,
    /// Annotations of GitHub Actions
    Github,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// A plan that `plan --out` saved
    ///
    /// It is applied exactly or not at all.
    #[arg(value_hint = ValueHint::FilePath, conflicts_with_all = ["target", "destroy", "at", "refresh"])]
    pub(crate) planfile: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Apply if the plan asks for what was reviewed
    ///
    /// Plans again, and compares the plan's `review`, which is also in the marker of its Markdown.
    #[arg(long, value_name = "DIGEST", value_parser = Review::from_str, conflicts_with = "planfile")]
    pub(crate) reviewed: Option<Review>,
    /// Carry out what is approved and waits, and nothing else
    ///
    /// Windows that were approved open and close.
    #[arg(long, conflicts_with_all = ["planfile", "destroy", "at", "reviewed"])]
    pub(crate) resume: bool,
    /// Begin a new state: everything is sent again
    ///
    /// Although pushsync.lock names another one, which is lost.
    #[arg(long, conflicts_with_all = ["planfile", "resume"])]
    pub(crate) new_state: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    /// Allow N deletes, instead of safety.max_deletes
    #[arg(long, value_name = "N|all", value_parser = amount)]
    pub(crate) allow_deletes: Option<Amount>,
    /// Allow N creates, instead of safety.max_creates
    #[arg(long, value_name = "N|all", value_parser = amount)]
    pub(crate) allow_creates: Option<Amount>,
    /// Allow N resends, instead of safety.max_resends
    #[arg(long, value_name = "N|all", value_parser = amount)]
    pub(crate) allow_resends: Option<Amount>,
    #[command(flatten)]
    pub(crate) audiences: AudienceArgs,
    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: DataFormat,
}

/// The bounds of a run that makes requests.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Bounds {
    /// Make at most N requests
    #[arg(long, value_name = "N")]
    pub(crate) max_requests: Option<u64>,
    /// Start no request after this time (30s, 5m, 1h30m)
    #[arg(long, value_name = "D", value_parser = duration)]
    pub(crate) max_duration: Option<Duration>,
    /// Wait at most this long for the budget [default: 5m; in `run`: 0s]
    #[arg(long, value_name = "D", value_parser = duration)]
    pub(crate) max_wait: Option<Duration>,
    /// Keep at most N requests under way at once
    ///
    /// From 1 to 512 [default: the project's setting].
    #[arg(long, value_name = "N", value_parser = concurrency)]
    pub(crate) concurrency: Option<NonZeroUsize>,
}

impl Bounds {
    /// What is left of them after this many requests.
    pub(crate) fn after(&self, requests: u64) -> Self {
        let left = self.max_requests.map(|most| most.saturating_sub(requests));
        Self { max_requests: left, ..self.clone() }
    }
}

#[derive(Debug, Args)]
pub(crate) struct RefreshArgs {
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    /// Only this message or delivery; may be given several times
    #[arg(long, value_name = "KEY|ADDRESS", value_parser = target)]
    pub(crate) target: Vec<Target>,
    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: DataFormat,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The address that it gets: KEY@VISITOR
    #[arg(value_parser = Address::parse)]
    pub(crate) address: Address,
    /// The message's id
    #[arg(value_parser = MessageId::parse)]
    pub(crate) id: MessageId,
}
