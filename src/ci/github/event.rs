//! The event of a job: which commands it may run, and whose work it looks at.

use serde_json::Value;

use crate::{
    ci::{Inputs, Job, JobCommand, Refusal, Variables},
    model::CommitId,
};

/// The job of these variables and this event, if it may run.
///
/// # Errors
///
/// Another event than those that a command is made for, another branch, or a key in a job for a fork.
pub fn job(
    command: JobCommand,
    variables: Variables<'_>,
    event: &Value,
    inputs: &Inputs,
    has_key: bool,
) -> Result<Job, Refusal> {
    const HERE: &str = "This runs in GitHub Actions.";
    let name = variables.text("GITHUB_EVENT_NAME");
    let reference = variables.text("GITHUB_REF");
    let commit = CommitId::parse(&variables.text("GITHUB_SHA"))
        .map_err(|_| Refusal::new("GITHUB_SHA is not a commit", HERE))?;
    let repository = variables.text("GITHUB_REPOSITORY");
    if split_repository(&repository).is_none() {
        return Err(Refusal::new("GITHUB_REPOSITORY is not a repository", HERE));
    }
    if !runs_on(command, &name) {
        let name = if name.is_empty() { "without a name" } else { &name };
        return Err(Refusal::new(
            format!("{command} does not run on the event {name}"),
            "plan runs on pull_request, merge_group, push and workflow_dispatch; apply on push and workflow_dispatch; resume on these two and on schedule.",
        ));
    }
    let mut job = Job {
        command,
        commit,
        branch: reference.strip_prefix("refs/heads/").unwrap_or_default().to_owned(),
        request: None,
        head: None,
        outsider: None,
        link: link(variables, &repository),
    };
    if command == JobCommand::Plan {
        job.outsider = outsider(variables, &name, event, &repository);
        if job.outsider == Some(FORK) && has_key {
            return Err(Refusal::new(
                "there is an API key in a job for a fork",
                "A job for a fork must see no secret, and a plan needs none: take the key out of this job.",
            ));
        }
        if name == "pull_request" && job.outsider.is_none() {
            job.request = event.pointer("/pull_request/number").and_then(Value::as_u64);
            job.head = text(event, "/pull_request/head/sha").map(str::to_owned);
        }
    } else if name != "schedule" {
        let branch = inputs.branch.as_deref();
        let Some(branch) = branch.or_else(|| text(event, "/repository/default_branch")) else {
            return Err(Refusal::new(
                "nothing says which branch is applied",
                "Name it by the input branch.",
            ));
        };
        if reference != format!("refs/heads/{branch}") {
            let here = if reference.is_empty() { "no branch" } else { &reference };
            return Err(Refusal::new(
                format!("{command} runs only on the branch {branch}"),
                format!("This is {here}. Another branch can be named by the input branch."),
            ));
        }
    }
    Ok(job)
}

/// The events of each command. All others are refused: they may be caused by anybody.
fn runs_on(command: JobCommand, event: &str) -> bool {
    match command {
        JobCommand::Plan => {
            matches!(event, "pull_request" | "merge_group" | "push" | "workflow_dispatch")
        }
        JobCommand::Apply => matches!(event, "push" | "workflow_dispatch"),
        JobCommand::Resume => matches!(event, "schedule" | "push" | "workflow_dispatch"),
    }
}

const FORK: &str = "This comes from a fork";

/// Whether the files that a job plans may come from outside of the repository, and why.
fn outsider(
    variables: Variables<'_>,
    name: &str,
    event: &Value,
    repository: &str,
) -> Option<&'static str> {
    let is_ours = |pointer: &str| text(event, pointer) == Some(repository);
    let found = match name {
        "pull_request" => {
            // A deleted fork has no name.
            let ours = is_ours("/pull_request/head/repo/full_name")
                && is_ours("/pull_request/base/repo/full_name");
            (!ours).then_some(FORK)
        }
        // It contains the commits of all requests before it in the queue, and GitHub does not say whose they are.
        "merge_group" => Some("A merge group can hold commits of forks"),
        // A fork that pushes, or runs its own workflow, is itself the repository of the job, and has only its own
        // secrets.
        _ => {
            let silent = event.is_object()
                && event.pointer("/repository/full_name").is_none_or(Value::is_null);
            let ours = silent || is_ours("/repository/full_name");
            (!ours).then_some("The event does not say that it is of this repository")
        }
    };
    // GitHub gives it no secrets, whatever the event.
    let by_dependabot = ["GITHUB_ACTOR", "GITHUB_TRIGGERING_ACTOR"]
        .into_iter()
        .any(|name| variables.text(name) == "dependabot[bot]");
    found.or(by_dependabot.then_some("Dependabot started this job"))
}

/// A text of the event that is not empty.
fn text<'e>(event: &'e Value, pointer: &str) -> Option<&'e str> {
    event.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The owner and the name of a repository.
pub(super) fn split_repository(repository: &str) -> Option<(&str, &str)> {
    let word = |text: &str| {
        !text.is_empty()
            && text != "."
            && text != ".."
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    };
    repository.split_once('/').filter(|(owner, name)| word(owner) && word(name))
}

/// The page of this job.
fn link(variables: Variables<'_>, repository: &str) -> String {
    let server = variables.get("GITHUB_SERVER_URL");
    let server = server.filter(|url| is_plain(url));
    let server = server.unwrap_or_else(|| "https://github.com".to_owned());
    let run = variables.text("GITHUB_RUN_ID");
    let run =
        if run.bytes().all(|b| b.is_ascii_digit()) && !run.is_empty() { run } else { "0".into() };
    format!("{}/{repository}/actions/runs/{run}", server.trim_end_matches('/'))
}

fn is_plain(url: &str) -> bool {
    url.starts_with("http")
        && url.bytes().all(|b| b.is_ascii_alphanumeric() || b":/._-".contains(&b))
}
