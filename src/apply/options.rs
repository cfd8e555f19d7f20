use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Reporter, Stop, api::Api};
use crate::{
    model::{BaseUrl, FilesDigest},
    state::Store,
};

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How a run goes about it.
#[derive(Clone)]
pub struct Options {
    /// How many deliveries are under way at once.
    pub concurrency: NonZeroUsize,
    /// Requests an hour, until the API says otherwise.
    pub requests_per_hour: u64,
    /// No more requests than this.
    pub max_requests: Option<u64>,
    /// No new request after this time.
    pub max_duration: Option<Duration>,
    /// No sleep for a reset of the budget longer than this.
    pub max_wait: Duration,
    /// For jitter.
    pub seed: u64,
    /// The time.
    pub clock: Clock,
}

/// What a run works with.
#[derive(Clone)]
pub struct Session {
    /// The state. The caller holds its lock.
    pub store: Arc<dyn Store>,
    /// The API.
    pub api: Arc<dyn Api>,
    /// Where it is, for the state to remember once it has answered; none if it need not.
    pub api_url: Option<BaseUrl>,
    /// How to go about it.
    pub options: Options,
    /// For the history.
    pub info: RunInfo,
    /// Who hears of it.
    pub reporter: Arc<dyn Reporter>,
    /// Who may stop it.
    pub stopper: Stopper,
}

/// What the history says of a run beside what it did.
#[derive(Debug, Clone)]
pub struct RunInfo {
    /// Its id.
    pub id: Uuid,
    /// The command.
    pub command: String,
    /// The manifest's git commit, if any.
    pub commit: Option<String>,
    /// Whether the work tree had other changes.
    pub dirty: bool,
    /// The files of the project.
    pub files: Option<SourceFiles>,
}

/// The files of the project that a run applies.
#[derive(Debug, Clone)]
pub struct SourceFiles {
    /// What they say.
    pub digest: FilesDigest,
    /// See [`RunFiles::since`](crate::state::RunFiles::since); none if somebody applies them now, and means it.
    pub since: Option<u64>,
}

impl SourceFiles {
    /// Somebody means what these files say, now.
    pub fn meant(digest: Option<FilesDigest>) -> Option<Self> {
        digest.map(|digest| Self { digest, since: None })
    }
}

/// Stops a run in good order: no new request starts, those under way are awaited.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<watch::Sender<Option<Stop>>>);

impl Default for Stopper {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Stopper {
    /// Asks for it. The first reason stays.
    pub fn stop(&self, reason: Stop) {
        self.0.send_if_modified(|current| {
            let first = current.is_none();
            current.get_or_insert(reason);
            first
        });
    }

    /// Why it was asked for, if it was.
    pub fn reason(&self) -> Option<Stop> {
        *self.0.borrow()
    }

    /// Waits until it is asked for.
    pub async fn stopped(&self) -> Stop {
        let mut receiver = self.0.subscribe();
        match receiver.wait_for(Option::is_some).await.map(|reason| *reason) {
            Ok(Some(stop)) => stop,
            // The sender lives as long as `self`.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}
