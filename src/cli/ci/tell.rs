//! Tells how a run ended: in the summary, and in the comment of each rollout that it went on with.

use std::{collections::BTreeMap, path::Path};

use super::{
    session::Session,
    state::{JobState, Snapshot, Told},
};
use crate::{
    ci::{
        Kind, Only,
        rollout::Rollout,
        story::{self, Chapter},
    },
    cli::{
        applied::Applied,
        environment,
        failure::{Failure, status},
        lockfile::{LOCKFILE, Lockfile},
    },
    files,
};

/// More than any `pushsync.lock` has that people would copy from a comment.
const LONGEST_LOCKFILE: u64 = 100_000;

/// What there was before a run.
pub(super) struct Before {
    state: Option<JobState>,
    snapshot: Option<Snapshot>,
    lockfile: Option<Vec<u8>>,
}

impl Before {
    pub(super) fn look(session: &Session<'_>) -> Self {
        let context = session.context;
        let state = session.quietly(|| JobState::of(context));
        let snapshot = state.as_ref().and_then(|state| state.snapshot(context).ok().flatten());
        Self { state, snapshot, lockfile: lockfile(&context.global.directory) }
    }

    /// Whether the same is approved as before.
    pub(super) fn is_as_it_was(&self, session: &Session<'_>) -> bool {
        let now = match &self.state {
            Some(state) => state.snapshot(session.context).ok().flatten(),
            None => None,
        };
        now.as_ref().map(Snapshot::approvals) == self.snapshot.as_ref().map(Snapshot::approvals)
    }
}

fn lockfile(folder: &Path) -> Option<Vec<u8>> {
    files::read(&Lockfile::path(folder), LONGEST_LOCKFILE).ok()
}

/// Tells how a run ended. `own` is the request whose merge made this commit. The exit status of the job.
pub(super) fn ended(
    session: &Session<'_>,
    before: &Before,
    applied: &Applied,
    own: Option<u64>,
) -> Result<u8, Failure> {
    let (kit, context, outcome) = (session.kit, session.context, &applied.outcome);
    let reporter = kit.reporter;
    let end = applied.status();
    reporter.output("status", &end.to_string());
    reporter.output("applied", &outcome.applied.to_string());
    reporter.output("failed", &outcome.failed.len().to_string());
    reporter.output("unknown", &outcome.unknown.len().to_string());
    reporter.output("remaining", &outcome.remaining.to_string());
    reporter.output("requests", &outcome.requests.to_string());
    let stopped = outcome.stopped.map(|stop| stop.as_str()).unwrap_or_default();
    reporter.output("stopped", stopped);

    let redactor = context.output.masking().known().redactor();
    let masked = |text: &str| redactor.redact(text).into_owned();
    let now = environment::now();
    let chapter = Chapter { job: kit.job, outcome, now, masked: &masked };
    // What a run did is done, whether or not the state can be read once more to tell of it.
    let after = match &before.state {
        Some(state) => state.snapshot(context).ok().flatten(),
        None => None,
    };
    let rollouts = match (&before.state, &after) {
        (Some(state), Some(after)) => state
            .rollouts(context, &kit.job.commit, before.snapshot.as_ref(), after)
            .unwrap_or_default(),
        _ => Vec::new(),
    };
    let lines = |of: &[Rollout]| -> String {
        let Some(after) = &after else { return String::new() };
        let waiting = after.waiting(now);
        of.iter().map(|one| format!("{}\n\n", one.told(after.budget, waiting, now))).collect()
    };
    let lock = uncommitted(session, before);
    let all = rollouts.iter().map(|one| Rollout { gone: one.gone, ..one.rollout.clone() });
    let all: Vec<Rollout> = all.collect();
    let summary = format!(
        "{}{}\n\n{}{}{}{lock}",
        kit.heading(""),
        chapter.ending(),
        lines(&all),
        chapter.table(""),
        chapter.troubles()
    );
    reporter.summarise(&kit.whole(Kind::Rollout, &summary));

    let by_request = session.wait(requests(session, &rollouts, own))?;
    for (request, told) in by_request {
        let earlier = session.wait(kit.bodies(Kind::Rollout, request))?.unwrap_or_default();
        let earlier = earlier.last().map(String::as_str).unwrap_or_default();
        let counted = |one: &&Told| {
            let gone = story::gone_so_far(earlier, one.run).and(one.gone);
            Rollout { gone, ..one.rollout.clone() }
        };
        let counted: Vec<Rollout> = told.iter().map(counted).collect();
        let is_own = own == Some(request);
        let troubles = match chapter.leaves_only_others(&counted, is_own) {
            true => String::new(),
            false => chapter.troubles(),
        };
        let notes = told.iter().zip(&counted);
        let notes = notes.map(|(one, rollout)| story::note(one.run, rollout.gone) + "\n");
        let body = format!(
            "{}{}{}\n\n{}{}{}{lock}",
            notes.collect::<String>(),
            kit.heading(""),
            chapter.ending_of(&counted, is_own),
            lines(&counted),
            chapter.table(earlier),
            troubles
        );
        let body = kit.whole(Kind::Rollout, &body);
        session.wait(kit.comment(Kind::Rollout, request, Only::CreateOrUpdate, &body))?;
    }
    Ok(exit(session, end, stopped))
}

