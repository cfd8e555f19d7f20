//! The commands, and the arguments of those that do not plan.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use jiff::Timestamp;

use super::{
    ci::CiArgs,
    global::{DataFormat, GlobalOptions},
    planning::{ApplyArgs, ImportArgs, PlanArgs, RefreshArgs},
    run::RunArgs,
    state::StateArgs,
    values::{duration, fault, fault_help, latency, probability, webhook_fault},
};
use crate::{
    model::{Key, Language, VisitorId, WrittenTime},
    sandbox::{Budget, Fault, Rule, WebhookFault, WebhookUrl},
};

/// Keeps automated messages of Brevo Conversations in version control: YAML says
/// which should exist, `plan` shows what would change, `apply` converges.
#[derive(Debug, Parser)]
#[command(name = "pushsync", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalOptions,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a small working project; nothing is overwritten
    Init(InitArgs),
    /// Check everything that needs no state and no API
    ///
    /// Without --env, in every environment that is declared, and without one. Queries of audiences run, unless --offline
    /// is given.
    Validate(ValidateArgs),
    /// Show a message as a visitor gets it
    Show(ShowArgs),
    /// Show who is in an audience now
    #[command(subcommand)]
    Audience(AudienceCommand),
    /// Show what apply would do
    ///
    /// Without --refresh, it makes no request and needs no key.
    Plan(PlanArgs),
    /// Plan, show the plan, ask, and carry it out
    Apply(ApplyArgs),
    /// Ask the API what became of deliveries, and record drift
    ///
    /// It asks about the least recently verified deliveries first.
    Refresh(RefreshArgs),
    /// Adopt a message that exists
    Import(ImportArgs),
    /// Plan, apply or resume in a job of GitHub Actions or GitLab CI
    ///
    /// It comments on the request, writes the summary of the job, and applies what was reviewed there.
    Ci(CiArgs),
    /// Keep the API as the project says, until stopped
    ///
    /// It plans and applies when a file changes, when a window opens or closes, when the API's budget has room again,
    /// and at least every --every. SIGHUP begins a cycle at once; Ctrl-C and SIGTERM end it in good order.
    Run(RunArgs),
    /// Show what is live, what waits and until when, and what is unknown
    ///
    /// It makes no request and needs no key. What it shows is what the state and the manifest say.
    Status(StatusArgs),
    /// Inspect the state, and repair it
    #[command(subcommand)]
    State(StateArgs),
    /// Keep an agent online: one ping a minute
    Presence(PresenceArgs),
    /// Serve the API's behaviour on loopback, for other programs
    Sandbox(SandboxArgs),
    /// Serve a page of the chats that visitors would see
    ///
    /// It is made from the manifest alone, and follows the files.
    Preview(PreviewArgs),
    /// Print a completion script
    Completions(CompletionsArgs),
    /// Print the JSON Schema of a file, for editors and programs
    Schema(SchemaArgs),
    /// Explain a problem at length: unknown-field, csv-row, …
    Explain(ExplainArgs),
    /// Print the manual page
    Man(ManArgs),
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The folder [default: that of -C]
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Run no query: audiences of databases are left out
    #[arg(long)]
    pub(crate) offline: bool,
    /// How to report problems
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: ReportFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people
    Text,
    /// One document
    Json,
    /// Annotations of GitHub Actions
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The message
    #[arg(value_parser = Key::parse)]
    pub(crate) key: Key,
    /// The visitor [default: the first one of the audience]
    #[arg(long, value_parser = VisitorId::parse)]
    pub(crate) visitor: Option<VisitorId>,
    /// The text in this language, of a message that has one for each
    #[arg(long, value_name = "LANGUAGE", value_parser = Language::parse)]
    pub(crate) locale: Option<Language>,
    /// How to show it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: DataFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AudienceCommand {
    /// Print the rows of an audience: those of its file, its list, or its query
    ///
    /// As CSV, the visitors' ids first and in their order. Where visitors are masked, their ids are; JSON is complete.
    Show {
        /// The audience
        audience: String,
        /// Only the number of visitors
        #[arg(long)]
        count: bool,
        /// How to show it
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PresenceArgs {
    /// The sender's name in the manifest
    #[arg(long, value_name = "SENDER")]
    pub(crate) from: String,
    /// Stop after this time
    #[arg(long = "for", value_name = "D", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// Ping once
    #[arg(long, conflicts_with = "duration")]
    pub(crate) once: bool,
    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: DataFormat,
}

#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    /// The port on 127.0.0.1; 0: a free one
    #[arg(long, value_name = "P", default_value_t = 8025)]
    pub(crate) port: u16,
    /// Keep the messages in this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) data: Option<PathBuf>,
    /// Accept at most N requests a period: 100/h, 10/min, 5/30s [default: no limit that matters]
    #[arg(long, value_name = "N/PERIOD")]
    pub(crate) limit: Option<Budget>,
    /// Hold every answer back (200ms, 2s)
    #[arg(long, value_name = "D", value_parser = latency, default_value = "0s")]
    pub(crate) latency: Duration,
    /// Answer this share of requests (0 to 1) with 500: half before, half after the effect
    #[arg(long, value_name = "P", value_parser = probability, default_value = "0")]
    pub(crate) fail: f64,
    /// Carry out this share of requests (0 to 1), but close the connection without an answer
    #[arg(long, value_name = "P", value_parser = probability, default_value = "0")]
    pub(crate) drop_replies: f64,
    /// The seed of the faults
    ///
    /// The same seed and order of requests give the same faults.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Change each text before it is kept, as an API may: trim, escape, crlf, nfc, collapse,
    /// truncate=40 … (several with commas, in this order)
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(crate) normalise: Vec<Rule>,
    /// Behave as servers and gateways do on a bad day; --help lists how
    #[arg(long, value_name = "FAULT", value_parser = fault(), value_delimiter = ',', hide_possible_values = true, long_help = fault_help())]
    pub(crate) fault: Vec<Fault>,
    /// First answer N requests without a --fault
    #[arg(hide_short_help = true, long, value_name = "N", requires = "fault", default_value_t = 0)]
    pub(crate) after: u64,
    /// Post the event of each message that is created here, as Brevo's webhooks do
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) webhook: Option<WebhookUrl>,
    /// What goes wrong with the events on purpose (several with commas)
    #[arg(hide_short_help = true, long, value_name = "FAULT", value_parser = webhook_fault(), value_delimiter = ',', requires = "webhook")]
    pub(crate) webhook_fault: Vec<WebhookFault>,
    /// How long access tokens live
    #[arg(hide_short_help = true, long, value_name = "D", value_parser = duration, default_value = "1h")]
    pub(crate) token_life: Duration,
    /// How to print the address that it listens on
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: DataFormat,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The code in brackets after `error` or `warning` [default: list all codes]
    pub(crate) code: Option<String>,
    /// How to show it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: DataFormat,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write a page for every command into this folder
    #[arg(long, value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// The file that the schema is for
    #[arg(value_enum, default_value = "project")]
    pub(crate) of: SchemaDocument,
}

