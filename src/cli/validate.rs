use std::io::Write;

use super::{
    args::{ReportFormat, Validate as Args},
    context::Context,
    failure::{Failure, status},
};
use crate::{desired, diagnostics::show::Style, render::words};

pub(super) fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let loaded = context.load();
    let mut report = loaded.report;
    if let Some(project) = &loaded.project {
        report.extend(desired::check(project));
    }
    let mut out = context.output.out();
    match args.format {
        ReportFormat::Text => {
            let style = Style { color: context.output.out_has_color() };
            out.write_all(report.text(style).as_bytes())?;
            if let Some(project) = loaded.project.filter(|_| report.errors() == 0) {
                let messages = project.messages().len() as u64;
                let environment = &project.environment;
                writeln!(
                    out,
                    "The project is valid: {} (environment {environment}).",
                    words::count(messages, "message", "messages")
                )?;
            }
        }
        ReportFormat::Json => {
            serde_json::to_writer_pretty(&mut out, &report.json())?;
            writeln!(out)?;
        }
        ReportFormat::Github => out.write_all(report.github().as_bytes())?,
    }
    Ok(if report.errors() > 0 { status::FAILED } else { status::DONE })
}
