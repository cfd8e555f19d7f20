//! What GitLab says of a job, from its predefined variables.

use crate::{ci::Variables, model::CommitId};

/// Why a pipeline runs, as `CI_PIPELINE_SOURCE` names it: only the sources in which some command may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PipelineSource {
    /// Commits of a merge request.
    MergeRequest,
    /// A push to a branch or a tag, and each merge.
    Push,
    /// A schedule of the project.
    Schedule,
    /// Somebody started it in GitLab's pages.
    Web,
}

impl PipelineSource {
    /// The source of this name. A name that GitLab adds later is none of them.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "merge_request_event" => Some(Self::MergeRequest),
            "push" => Some(Self::Push),
            "schedule" => Some(Self::Schedule),
            "web" => Some(Self::Web),
            _ => None,
        }
    }
}

/// Whose files a job has checked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The project's own branch.
    Project,
    /// Another project: somebody who may write here started the pipeline of its merge request, or its own pipeline
    /// names the merge request of another project.
    Fork,
    /// A merge train: it has the commits of the requests before it, and GitLab does not say whose they are.
    MergeTrain,
    /// A kind of pipeline that this version does not know.
    Unknown,
}

/// The merge request of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MergeRequest {
    /// Its number in the project (`iid`).
    pub(super) number: u64,
    /// The last commit of its source branch when the pipeline was made.
    pub(super) head: String,
}

/// A job of GitLab CI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pipeline {
    /// `CI_PIPELINE_SOURCE` as it is set.
    pub(super) source_name: String,
    /// The project that the job runs in.
    pub(super) project: u64,
    /// The commit that is checked out.
    pub(super) commit: CommitId,
    /// The branch of the pipeline. Tags and merge requests have none.
    pub(super) branch: Option<String>,
    /// The default branch of the project.
    pub(super) default_branch: Option<String>,
    /// The page of the job.
    pub(super) job_url: String,
    /// The merge request of the pipeline, if its files are the project's.
    pub(super) request: Option<MergeRequest>,
    /// Whose files they are.
    pub(super) origin: Origin,
}

/// The variables do not make a job of GitLab CI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PipelineError {
    /// `CI_COMMIT_SHA`.
    #[error("CI_COMMIT_SHA is not a commit")]
    Commit,
    /// `CI_PROJECT_ID`.
    #[error("CI_PROJECT_ID is not the number of a project")]
    Project,
}

impl Pipeline {
    /// Its source, if some command may run in such a pipeline.
    pub(super) fn source(&self) -> Option<PipelineSource> {
        PipelineSource::named(&self.source_name)
    }

    /// Reads them.
    pub(super) fn read(variables: Variables<'_>) -> Result<Self, PipelineError> {
        let get = |name: &str| variables.get(name);
        let commit = get("CI_COMMIT_SHA").and_then(|text| CommitId::parse(&text).ok());
        let commit = commit.ok_or(PipelineError::Commit)?;
        let project = number(get("CI_PROJECT_ID")).ok_or(PipelineError::Project)?;
        let source_name = get("CI_PIPELINE_SOURCE").unwrap_or_default();
        let origin = match PipelineSource::named(&source_name) {
            Some(PipelineSource::MergeRequest) => origin(&get, project),
            _ => Origin::Project,
        };
        let is_request = PipelineSource::named(&source_name) == Some(PipelineSource::MergeRequest);
        let request = number(get("CI_MERGE_REQUEST_IID"))
            .filter(|_| is_request && origin == Origin::Project)
            .map(|number| MergeRequest {
                number,
                // A pipeline of a merged result has a commit of its own.
                head: get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA")
                    .unwrap_or_else(|| commit.to_string()),
            });
        Ok(Self {
            source_name,
            project,
            commit,
            branch: get("CI_COMMIT_BRANCH"),
            default_branch: get("CI_DEFAULT_BRANCH"),
            job_url: link(get("CI_JOB_URL")),
            request,
            origin,
        })
    }
}

