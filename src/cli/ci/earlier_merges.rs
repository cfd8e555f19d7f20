//! Merges whose jobs never ran: GitHub keeps one waiting job of a concurrency group, and cancels the others.
//!
//! What was reviewed in their requests is approved, in their order, each with the project as its commit has it. The
//! plan of this job then asks for what its own request asked for, and carries out all of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::{arguments::RunOptions, session::Session, state::JobState};
use crate::{
    ci::review,
    cli::{apply, args::GlobalOptions, context::Context, environment, failure::Failure},
    model::CommitId,
    plan::Commit,
};

/// The most merges that are caught up with.
const MOST: usize = 20;

/// What became of the merges before this one.
#[derive(Debug, Default)]
pub(super) struct CaughtUp {
    /// How many of them were approved.
    pub(super) approved: usize,
    /// Why there may be more, in sentences.
    pub(super) why_not: Option<String>,
}

/// Approves what was reviewed in the merges between the commit that was applied last and this one, and sends nothing.
pub(super) fn approve(session: &Session<'_>, options: &RunOptions) -> CaughtUp {
    match missed(session) {
        Err(why) => CaughtUp { approved: 0, why_not: Some(why) },
        Ok(missed) => {
            let mut done = CaughtUp::default();
            for commit in missed {
                match approve_one(session, options, &commit) {
                    Ok(approved) => done.approved += usize::from(approved),
                    Err(why) => {
                        let short: String = commit.as_str().chars().take(12).collect();
                        done.why_not = Some(format!(
                            "The merge before it, commit {short}, was not applied either: {why}."
                        ));
                        break;
                    }
                }
            }
            done
        }
    }
}

/// The commits before this one that no run has agreed to, the oldest first.
fn missed(session: &Session<'_>) -> Result<Vec<CommitId>, String> {
    const NO_HISTORY: &str = "Merges before this one may not be applied yet, and this clone does not have their commits: \
         clone with all history (`fetch-depth: 0` of actions/checkout, `GIT_DEPTH: 0` at GitLab), or run their jobs again, in their order.";
    let context = session.context;
    let Some(state) = JobState::of(context) else { return Ok(Vec::new()) };
    let known = state.applied_commits(context).unwrap_or_default();
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let repository = session.repository().ok_or(NO_HISTORY)?;
    let line = repository.first_parents(&session.kit.job.commit, MOST + 2);
    let line = line.map_err(|_| NO_HISTORY)?;
    let before = line.iter().skip(1);
    let missed: Vec<_> =
        before.take_while(|commit| !known.contains(commit.as_str())).cloned().collect();
    // None of them is known: the line ended too early.
    if missed.len() + 1 >= line.len() {
        return Err(NO_HISTORY.to_owned());
    }
    Ok(missed.into_iter().rev().collect())
}

/// Approves what was reviewed in the request that a commit merged, if there is one.
fn approve_one(
    session: &Session<'_>,
    options: &RunOptions,
    commit: &CommitId,
) -> Result<bool, String> {
    let found =
        session.wait(review::find(session.kit, commit)).map_err(|error| error.to_string())?;
    // Nobody reviewed anything there. If it asks for something, so does the plan of this job, which then is refused.
    let Ok(review) = found.review else { return Ok(false) };
    let folder =
        Folder::make().map_err(|error| format!("no folder could be made for it ({error})"))?;
    let repository = session.repository().ok_or("git does not know it")?;
    repository.take_out(commit, &folder.0).map_err(|error| error.to_string())?;
    let global = &session.context.global;
    let state = global
        .state
        .clone()
        .or_else(|| JobState::of(session.context).and_then(|state| state.folder()));
    let global = GlobalOptions { directory: folder.0.clone(), state, ..global.clone() };
    let commit = Commit { id: commit.clone(), dirty: false };
    let context = Context::new(global, session.context.output.clone()).at_commit(commit);
    // It begins no request, so it only agrees.
    let reviewed = format!("--reviewed={review}");
    let args = options.only_approving(&reviewed).map_err(|refusal| refusal.what)?;
    let applied = session.quietly(|| apply::carry_out(&context, &args));
    match applied {
        Ok(_) => Ok(true),
        Err(failure) => Err(words(session, &failure)),
    }
}

fn words(session: &Session<'_>, failure: &Failure) -> String {
    let reason = session.reason(failure);
    if reason.short.is_empty() { "its project is not valid".to_owned() } else { reason.short }
}

/// A folder of this user alone, which is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn make() -> std::io::Result<Self> {
        let within = environment::variable("RUNNER_TEMP").map(PathBuf::from);
        let within = within.filter(|folder| folder.is_dir()).unwrap_or_else(std::env::temp_dir);
        let folder = within.join(format!("pushsync-merge-{}", Uuid::new_v4().simple()));
        private(&folder)?;
        Ok(Self(folder))
    }
}

#[cfg(unix)]
fn private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn private(folder: &Path) -> std::io::Result<()> {
    fs::create_dir(folder)
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is a copy of files that are in the repository.
        _ = fs::remove_dir_all(&self.0);
    }
}
