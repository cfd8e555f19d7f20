//! `ci apply` and `ci resume`.

use super::{
    arguments::{self, RunOptions},
    session::Session,
    tell::{self, Before},
};
use crate::{
    ci::{
        JobCommand, Kind, Only,
        review::{self, FoundReview},
    },
    cli::{
        apply::{self, Applied},
        apply_report,
        failure::{Failure, status},
        plan,
    },
    plan::safety,
    render::{humanize, markdown_escape::code},
};

/// Applies what was reviewed in the request that was merged; or goes on, if nobody has anything to review.
pub(super) fn apply(session: &Session<'_>, options: &RunOptions) -> Result<u8, Failure> {
    let kit = session.kit;
    if kit.inputs.fresh {
        let request = session.wait(own_request(session))?;
        return carry_out(session, options, &[], request);
    }
    let FoundReview { request, review } = session.wait(review::find(kit, &kit.job.commit))?;
    let doubt = match review {
        Ok(review) => {
            let reviewed = format!("--reviewed={review}");
            return carry_out(session, options, &[&reviewed], request);
        }
        Err(doubt) => doubt,
    };
    let args = match arguments::plan("markdown") {
        Ok(args) => args,
        Err(refusal) => return Ok(session.refused(&refusal)),
    };
    let made = session.quietly(|| plan::make(session.context, &args, safety::Agreed::Reviewed));
    let plan = match made {
        Ok(made) => made.plan,
        Err(failure) => return failed(session, &failure, request),
    };
    if plan.targets_to_review() == 0 && plan.protect.is_empty() {
        let text = format!("Nobody reviewed a plan ({doubt}), and nothing is to be reviewed.");
        kit.reporter.notice("pushsync: nothing to review", &text);
        return go_on(session, options);
    }
    let deliveries = humanize::count(plan.targets_to_review(), "delivery", "deliveries");
    let fresh = kit.reporter.input("fresh", "true");
    let markdown = format!(
        "{}The plan asks for a review of {deliveries}, and nobody has reviewed it: {}.\n\n\
         To apply a fresh plan, run this with `{fresh}`.\n",
        kit.heading(": nothing was done"),
        code(&doubt)
    );
    kit.reporter.output("status", "1");
    session.tell(Kind::Rollout, request, Only::CreateOrUpdate, &markdown)?;
    let text = format!("{doubt}. To apply a fresh plan, run this with {fresh}.");
    kit.reporter.error("pushsync: nothing was applied", &text);
    Ok(status::FAILED)
}

/// Carries out what is approved and due, and nothing else.
pub(super) fn resume(session: &Session<'_>, options: &RunOptions) -> Result<u8, Failure> {
    go_on(session, options)
}

fn go_on(session: &Session<'_>, options: &RunOptions) -> Result<u8, Failure> {
    carry_out(session, options, &["--resume"], None)
}

/// The request whose merge made this commit, if it is to be told something.
async fn own_request(session: &Session<'_>) -> Option<u64> {
    let kit = session.kit;
    let forge = kit.forge.filter(|_| kit.inputs.comment)?;
    forge.merged_request(&kit.job.commit).await.ok().flatten()
}

fn carry_out(
    session: &Session<'_>,
    options: &RunOptions,
    more: &[&str],
    request: Option<u64>,
) -> Result<u8, Failure> {
    let args = match options.apply(more) {
        Ok(args) => args,
        Err(refusal) => return Ok(session.refused(&refusal)),
    };
    let before = Before::look(session);
    let applied = session.quietly(|| {
        let applied = apply::carry_out(session.context, &args)?;
        apply_report::tell(session.context, &args, &applied);
        Ok::<_, Failure>(applied)
    });
    match applied {
        Ok(applied) if args.resume && did_nothing(&applied) && before.is_as_it_was(session) => {
            nothing_to_do(session)
        }
        Ok(applied) => tell::ended(session, &before, &applied, request),
        Err(failure) => failed(session, &failure, request),
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

/// The end of a run that did not begin.
fn failed(session: &Session<'_>, failure: &Failure, request: Option<u64>) -> Result<u8, Failure> {
    let kit = session.kit;
    let reason = session.reason(failure);
    let mut markdown = format!("{}{}", kit.heading(" failed"), kit.fenced(&reason.text, 50_000));
    if !kit.inputs.fresh && kit.job.command == JobCommand::Apply {
        let fresh = kit.reporter.input("fresh", "true");
        markdown.push_str(&format!(
            "If the plan is not the one that was reviewed: `{fresh}` applies a fresh one.\n"
        ));
    }
    kit.reporter.output("status", &failure.status.to_string());
    session.tell(Kind::Rollout, request, Only::CreateOrUpdate, &markdown)?;
    let short = if reason.short.is_empty() { "The project is not valid." } else { &reason.short };
    kit.reporter.error("pushsync apply failed", short);
    Ok(if failure.status == status::UNKNOWN { status::UNKNOWN } else { status::FAILED })
}