/// Whose files a pipeline of a merge request has. A member of the project can run the pipeline of a fork's request
/// here, with the variables of the project. In its own project, a fork's pipeline names the request of another project.
fn origin(get: &dyn Fn(&str) -> Option<String>, project: u64) -> Origin {
    let from = number(get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID"));
    let into = get("CI_MERGE_REQUEST_PROJECT_ID");
    if from != Some(project) || into.is_some_and(|into| number(Some(into)) != Some(project)) {
        return Origin::Fork;
    }
    match get("CI_MERGE_REQUEST_EVENT_TYPE").as_deref() {
        None | Some("detached" | "merged_result") => Origin::Project,
        Some("merge_train") => Origin::MergeTrain,
        Some(_) => Origin::Unknown,
    }
}

/// A number as GitLab writes it: digits only.
fn number(text: Option<String>) -> Option<u64> {
    text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

/// The page of a job, as it may stand in a link of Markdown.
fn link(text: Option<String>) -> String {
    let is_plain = |url: &String| {
        (url.starts_with("https://") || url.starts_with("http://"))
            && url.bytes().all(|b| b.is_ascii_alphanumeric() || b":/._~%-".contains(&b))
    };
    text.filter(is_plain).unwrap_or_else(|| "https://gitlab.com".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
    const HEAD: &str = "89abcdef0123456789abcdef0123456789abcdef";

    fn read(more: &[(&str, &str)]) -> Result<Pipeline, PipelineError> {
        let mut all = BTreeMap::from([
            ("CI_COMMIT_SHA", COMMIT),
            ("CI_PROJECT_ID", "5"),
            ("CI_PIPELINE_SOURCE", "merge_request_event"),
            ("CI_MERGE_REQUEST_IID", "7"),
            ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "5"),
            ("CI_MERGE_REQUEST_PROJECT_ID", "5"),
        ]);
        all.extend(more.iter().copied());
        let get = |name: &str| all.get(name).map(|value| (*value).to_owned());
        Pipeline::read(Variables::new(&get))
    }

    #[test]
    fn a_pipeline_of_a_merge_request_names_its_request_and_its_last_commit() {
        let job = read(&[("CI_DEFAULT_BRANCH", "main")]).expect("a job");
        let head = COMMIT.to_owned();
        assert_eq!(job.request, Some(MergeRequest { number: 7, head }));
        assert_eq!((job.project, job.origin), (5, Origin::Project));
        assert_eq!((job.branch, job.default_branch.as_deref()), (None, Some("main")));
        let merged = [
            ("CI_MERGE_REQUEST_EVENT_TYPE", "merged_result"),
            ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", HEAD),
        ];
        assert_eq!(read(&merged).expect("a job").request.expect("a request").head, HEAD);
    }

    #[test]
    fn files_that_may_be_of_others_have_no_request_to_write_to() {
        for (name, value, origin) in [
            ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "6", Origin::Fork),
            ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "", Origin::Fork),
            ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "+5", Origin::Fork),
            ("CI_MERGE_REQUEST_PROJECT_ID", "6", Origin::Fork),
            ("CI_MERGE_REQUEST_PROJECT_ID", "5 6", Origin::Fork),
            ("CI_PROJECT_ID", "6", Origin::Fork),
            ("CI_MERGE_REQUEST_EVENT_TYPE", "merge_train", Origin::MergeTrain),
            ("CI_MERGE_REQUEST_EVENT_TYPE", "merge_convoy", Origin::Unknown),
        ] {
            let job = read(&[(name, value)]).expect("a job");
            assert_eq!((job.origin, job.request), (origin, None), "{name}={value}");
        }
    }

    #[test]
    fn only_a_pipeline_of_a_merge_request_has_one() {
        for source in ["push", "web", "schedule", "api", ""] {
            let job = read(&[("CI_PIPELINE_SOURCE", source)]).expect("a job");
            assert_eq!((job.request, job.origin), (None, Origin::Project), "{source}");
        }
    }

    #[test]
    fn a_number_that_is_not_one_names_no_request() {
        for value in ["", "7x", "-7", "7/notes", "99999999999999999999"] {
            assert_eq!(read(&[("CI_MERGE_REQUEST_IID", value)]).expect("a job").request, None);
        }
    }

    #[test]
    fn variables_that_do_not_make_a_job_are_refused() {
        for (name, value, error) in [
            ("CI_COMMIT_SHA", "", PipelineError::Commit),
            ("CI_COMMIT_SHA", "main", PipelineError::Commit),
            ("CI_COMMIT_SHA", "--upload-pack=x", PipelineError::Commit),
            ("CI_PROJECT_ID", "", PipelineError::Project),
            ("CI_PROJECT_ID", "5/../6", PipelineError::Project),
        ] {
            assert_eq!(read(&[(name, value)]), Err(error), "{name}={value}");
        }
    }

    #[test]
    fn a_link_that_could_end_itself_is_left_out() {
        let of = |url| read(&[("CI_JOB_URL", url)]).expect("a job").job_url;
        let page = "https://gitlab.example/acme/chat/-/jobs/1";
        assert_eq!(of(page), page);
        for url in
            ["", "https://x/) [y](https://z", "javascript:x", "https://x/<b>", "https://x/\n"]
        {
            assert_eq!(of(url), "https://gitlab.com", "{url}");
        }
    }
}
