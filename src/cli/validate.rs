use std::io::Write;

use super::{
    args::{ReportFormat, ValidateArgs},
    context::Context,
    failure::{Failure, status},
};
use crate::{diagnostics::show::Style, model::one_line, render::humanize};

pub(super) fn run(context: &Context, args: &ValidateArgs) -> Result<u8, Failure> {
    let mut loaded = context.load();
    crate::desired::check(&mut loaded);
    let report = &loaded.report;
    let mut out = context.output.out();
    match args.format {
        ReportFormat::Text => {
            let style = Style { color: context.output.out_has_color(), mask: context.masks() };
            out.write_all(report.text(style).as_bytes())?;
            if let Some(project) = &loaded.project {
                let messages = project.messages().len() as u64;
                let environment = one_line(&project.environment);
                writeln!(
                    out,
                    "The project is valid: {} (environment {environment}).",
                    humanize::count(messages, "message", "messages")
                )?;
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
