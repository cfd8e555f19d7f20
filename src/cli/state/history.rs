use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write},
};

use serde_json::json;

use super::command::StateCommand;
use crate::{
    cli::{
        args::DataFormat,
        failure::{Failure, status},
    },
    model::{Key, one_line},
    render::humanize,
    state::{Run, RunChange},
};

/// A run with at most N changes is listed whole; of a larger one, only the changes that failed.
const SHOWN: usize = 20;

pub(super) fn history(
    command: &StateCommand<'_>,
    key: Option<&Key>,
    limit: usize,
    format: DataFormat,
) -> Result<u8, Failure> {
    let store = command.read("state history")?;
    // The runs that touched a key may be far apart.
    let asked = if key.is_some() { usize::MAX } else { limit };
    let mut runs = command.block_on(store.runs(asked))?;
    drop(store);
    // Only for this program: what it holds is shown elsewhere.
    runs.iter_mut().flat_map(|run| &mut run.changes).for_each(|change| change.decided = None);
    if let Some(key) = key {
        for run in &mut runs {
            run.changes.retain(|change| change.address.key_str() == key.as_str());
        }
        runs.retain(|run| !run.changes.is_empty());
        runs.truncate(limit);
    }
    if format == DataFormat::Json {
        command.context.output.json(&json!({ "format": "pushsync/history/1", "runs": runs }))?;
        return Ok(status::DONE);
    }
    let mut out = command.context.output.out();
    for run in &runs {
        headline(&mut out, run)?;
        changes(&mut out, run, command.mask)?;
    }
    Ok(status::DONE)
}

/// The time, the number, the command, and the commit of a run.
fn headline(out: &mut impl Write, run: &Run) -> io::Result<()> {
    let mut line = format!(
        "{:.0}  run {}  {}  {}",
        run.started_at,
        run.number,
        one_line(&run.command),
        humanize::count(run.requests, "request", "requests"),
    );
    if let Some(commit) = &run.commit {
        let short = one_line(&commit.chars().take(12).collect::<String>());
        line = format!("{line}  {short}{}", if run.dirty { " with changes" } else { "" });
    }
    if let Some(why) = &run.stopped {
        line = format!("{line}  stopped: {}", one_line(why));
    }
    writeln!(out, "{line}")
}

fn changes(out: &mut impl Write, run: &Run, mask: bool) -> io::Result<()> {
    if run.changes.len() <= SHOWN {
        return run.changes.iter().try_for_each(|change| one(out, change, mask));
    }
    writeln!(out, "    {}", counts(&run.changes))?;
    let failed = || run.changes.iter().filter(|change| change.outcome != "done");
    for change in failed().take(SHOWN) {
        one(out, change, mask)?;
    }
    let more = failed().count().saturating_sub(SHOWN);
    if more > 0 {
        writeln!(
            out,
            "    … and {} more that did not go well: --format json has them",
            humanize::number(more as u64)
        )?;
    }
    Ok(())
}

/// `create: 4,980 done, 20 unknown; delete: 3 done`.
fn counts(changes: &[RunChange]) -> String {
    let mut by = BTreeMap::<&str, BTreeMap<&str, u64>>::new();
    for change in changes {
        *by.entry(&change.action).or_default().entry(&change.outcome).or_default() += 1;
    }
    let mut line = String::new();
    for (action, outcomes) in by {
        let outcomes: Vec<_> = outcomes
            .into_iter()
            .map(|(outcome, n)| format!("{} {}", humanize::number(n), one_line(outcome)))
            .collect();
        let gap = if line.is_empty() { "" } else { "; " };
        // Writing to a String does not fail.
        let _ = write!(line, "{gap}{}: {}", one_line(action), outcomes.join(", "));
    }
    line
}

fn one(out: &mut impl Write, change: &RunChange, mask: bool) -> io::Result<()> {
    let error = change.error.as_ref().map_or_else(String::new, |error| format!(": {error}"));
    writeln!(
        out,
        "    {} {} {}{}",
        one_line(&change.action),
        humanize::address(&change.address, mask),
        one_line(&change.outcome),
        one_line(&error)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Address;

    fn run(changes: &[(&str, &str)]) -> Run {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let change = |(n, (action, outcome)): (usize, &(&str, &str))| RunChange {
            address: Address::parse(&format!("k@visitor{n:04}")).expect("an address"),
            action: (*action).to_owned(),
            outcome: (*outcome).to_owned(),
            id: None,
            error: (*outcome != "done").then(|| "no\nanswer".to_owned()),
            decided: None,
        };
        Run {
            id: uuid::Uuid::nil(),
            number: 1,
            command: "apply".to_owned(),
            started_at: now,
            ended_at: now,
            commit: Some("0123456789abcdef".to_owned()),
            dirty: true,
            files: None,
            requests: 1234,
            approved: 0,
            stopped: Some("budget".to_owned()),
            changes: changes.iter().enumerate().map(change).collect(),
        }
    }

    fn told(run: &Run) -> String {
        let mut out = Vec::new();
        headline(&mut out, run).expect("written");
        changes(&mut out, run, false).expect("written");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn a_small_run_is_told_whole_and_errors_stay_on_their_line() {
        let told = told(&run(&[("create", "done"), ("update", "failed")]));
        assert_eq!(
            told,
            "1970-01-01T00:00:00Z  run 1  apply  1,234 requests  0123456789ab with changes  \
             stopped: budget\n    create k@visitor0000 done\n    \
             update k@visitor0001 failed: no\\nanswer\n"
        );
    }

    #[test]
    fn a_large_run_is_counted_and_only_what_went_wrong_is_listed() {
        let mut all = vec![("create", "done"); 2000];
        all.extend([("create", "unknown"); 25]);
        all.push(("delete", "done"));
        let told = told(&run(&all));
        assert!(told.contains("    create: 2,000 done, 25 unknown; delete: 1 done\n"), "{told}");
        assert_eq!(told.lines().filter(|line| line.contains(" unknown: ")).count(), SHOWN);
        assert!(told.contains("… and 5 more that did not go well"), "{told}");
        assert!(!told.contains("k@visitor0000 "), "{told}");
    }
}
