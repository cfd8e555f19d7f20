//! What the kit asks of a forge.

use std::fmt;

use futures_util::future::BoxFuture;

use crate::model::{CommitId, one_line};

/// What a forge answers.
pub type ForgeFuture<'a, T> = BoxFuture<'a, Result<T, ForgeError>>;

/// A comment of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its number.
    pub id: u64,
    /// Its text, in Markdown.
    pub body: String,
    /// Where it is, if the forge says so.
    pub url: Option<String>,
}

/// Where a commit stands, seen from another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// It is the other one, or one that came after it.
    Newer,
    /// The other one came after it.
    Older,
    /// Neither came after the other.
    Apart,
}

/// GitHub or GitLab. A request is a pull request there, a merge request here.
pub trait Forge: Sync {
    /// The request whose merge into the branch of this job made a commit. A request into another branch can have
    /// the same commit, and a plan that somebody reviewed for that branch: it does not count.
    fn merged_request<'a>(&'a self, commit: &'a CommitId) -> ForgeFuture<'a, Option<u64>>;

    /// The newest commit of a request.
    fn head_of(&self, request: u64) -> ForgeFuture<'_, Option<String>>;

    /// Where a commit stands, seen from `other`. A commit that the forge does not know is an error.
    fn order<'a>(
        &'a self,
        commit: &'a CommitId,
        other: &'a CommitId,
    ) -> ForgeFuture<'a, Option<Order>>;

    /// The comments on a request that this job's token, or the author that its inputs name, has written: the oldest
    /// first. Comments of others, and what the forge itself notes, are not among them.
    fn comments(&self, request: u64) -> ForgeFuture<'_, Vec<Comment>>;

    /// Writes a comment. After an error it may be there all the same. Its URL, if the forge says one.
    fn create_comment<'a>(&'a self, request: u64, body: &'a str)
    -> ForgeFuture<'a, Option<String>>;

    /// Changes a comment.
    fn update_comment<'a>(&'a self, request: u64, id: u64, body: &'a str) -> ForgeFuture<'a, ()>;

    /// Deletes a comment.
    fn delete_comment(&self, request: u64, id: u64) -> ForgeFuture<'_, ()>;
}

/// A forge did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeError {
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What the forge, or the system, said.
    said: String,
}

impl ForgeError {
    /// The characters that are kept of a text.
    const MOST: usize = 300;

    /// An error with words that may come from anywhere.
    pub fn new(status: Option<u16>, said: &str) -> Self {
        Self { status, said: said.chars().take(Self::MOST).collect() }
    }

    /// Whether a comment or request does not exist.
    pub fn is_missing(&self) -> bool {
        self.status == Some(404)
    }

    /// Whether what was asked for may have been done all the same.
    pub fn may_have_worked(&self) -> bool {
        self.status.is_none_or(|status| status >= 500)
    }
}

impl fmt::Display for ForgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = one_line(&self.said);
        match (self.status, said.is_empty()) {
            (Some(status), true) => write!(f, "{status}"),
            (Some(status), false) => write!(f, "{status}: {said}"),
            (None, true) => f.write_str("no answer"),
            (None, false) => write!(f, "no answer: {said}"),
        }
    }
}

impl std::error::Error for ForgeError {}
