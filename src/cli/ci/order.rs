//! A job of an old commit turns nothing back: one that is run again, or that runs after the job of a later merge.

use super::{session::Session, state::JobState};
use crate::{
    ci::{Kind, Only, Order},
    cli::failure::{Failure, status},
    model::CommitId,
};

/// Refuses to apply, if the commit of this job is not the one that was applied last, nor one that came after it. The
/// exit status, if it is refused. `request` is the one whose merge made this commit.
pub(super) fn refuse_older(
    session: &Session<'_>,
    request: Option<u64>,
) -> Result<Option<u8>, Failure> {
    let commit = &session.kit.job.commit;
    let Some(last) = applied_last(session) else { return Ok(None) };
    match order(session, commit, &last)? {
        Some(Order::Newer) => Ok(None),
        Some(Order::Older) => refuse(session, &last, request, "is older", "The job of the newest commit does what is left.").map(Some),
        Some(Order::Apart) => refuse(
            session,
            &last,
            request,
            "does not contain it",
            "If that commit is not to be on this branch, apply the newest commit of the branch by hand: `pushsync apply`. Its jobs go on from there.",
        )
        .map(Some),
        None => {
            let text = format!(
                "Commit {} was applied last, and neither the forge nor this clone can tell whether commit {} came after it. If it is older, this job turns back what was applied since.",
                short(&last),
                short(commit)
            );
            session.kit.reporter.warning("pushsync: the order of commits is not known", &text);
            Ok(None)
        }
    }
}

/// The commit that was applied last, if the state says it.
fn applied_last(session: &Session<'_>) -> Option<CommitId> {
    // What is wrong with a project or a state is said when it is applied.
    let state = session.quietly(|| JobState::of(session.context))?;
    state.applied_last(session.context).ok().flatten()
}

/// Asks the forge, and the clone if the forge cannot tell.
fn order(
    session: &Session<'_>,
    commit: &CommitId,
    last: &CommitId,
) -> Result<Option<Order>, Failure> {
    if commit == last {
        return Ok(Some(Order::Newer));
    }
    let said = match session.kit.forge {
        Some(forge) => session.wait(forge.order(commit, last))?.ok().flatten(),
        None => None,
    };
    Ok(said.or_else(|| order_in_clone(session, commit, last)))
}

fn order_in_clone(session: &Session<'_>, commit: &CommitId, last: &CommitId) -> Option<Order> {
    let repository = session.repository()?;
    let comes_after = repository.is_ancestor(last, commit).ok()?;
    if comes_after == Some(true) {
        return Some(Order::Newer);
    }
    match (repository.is_ancestor(commit, last).ok()?, comes_after) {
        (Some(true), _) => Some(Order::Older),
        (Some(false), Some(false)) => Some(Order::Apart),
        _ => None,
    }
}

/// Says that nothing was done. A comment that tells what was done stays as it is.
fn refuse(
    session: &Session<'_>,
    last: &CommitId,
    request: Option<u64>,
    how: &str,
    cure: &str,
) -> Result<u8, Failure> {
    let kit = session.kit;
    let (commit, last) = (short(&kit.job.commit), short(last));
    let markdown = format!(
        "{}Commit `{last}` was applied last, and `{commit}`, the commit of this job, {how}: to apply it would turn back what was applied since. {cure}\n",
        kit.heading(": nothing was done")
    );
    kit.reporter.output("status", "1");
    let told = match request {
        Some(request) => session.wait(kit.bodies(Kind::Rollout, request))?.unwrap_or_default(),
        None => Vec::new(),
    };
    let request = request.filter(|_| told.is_empty());
    session.tell(Kind::Rollout, request, Only::CreateOrUpdate, &markdown)?;
    let text = format!(
        "Commit {last} was applied last, and {commit}, the commit of this job, {how}. {cure}"
    );
    kit.reporter.error("pushsync: nothing was applied", &text);
    Ok(status::FAILED)
}

fn short(commit: &CommitId) -> String {
    commit.as_str().chars().take(12).collect()
}
