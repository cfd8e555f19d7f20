//! Waits for changes of the files.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    task,
    time::{sleep, timeout},
};

use super::{
    anchors::Anchors,
    events::Events,
    followed::{Followed, look},
};
use crate::manifest::{FilesRead, Stamp};

/// How often files are looked at without an event: a network's file system does not report what others change.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The same where the system reports nothing.
const POLL_EVERY: Duration = Duration::from_secs(2);

/// The least time between two looks, and how much longer than a look it is at least: a busy folder must not cost more
/// than a small part of a processor.
const LEAST_PAUSE: Duration = Duration::from_millis(50);
const PAUSE_PER_LOOK: u32 = 20;

/// Follows the files of a project.
pub struct Follower {
    followed: Arc<Followed>,
    /// None where the system reports nothing.
    events: Option<Events>,
    /// Why it reports nothing, until somebody asked.
    failure: Option<String>,
    /// The change that was told last, if nobody has loaded it yet, and whether a file was still being written.
    told: Option<(Stamp, bool)>,
}

impl Follower {
    /// Follows what is loaded from now on.
    pub fn new(followed: &Arc<Followed>) -> Self {
        let (events, failure) = match Events::new(&followed.writers) {
            Ok(events) => (Some(events), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self { followed: Arc::clone(followed), events, failure, told: None }
    }

    /// Waits until the files are other ones than those of the last load, and quiet. Each change is told once.
    ///
    /// `polls` is told, at most once, why the files are looked at instead of watched.
    pub async fn changed(&mut self, mut polls: impl FnMut(&str)) {
        let mut loads = self.followed.loads.subscribe();
        loop {
            let Some(files) = loads.borrow_and_update().clone() else {
                // The sender lives as long as this.
                let _ = loads.changed().await;
                continue;
            };
            let began = Instant::now();
            let now = self.look_and_watch(&files).await;
            let pause = LEAST_PAUSE.max(began.elapsed() * PAUSE_PER_LOOK);
            if let Some(why) = self.failure.take() {
                polls(&why);
            }
            let found = self.with_writers(now);
            if found.0 == *files.stamp() {
                self.told = None;
            } else if self.told.as_ref() != Some(&found) {
                self.followed.until_quiet(Some(&files), files.root()).await;
                let found = self.with_writers(look(&files).await.stamp);
                // Somebody else may have loaded them meanwhile.
                let is_last = loads.has_changed().is_ok_and(|changed| !changed);
                if is_last && found.0 != *files.stamp() {
                    self.told = Some(found);
                    return;
                }
                continue;
            }
            tokio::select! {
                () = self.event() => {}
                _ = loads.changed() => continue,
            }
            sleep(pause).await;
        }
    }

    /// The files, and whether one of them is being written.
    fn with_writers(&self, files: Stamp) -> (Stamp, bool) {
        let is_written = self.followed.writers.of(&files).is_some();
        (files, is_written)
    }

    /// Waits until something may have changed.
    async fn event(&self) {
        match &self.events {
            Some(events) => _ = timeout(LOOK_EVERY, events.next()).await,
            None => sleep(POLL_EVERY).await,
        }
    }

    /// Looks at the files, and sees to it that their next change is an event.
    async fn look_and_watch(&mut self, files: &Arc<FilesRead>) -> Stamp {
        loop {
            let now = look(files).await;
            let Some(events) = &mut self.events else { return now.stamp };
            let stamp = now.stamp.clone();
            let Ok(anchors) = task::spawn_blocking(move || Anchors::of(&now)).await else {
                return stamp;
            };
            match events.watch(anchors) {
                Ok(false) => return stamp,
                // What happened in a folder before it was watched is no event.
                Ok(true) => {}
                Err(error) => {
                    (self.events, self.failure) = (None, Some(error.to_string()));
                    self.followed.writers.forget(|_| true);
                    return stamp;
                }
            }
        }
    }
}
