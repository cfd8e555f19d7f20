//! A job under way: the project and the state that it works on, and the ways in which it says things.

use std::future::Future;

use crate::{
    ci::{Kind, Kit, Only, Refusal},
    cli::{
        context::Context,
        failure::{Failure, status},
        git::Repository,
        masking::Readers,
    },
    diagnostics::{Report, show::Style},
};

/// What the calls of a job need.
pub(super) struct Session<'a> {
    pub(super) context: &'a Context,
    pub(super) kit: &'a Kit<'a>,
}

/// Why a command ended: problems of the project, or words.
pub(super) struct Reason {
    pub(super) report: Option<Report>,
    /// In a few lines, for a fenced block.
    pub(super) text: String,
    /// In one line.
    pub(super) short: String,
}

impl Session<'_> {
    /// Waits for the forge.
    pub(super) fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        Ok(self.context.runtime()?.block_on(work))
    }

    /// Runs a command of ours, in whose log nothing is a command for the workflow.
    pub(super) fn quietly<T>(&self, work: impl FnOnce() -> T) -> T {
        self.kit.reporter.ignore();
        let done = work();
        self.kit.reporter.hear();
        done
    }

    /// The repository that the project lies in.
    pub(super) fn repository(&self) -> Option<Repository> {
        let folder = &self.context.global.directory;
        Repository::of(folder, folder).ok().flatten()
    }

    /// Says something in the summary and in the comment of a request.
    pub(super) fn tell(
        &self,
        kind: Kind,
        request: Option<u64>,
        only: Only,
        markdown: &str,
    ) -> Result<(), Failure> {
        self.wait(self.kit.tell(kind, request, only, markdown))
    }

    /// Why a command of ours ended with a failure. It is shown in the log, if it was not yet.
    pub(super) fn reason(&self, failure: &Failure) -> Reason {
        let output = &self.context.output;
        self.quietly(|| output.failure(failure));
        let report = output.reported().filter(|_| failure.messages.is_empty());
        let text = match &report {
            Some(report) => {
                let mask = output.masks_out(Readers::Elsewhere);
                report.text(Style { color: false, mask })
            }
            None => {
                let (messages, help) = output.words_of(failure);
                let messages = messages.iter().map(|message| format!("error: {message}\n"));
                let help = help.map(|help| format!("  help: {help}\n"));
                messages.chain(help).collect()
            }
        };
        let (messages, help) = output.words_of(failure);
        let short = messages.into_iter().chain(help).collect::<Vec<_>>().join("; ");
        Reason { report, text, short }
    }

    /// The end of a job that could not begin.
    pub(super) fn failed(&self, failure: &Failure) -> Result<u8, Failure> {
        let reason = self.reason(failure);
        let command = self.kit.job.command;
        let words = self.kit.fenced(&reason.text, 50_000);
        let markdown = format!("{}{words}", self.kit.heading(" failed"));
        let kind = if command.sends() { Kind::Rollout } else { Kind::Plan };
        self.tell(kind, self.kit.job.request, Only::CreateOrUpdate, &markdown)?;
        self.kit.reporter.output("status", &failure.status.to_string());
        self.kit.reporter.error(&format!("pushsync {command} failed"), &reason.short);
        Ok(status::FAILED)
    }

    /// The end of a job whose inputs cannot be used.
    pub(super) fn refused(&self, refusal: &Refusal) -> u8 {
        crate::ci::refuse(self.kit.reporter, refusal);
        status::FAILED
    }
}
