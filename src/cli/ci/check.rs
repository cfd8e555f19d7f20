//! A project that is only checked, without a state and without secrets; and one that is not valid.

use std::collections::BTreeSet;

use super::session::Session;
use crate::{
    ci::{Kind, Only},
    cli::{
        context::Needs,
        failure::{Failure, status},
        masking::Readers,
    },
    diagnostics::{Report, show::Style},
    manifest::Project,
    render::markdown_escape,
};

/// Checks the project of people who may not push here.
pub(super) fn run(session: &Session<'_>) -> Result<u8, Failure> {
    let (kit, context) = (session.kit, session.context);
    let mut reports = Vec::new();
    let mut left_out = BTreeSet::new();
    context.load_environments(Needs::Files, &mut |environment, mut loaded| {
        crate::desired::check(&mut loaded);
        left_out.extend(loaded.at_least().into_iter().flat_map(not_checked));
        reports.push((environment, loaded.report));
    });
    let report = Report::of_environments(reports);
    if report.errors() > 0 {
        return invalid(session, &report, None);
    }
    kit.reporter.annotate(&report.github(&context.folder_in_repository()));
    let why = kit.job.outsider.unwrap_or_default();
    let unchecked = match left_out.is_empty() {
        true => String::new(),
        false => {
            let names: Vec<_> = left_out.into_iter().collect();
            format!(
                "Not checked, because no query ran: what needs the rows of {}.\n",
                names.join(", ")
            )
        }
    };
    let markdown = format!(
        "{}{why}. It was checked without secrets, so there was no state to compare it with.\n\
         The project is valid. {unchecked}To see what it would change, somebody who may write here pushes the commits to\n\
         a branch of this repository and opens a request from it.\n",
        kit.heading(": only checked")
    );
    session.tell(Kind::Plan, None, Only::CreateOrUpdate, &markdown)?;
    let text = format!(
        "{why}: it was checked without secrets and without the state. The project is valid. {unchecked}"
    );
    kit.reporter.notice("pushsync: only checked", &text);
    kit.reporter.output("status", "0");
    Ok(status::DONE)
}

/// The audiences whose query did not run, as markdown shows them.
fn not_checked(project: &Project) -> impl Iterator<Item = String> {
    project.left_out().map(markdown_escape::code)
}

/// Says where a project is not valid.
pub(super) fn invalid(
    session: &Session<'_>,
    report: &Report,
    request: Option<u64>,
) -> Result<u8, Failure> {
    let (kit, output) = (session.kit, &session.context.output);
    kit.reporter.annotate(&report.github(&session.context.folder_in_repository()));
    let text = report.text(Style { color: false, mask: output.masks_out(Readers::Elsewhere) });
    kit.reporter.output("status", "1");
    let heading = kit.heading(": the project is not valid");
    let markdown = format!("{heading}{}", kit.fenced(&text, 50_000));
    session.tell(Kind::Plan, request, Only::CreateOrUpdate, &markdown)?;
    let where_ = format!("What is wrong, and where, is {}.", kit.reporter.elsewhere());
    kit.reporter.error("pushsync: the project is not valid", &where_);
    Ok(status::FAILED)
}
