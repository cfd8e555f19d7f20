//! A job under way: what it says, in its summary and in its comment.

use std::time::Duration;

use super::{Forge, ForgeError, Inputs, Job, Refusal, Reporter, comment, marker::marker, words};

/// The most characters of Markdown between the marker and the foot of a comment. GitHub takes 65,536 in all.
const MOST: usize = 64_000;

/// The kind of a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The plan of a request.
    Plan,
    /// The story of its rollout.
    Rollout,
}

impl Kind {
    /// Its word in the marker.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "comment",
            Self::Rollout => "outcome",
        }
    }
}

/// Whether a comment is made if there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// Makes one.
    CreateOrUpdate,
    /// Only changes one that is there.
    Update,
}

/// A job, the forge that it may ask, and the ways in which it says things.
pub struct Kit<'a> {
    /// The job.
    pub job: &'a Job,
    /// Its inputs.
    pub inputs: &'a Inputs,
    /// Its log, summary and outputs.
    pub reporter: &'a dyn Reporter,
    /// The forge, if there is a token to ask it with.
    pub forge: Option<&'a dyn Forge>,
    /// The pause before something is looked at again.
    pub pause: Duration,
}

impl Kit<'_> {
    /// The first line of our comments of a kind.
    pub fn marker(&self, kind: Kind) -> String {
        marker(kind.as_str(), &self.inputs.environment, &self.inputs.directory)
    }

    /// The heading of a comment: `### pushsync apply for …` and more words of ours.
    pub fn heading(&self, more: &str) -> String {
        let command = if self.job.command.sends() { "apply" } else { "plan" };
        words::heading(command, self.inputs, more)
    }

    /// A text of others as a fenced block.
    pub fn fenced(&self, text: &str, most: usize) -> String {
        words::fenced(text, most)
    }

    /// The whole of a comment.
    pub fn whole(&self, kind: Kind, markdown: &str) -> String {
        let markdown = words::fit(markdown, MOST);
        format!("{}\n{}\n{}", self.marker(kind), markdown.trim_end(), words::foot(self.job))
    }

    /// Says something in the summary, and in the comment on a request if there is one.
    pub async fn tell(&self, kind: Kind, request: Option<u64>, only: Only, markdown: &str) {
        let body = self.whole(kind, markdown);
        // The summary comes first: if the comment fails, nothing is lost.
        self.reporter.summarise(&body);
        if let Some(request) = request {
            self.comment(kind, request, only, &body).await;
        }
    }

    /// Writes the comment on a request. A failure is a warning: what the job did is done.
    pub async fn comment(&self, kind: Kind, request: u64, only: Only, body: &str) {
        const TITLE: &str = "pushsync: no comment";
        if !self.inputs.comment {
            return;
        }
        let elsewhere = self.reporter.elsewhere();
        let Some(forge) = self.forge else {
            let text =
                format!("There is no token to write it with. What it would say is {elsewhere}.");
            return self.reporter.warning(TITLE, &text);
        };
        let marker = self.marker(kind);
        let only_update = only == Only::Update;
        match comment::put(forge, request, (&marker, body), only_update, self.pause).await {
            // A workflow may put it into a script.
            Ok(Some(url)) if words::is_plain_url(&url) => self.reporter.output("comment-url", &url),
            Ok(_) => {}
            Err(error) => {
                let text =
                    format!("It could not be written ({error}). What it would say is {elsewhere}.");
                self.reporter.warning(TITLE, &text);
            }
        }
    }

    /// The bodies of our comments of a kind on a request, the oldest first.
    pub async fn bodies(&self, kind: Kind, request: u64) -> Result<Vec<String>, ForgeError> {
        let Some(forge) = self.forge else { return Ok(Vec::new()) };
        let found = comment::find(forge, request, &self.marker(kind)).await?;
        Ok(found.into_iter().map(|comment| comment.body).collect())
    }
}

/// Says why nothing was started.
pub fn refuse(reporter: &dyn Reporter, refusal: &Refusal) {
    let Refusal { what, cure } = refusal;
    reporter.error(what, cure);
    let block = words::fenced(&format!("{what}.\n{cure}"), 4000);
    reporter.summarise(&format!("**pushsync was not started:**\n\n{block}"));
    reporter.output("status", "1");
}
