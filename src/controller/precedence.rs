//! Whose files count when several checkouts are applied to one state: a pure decision.
//!
//! A copy whose checkout lags behind would turn back what the others have done: messages are deleted, and sent again
//! once the checkout follows. So files count from when they came, in the order of the state's runs: clocks differ, and
//! git does not always have both commits. A copy waits if somebody has applied other files that came no earlier than
//! its own. Files that change come now, unless others have applied some that this process never had; those that a person
//! applies always do.

use std::{mem, time::Duration};

use crate::{model::FilesDigest, state::FilesHistory};

/// How long a process waits for its files to follow before it takes them for what is meant: after a command has applied
/// other ones, and where others applied theirs before this process found its own, so that both may be the newer ones. A
/// process that applies other files after that is there and has them: this one waits until it has them too, or other files.
const PATIENCE: Duration = Duration::from_secs(600);

/// How many versions a process remembers that it could not compare with the state.
const MOST_HAD: usize = 16;

/// What a process knows of its own files.
#[derive(Debug, Clone, Default)]
pub struct Precedence {
    own: Option<Own>,
    /// The newest run of the state, when this process looked last.
    seen: u64,
    /// The files that this process has had since then.
    had: Vec<FilesDigest>,
}

#[derive(Debug, Clone)]
struct Own {
    digest: FilesDigest,
    /// They came after this run of the state, and before the next one that this process has seen.
    after: u64,
    /// See [`RunFiles::since`](crate::state::RunFiles::since).
    since: u64,
    /// The newest run of the state when this process found these files.
    found: u64,
    /// When the process, this long after its start, began to wait for them to follow.
    waits_from: Option<Duration>,
    /// At the last look, others had applied newer ones.
    is_overtaken: bool,
}

/// Others have applied newer files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overtaken {
    /// The run that applied them last.
    pub run: u64,
    /// Whether that was a process like this one, and not a command.
    pub by_process: bool,
    /// How long this process still waits for its files to follow; none if it waits until they do.
    pub left: Option<Duration>,
}

impl Own {
    fn new(digest: &FilesDigest, after: u64, since: u64, found: u64) -> Self {
        Self { digest: digest.clone(), after, since, found, waits_from: None, is_overtaken: false }
    }

    /// They are what is meant now.
    fn count_from(&mut self, run: u64) {
        (self.after, self.since) = (self.after.max(run), self.since.max(run));
        self.waits_from = None;
    }

    fn check(
        &mut self,
        history: &FilesHistory,
        last_run: u64,
        uptime: Duration,
    ) -> Result<u64, Overtaken> {
        let Some(newest) = history.newest() else { return Ok(self.since) };
        if newest.digest == self.digest {
            self.count_from(newest.since);
            return Ok(self.since);
        }
        if newest.run <= self.after || newest.since < self.after {
            return Ok(self.since);
        }
        let (run, by_process) = (newest.run, newest.by_process);
        // A process that lives would turn it forward again.
        if by_process && run > self.found {
            return Err(Overtaken { run, by_process, left: None });
        }
        let waited = uptime.saturating_sub(*self.waits_from.get_or_insert(uptime));
        let left = PATIENCE.saturating_sub(waited);
        if !left.is_zero() {
            return Err(Overtaken { run, by_process, left: Some(left) });
        }
        self.count_from(last_run);
        Ok(self.since)
    }
}

impl Precedence {
    /// The process itself has applied something: this is the newest run now.
    pub fn applied(&mut self, last_run: u64) {
        self.seen = last_run;
    }

    /// The files say this now. It may not come to a look at the state before they change again.
    pub fn loaded(&mut self, digest: &FilesDigest) {
        if self.had.last() != Some(digest) {
            self.had.push(digest.clone());
            let too_many = self.had.len().saturating_sub(MOST_HAD);
            self.had.drain(..too_many);
        }
    }

    /// Since when the files count that say this now, for [`RunFiles::since`](crate::state::RunFiles::since).
    ///
    /// `history` and `last_run` are those of the state, and `uptime` is the time since the process has started.
    ///
    /// # Errors
    ///
    /// [`Overtaken`] if others may have applied newer ones: nothing may be sent.
    pub fn check(
        &mut self,
        digest: &FilesDigest,
        history: &FilesHistory,
        last_run: u64,
        uptime: Duration,
    ) -> Result<u64, Overtaken> {
        let (seen, had) = (mem::replace(&mut self.seen, last_run), mem::take(&mut self.had));
        let new = |after, since| Own::new(digest, after, since, last_run);
        let mut own = match (self.own.take(), history.newest()) {
            (Some(own), _) if own.digest == *digest => own,
            (Some(_), Some(newest)) if newest.digest == *digest => new(newest.since, newest.since),
            // It has had those before.
            (Some(before), Some(newest))
                if had.contains(&newest.digest)
                    || (newest.digest == before.digest && newest.since <= before.since) =>
            {
                new(last_run, last_run)
            }
            // Others have applied what it has never had: its own may be older or newer.
            (Some(before), Some(newest)) if before.is_overtaken || newest.run > seen => {
                let after = before.after.min(newest.since);
                Own { waits_from: before.waits_from, ..new(after, last_run) }
            }
            // What changes under the eyes of a process came after its last look.
            (Some(_), _) => new(seen, last_run),
            // What it starts with may be old.
            (None, _) => {
                let since = history.since(digest).unwrap_or(last_run);
                new(since, since)
            }
        };
        let checked = own.check(history, last_run, uptime);
        own.is_overtaken = checked.is_err();
        self.own = Some(own);
        checked
    }
}

#[cfg(test)]
#[path = "precedence_tests.rs"]
mod tests;
