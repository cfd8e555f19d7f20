//! Watches the files of the project.

use std::{path::Path, time::Duration};

use notify::{Config, Event, EventKind, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// An editor may write a file in several steps.
const SETTLED: Duration = Duration::from_millis(100);
/// Where the system does not report changes.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Watches a folder until it is dropped.
pub(super) struct Watch {
    // The watch ends when it is dropped.
    _watcher: Box<dyn Watcher + Send>,
    saved: mpsc::UnboundedReceiver<()>,
}

impl Watch {
    /// Starts to watch `folder` and the folders below it.
    pub(super) fn new(folder: &Path) -> Result<Self, notify::Error> {
        let (sender, saved) = mpsc::unbounded_channel();
        let report = move |event: Result<Event, notify::Error>| {
            // An error may hide a change, so it counts as one.
            if event.as_ref().map_or(true, is_change) {
                let _ = sender.send(());
            }
        };
        let start = |mut watcher: Box<dyn Watcher + Send>| {
            watcher.watch(folder, RecursiveMode::Recursive).map(|()| watcher)
        };
        let watcher = RecommendedWatcher::new(report.clone(), Config::default())
            .and_then(|watcher| start(Box::new(watcher)));
        let watcher = match watcher {
            Ok(watcher) => watcher,
            // For example, too many files are watched already.
            Err(_) => {
                let config = Config::default().with_poll_interval(POLL_INTERVAL);
                start(Box::new(PollWatcher::new(report, config)?))?
            }
        };
        Ok(Self { _watcher: watcher, saved })
    }

    /// Waits until something was saved, and all of it is written.
    pub(super) async fn saved(&mut self) -> Option<()> {
        self.saved.recv().await?;
        tokio::time::sleep(SETTLED).await;
        while self.saved.try_recv().is_ok() {}
        Some(())
    }
}

/// Whether a file of the project may have changed. A read changes nothing, and the files of git are not part
/// of the project.
fn is_change(event: &Event) -> bool {
    let own = |path: &std::path::PathBuf| path.components().any(|part| part.as_os_str() == ".git");
    !matches!(event.kind, EventKind::Access(_)) && !event.paths.iter().all(own)
}
