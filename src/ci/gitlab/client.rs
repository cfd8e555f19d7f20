//! The part of GitLab's API that the kit uses: merge requests of a commit, and their notes.

use reqwest::Method;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;
use tokio::sync::OnceCell;

use super::pipeline::project;
use crate::{
    ci::{Comment, Forge, ForgeError, ForgeFuture, Http, Job, Order, Refusal, Variables},
    model::CommitId,
};

/// The client for one project.
pub struct GitLab {
    http: Http,
    project: u64,
    branch: String,
    /// The name of the token's user: notes by this user are ours.
    author: OnceCell<String>,
}

#[derive(Deserialize)]
struct MergeRequest {
    #[serde(default)]
    iid: Option<u64>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    target_branch: Option<String>,
    #[serde(default)]
    target_project_id: Option<u64>,
    #[serde(default)]
    merge_commit_sha: Option<String>,
    #[serde(default)]
    squash_commit_sha: Option<String>,
    #[serde(default)]
    sha: Option<String>,
}

#[derive(Deserialize)]
struct Base {
    #[serde(default)]
    id: Option<String>,
}

#[derive(Deserialize)]
struct Note {
    id: u64,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    author: Option<User>,
    /// GitLab itself wrote it, in the name of a user who did something.
    #[serde(default)]
    system: Option<bool>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: Option<String>,
}

impl GitLab {
    /// The client of a job.
    ///
    /// # Errors
    ///
    /// No variable says which project this is.
    pub fn new(http: Http, variables: Variables<'_>, job: &Job) -> Result<Self, Refusal> {
        let project = project(variables)?;
        Ok(Self { http, project, branch: job.branch.clone(), author: OnceCell::new() })
    }

    /// Whether a merge request is merged into the branch of this job by this commit: by a merge, a squash, or a
    /// fast-forward.
    fn is_merged_here(&self, request: &MergeRequest, commit: &CommitId) -> bool {
        let MergeRequest { merge_commit_sha, squash_commit_sha, sha, .. } = request;
        let made = [merge_commit_sha, squash_commit_sha, sha]
            .into_iter()
            .any(|sha| sha.as_deref() == Some(commit.as_str()));
        made && request.state.as_deref() == Some("merged")
            && request.target_branch.as_ref() == Some(&self.branch)
            && request.target_project_id.is_none_or(|project| project == self.project)
    }

    async fn author(&self) -> Result<&str, ForgeError> {
        let ask = || async {
            let User { username } = self.http.get(&["user"]).await?;
            let unnamed = || ForgeError::new(None, "the API does not say whose token this is");
            username.filter(|name| !name.is_empty()).ok_or_else(unnamed)
        };
        self.author.get_or_try_init(ask).await.map(String::as_str)
    }
}

impl Forge for GitLab {
    fn merged_request<'a>(&'a self, commit: &'a CommitId) -> ForgeFuture<'a, Option<u64>> {
        Box::pin(async move {
            let project = self.project.to_string();
            let path =
                ["projects", &project, "repository", "commits", commit.as_str(), "merge_requests"];
            let all: Vec<MergeRequest> = self.http.list(&path, "per_page=100").await?;
            let merged = all.iter().filter(|request| self.is_merged_here(request, commit));
            Ok(merged.filter_map(|request| request.iid).max())
        })
    }

    fn head_of(&self, request: u64) -> ForgeFuture<'_, Option<String>> {
        Box::pin(async move {
            let (project, request) = (self.project.to_string(), request.to_string());
            let path = ["projects", &project, "merge_requests", &request];
            let request: MergeRequest = self.http.get(&path).await?;
            Ok(request.sha)
        })
    }

    fn order<'a>(
        &'a self,
        commit: &'a CommitId,
        other: &'a CommitId,
    ) -> ForgeFuture<'a, Option<Order>> {
        Box::pin(async move {
            let project = self.project.to_string();
            let path = ["projects", &project, "repository", "merge_base"];
            let both = [("refs[]", other.as_str()), ("refs[]", commit.as_str())];
            let Base { id } = self.http.find(&path, &both).await?;
            Ok(id.map(|id| match id {
                id if id == other.as_str() => Order::Newer,
                id if id == commit.as_str() => Order::Older,
                _ => Order::Apart,
            }))
        })
    }

    fn comments(&self, request: u64) -> ForgeFuture<'_, Vec<Comment>> {
        Box::pin(async move {
            let author = self.author().await?;
            let (project, request) = (self.project.to_string(), request.to_string());
            let path = ["projects", &project, "merge_requests", &request, "notes"];
            let query = "per_page=100&order_by=created_at&sort=asc";
            let all: Vec<Note> = self.http.list(&path, query).await?;
            let is_ours = |note: &Note| {
                let by = note.author.as_ref().and_then(|user| user.username.as_deref());
                by == Some(author) && note.system != Some(true)
            };
            Ok(all
                .into_iter()
                .filter(is_ours)
                .map(|note| Comment { id: note.id, body: note.body.unwrap_or_default(), url: None })
                .collect())
        })
    }

    fn create_comment<'a>(
        &'a self,
        request: u64,
        body: &'a str,
    ) -> ForgeFuture<'a, Option<String>> {
        Box::pin(async move {
            let (project, request) = (self.project.to_string(), request.to_string());
            let path = ["projects", &project, "merge_requests", &request, "notes"];
            let body = json!({ "body": without_quick_actions(body) });
            let _: IgnoredAny = self.http.write(Method::POST, &path, &body).await?;
            Ok(None)
        })
    }

    fn update_comment<'a>(&'a self, request: u64, id: u64, body: &'a str) -> ForgeFuture<'a, ()> {
        Box::pin(async move {
            let (project, request) = (self.project.to_string(), request.to_string());
            let id = id.to_string();
            let path = ["projects", &project, "merge_requests", &request, "notes", &id];
            let body = json!({ "body": without_quick_actions(body) });
            self.http.write(Method::PUT, &path, &body).await.map(|_: IgnoredAny| ())
        })
    }

    fn delete_comment(&self, request: u64, id: u64) -> ForgeFuture<'_, ()> {
        Box::pin(async move {
            let (project, request) = (self.project.to_string(), request.to_string());
            let id = id.to_string();
            self.http
                .delete(&["projects", &project, "merge_requests", &request, "notes", &id])
                .await
        })
    }
}

/// A text in which no line begins with a slash. GitLab carries out such a line (`/merge`, `/close`) in the name of the
/// token's user, and it takes a line of ``` for the end of any block of code, so words of others in a longer block could
/// be one.
fn without_quick_actions(text: &str) -> String {
    let lines = text.split_inclusive('\n');
    lines
        .map(|line| if line.starts_with('/') { format!(" {line}") } else { line.to_owned() })
        .collect()
}
