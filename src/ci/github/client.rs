//! The part of GitHub's API that the kit uses: pull requests of a commit, and comments. A comment on a pull request is
//! one on the issue of the same number.

use reqwest::Method;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;

use super::event::split_repository;
use crate::{
    ci::{Comment, Forge, ForgeFuture, Http, Job, Order, Refusal, Variables},
    model::CommitId,
};

/// The login that writes with the token of a job.
const AUTHOR: &str = "github-actions[bot]";

/// The client.
pub struct GitHub {
    http: Http,
    /// The owner, and the name of the repository.
    repository: (String, String),
    /// The branch of the job.
    branch: String,
    /// The login that writes our comments.
    author: String,
}

#[derive(Deserialize)]
struct PullRequest {
    #[serde(default)]
    number: Option<u64>,
    #[serde(default)]
    merged_at: Option<String>,
    #[serde(default)]
    merge_commit_sha: Option<String>,
    #[serde(default)]
    head: Option<Head>,
    #[serde(default)]
    base: Option<Base>,
}

#[derive(Deserialize)]
struct Comparison {
    #[serde(default)]
    status: Option<String>,
}

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    sha: Option<String>,
}

#[derive(Deserialize)]
struct Base {
    #[serde(default, rename = "ref")]
    reference: Option<String>,
    #[serde(default)]
    repo: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    #[serde(default)]
    full_name: Option<String>,
}

#[derive(Deserialize)]
struct IssueComment {
    id: u64,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    html_url: Option<String>,
    #[serde(default)]
    user: Option<User>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    login: Option<String>,
}

impl GitHub {
    /// The client for the repository of a job.
    ///
    /// # Errors
    ///
    /// A repository without a name.
    pub fn new(http: Http, variables: Variables<'_>, job: &Job) -> Result<Self, Refusal> {
        let repository = variables.text("GITHUB_REPOSITORY");
        let Some((owner, name)) = split_repository(&repository) else {
            return Err(Refusal::new(
                "GITHUB_REPOSITORY is not a repository",
                "This runs in GitHub Actions.",
            ));
        };
        let author = variables.get("PUSHSYNC_CI_COMMENT_AUTHOR");
        Ok(Self {
            http,
            repository: (owner.to_owned(), name.to_owned()),
            branch: job.branch.clone(),
            author: author.unwrap_or_else(|| AUTHOR.to_owned()),
        })
    }

    /// A path below the repository.
    fn path<'p>(&'p self, rest: &[&'p str]) -> Vec<&'p str> {
        let (owner, name) = &self.repository;
        ["repos", owner, name].into_iter().chain(rest.iter().copied()).collect()
    }

    /// Whether a pull request is merged into the branch of this job, by this commit.
    fn is_merged_here(&self, pull: &PullRequest, commit: &CommitId) -> bool {
        let base = pull.base.as_ref();
        let ours = format!("{}/{}", self.repository.0, self.repository.1);
        let there = base.and_then(|base| base.repo.as_ref()?.full_name.as_deref());
        pull.merged_at.is_some()
            && pull.merge_commit_sha.as_deref() == Some(commit.as_str())
            && base.and_then(|base| base.reference.as_deref()) == Some(&self.branch)
            && there.is_none_or(|there| there == ours)
    }
}

impl Forge for GitHub {
    fn merged_request<'a>(&'a self, commit: &'a CommitId) -> ForgeFuture<'a, Option<u64>> {
        Box::pin(async move {
            let path = self.path(&["commits", commit.as_str(), "pulls"]);
            let pulls: Vec<PullRequest> = self.http.list(&path, "per_page=100").await?;
            let merged = pulls.iter().filter(|pull| self.is_merged_here(pull, commit));
            Ok(merged.filter_map(|pull| pull.number).max())
        })
    }

    fn head_of(&self, request: u64) -> ForgeFuture<'_, Option<String>> {
        Box::pin(async move {
            let pull: PullRequest =
                self.http.get(&self.path(&["pulls", &request.to_string()])).await?;
            Ok(pull.head.and_then(|head| head.sha))
        })
    }

    fn order<'a>(
        &'a self,
        commit: &'a CommitId,
        other: &'a CommitId,
    ) -> ForgeFuture<'a, Option<Order>> {
        Box::pin(async move {
            let both = format!("{other}...{commit}");
            let compared: Comparison = self.http.get(&self.path(&["compare", &both])).await?;
            Ok(match compared.status.as_deref() {
                Some("ahead" | "identical") => Some(Order::Newer),
                Some("behind") => Some(Order::Older),
                Some("diverged") => Some(Order::Apart),
                _ => None,
            })
        })
    }

    fn comments(&self, request: u64) -> ForgeFuture<'_, Vec<Comment>> {
        Box::pin(async move {
            let number = request.to_string();
            let path = self.path(&["issues", &number, "comments"]);
            let all: Vec<IssueComment> = self.http.list(&path, "per_page=100").await?;
            let login = |comment: &IssueComment| comment.user.as_ref()?.login.clone();
            let ours = all.into_iter().filter(|one| login(one).as_ref() == Some(&self.author));
            Ok(ours
                .map(|IssueComment { id, body, html_url, user: _ }| Comment {
                    id,
                    body: body.unwrap_or_default(),
                    url: html_url,
                })
                .collect())
        })
    }

    fn create_comment<'a>(
        &'a self,
        request: u64,
        body: &'a str,
    ) -> ForgeFuture<'a, Option<String>> {
        Box::pin(async move {
            let number = request.to_string();
            let path = self.path(&["issues", &number, "comments"]);
            let body = json!({ "body": body });
            let made: IssueComment = self.http.write(Method::POST, &path, &body).await?;
            Ok(made.html_url)
        })
    }

    fn update_comment<'a>(&'a self, _: u64, id: u64, body: &'a str) -> ForgeFuture<'a, ()> {
        Box::pin(async move {
            let path = ["issues", "comments", &id.to_string()];
            let body = json!({ "body": body });
            self.http.write(Method::PATCH, &self.path(&path), &body).await.map(|_: IgnoredAny| ())
        })
    }

    fn delete_comment(&self, _: u64, id: u64) -> ForgeFuture<'_, ()> {
        Box::pin(async move {
            self.http.delete(&self.path(&["issues", "comments", &id.to_string()])).await
        })
    }
}
