//! What a job is about: its command, and the commit and the request that its event names.

use std::{fmt, str::FromStr};

use crate::model::CommitId;

/// A command of the kit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobCommand {
    /// Plans, and comments on the request.
    Plan,
    /// Applies what was reviewed.
    Apply,
    /// Goes on with what is approved.
    Resume,
}

impl JobCommand {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Apply => "apply",
            Self::Resume => "resume",
        }
    }

    /// Whether it sends messages.
    pub fn sends(self) -> bool {
        matches!(self, Self::Apply | Self::Resume)
    }
}

impl fmt::Display for JobCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for JobCommand {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "plan" => Ok(Self::Plan),
            "apply" => Ok(Self::Apply),
            "resume" => Ok(Self::Resume),
            "" => Err(Refusal::new("there is no command", "It is plan, apply or resume.")),
            other => Err(Refusal::new(
                format!("there is no command {other}"),
                "It is plan, apply or resume.",
            )),
        }
    }
}

/// A job that may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The command.
    pub command: JobCommand,
    /// The commit that it runs for.
    pub commit: CommitId,
    /// The branch that this commit is on; only `apply` and `resume` need it.
    pub branch: String,
    /// The number of the request that is planned.
    pub request: Option<u64>,
    /// The newest commit of that request, as far as this job knows.
    pub head: Option<String>,
    /// Why the files may come from people who may not push here: then they are only checked, without secrets.
    pub outsider: Option<&'static str>,
    /// The page of this job.
    pub link: String,
}

/// Why nothing was started, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong: a fragment. It may hold words of others.
    pub what: String,
    /// What to do: sentences.
    pub cure: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { what: what.into(), cure: cure.into() }
    }
}
