use std::{collections::BTreeSet, io::Write};

use super::{
    args::{ReportFormat, ValidateArgs},
    context::{Context, Needs},
    failure::{Failure, status},
};
use crate::{
    diagnostics::{Report, show::Style},
    model::one_line,
    render::humanize,
};

pub(super) fn run(context: &Context, args: &ValidateArgs) -> Result<u8, Failure> {
    let needs = if args.offline { Needs::Files } else { Needs::Checks };
    let mut left_out = BTreeSet::new();
    let mut valid = Vec::new();
    let mut reports = Vec::new();
    context.load_environments(needs, &mut |environment, mut loaded| {
        crate::desired::check(&mut loaded);
        if let Some(project) = &loaded.project {
            left_out.extend(project.left_out().map(str::to_owned));
            if args.format != ReportFormat::Text {
                loaded.report.extend(project.left_out_warnings().collect::<Vec<_>>());
            }
            valid.push((project.environment.clone(), project.messages().len() as u64));
        }
        reports.push((environment, loaded.report));
    });
    let all = valid.len() == reports.len();
    let report = &Report::of_environments(reports);
    let mut out = context.output.out();
    match args.format {
        ReportFormat::Text => {
            let style = Style { color: context.output.out_has_color(), mask: context.masks() };
            out.write_all(report.text(style).as_bytes())?;
            if all {
                let each = valid.iter().map(|(environment, messages)| {
                    let messages = humanize::count(*messages, "message", "messages");
                    format!("{messages} (environment {})", one_line(environment))
                });
                let each: Vec<_> = each.collect();
                writeln!(out, "The project is valid: {}.", each.join(", "))?;
                if !left_out.is_empty() {
                    let queries = humanize::count(left_out.len() as u64, "query", "queries");
                    let names: Vec<_> = left_out.iter().map(|name| one_line(name)).collect();
                    writeln!(
                        out,
                        "{queries} did not run (--offline): what needs the rows of {} was not checked.",
                        names.join(", ")
                    )?;
                }
            }
        }
        ReportFormat::Json => context.output.json(&report.json())?,
        ReportFormat::Github => {
            out.write_all(report.github(&context.folder_in_repository()).as_bytes())?;
        }
        ReportFormat::Sarif => {
            context.output.json(&report.sarif(&context.folder_in_repository()))?;
        }
    }
    Ok(if report.errors() > 0 { status::FAILED } else { status::DONE })
}
