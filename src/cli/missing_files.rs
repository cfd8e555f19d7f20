//! Files of a project that are missing, so that messages would be deleted which nobody meant to remove.

use std::collections::BTreeSet;

use crate::{
    diagnostics::{Diagnostic, Severity},
    manifest::Project,
    plan::{Change, Plan, Reason},
    render::humanize,
};

/// Messages that would be deleted although nobody may have meant to remove them: a part of the project is missing.
pub(super) fn lost(project: &Project, plan: &Plan) -> Vec<Diagnostic> {
    if project.doubts.is_empty() {
        return Vec::new();
    }
    let goes = |change: &&Change| change.reason == Reason::NotInManifest;
    let gone: Vec<&str> =
        plan.changes.iter().filter(goes).map(|change| change.address.key_str()).collect();
    let Some(first) = gone.first() else { return Vec::new() };
    let count = humanize::count(gone.len() as u64, "delivery", "deliveries");
    let keys: BTreeSet<&str> = gone.iter().copied().collect();
    let which = match keys.len() {
        1 => format!("of `{first}`"),
        more => format!("of {more} messages (`{first}`, …)"),
    };
    let doubts = project.doubts.iter().map(|doubt| {
        let Diagnostic { message, help, .. } = &doubt.warning;
        let help = format!(
            "{}. If the messages are to go, name them under `removed:`, or take the pattern, the link or the file away",
            help.as_deref().unwrap_or("correct it")
        );
        Diagnostic {
            severity: Severity::Error,
            message: format!("{message}: {count} {which} would go"),
            help: Some(help),
            ..doubt.warning.clone()
        }
    });
    doubts.collect()
}
