//! Notices that a file of the project was saved.

use std::{path::Path, time::Duration};

use notify::{Config, Event, EventKind, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// An editor may write a file in several steps.
const SETTLED: Duration = Duration::from_millis(100);
/// Where the system tells nothing.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// Follows a folder as long as it lives.
pub(super) struct Watch {
    // Ends with it.
    _watcher: Box<dyn Watcher + Send>,
    saved: mpsc::UnboundedReceiver<()>,
}

impl Watch {
    /// Begins to follow `folder` and what is below it.
    pub(super) fn new(folder: &Path) -> Result<Self, notify::Error> {
        let (sender, saved) = mpsc::unbounded_channel();
        let heard = move |event: Result<Event, notify::Error>| {
            // What is lost is only that something was saved; so much is told by an error, too.
            if event.as_ref().map_or(true, matters) {
                let _ = sender.send(());
            }
        };
        let follow = |mut watcher: Box<dyn Watcher + Send>| {
            watcher.watch(folder, RecursiveMode::Recursive).map(|()| watcher)
        };
        let told = RecommendedWatcher::new(heard.clone(), Config::default())
            .and_then(|watcher| follow(Box::new(watcher)));
        let watcher = match told {
            Ok(watcher) => watcher,
            // As where too many files are followed already.
            Err(_) => {
                let config = Config::default().with_poll_interval(LOOKS_EVERY);
                follow(Box::new(PollWatcher::new(heard, config)?))?
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

/// Whether a file may be another one now. Being read changes nothing, and what git notes for
/// itself is no part of a project.
fn matters(event: &Event) -> bool {
    let own = |path: &std::path::PathBuf| path.components().any(|part| part.as_os_str() == ".git");
    !matches!(event.kind, EventKind::Access(_)) && !event.paths.iter().all(own)
}
