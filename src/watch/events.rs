//! What the system reports of folders.

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use notify::{
    Config, ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher, WatcherKind,
};
use tokio::sync::Notify;

use super::{anchors::Anchors, writers::Writers};
use crate::manifest::FileId;

/// Events of the folders of a project.
pub(super) struct Events {
    watcher: RecommendedWatcher,
    /// The folders that are watched: of the system's view, each is an inode.
    watched: HashMap<PathBuf, FileId>,
    anchors: Arc<RwLock<Anchors>>,
    writers: Arc<Writers>,
    news: Arc<Notify>,
}

impl Events {
    /// No folder is watched yet. `writers` is told which files are being written.
    pub(super) fn new(writers: &Arc<Writers>) -> Result<Self, notify::Error> {
        let anchors = Arc::<RwLock<Anchors>>::default();
        let news = Arc::<Notify>::default();
        let report = {
            let (anchors, writers, news) =
                (Arc::clone(&anchors), Arc::clone(writers), Arc::clone(&news));
            // Others do not report that a file was closed.
            let tells_closed = RecommendedWatcher::kind() == WatcherKind::Inotify;
            move |event: Result<Event, notify::Error>| {
                let anchors = anchors.read().unwrap_or_else(PoisonError::into_inner);
                let is_news = match &event {
                    Ok(event) => {
                        let concerns = is_concerned(event, &anchors);
                        let is_closed = concerns && tells_closed && writers.take_in(event);
                        is_closed || (concerns && is_change(event))
                    }
                    // It may hide a change, so it counts as one.
                    Err(_) => {
                        writers.forget(|_| true);
                        true
                    }
                };
                if is_news {
                    news.notify_one();
                }
            }
        };
        // Links are followed here, so that those on the way are watched, too.
        let config = Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(report, config)?;
        let writers = Arc::clone(writers);
        Ok(Self { watcher, watched: HashMap::new(), anchors, writers, news })
    }

    /// Watches these folders, and no others. Says whether one of them was not watched before.
    pub(super) fn watch(&mut self, anchors: Anchors) -> Result<bool, notify::Error> {
        let mut folders: HashMap<PathBuf, FileId> = HashMap::new();
        for folder in anchors.folders() {
            if let Ok(meta) = fs::metadata(folder)
                && meta.is_dir()
            {
                folders.insert(folder.to_owned(), FileId::of(&meta));
            }
        }
        *self.anchors.write().unwrap_or_else(PoisonError::into_inner) = anchors;
        let (watcher, writers) = (&mut self.watcher, &self.writers);
        self.watched.retain(|path, id| {
            let stays = folders.get(path) == Some(id);
            if !stays {
                // If it is gone, so is the watch.
                let _ = watcher.unwatch(path);
                writers.forget(|file| file.parent() == Some(path));
            }
            stays
        });
        let mut is_new = false;
        for (path, id) in folders {
            if self.watched.contains_key(&path) {
                continue;
            }
            match watcher.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(path, id);
                    is_new = true;
                }
                Err(error) if is_of_folder(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(is_new)
    }

    /// Waits for an event.
    pub(super) async fn next(&self) {
        self.news.notified().await;
    }
}

/// Whether it may be about a file of the project.
fn is_concerned(event: &Event, anchors: &Anchors) -> bool {
    event.need_rescan()
        || event.paths.is_empty()
        || event.paths.iter().any(|path| anchors.concern(path))
}

/// Whether a file may have changed. A read changes nothing.
fn is_change(event: &Event) -> bool {
    event.need_rescan() || !matches!(event.kind, EventKind::Access(_))
}

/// Whether only this folder cannot be watched: it has gone meanwhile, or only its owner may read it.
fn is_of_folder(error: &notify::Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => {
            matches!(error.kind(), NotFound | PermissionDenied | NotADirectory)
        }
        _ => false,
    }
}
