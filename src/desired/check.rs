//! Checks that need neither state nor network.

use std::collections::HashMap;

use super::Deliveries;
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{Loaded, Project, limits},
};

/// Adds to a project's report the problems that only rendering finds, also if there are errors already.
pub fn check(loaded: &mut Loaded) {
    let Some(project) = loaded.at_least() else { return };
    let before = loaded.report.diagnostics();
    // A project that is refused because of what it costs is not rendered either.
    if before.iter().any(|problem| problem.code == Code::Limit) {
        return;
    }
    let room = project.limits.problems.saturating_sub(before.len() as u64);
    // After thousands of problems, more of them do not help.
    if room > 0 {
        let found = problems(project, room);
        loaded.add(found);
    }
}

/// Renders all texts, in and out of their windows, and reads the audiences that no message uses.
///
/// After `most` problems, no more are looked for.
fn problems(project: &Project, most: u64) -> Vec<Diagnostic> {
    let enough = usize::try_from(most).unwrap_or(usize::MAX);
    let mut deliveries = Deliveries::for_checks(project);
    let problems = deliveries.by_ref().filter_map(Result::err);
    let mut found: Vec<Diagnostic> = problems.take(enough).collect();
    found.extend(deliveries.take_warnings());
    let mut seen = HashMap::new();
    for audience in &project.unused {
        if found.len() >= enough {
            break;
        }
        found.extend(audience.check(&mut seen));
    }
    limits::shorten(&mut found, most);
    found
}
