use std::io::{self, Write};

use super::{
    github, html, json, markdown, text,
    view::{Format, View},
};
use crate::plan::Plan;

/// Writes `plan` to `out`.
///
/// # Errors
///
/// Those of `out`.
pub fn plan(plan: &Plan, format: Format, view: View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let view = View { senders: Some(&plan.senders), ..view };
    match format {
        Format::Text => text::plan(plan, view, out),
        Format::Json => json::plan(plan, view.refusals, out),
        Format::Markdown => out.write_all(markdown::plan(plan, view).as_bytes()),
        Format::Html => out.write_all(html::plan(plan, view)?.as_bytes()),
        Format::Github => out.write_all(github::plan(plan, view).as_bytes()),
    }
}
