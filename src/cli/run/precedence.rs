//! Whether the files of this checkout count, or others have applied newer ones.

use std::{sync::Arc, time::Instant};

use super::{end::End, opening::Setting};
use crate::{
    apply::SourceFiles,
    cli::failure::Failure,
    controller::{Cycle, CycleOutcome, Overtaken, Precedence},
    model::FilesDigest,
    state::{FilesHistory, Store},
};

/// What the process knows of its files and of those that others have applied.
pub(super) struct FilesPrecedence {
    precedence: Precedence,
    /// By a clock that nobody sets.
    started: Instant,
}

impl FilesPrecedence {
    pub(super) fn new() -> Self {
        Self { precedence: Precedence::default(), started: Instant::now() }
    }

    /// The project was loaded from files that say this.
    pub(super) fn loaded(&mut self, digest: Option<&FilesDigest>) {
        if let Some(digest) = digest {
            self.precedence.loaded(digest);
        }
    }

    /// The process itself has applied something.
    pub(super) fn applied(&mut self, setting: &Setting<'_>, store: &dyn Store) -> Result<(), End> {
        self.precedence.applied(setting.meta(store)?.last_run);
        Ok(())
    }

    /// The files, for the run that applies them; or that others have applied newer ones.
    pub(super) fn check(
        &mut self,
        setting: &Setting<'_>,
        store: Option<&Arc<dyn Store>>,
        digest: Option<&FilesDigest>,
    ) -> Result<Result<SourceFiles, Overtaken>, End> {
        // They have changed since they were loaded.
        let digest = digest.ok_or_else(End::interrupted)?;
        let meta = store.map(|store| setting.meta(&**store)).transpose()?;
        let (none, last_run) = (FilesHistory::default(), meta.as_ref().map_or(0, |m| m.last_run));
        let history = meta.as_ref().map_or(&none, |meta| &meta.files);
        let checked = self.precedence.check(digest, history, last_run, self.started.elapsed());
        Ok(checked.map(|since| SourceFiles { digest: digest.clone(), since: Some(since) }))
    }
}

/// Others have applied newer files: how the cycle ends, unless there is nothing to do.
pub(super) fn outdated(overtaken: &Overtaken, cycle: &mut Cycle) -> End {
    // What is to be done, others know.
    cycle.pending = None;
    let Overtaken { run, by_process, left } = overtaken;
    let who = if *by_process { "another `pushsync run`" } else { "a command" };
    let then = match left {
        Some(_) => {
            "If they do not change within ten minutes, they count. To make them count at once: `pushsync apply`"
        }
        None => "If they are the right ones: `pushsync apply`",
    };
    let failure = Failure::new(format!(
        "{who} has applied other files (run {run} in `pushsync state history`), and those here may be older"
    ))
    .help(format!(
        "nothing was sent: if this checkout lags behind, messages of the others would be deleted, and sent again later. The next cycle goes on when the files here change. {then}"
    ));
    End::of(CycleOutcome::Outdated, failure)
}
