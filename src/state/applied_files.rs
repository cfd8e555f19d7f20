//! Which files of a project were applied, and in which order: copies whose checkouts differ must not turn back what the
//! others have done.

use serde::{Deserialize, Serialize};

use crate::model::FilesDigest;

/// The files that a run applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFiles {
    /// What they say.
    pub digest: FilesDigest,
    /// The number of the newest run of the state when these files came to the process that applied them: files that
    /// came later are newer. Clocks and git say nothing of it.
    pub since: u64,
}

/// One version of the files, as it was applied last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppliedFiles {
    /// See [`RunFiles::digest`].
    pub digest: FilesDigest,
    /// See [`RunFiles::since`].
    pub since: u64,
    /// The last run that applied them.
    pub run: u64,
    /// Whether that was a process that keeps the API as its files say, and not a command.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_process: bool,
}

/// The versions of the files that were applied last, the newest one at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FilesHistory(Vec<AppliedFiles>);

impl FilesHistory {
    /// How many versions are remembered. A copy whose files are older than that takes them for new ones.
    const MOST: usize = 8;

    /// The one that was applied last.
    pub fn newest(&self) -> Option<&AppliedFiles> {
        self.0.last()
    }

    /// Since when these files have been here, if they were applied.
    pub fn since(&self, digest: &FilesDigest) -> Option<u64> {
        self.0.iter().find(|one| one.digest == *digest).map(|one| one.since)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A run applies these. What it says of an older run than the newest one is no news.
    pub(crate) fn note(&mut self, files: &RunFiles, run: u64, by_process: bool) {
        if self.newest().is_some_and(|newest| newest.run > run) {
            return;
        }
        let RunFiles { digest, since } = files.clone();
        let since = since.max(self.since(&digest).unwrap_or_default());
        self.0.retain(|one| one.digest != digest);
        self.0.push(AppliedFiles { digest, since, run, by_process });
        let too_many = self.0.len().saturating_sub(Self::MOST);
        self.0.drain(..too_many);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(content: &str, since: u64) -> RunFiles {
        let content = blake3::hash(content.as_bytes());
        RunFiles { digest: FilesDigest::of([("pushsync.yaml", &content)]), since }
    }

    #[test]
    fn the_newest_is_what_the_last_run_applied_and_each_version_is_there_once() {
        let mut history = FilesHistory::default();
        history.note(&files("a", 0), 1, false);
        history.note(&files("b", 1), 2, true);
        history.note(&files("a", 3), 4, true);
        // A part of the same run, and one that was slow.
        history.note(&files("a", 3), 4, true);
        history.note(&files("b", 1), 2, true);
        let all: Vec<_> = history.0.iter().map(|one| (one.run, one.by_process)).collect();
        assert_eq!(all, [(2, true), (4, true)]);
        assert_eq!(history.since(&files("a", 0).digest), Some(3));
        assert_eq!(history.since(&files("c", 0).digest), None);
    }

    #[test]
    fn only_the_last_versions_are_remembered() {
        let mut history = FilesHistory::default();
        for number in 1..=20 {
            history.note(&files(&number.to_string(), number), number, true);
        }
        assert_eq!(history.0.len(), FilesHistory::MOST);
        assert_eq!(history.newest().map(|one| one.run), Some(20));
        assert!(serde_json::to_vec(&history).expect("JSON").len() < 700, "it is in each commit");
    }
}
