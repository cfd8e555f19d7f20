//! Which jobs may run which command.

use super::variables::{Origin, Pipeline, PipelineSource};
use crate::ci::{Inputs, Job, JobCommand, Refusal, Variables};

/// The job of these variables, if it may run this command. `has_key`: the job could send messages.
///
/// # Errors
///
/// The pipeline is of a source, or on a branch, that this command does not run in; or a job for others has a key.
pub fn job(
    command: JobCommand,
    variables: Variables<'_>,
    inputs: &Inputs,
    has_key: bool,
) -> Result<Job, Refusal> {
    let pipeline = read(variables)?;
    check_source(command, &pipeline)?;
    let outsider = match command {
        JobCommand::Plan => outsider(&pipeline, has_key)?,
        JobCommand::Apply | JobCommand::Resume => None,
    };
    let branch = inputs.branch.clone().or(pipeline.default_branch).unwrap_or_default();
    if command.sends() {
        check_branch(command, &branch, pipeline.branch.as_deref())?;
    }
    let (request, head) = match pipeline.request {
        Some(request) => (Some(request.number), Some(request.head)),
        None => (None, None),
    };
    Ok(Job {
        command,
        commit: pipeline.commit,
        branch,
        request,
        head,
        outsider,
        link: pipeline.job_url,
    })
}

/// The number of the project that the job runs in.
///
/// # Errors
///
/// There is no such number.
pub(super) fn project(variables: Variables<'_>) -> Result<u64, Refusal> {
    read(variables).map(|pipeline| pipeline.project)
}

/// That anyone who can push can send, if GitLab says so.
pub fn warning(variables: Variables<'_>, job: &Job) -> Option<(&'static str, String)> {
    let unprotected = variables.text("CI_COMMIT_REF_PROTECTED") == "false";
    (job.command.sends() && unprotected).then(|| {
        let text = format!(
            "Anyone who can push to {} can apply. Protect it under Settings > Repository > Protected branches, and \
             then the variables with the API key and the state.",
            job.branch
        );
        ("pushsync: the branch is not protected", text)
    })
}

fn read(variables: Variables<'_>) -> Result<Pipeline, Refusal> {
    Pipeline::read(variables)
        .map_err(|error| Refusal::new(error.to_string(), "This runs in GitLab CI."))
}

/// By the table of docs/ci.md. A source that is not in it runs nothing: GitLab has many, and adds more.
fn check_source(command: JobCommand, pipeline: &Pipeline) -> Result<(), Refusal> {
    use JobCommand::{Apply, Plan, Resume};
    use PipelineSource::{MergeRequest, Push, Schedule, Web};
    match (command, pipeline.source()) {
        (Plan, Some(MergeRequest | Push | Web))
        | (Apply, Some(Push | Web))
        | (Resume, Some(Schedule | Push | Web)) => Ok(()),
        (Plan | Apply | Resume, _) => {
            let of = match pipeline.source_name.as_str() {
                "" => "without a source".to_owned(),
                name => format!("of {name}"),
            };
            Err(Refusal::new(
                format!("{command} does not run in a pipeline {of}"),
                "plan runs in pipelines of merge_request_event, push and web; apply of push and web; resume of these \
                 two and of schedule.",
            ))
        }
    }
}

/// Why the files may come from people who may not push here.
fn outsider(pipeline: &Pipeline, has_key: bool) -> Result<Option<&'static str>, Refusal> {
    match pipeline.origin {
        Origin::Project => Ok(None),
        Origin::Fork if has_key => Err(Refusal::new(
            "there is an API key in a job for a fork",
            "A job for a fork must see no secret, and a plan needs none: make the variable a protected one.",
        )),
        Origin::Fork => Ok(Some("This comes from a fork")),
        Origin::MergeTrain => Ok(Some("A merge train can hold commits of forks")),
        Origin::Unknown => Ok(Some("GitLab does not say whose commits these are")),
    }
}