/// The rollouts of each request. That of this commit has its place, whether or not something was agreed to.
async fn requests<'r>(
    session: &Session<'_>,
    rollouts: &'r [Told],
    own: Option<u64>,
) -> BTreeMap<u64, Vec<&'r Told>> {
    let mut found: BTreeMap<u64, Vec<&Told>> =
        own.map(|own| (own, Vec::new())).into_iter().collect();
    if !session.kit.inputs.comment {
        return BTreeMap::new();
    }
    for told in rollouts {
        let request = match (told.is_own, own, session.kit.forge, &told.commit) {
            (true, Some(own), ..) => Some(own),
            (_, _, Some(forge), Some(commit)) => match forge.merged_request(commit).await {
                Ok(request) => request,
                Err(error) => {
                    let text =
                        format!("The request of a rollout could not be looked up ({error}).");
                    session.kit.reporter.warning("pushsync: no comment", &text);
                    None
                }
            },
            _ => None,
        };
        if let Some(request) = request {
            found.entry(request).or_default().push(told);
        }
    }
    found
}

/// The `pushsync.lock` that this job made or changed, ready to be committed.
fn uncommitted(session: &Session<'_>, before: &Before) -> String {
    let context = session.context;
    let now = lockfile(&context.global.directory);
    match now {
        Some(now) if Some(&now) != before.lockfile.as_ref() => {
            let path = format!("{}{LOCKFILE}", context.folder_in_repository());
            story::lockfile(&path, &String::from_utf8_lossy(&now))
        }
        _ => String::new(),
    }
}

/// The exit status of the job, with what it means.
fn exit(session: &Session<'_>, end: u8, stopped: &str) -> u8 {
    let reporter = session.kit.reporter;
    match end {
        status::DONE => status::DONE,
        status::STOPPED => {
            let text = format!(
                "In good order ({stopped}): the state is right, and the next run of resume goes on."
            );
            reporter.notice("pushsync: stopped early", &text);
            if session.kit.inputs.fail_on_stop { status::STOPPED } else { status::DONE }
        }
        status::UNKNOWN => {
            reporter.error("pushsync: a delivery is unknown", "Whether it was sent, nobody knows. Look into the visitor's chat in Brevo. pushsync state resolve lists them, and takes what you found.");
            status::UNKNOWN
        }
        _ => {
            let text = format!("What failed is {}.", reporter.elsewhere());
            reporter.error("pushsync: not everything was applied", &text);
            status::FAILED
        }
    }
}
