//! The files of the project, as the process follows them.

use std::{
    env, fs,
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::runtime::Runtime;

use super::end::End;
use crate::{
    cli::{environment, failure::Failure, interrupts::Interrupts, output::Output},
    controller::Wake,
    manifest::{FileId, Loaded},
    model::FilesDigest,
    watch::{Followed, Follower, Pace},
};

/// Git and other programs write files one after the other: what is half done must not be planned.
const PACE: Pace = Pace { quiet: Duration::from_secs(1), longest: Duration::from_secs(30) };

/// How often a wait looks whether the process is to end.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The files of the project.
pub(super) struct ProjectFiles {
    followed: Arc<Followed>,
    interrupts: Arc<Interrupts>,
    output: Output,
    /// The folder that the process was started in, by its name.
    working_folder: Option<PathBuf>,
}

impl ProjectFiles {
    pub(super) fn new(interrupts: &Arc<Interrupts>, output: &Output) -> Self {
        Self {
            followed: Arc::new(Followed::new(PACE)),
            interrupts: Arc::clone(interrupts),
            output: output.clone(),
            working_folder: working_folder(),
        }
    }

    /// Wakes the process when the files have changed.
    pub(super) fn follow(&self, runtime: &Runtime) {
        let mut follower = Follower::new(&self.followed);
        let (interrupts, output) = (Arc::clone(&self.interrupts), self.output.clone());
        runtime.spawn(async move {
            loop {
                let polls = |why: &str| {
                    output.warning(&format!(
                        "the system does not report changes of the project's files ({why}): they are looked at every few seconds"
                    ));
                };
                follower.changed(polls).await;
                interrupts.happened(Wake::Files);
                // Meanwhile, the files are followed.
                let interrupts = Arc::clone(&interrupts);
                tokio::spawn(async move { interrupts.stop_outdated().await });
            }
        });
    }

    /// Waits until the files are quiet. Refuses those that a program is still writing after a while.
    pub(super) fn settle(&self, runtime: &Runtime, folder: &Path) -> Result<(), End> {
        self.follow_working_folder();
        let Some(settled) = self.unless_over(runtime, self.followed.settled(folder)) else {
            return Ok(());
        };
        if let Some(lock) = settled.lock {
            self.output.warning(&format!(
                "{} is still there after {} s: the files are read although git seems to work on them. If no git runs, remove it",
                lock.display(),
                PACE.longest.as_secs()
            ));
        }
        let Some(file) = settled.written else { return Ok(()) };
        let shown = file.strip_prefix(".").unwrap_or(&file).display();
        Err(End::refused(
            Failure::new(format!(
                "{shown} is being written: a program has changed it, and has not closed it"
            ))
            .help("nothing was sent: the file may be half of what it will be. The next cycle goes on once the program closes it. Better write another file beside it, and rename that. If no program has it open, touch it"),
        ))
    }

    /// The project was loaded.
    pub(super) fn loaded(&self, loaded: &Loaded) {
        let files = loaded.files_read().clone().ignoring(&own_streams());
        self.followed.loaded(match &self.working_folder {
            Some(folder) => files.and(folder.clone()),
            None => files,
        });
    }

    /// What the files say. None if they do not say any more what was loaded: another cycle begins.
    pub(super) fn digest(&self) -> Option<FilesDigest> {
        let digest = self.followed.digest();
        if digest.is_none() {
            self.interrupts.happened(Wake::Files);
        }
        digest
    }

    /// Whether the files are what they were when the project was loaded, and quiet. If not, another cycle begins.
    pub(super) fn are_current(&self, runtime: &Runtime) -> bool {
        let current = self.unless_over(runtime, self.followed.is_current());
        if current == Some(false) {
            self.interrupts.happened(Wake::Files);
        }
        current == Some(true)
    }

    /// The same, at once.
    pub(super) fn are_unchanged(&self) -> bool {
        let current = self.followed.is_unchanged();
        if !current {
            self.interrupts.happened(Wake::Files);
        }
        current
    }

    /// Waits for it, but not once the process is to end.
    fn unless_over<T>(&self, runtime: &Runtime, wait: impl Future<Output = T>) -> Option<T> {
        let over = async {
            while !self.interrupts.is_over() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        runtime.block_on(async {
            tokio::select! {
                waited = wait => Some(waited),
                () = over => None,
            }
        })
    }

    /// Goes to the folder that now has the name of the one that the process was started in: that one may be gone, or a
    /// link may lead to another one.
    fn follow_working_folder(&self) {
        if let Some(named) = &self.working_folder
            && named.is_dir()
            && !is_same(named, Path::new("."))
        {
            // If it fails, the project cannot be read, which is told.
            let _ = env::set_current_dir(named);
        }
    }
}

/// The folder in which the process is, by the name that its shell knows.
fn working_folder() -> Option<PathBuf> {
    let named = environment::raw_variable("PWD").map(PathBuf::from);
    let is_it = |path: &PathBuf| path.is_absolute() && is_same(path, Path::new("."));
    named.filter(is_it).or_else(|| env::current_dir().ok())
}

fn is_same(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| fs::metadata(path).ok().map(|meta| FileId::of(&meta));
    id(one).is_some_and(|one| id(other) == Some(one))
}

/// The files that the process itself writes to on its standard streams: a pattern may take them.
fn own_streams() -> Vec<FileId> {
    ["/dev/stdout", "/dev/stderr"]
        .iter()
        .filter_map(|stream| fs::metadata(stream).ok())
        .filter(fs::Metadata::is_file)
        .map(|file| FileId::of(&file))
        .collect()
}