/// What is applied is on one branch. Tags and merge requests are on none.
fn check_branch(command: JobCommand, branch: &str, here: Option<&str>) -> Result<(), Refusal> {
    if branch.is_empty() {
        return Err(Refusal::new(
            "nothing says which branch is applied",
            "Name it by PUSHSYNC_CI_BRANCH.",
        ));
    }
    if here == Some(branch) {
        return Ok(());
    }
    Err(Refusal::new(
        format!("{command} runs only on the branch {branch}"),
        format!(
            "This is {}. Another branch can be named by PUSHSYNC_CI_BRANCH.",
            here.unwrap_or("no branch")
        ),
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
    /// Those that GitLab documents, and more.
    const SOURCES: [&str; 19] = [
        "api",
        "chat",
        "external",
        "external_pull_request_event",
        "merge_request_event",
        "ondemand_dast_scan",
        "ondemand_dast_validation",
        "parent_pipeline",
        "pipeline",
        "push",
        "schedule",
        "security_orchestration_policy",
        "trigger",
        "web",
        "webide",
        "Push",
        "push web",
        "duo_workflow",
        "",
    ];

    fn ask(
        command: JobCommand,
        more: &[(&str, &str)],
        branch: Option<&str>,
        has_key: bool,
    ) -> Result<Job, Refusal> {
        let mut all = BTreeMap::from([
            ("CI_COMMIT_SHA", COMMIT),
            ("CI_PROJECT_ID", "5"),
            ("CI_PIPELINE_SOURCE", "push"),
            ("CI_DEFAULT_BRANCH", "main"),
            ("CI_COMMIT_BRANCH", "main"),
            ("CI_MERGE_REQUEST_IID", "7"),
            ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "5"),
        ]);
        all.extend(more.iter().copied());
        let get = |name: &str| all.get(name).map(|value| (*value).to_owned());
        let variables = Variables::new(&get);
        let inputs = Inputs { branch: branch.map(str::to_owned), ..Inputs::read(variables)? };
        job(command, variables, &inputs, has_key)
    }

    #[test]
    fn a_command_runs_in_pipelines_of_its_own_sources_and_in_no_others() {
        for (command, sources) in [
            (JobCommand::Plan, &["merge_request_event", "push", "web"]),
            (JobCommand::Apply, &["push", "web", "web"]),
            (JobCommand::Resume, &["schedule", "push", "web"]),
        ] {
            for source in SOURCES {
                let asked = ask(command, &[("CI_PIPELINE_SOURCE", source)], None, false);
                assert_eq!(asked.is_ok(), sources.contains(&source), "{command} {source}");
                if let Err(refusal) = asked {
                    assert!(refusal.what.contains("does not run in a pipeline"), "{refusal:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_applied_is_on_the_branch_of_the_settings_or_the_default_branch() {
        for command in [JobCommand::Apply, JobCommand::Resume] {
            for (here, default, named, runs) in [
                ("main", "main", None, true),
                ("live", "main", Some("live"), true),
                ("main", "main", Some("live"), false),
                ("feature", "main", None, false),
                ("Main", "main", None, false),
                // A tag.
                ("", "main", None, false),
                ("main", "", None, false),
                ("", "", None, false),
            ] {
                let branches = [("CI_COMMIT_BRANCH", here), ("CI_DEFAULT_BRANCH", default)];
                let asked = ask(command, &branches, named, false);
                assert_eq!(asked.is_ok(), runs, "{command} {branches:?} {named:?}");
                assert!(asked.is_err() || asked.is_ok_and(|job| job.branch == here));
            }
        }
    }

    #[test]
    fn a_plan_writes_to_its_own_request_alone() {
        let request = ("CI_PIPELINE_SOURCE", "merge_request_event");
        let job = ask(JobCommand::Plan, &[request], None, true).expect("it may run");
        assert_eq!((job.request, job.head.as_deref()), (Some(7), Some(COMMIT)));
        assert_eq!(job.outsider, None);
        let job = ask(JobCommand::Plan, &[], None, false).expect("it may run");
        assert_eq!((job.request, job.head, job.outsider), (None, None, None));
        let fork = [request, ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "6")];
        let job = ask(JobCommand::Plan, &fork, None, false).expect("it may run");
        assert_eq!((job.request, job.outsider), (None, Some("This comes from a fork")));
        let refusal = ask(JobCommand::Plan, &fork, None, true).expect_err("a key");
        assert!(refusal.what.contains("a job for a fork"), "{refusal:?}");
        let train = [request, ("CI_MERGE_REQUEST_EVENT_TYPE", "merge_train")];
        let job = ask(JobCommand::Plan, &train, None, false).expect("it may run");
        assert_eq!(
            (job.request, job.outsider),
            (None, Some("A merge train can hold commits of forks"))
        );
    }
}
