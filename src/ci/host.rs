//! Which forge a job runs at, and its parts.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use super::{
    Forge, Http, Inputs, Job, JobCommand, Log, Refusal, Reporter, Server, Variables,
    github::{self, GitHub, GitHubReporter},
    gitlab::{self, GitLab, GitLabReporter},
};

/// A forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// GitHub Actions.
    GitHub,
    /// GitLab CI.
    GitLab,
}

/// What a host is set up with.
pub struct Setup {
    /// The token for comments.
    pub token: SecretString,
    /// Tells the time.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Host {
    /// The forge of this environment.
    pub fn of(variables: Variables<'_>) -> Option<Self> {
        if variables.get("GITHUB_ACTIONS").is_some() {
            Some(Self::GitHub)
        } else if variables.get("GITLAB_CI").is_some() {
            Some(Self::GitLab)
        } else {
            None
        }
    }

    /// The variable with the folder of the checkout.
    pub fn checkout_variable(self) -> &'static str {
        match self {
            Self::GitHub => "GITHUB_WORKSPACE",
            Self::GitLab => "CI_PROJECT_DIR",
        }
    }

    /// The variable with the token for comments.
    pub fn token_variable(self) -> &'static str {
        match self {
            Self::GitHub => "PUSHSYNC_CI_TOKEN",
            Self::GitLab => "PUSHSYNC_GITLAB_TOKEN",
        }
    }

    /// The variable with the file of the event, if there is one.
    pub fn event_variable(self) -> Option<&'static str> {
        match self {
            Self::GitHub => Some("GITHUB_EVENT_PATH"),
            Self::GitLab => None,
        }
    }

    /// The job, if it may run.
    ///
    /// # Errors
    ///
    /// What is not the event, the branch or the environment of such a job.
    pub fn job(
        self,
        command: JobCommand,
        variables: Variables<'_>,
        event: &Value,
        inputs: &Inputs,
        has_key: bool,
    ) -> Result<Job, Refusal> {
        match self {
            Self::GitHub => github::job(command, variables, event, inputs, has_key),
            Self::GitLab => gitlab::job(command, variables, inputs, has_key),
        }
    }

    /// What people should know of a job that may run: a title of ours, and a text.
    pub fn warning(self, variables: Variables<'_>, job: &Job) -> Option<(&'static str, String)> {
        match self {
            Self::GitHub => None,
            Self::GitLab => gitlab::warning(variables, job),
        }
    }

    /// The client of the forge.
    ///
    /// # Errors
    ///
    /// An address or a token that cannot be used.
    pub fn forge(
        self,
        variables: Variables<'_>,
        job: &Job,
        setup: Setup,
    ) -> Result<Box<dyn Forge>, Refusal> {
        let Setup { token, clock } = setup;
        let pause = pause(variables);
        match self {
            Self::GitHub => {
                let url = variables.get("GITHUB_API_URL");
                let url = url.unwrap_or_else(|| "https://api.github.com".to_owned());
                let (header, scheme) = ("authorization", "Bearer ");
                let http = Http::new(Server { url, header, scheme, token, pause, clock })?;
                Ok(Box::new(GitHub::new(http, variables, job)?))
            }
            Self::GitLab => {
                let url = variables.get("CI_API_V4_URL");
                let url = url.unwrap_or_else(|| "https://gitlab.com/api/v4".to_owned());
                let (header, scheme) = ("private-token", "");
                let http = Http::new(Server { url, header, scheme, token, pause, clock })?;
                Ok(Box::new(GitLab::new(http, variables, job)?))
            }
        }
    }

    /// The ways in which a job says things.
    pub fn reporter<'a>(
        self,
        variables: Variables<'_>,
        log: Log<'a>,
        random: &'a dyn Fn() -> String,
    ) -> Box<dyn Reporter + 'a> {
        match self {
            Self::GitHub => Box::new(GitHubReporter::new(variables, log, random)),
            Self::GitLab => Box::new(GitLabReporter::new(log)),
        }
    }
}

/// The first pause before a request is sent again. Tests set it.
pub fn pause(variables: Variables<'_>) -> Duration {
    let set = variables.get("PUSHSYNC_CI_PAUSE").and_then(|text| text.parse().ok());
    Duration::from_secs(set.unwrap_or(1)).min(Duration::from_secs(60))
}
