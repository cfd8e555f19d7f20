//! The comment that tells a rollout: how far it has come, and each run so far.

use jiff::Timestamp;

use super::{
    Job,
    rollout::{Gone, Rollout},
    words,
};
use crate::{
    apply::{Outcome, Stop},
    render::{
        humanize::{self, count, number},
        markdown_escape::code,
    },
};

/// The most runs that a comment lists: the newest.
const MOST_ROWS: usize = 50;
/// The most deliveries that are named.
const MOST_NAMED: usize = 20;
const HEAD: &str = "Each run, with everything that it did, for other requests too:\n\n\
     | run | applied | failed | unknown | remaining | requests |\n|---|--:|--:|--:|--:|--:|\n";

/// What a run tells.
pub struct Chapter<'a> {
    /// Its job.
    pub job: &'a Job,
    /// How it ended.
    pub outcome: &'a Outcome,
    /// When it ended.
    pub now: Timestamp,
    /// Masks the visitors in a text.
    pub masked: &'a dyn Fn(&str) -> String,
}

impl Chapter<'_> {
    /// How the run ended, in a sentence or two.
    pub fn ending(&self) -> String {
        let Outcome { applied, failed, unknown, remaining, requests, stopped, .. } = self.outcome;
        let failed = failed.len() as u64;
        let changes = |n: u64| count(n, "change", "changes");
        let remain = count(*remaining, "change remains", "changes remain");
        let why = stopped.map(Stop::as_str).unwrap_or_default();
        match self.outcome.exit_status() {
            0 => format!(
                "**Done.** {} in {}.",
                changes(*applied),
                count(*requests, "request", "requests")
            ),
            3 => format!(
                "**Stopped early, in good order** ({why}): {remain}. The next run of `resume` goes on."
            ),
            4 => {
                let unknown = unknown.len() as u64;
                let mut text = format!(
                    "**{}** and need a decision: whether they were sent, nobody knows, and they are not sent again.",
                    count(unknown, "delivery is unknown", "deliveries are unknown")
                );
                if failed > 0 {
                    text.push_str(&format!(" {} failed.", changes(failed)));
                }
                if *remaining > 0 {
                    let early = if why.is_empty() {
                        String::new()
                    } else {
                        format!(" (stopped early: {why})")
                    };
                    text.push_str(&format!(" {remain}{early}."));
                }
                text
            }
            _ => {
                let stopped = match stopped {
                    Some(Stop::Fatal) => ", and the run was stopped",
                    Some(Stop::Outage) => {
                        ", and the run was stopped: the API gave no usable answer five times in a row"
                    }
                    _ => "",
                };
                format!("**Failed.** {} failed{stopped}.", changes(failed))
            }
        }
    }

    /// The same for the comment of these rollouts: what a run left of others is not told there. `is_own`: the job is
    /// that of the request's merge.
    pub fn ending_of(&self, rollouts: &[Rollout], is_own: bool) -> String {
        let end = self.outcome.exit_status();
        if self.leaves_only_others(rollouts, is_own) {
            return "**Done.** Nothing of it is left to do: what this run left belongs to other requests."
                .to_owned();
        }
        let due: u64 = rollouts.iter().map(|one| one.due).sum();
        match end {
            3 if rollouts.is_empty() => self.ending(),
            3 if due == 0 => "**Nothing of it is due now.**".to_owned(),
            3 => {
                let why = self.outcome.stopped.map(Stop::as_str).unwrap_or_default();
                let remain = count(due, "change remains", "changes remain");
                format!(
                    "**Stopped early, in good order** ({why}): {remain}. The next run of `resume` goes on."
                )
            }
            _ => self.ending(),
        }
    }

    /// Whether these rollouts are done, and something of others is not.
    pub fn leaves_only_others(&self, rollouts: &[Rollout], is_own: bool) -> bool {
        let end = self.outcome.exit_status();
        let done = !rollouts.is_empty() && rollouts.iter().all(Rollout::is_sent);
        done && end != 0 && (end == 3 || !is_own)
    }

    /// The table of the runs: those of an earlier comment, and this one.
    pub fn table(&self, earlier: &str) -> String {
        let Outcome { applied, failed, unknown, remaining, requests, .. } = self.outcome;
        let mut rows: Vec<&str> = earlier.lines().filter(|line| is_row(line)).collect();
        let row = format!(
            "| [{}]({}) | {applied} | {} | {} | {remaining} | {requests} |",
            self.now.strftime("%Y-%m-%d %H:%M"),
            self.job.link,
            failed.len(),
            unknown.len()
        );
        rows.push(&row);
        let first = rows.len().saturating_sub(MOST_ROWS);
        format!("{HEAD}{}\n", rows[first..].join("\n"))
    }

    /// What failed and what is unknown, with what to do.
    pub fn troubles(&self) -> String {
        let Outcome { failed, unknown, .. } = self.outcome;
        let mut out = String::new();
        if !failed.is_empty() {
            out.push_str("\n**Failed:**\n\n");
            for one in failed.iter().take(MOST_NAMED) {
                let problem = &one.problem;
                let status = problem.status().map(|status| status.to_string()).unwrap_or_default();
                let said: String = (self.masked)(&problem.to_string()).chars().take(300).collect();
                let request = problem.request_id().map(|id| {
                    let id: String = id.chars().take(100).collect();
                    format!(", request {}", code(&id))
                });
                out.push_str(&format!(
                    "- {} {}: {status} {}{}\n",
                    code(&humanize::address(&one.address, true)),
                    one.action,
                    code(&said),
                    request.unwrap_or_default()
                ));
            }
            more(failed.len(), &mut out);
        }
        if !unknown.is_empty() {
            out.push_str("\n**Unknown:**\n\n");
            for address in unknown.iter().take(MOST_NAMED) {
                out.push_str(&format!("- {}\n", code(&humanize::address(address, true))));
            }
            more(unknown.len(), &mut out);
            out.push_str("\nLook into the visitor's chat in Brevo, then say `pushsync state resolve ADDRESS --sent ID`, or `pushsync state resolve ADDRESS --not-sent`. Masked addresses will do; `pushsync state resolve` lists them with numbers.\n");
        }
        out
    }
}