/// The documents that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaDocument {
    /// pushsync.yaml
    Project,
    /// The other YAML files of a project
    Messages,
    /// The output of `plan --format json`, and the file of `plan --out`
    Plan,
    /// The output of `apply --format json`
    Apply,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// How to show it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: DataFormat,
}

#[derive(Debug, Args)]
pub(crate) struct PreviewArgs {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "P", default_value_t = 8026)]
    pub(crate) port: u16,
    /// The instant at which the page begins (RFC 3339; a date alone is midnight in UTC), for windows [default: now]
    #[arg(long, value_name = "INSTANT", value_parser = WrittenTime::parse_instant)]
    pub(crate) at: Option<Timestamp>,
    /// How to print the address that it listens on
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: DataFormat,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    /// Those that print a script, a file or a page as it is, or no data at all.
    const WITHOUT: [&str; 20] = [
        "audience",
        "ci",
        "init",
        "run",
        "import",
        "completions",
        "schema",
        "man",
        "state rm",
        "state mv",
        "state resolve",
        "state rename",
        "state set-api",
        "state forget-budget",
        "state export",
        "state import",
        "state migrate",
        "state rekey",
        "state unlock",
        "state",
    ];

    fn walk(command: &clap::Command, name: &str, lacking: &mut Vec<String>) {
        for below in command.get_subcommands() {
            let name = format!("{name} {}", below.get_name()).trim().to_owned();
            let json = below.get_arguments().any(|argument| {
                argument.get_id() == "format"
                    && argument
                        .get_possible_values()
                        .iter()
                        .any(|value| value.matches("json", false))
            });
            if !json && !WITHOUT.contains(&&*name) {
                lacking.push(name.clone());
            }
            walk(below, &name, lacking);
        }
    }

    #[test]
    fn every_command_that_prints_data_prints_it_as_json_too() {
        let mut lacking = Vec::new();
        walk(&Cli::command(), "", &mut lacking);
        assert!(lacking.is_empty(), "{lacking:?}");
    }
}
