//! The files of a project that is loaded again and again: those of the last time, and whether they are quiet.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::{
    sync::watch,
    task,
    time::{Instant, sleep},
};

use super::{git::GitLock, writers::Writers};
use crate::{
    manifest::{FilesNow, FilesRead, Stamp},
    model::FilesDigest,
};

/// How long files have to be left alone before they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Without a change.
    pub quiet: Duration,
    /// Files that change all the time, or that git seems to work on without end, are read after this time.
    pub longest: Duration,
}

/// The files of a project, shared by those who load it and the [`Follower`](super::Follower).
#[derive(Debug)]
pub struct Followed {
    pub(super) pace: Pace,
    pub(super) loads: watch::Sender<Option<Arc<FilesRead>>>,
    pub(super) writers: Arc<Writers>,
    quiet: Mutex<Quiet>,
}

/// What was waited for already.
#[derive(Debug, Default)]
struct Quiet {
    /// What the files were when they were last found to be quiet.
    files: Option<Stamp>,
    /// A lock that stayed for too long: a git that crashed has left it.
    lock: Option<GitLock>,
}

/// What was found of files that were waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// They are not quiet, but it was waited long enough.
    pub gave_up: bool,
    /// The lock of git that is still there.
    pub lock: Option<PathBuf>,
    /// A file that a program is still writing.
    pub written: Option<PathBuf>,
}

impl Followed {
    /// Nothing was loaded yet.
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            loads: watch::Sender::new(None),
            writers: Arc::default(),
            quiet: Mutex::default(),
        }
    }

    /// The project was loaded from these files.
    pub fn loaded(&self, files: FilesRead) {
        self.loads.send_replace(Some(Arc::new(files)));
    }

    fn last(&self) -> Option<Arc<FilesRead>> {
        self.loads.borrow().clone()
    }

    fn quiet(&self) -> MutexGuard<'_, Quiet> {
        self.quiet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the files of this folder can be read: git does not work on them, and they have been left alone since
    /// they changed.
    pub async fn settled(&self, folder: &Path) -> Settled {
        let Some(files) = self.last() else {
            return self.until_quiet(None, folder).await;
        };
        let now = look(&files).await.stamp;
        let is_known = now == *files.stamp() || self.quiet().files.as_ref() == Some(&now);
        if is_known && self.git_at_work(folder).is_none() {
            let written = self.writers.of(&now);
            return Settled { gave_up: written.is_some(), lock: None, written };
        }
        self.until_quiet(Some(&files), folder).await
    }

    /// Waits until the files have been left alone for some time.
    pub(super) async fn until_quiet(
        &self,
        files: Option<&Arc<FilesRead>>,
        folder: &Path,
    ) -> Settled {
        let stamp = async || match files {
            Some(files) => Some(look(files).await.stamp),
            None => None,
        };
        let (mut last, mut changed, began) = (stamp().await, Instant::now(), Instant::now());
        loop {
            let lock = self.git_at_work(folder);
            if lock.is_none() && last.is_none() {
                return Settled { gave_up: false, lock: None, written: None };
            }
            sleep(self.pace.quiet).await;
            let now = stamp().await;
            let is_same = now == last;
            if !is_same {
                (last, changed) = (now, Instant::now());
            }
            let lock = lock.and_then(|_| self.git_at_work(folder));
            let written = last.as_ref().and_then(|files| self.writers.of(files));
            // Large checkouts take their time.
            let waited = if lock.is_some() { changed } else { began }.elapsed();
            let gave_up = waited >= self.pace.longest;
            if (is_same && lock.is_none() && written.is_none()) || gave_up {
                let path = lock.as_ref().map(|lock| lock.path().to_owned());
                let mut quiet = self.quiet();
                quiet.files = last;
                quiet.lock = lock.or(quiet.lock.take());
                return Settled { gave_up, lock: path, written };
            }
        }
    }

    /// Whether what was loaded last is still what the files say. Files that were changed only just now are waited for:
    /// their writer has probably more to write.
    pub async fn is_current(&self) -> bool {
        let Some(files) = self.last() else { return true };
        let began = Instant::now();
        loop {
            let now = look(&files).await;
            if now.stamp != *files.stamp() {
                return false;
            }
            let left = match self.git_at_work(files.root()) {
                Some(_) => self.pace.quiet,
                None => self.pace.quiet.saturating_sub(age(&now)),
            };
            if left.is_zero() || began.elapsed() >= self.pace.longest {
                return true;
            }
            sleep(left).await;
        }
    }

    /// The same at once, without a wait.
    pub fn is_unchanged(&self) -> bool {
        self.last().is_none_or(|files| files.are_current())
    }

    /// What the files say that were loaded last. None if they do not say it any more.
    pub fn digest(&self) -> Option<FilesDigest> {
        self.last()?.digest()
    }

    /// The lock of git, if it has one that was not waited for in vain.
    fn git_at_work(&self, folder: &Path) -> Option<GitLock> {
        let lock = GitLock::held(folder)?;
        (self.quiet().lock.as_ref() != Some(&lock)).then_some(lock)
    }
}

/// Looks at the files, on a thread that may wait for a disk.
pub(super) async fn look(files: &Arc<FilesRead>) -> FilesNow {
    let looked = {
        let files = Arc::clone(files);
        task::spawn_blocking(move || files.look()).await
    };
    // The runtime ends.
    looked.unwrap_or_else(|_| files.look())
}

/// How long ago the files were last changed. A time in the future says nothing.
fn age(files: &FilesNow) -> Duration {
    let since = |at| SystemTime::now().duration_since(at).ok();
    files.youngest.and_then(since).unwrap_or(Duration::MAX)
}