fn more(all: usize, out: &mut String) {
    if all > MOST_NAMED {
        out.push_str(&format!("- … and {} more\n", number((all - MOST_NAMED) as u64)));
    }
}

/// Whether a line of an earlier comment is a run in our table.
fn is_row(line: &str) -> bool {
    let line = line.trim_end_matches('\r');
    let cells = line.strip_prefix("| [").and_then(|line| line.strip_suffix(" |"));
    let Some(cells) = cells else { return false };
    let mut cells = cells.split(" | ");
    let run = cells.next().and_then(|cell| cell.split_once("](")?.1.strip_suffix(')'));
    let numbers: Vec<&str> = cells.collect();
    run.is_some_and(words::is_plain_url)
        && numbers.len() == 5
        && numbers.iter().all(|cell| !cell.is_empty() && cell.bytes().all(|b| b.is_ascii_digit()))
}

const NOTE: &str = "<!-- pushsync:rollout run=";

/// The hidden line of a comment with what only it knows: the run that it is about, and what of it is gone.
pub fn note(run: u64, gone: Gone) -> String {
    let Gone { replaced, missed, closed } = gone;
    format!("{NOTE}{run} replaced={replaced} missed={missed} closed={closed} -->")
}

/// What is gone of the rollout of a run, as an earlier comment says.
pub fn gone_so_far(earlier: &str, run: u64) -> Gone {
    let start = format!("{NOTE}{run} ");
    let mut notes = earlier.lines().skip(1).take_while(|line| line.starts_with(NOTE));
    let line = notes.find_map(|line| line.trim_end().strip_prefix(&start)?.strip_suffix(" -->"));
    let number = |name: &str| {
        let mut words = line.unwrap_or_default().split(' ');
        let digits = words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    };
    Gone { replaced: number("replaced"), missed: number("missed"), closed: number("closed") }
}

/// A `pushsync.lock` that a job made, ready to be committed.
pub fn lockfile(path: &str, text: &str) -> String {
    format!(
        "\n**`pushsync.lock` names the state now, and is not committed yet.** Commit this as {}: without it, a state that is lost looks like a new one, and everything would be sent again.\n\n{}",
        code(path),
        words::fenced(text, 10_000)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_of_ours_are_taken_from_an_earlier_comment() {
        let row =
            "| [2026-01-01 10:00](https://github.example/a/b/actions/runs/1) | 2 | 0 | 0 | 3 | 2 |";
        assert!(is_row(row) && is_row(&format!("{row}\r")));
        for other in [
            row.replace("| 2 |", "| <b> |"),
            row.replace("https", "javascript"),
            row.replace(" | 3", ""),
            "| run | applied | failed | unknown | remaining | requests |".to_owned(),
            row.replace("runs/1)", "runs/1) x)"),
        ] {
            assert!(!is_row(&other), "{other}");
        }
    }

    #[test]
    fn what_is_gone_is_remembered_for_its_own_run() {
        let gone = Gone { replaced: 34, missed: 5, closed: 6 };
        let comment =
            format!("<!-- marker -->\n{}\r\n{}\nrest", note(11, Gone::default()), note(12, gone));
        assert_eq!(gone_so_far(&comment, 12), gone);
        assert_eq!(gone_so_far(&comment, 13), Gone::default());
        assert_eq!(gone_so_far(&format!("a\nb\n{comment}"), 12), Gone::default());
    }
}
