//! `ci apply` and `ci resume`.

use super::{
    arguments::{self, RunOptions},
    earlier_merges, order,
    session::Session,
    tell::{self, Before},
};
use crate::{
    ci::{
        JobCommand, Kind, Only,
        review::{self, FoundReview},
    },
    cli::{
        applied::Applied,
        apply, apply_report,
        failure::{Failure, status},
        plan,
    },
    plan::{Plan, Review, safety},
    render::{humanize, markdown_escape::code},
};

/// Applies what was reviewed in the request that was merged; or goes on, if nobody has anything to review.
pub(super) fn apply(session: &Session<'_>, options: &RunOptions) -> Result<u8, Failure> {
    let kit = session.kit;
    let before = Before::look(session);
    if kit.inputs.fresh {
        let request = session.wait(own_request(session))?;
        if let Some(refused) = order::refuse_older(session, request)? {
            return Ok(refused);
        }
        let ended = attempt(session, options, &[]);
        return end(session, &before, ended, request, "");
    }
    let FoundReview { request, review } = session.wait(review::find(kit, &kit.job.commit))?;
    if let Some(refused) = order::refuse_older(session, request)? {
        return Ok(refused);
    }
    match review {
        Ok(review) => apply_reviewed(session, options, &before, &review, request),
        Err(doubt) => apply_unreviewed(session, options, &doubt, request),
    }
}

fn apply_reviewed(
    session: &Session<'_>,
    options: &RunOptions,
    before: &Before,
    review: &Review,
    request: Option<u64>,
) -> Result<u8, Failure> {
    // A job that is run again goes on, whatever its comment says: nobody has anything to review.
    if session.quietly(|| made(session)).is_ok_and(|plan| !asks(&plan)) {
        return resume(session, options);
    }
    let reviewed = format!("--reviewed={review}");
    let mut ended = attempt(session, options, &[&reviewed]);
    let mut more = String::new();
    // It may ask for what was reviewed in merges before this one, too: their jobs may have been cancelled.
    if ended.is_err() && asks_for_something_else(session, review) {
        let caught_up = earlier_merges::approve(session, options);
        more = caught_up.why_not.unwrap_or_default();
        if caught_up.approved > 0 {
            ended = attempt(session, options, &[&reviewed]);
        }
    }
    end(session, before, ended, request, &more)
}

/// Whether the plan is another one than the one that was reviewed.
fn asks_for_something_else(session: &Session<'_>, review: &Review) -> bool {
    let plan = session.quietly(|| made(session));
    plan.is_ok_and(|plan| plan.targets_to_review() > 0 && !Review::of(&plan).is(review))
}

fn made(session: &Session<'_>) -> Result<Plan, Failure> {
    let args = arguments::plan("markdown", session.kit.inputs)
        .map_err(|refusal| Failure::new(refusal.what))?;
    Ok(plan::make(session.context, &args, safety::Agreed::Reviewed)?.plan)
}

/// Whether a plan has something that somebody is to agree to. To protect a message takes nobody's agreement.
fn asks(plan: &Plan) -> bool {
    plan.targets_to_review() > 0 || plan.protect.iter().any(|mark| !mark.protect)
}

fn apply_unreviewed(
    session: &Session<'_>,
    options: &RunOptions,
    doubt: &str,
    request: Option<u64>,
) -> Result<u8, Failure> {
    let kit = session.kit;
    let mut plan = session.quietly(|| made(session));
    if plan.as_ref().is_ok_and(asks) && earlier_merges::approve(session, options).approved > 0 {
        plan = session.quietly(|| made(session));
    }
    let plan = match plan {
        Ok(plan) => plan,
        Err(failure) => return failed(session, &failure, request, ""),
    };
    if !asks(&plan) {
        let text = format!("Nobody reviewed a plan ({doubt}), and nothing is to be reviewed.");
        kit.reporter.notice("pushsync: nothing to review", &text);
        return resume(session, options);
    }
    let deliveries = humanize::count(plan.targets_to_review(), "delivery", "deliveries");
    let fresh = kit.reporter.input("fresh", "true");
    let markdown = format!(
        "{}The plan asks for a review of {deliveries}, and nobody has reviewed it: {}.\n\n\
         To apply a fresh plan, run this with `{fresh}`.\n",
        kit.heading(": nothing was done"),
        code(doubt)
    );
    kit.reporter.output("status", "1");
    session.tell(Kind::Rollout, request, Only::CreateOrUpdate, &markdown)?;
    let text = format!("{doubt}. To apply a fresh plan, run this with {fresh}.");
    kit.reporter.error("pushsync: nothing was applied", &text);
    Ok(status::FAILED)
}

