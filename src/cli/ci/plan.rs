//! `ci plan`: one plan, as a comment, as annotations, and as outputs.

use super::{arguments, check, session::Session};
use crate::{
    ci::{Kind, Only},
    cli::{
        failure::{Failure, status},
        plan::{self, Made},
    },
    plan::{Review, Summary, safety},
    render::markdown_escape::code,
};

pub(super) fn run(session: &Session<'_>) -> Result<u8, Failure> {
    let kit = session.kit;
    let arguments = |format| arguments::plan(format, kit.inputs);
    let (markdown, github) = match (arguments("markdown"), arguments("github")) {
        (Ok(markdown), Ok(github)) => (markdown, github),
        (Err(refusal), _) | (_, Err(refusal)) => return Ok(session.refused(&refusal)),
    };
    // After the merge it is applied as reviewed.
    let made = session.quietly(|| plan::make(session.context, &markdown, safety::Agreed::Reviewed));
    let made = match made {
        Ok(made) => made,
        Err(failure) => return failed(session, &failure),
    };
    let written = |args| {
        let mut bytes = Vec::new();
        plan::write(session.context, &made, args, &mut bytes)?;
        Ok::<_, Failure>(String::from_utf8_lossy(&bytes).into_owned())
    };
    kit.reporter.annotate(&written(&github)?);
    outputs(session, &made);
    let protected =
        made.refusals.iter().any(|one| matches!(one, safety::Refusal::Protected { .. }));
    let audiences: Vec<_> = made.refusals.iter().filter(|one| one.is_of_audiences()).collect();
    let status = match protected || !audiences.is_empty() {
        true => status::FAILED,
        false => status::DONE,
    };
    kit.reporter.output("status", &status.to_string());
    let mut request = kit.job.request;
    if let Some(number) = request
        && session.wait(is_superseded(session, number))?
    {
        let text = "There are newer commits: their job comments.";
        kit.reporter.notice("pushsync: no comment", text);
        request = None;
    }
    let asks = made.plan.targets_to_review() > 0 || !made.plan.protect.is_empty();
    let only = if !asks { Only::Update } else { Only::CreateOrUpdate };
    let comment = written(&markdown)? + &how_to_allow(session, &audiences);
    session.tell(Kind::Plan, request, only, &comment)?;
    if let Some(first) = audiences.first() {
        kit.reporter.error("pushsync: apply will refuse this plan", &format!("{first}."));
    }
    if protected {
        let text = "It changes or deletes what is protected. The plan says what.";
        kit.reporter.error("pushsync: apply will refuse this plan", text);
    }
    Ok(status)
}

/// What to do in CI about refusals that a review does not lift.
fn how_to_allow(session: &Session<'_>, refusals: &[&safety::Refusal]) -> String {
    let input = |name, value| code(&session.kit.reporter.input(name, value));
    let keys: Vec<_> = refusals.iter().filter_map(|refusal| refusal.allowed_by_key()).collect();
    let keys = keys.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(",");
    let mut ways = Vec::new();
    if refusals.iter().any(|one| matches!(one, safety::Refusal::UnexpectedChange { .. })) {
        ways.push(
            "If the change is meant, change `expect:` of the audience in this request.".to_owned(),
        );
    }
    if !keys.is_empty() {
        let input = input("allow-change", &keys);
        ways.push(format!("To let it through once, run the job that applies with {input}."));
    }
    if refusals.iter().any(|one| matches!(one, safety::Refusal::OtherSecret { .. })) {
        let input = input("new-visitor-secret", "true");
        ways.push(format!("If a new secret is meant, run the job that applies with {input}."));
    }
    match ways.is_empty() {
        true => String::new(),
        false => format!("\n{}\n", ways.join(" ")),
    }
}

fn failed(session: &Session<'_>, failure: &Failure) -> Result<u8, Failure> {
    let kit = session.kit;
    let reason = session.reason(failure);
    if let Some(report) = &reason.report {
        return check::invalid(session, report, kit.job.request);
    }
    kit.reporter.output("status", &failure.status.to_string());
    let heading = kit.heading(" failed");
    let markdown = format!("{heading}{}", kit.fenced(&reason.text, 50_000));
    session.tell(Kind::Plan, kit.job.request, Only::CreateOrUpdate, &markdown)?;
    kit.reporter.error("pushsync plan failed", &reason.short);
    Ok(status::FAILED)
}

fn outputs(session: &Session<'_>, made: &Made) {
    let (plan, reporter) = (&made.plan, session.kit.reporter);
    reporter.output("changes", &plan.changes.len().to_string());
    reporter.output("summary", &summary(&plan.summary));
    reporter.output("requests", &plan.summary.requests.to_string());
    reporter.output("digest", &Review::of(plan).to_string());
}

/// The counts as JSON, on one line.
fn summary(summary: &Summary) -> String {
    serde_json::to_string(summary).unwrap_or_default()
}

/// Whether the request has commits that this job does not know.
async fn is_superseded(session: &Session<'_>, request: u64) -> bool {
    let (Some(forge), Some(ours)) = (session.kit.forge, &session.kit.job.head) else {
        return false;
    };
    matches!(forge.head_of(request).await, Ok(Some(now)) if now != *ours)
}