/// Carries out what is approved and due, and nothing else.
pub(super) fn resume(session: &Session<'_>, options: &RunOptions) -> Result<u8, Failure> {
    let before = Before::look(session);
    let ended = attempt(session, options, &["--resume"]);
    match ended {
        Ok(applied) if did_nothing(&applied) && before.is_as_it_was(session) => {
            nothing_to_do(session)
        }
        ended => end(session, &before, ended, None, ""),
    }
}

/// The request whose merge made this commit, if it is to be told something.
async fn own_request(session: &Session<'_>) -> Option<u64> {
    let kit = session.kit;
    let forge = kit.forge.filter(|_| kit.inputs.comment)?;
    forge.merged_request(&kit.job.commit).await.ok().flatten()
}

/// Runs `apply` with these arguments more.
fn attempt(session: &Session<'_>, options: &RunOptions, more: &[&str]) -> Result<Applied, Failure> {
    let args = options.apply(more).map_err(|refusal| Failure::new(refusal.what))?;
    session.quietly(|| {
        let applied = apply::carry_out(session.context, &args)?;
        apply_report::tell(session.context, &args, &applied);
        Ok(applied)
    })
}

fn end(
    session: &Session<'_>,
    before: &Before,
    ended: Result<Applied, Failure>,
    request: Option<u64>,
    more: &str,
) -> Result<u8, Failure> {
    match ended {
        Ok(applied) => tell::ended(session, before, &applied, request),
        Err(failure) => failed(session, &failure, request, more),
    }
}

/// Whether a run had nothing to go on with.
fn did_nothing(applied: &Applied) -> bool {
    let outcome = &applied.outcome;
    applied.status() == status::DONE && outcome.applied + outcome.remaining + outcome.requests == 0
}

fn nothing_to_do(session: &Session<'_>) -> Result<u8, Failure> {
    let kit = session.kit;
    kit.reporter.notice("pushsync: nothing to resume", "Nothing that is approved is due.");
    let markdown = format!("{}Nothing that is approved is due.\n", kit.heading(""));
    kit.reporter.output("status", "0");
    session.tell(Kind::Rollout, None, Only::Update, &markdown)?;
    Ok(status::DONE)
}

/// The end of a run that did not begin. `more` are sentences about why.
fn failed(
    session: &Session<'_>,
    failure: &Failure,
    request: Option<u64>,
    more: &str,
) -> Result<u8, Failure> {
    let kit = session.kit;
    let reason = session.reason(failure);
    let text = if more.is_empty() { reason.text } else { format!("{}\n{more}\n", reason.text) };
    let mut markdown = format!("{}{}", kit.heading(" failed"), kit.fenced(&text, 50_000));
    if !kit.inputs.fresh && kit.job.command == JobCommand::Apply {
        let fresh = kit.reporter.input("fresh", "true");
        markdown.push_str(&format!(
            "If the plan is not the one that was reviewed: `{fresh}` applies a fresh one.\n"
        ));
    }
    kit.reporter.output("status", &failure.status.to_string());
    session.tell(Kind::Rollout, request, Only::CreateOrUpdate, &markdown)?;
    let short = if reason.short.is_empty() { "The project is not valid." } else { &reason.short };
    let short = [short, more].join(if more.is_empty() { "" } else { ". " });
    kit.reporter.error("pushsync apply failed", &short);
    Ok(if failure.status == status::UNKNOWN { status::UNKNOWN } else { status::FAILED })
}
