//! The command line, as clap reads it. Its help is the reference.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::{Shell, engine::ArgValueCompleter};
use jiff::Timestamp;

use super::{completions, secrets::KeyFile};
use crate::{
    manifest::{MOST_CONCURRENT, duration, limits::NamedLimit},
    model::{Address, Key, VisitorId},
};

/// Keeps the automated messages of Brevo Conversations in version control: YAML says which
/// messages should exist, `plan` shows what would change, `apply` converges.
#[derive(Debug, Parser)]
#[command(name = "pushsync", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Exit status: 0 done; 1 an error, or a change failed; 2 only from plan \
    --detailed-exitcode: there are changes; 3 stopped early in good order (budget, time, a \
    signal): run again; 4 a delivery is unknown and needs a decision.")]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// The project's folder
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true, default_value = ".", value_hint = ValueHint::DirPath)]
    pub(super) directory: PathBuf,
    /// The environment
    #[arg(long, value_name = "NAME", global = true, env = "PUSHSYNC_ENV", add = ArgValueCompleter::new(completions::environments))]
    pub(super) env: Option<String>,
    /// Where the state is, instead of what the project says
    #[arg(long, value_name = "URL", global = true, env = "PUSHSYNC_STATE", hide_env_values = true)]
    pub(super) state: Option<String>,
    /// Refuse a `state:` in YAML that is a URL; one given by --state or PUSHSYNC_STATE is taken
    #[arg(long, global = true)]
    pub(super) refuse_state_url: bool,
    /// Where the API is, instead of what the project says
    #[arg(long, value_name = "URL", global = true, env = "BREVO_BASE_URL", hide_env_values = true)]
    pub(super) base_url: Option<String>,
    /// A file whose first line is the API key (instead of BREVO_API_KEY)
    #[arg(long, value_name = "FILE", global = true, env = "BREVO_API_KEY_FILE", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(super) api_key_file: Option<KeyFile>,
    /// Run against a server inside this process, with a state of its own: no account is needed
    #[arg(long, global = true)]
    pub(super) sandbox: bool,
    /// Wait so long if another process uses the state [default: 0s, or 5s to only read it]
    #[arg(long, value_name = "D", global = true, value_parser = span)]
    pub(super) lock_timeout: Option<Duration>,
    /// Let the project read files outside its folder
    #[arg(long, global = true)]
    pub(super) allow_outside: bool,
    /// Let the project cost more than usual: `deliveries=5000000`; docs/limits.md has all names
    #[arg(long, value_name = "NAME=NUMBER", global = true, env = "PUSHSYNC_LIMITS", value_delimiter = ',', action = ArgAction::Append)]
    pub(super) raise_limit: Vec<NamedLimit>,
    /// Colours
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    pub(super) color: Color,
    /// Whether visitors' ids are masked, instead of what the project says: auto, always or never
    #[arg(long, value_name = "WHEN", global = true, env = "PUSHSYNC_MASK_VISITORS")]
    pub(super) mask_visitors: Option<Mask>,
    /// Say more; twice: say everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(super) verbose: u8,
    /// Say nothing but results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// How logs and progress are written
    #[arg(long, value_name = "FORMAT", global = true, default_value = "text")]
    pub(super) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// Where the output is a terminal and NO_COLOR is not set
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Mask {
    /// Unless the output is a terminal
    Auto,
    /// Everywhere
    Always,
    /// Nowhere but in diagnostics as JSON, SARIF or annotations, and in logs
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    Text,
    /// A JSON object each
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write a small working project; nothing is overwritten
    Init(Init),
    /// Check everything that needs no state and no network
    Validate(Validate),
    /// Show a message as a visitor gets it
    Show(Show),
    /// Show what apply would do; without --refresh, no request is made and no key is needed
    Plan(Plan),
    /// Plan, show, ask, and carry it out
    Apply(Apply),
    /// Ask the API about the least recently verified deliveries first, and record drift
    Refresh(Refresh),
    /// Adopt a message that exists
    Import(Import),
    /// Look into the state, and repair it
    #[command(subcommand)]
    State(State),
    /// Keep an agent online: one ping a minute
    Presence(Presence),
    /// Serve the API's behaviour on loopback, for other programs
    Sandbox(Sandbox),
    /// Serve a page of what visitors would see, from the manifest alone, that follows the files
    Preview(Preview),
    /// Print a completion script
    Completions(Completions),
    /// Print the JSON Schema of a file, for editors and programs
    Schema(Schema),
    /// Explain a problem at length: unknown-field, csv-row, …
    Explain(Explain),
    /// Print the manual page
    Man(Man),
}

#[derive(Debug, Args)]
pub(super) struct Init {
    /// The folder [default: that of -C]
    #[arg(value_hint = ValueHint::DirPath)]
    pub(super) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Validate {
    /// How to report problems
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: ReportFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
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
pub(super) struct Show {
    /// The message
    #[arg(value_parser = key, add = ArgValueCompleter::new(completions::keys))]
    pub(super) key: Key,
    /// The visitor [default: the first one of the audience]
    #[arg(long, value_parser = visitor)]
    pub(super) visitor: Option<VisitorId>,
    /// How to show it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: DataFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum DataFormat {
    /// For people
    Text,
    /// One document
    Json,
}

#[derive(Debug, Clone, Args)]
pub(super) struct Selection {
    /// Only this message or delivery; may be given several times
    #[arg(long, value_name = "KEY|ADDRESS", value_parser = target, add = ArgValueCompleter::new(completions::targets))]
    pub(super) target: Vec<Target>,
    /// Plan to delete everything that the state has
    #[arg(long)]
    pub(super) destroy: bool,
    /// Plan as of another instant (RFC 3339), for windows
    #[arg(long, value_name = "INSTANT")]
    pub(super) at: Option<Timestamp>,
    /// First ask the API about the deliveries (or the N least recently verified ones): a request each
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "all", value_parser = amount)]
    pub(super) refresh: Option<Amount>,
}

/// So many, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    Count(u64),
    All,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Key(Key),
    Address(Address),
}

#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Save the plan, for `apply FILE`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) out: Option<PathBuf>,
    /// How to show it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: PlanFormat,
    /// Exit with 2 if there are changes
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
    /// List what is as it should be, too
    #[arg(long)]
    pub(super) show_unchanged: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PlanFormat {
    /// For people
    Text,
    /// One document, complete
    Json,
    /// A comment on a pull request
    Markdown,
    /// A page with every message as its visitor sees it; nothing is fetched
    Html,
    /// Annotations of GitHub Actions
    Github,
}

#[derive(Debug, Args)]
pub(super) struct Apply {
    /// A plan that `plan --out` saved: it is applied exactly or not at all
    #[arg(value_hint = ValueHint::FilePath, conflicts_with_all = ["target", "destroy", "at", "refresh"])]
    pub(super) planfile: Option<PathBuf>,
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Plan afresh, and apply if the changes are exactly those that were reviewed: the plan's
    /// changes_digest, also in the marker of its Markdown
    #[arg(long, value_name = "DIGEST", value_parser = digest, conflicts_with = "planfile")]
    pub(super) reviewed: Option<String>,
    /// Go on with the last apply if it stopped early; otherwise do nothing
    #[arg(long, conflicts_with_all = ["planfile", "target", "destroy", "at", "reviewed"])]
    pub(super) resume: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) bounds: Bounds,
    /// Deletes that are allowed, whatever safety.max_deletes says
    #[arg(long, value_name = "N|all", value_parser = amount)]
    pub(super) allow_deletes: Option<Amount>,
    /// Resends that are allowed, whatever safety.max_resends says
    #[arg(long, value_name = "N|all", value_parser = amount)]
    pub(super) allow_resends: Option<Amount>,
    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: DataFormat,
}

/// What bounds a run that makes requests.
#[derive(Debug, Clone, Args)]
pub(super) struct Bounds {
    /// Make at most so many requests
    #[arg(long, value_name = "N")]
    pub(super) max_requests: Option<u64>,
    /// Start no request after so long (30s, 5m, 1h30m)
    #[arg(long, value_name = "D", value_parser = span)]
    pub(super) max_duration: Option<Duration>,
    /// Sleep at most so long for the API's budget
    #[arg(long, value_name = "D", value_parser = span, default_value = "5m")]
    pub(super) max_wait: Duration,
    /// How many requests may be under way at once, from 1 to 512 [default: what the project says]
    #[arg(long, value_name = "N", value_parser = concurrency)]
    pub(super) concurrency: Option<NonZeroUsize>,
}

impl Default for Bounds {
    /// As if nothing was given.
    fn default() -> Self {
        Self {
            max_requests: None,
            max_duration: None,
            max_wait: Duration::from_secs(300),
            concurrency: None,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Refresh {
    #[command(flatten)]
    pub(super) bounds: Bounds,
    /// Only this message or delivery; may be given several times
    #[arg(long, value_name = "KEY|ADDRESS", value_parser = target, add = ArgValueCompleter::new(completions::targets))]
    pub(super) target: Vec<Target>,
    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: DataFormat,
}

#[derive(Debug, Args)]
pub(super) struct Import {
    /// What it is from now on: KEY@VISITOR
    #[arg(value_parser = address, add = ArgValueCompleter::new(completions::only_addresses))]
    pub(super) address: Address,
    /// The message's id
    pub(super) id: String,
}

#[derive(Debug, Subcommand)]
pub(super) enum State {
    /// List what was sent
    List {
        /// Only these messages or deliveries
        #[arg(value_name = "KEY|ADDRESS", value_parser = target, add = ArgValueCompleter::new(completions::targets))]
        targets: Vec<Target>,
        /// How to show it
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
    /// Show everything that is known of one delivery
    Show {
        /// The delivery
        #[arg(value_parser = address, add = ArgValueCompleter::new(completions::only_addresses))]
        address: Address,
        /// How to show it
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
    /// Forget a delivery; the message stays where it is
    Rm {
        /// The deliveries
        #[arg(required = true, value_parser = address, add = ArgValueCompleter::new(completions::only_addresses))]
        addresses: Vec<Address>,
    },
    /// Give a delivery another address; nothing is sent
    Mv {
        /// The address that it has
        #[arg(value_parser = address, add = ArgValueCompleter::new(completions::only_addresses))]
        old: Address,
        /// The address that it gets: another key, the same visitor
        #[arg(value_parser = address, add = ArgValueCompleter::new(completions::only_addresses))]
        new: Address,
    },
    /// Say what became of a delivery whose answer was lost
    Resolve {
        /// The delivery
        #[arg(value_parser = address, add = ArgValueCompleter::new(completions::only_addresses))]
        address: Address,
        /// It was sent, and this is its id
        #[arg(
            long,
            value_name = "ID",
            conflicts_with = "not_sent",
            required_unless_present = "not_sent"
        )]
        sent: Option<String>,
        /// It was not sent
        #[arg(long)]
        not_sent: bool,
    },
    /// Write the state as JSON lines: a backup that diffs well. With PUSHSYNC_STATE_KEY, the lines
    /// are encrypted
    Export {
        /// The file [default: stdout]
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// Readable lines, although there is a key
        #[arg(long)]
        plain: bool,
    },
    /// Read an export back into an empty state
    Import {
        /// The file; - for stdin
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Copy the state of this environment elsewhere, and use it there from then on. With
    /// PUSHSYNC_STATE_KEY, it is encrypted there
    Migrate {
        /// A folder, postgres://…, or s3://bucket/prefix
        #[arg(long, value_name = "URL")]
        to: String,
        /// Not encrypted there, although there is a key
        #[arg(long)]
        plain: bool,
    },
    /// Say that the API at this URL is the one that the messages of the state are at
    SetApi {
        /// The base URL from now on: https, or http on a loopback address
        #[arg(value_hint = ValueHint::Url)]
        url: String,
    },
    /// Change the passphrase of an encrypted state: from PUSHSYNC_STATE_KEY to
    /// PUSHSYNC_NEW_STATE_KEY
    Rekey,
    /// List older states that are kept, or bring one back (from a bucket)
    Restore {
        /// The snapshot [default: list them]
        name: Option<String>,
        /// How to list them
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
    /// Say who holds the lock of a state in a bucket, or break it
    Unlock {
        /// Break it
        #[arg(long)]
        force: bool,
    },
    /// Rewrite the files of a folder without the room of what was removed
    Compact {
        /// How to report
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
    /// Read everything and compare it with its checksums
    Verify {
        /// How to show it
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
    /// Say what was done when, the newest first
    History {
        /// Only runs that touched this message
        #[arg(value_parser = key, add = ArgValueCompleter::new(completions::keys))]
        key: Option<Key>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
        /// How to show it
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
}

#[derive(Debug, Args)]
pub(super) struct Presence {
    /// The sender's name in the manifest
    #[arg(long, value_name = "SENDER", add = ArgValueCompleter::new(completions::senders))]
    pub(super) from: String,
    /// Stop after so long
    #[arg(long = "for", value_name = "D", value_parser = span)]
    pub(super) duration: Option<Duration>,
    /// Ping once
    #[arg(long, conflicts_with = "duration")]
    pub(super) once: bool,
    /// How to report
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: DataFormat,
}

#[derive(Debug, Args)]
pub(super) struct Sandbox {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "P", default_value_t = 8025)]
    pub(super) port: u16,
    /// Keep the messages in this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) data: Option<PathBuf>,
    /// Accept so many requests: 100/h, 10/min, 5/30s [default: more than matters]
    #[arg(long, value_name = "N/PERIOD")]
    pub(super) limit: Option<crate::sandbox::Budget>,
    /// Hold every answer back for so long (200ms, 2s)
    #[arg(long, value_name = "D", value_parser = pause, default_value = "0s")]
    pub(super) latency: Duration,
    /// Answer so many requests (0 to 1) with 500: half before, half after the effect
    #[arg(long, value_name = "P", value_parser = probability, default_value = "0")]
    pub(super) fail: f64,
    /// Do what is asked, but close the connection without an answer (0 to 1)
    #[arg(long, value_name = "P", value_parser = probability, default_value = "0")]
    pub(super) drop_replies: f64,
    /// For the faults: the same seed and order of requests give the same faults
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,
    /// How to say where it listens
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: DataFormat,
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// Its name: what stands in brackets after `error` or `warning` [default: list them]
    #[arg(add = ArgValueCompleter::new(completions::problems))]
    pub(super) code: Option<String>,
    /// How to show it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: DataFormat,
}

#[derive(Debug, Args)]
pub(super) struct Man {
    /// Write a page for every command into this folder
    #[arg(long, value_hint = ValueHint::DirPath)]
    pub(super) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Schema {
    /// Of which file
    #[arg(value_enum, default_value = "project")]
    pub(super) of: SchemaOf,
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaOf {
    /// pushsync.yaml
    Project,
    /// The other YAML files of a project
    Messages,
    /// What `plan --format json` prints and `plan --out` saves
    Plan,
    /// What `apply --format json` prints
    Apply,
}

#[derive(Debug, Args)]
pub(super) struct Preview {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "P", default_value_t = 8026)]
    pub(super) port: u16,
    /// The instant at which the page begins (RFC 3339), for windows [default: now]
    #[arg(long, value_name = "INSTANT")]
    pub(super) at: Option<Timestamp>,
    /// How to say where it listens
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: DataFormat,
}

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    pub(super) shell: Shell,
}

fn key(text: &str) -> Result<Key, crate::model::ParseKeyError> {
    Key::parse(text)
}

fn visitor(text: &str) -> Result<VisitorId, crate::model::ParseVisitorError> {
    VisitorId::parse(text)
}

fn address(text: &str) -> Result<Address, crate::model::ParseAddressError> {
    Address::parse(text)
}

fn target(text: &str) -> Result<Target, crate::model::ParseAddressError> {
    if text.contains('@') {
        Address::parse(text).map(Target::Address)
    } else {
        Ok(Target::Key(Key::parse(text)?))
    }
}

/// 64 hexadecimal digits.
fn digest(text: &str) -> Result<String, String> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("not a digest: 64 hexadecimal digits".to_owned())
    }
}

fn amount(text: &str) -> Result<Amount, String> {
    match text {
        "all" => Ok(Amount::All),
        _ => text.parse().map(Amount::Count).map_err(|_| "neither a number nor `all`".to_owned()),
    }
}

fn span(text: &str) -> Result<Duration, duration::ParseDurationError> {
    duration::parse(text)
}

fn concurrency(text: &str) -> Result<NonZeroUsize, String> {
    let count = text.parse().ok().filter(|count| (1..=MOST_CONCURRENT).contains(count));
    count
        .and_then(|count| NonZeroUsize::new(usize::try_from(count).ok()?))
        .ok_or_else(|| format!("no number from 1 to {MOST_CONCURRENT}"))
}

/// Milliseconds, too.
fn pause(text: &str) -> Result<Duration, duration::ParseDurationError> {
    match text.strip_suffix("ms").map(str::parse) {
        // Bounded as if it was written in seconds.
        Some(Ok(millis)) => {
            span(&format!("{}s", millis / 1000)).map(|_| Duration::from_millis(millis))
        }
        _ => span(text),
    }
}

fn probability(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
        _ => Err("no probability from 0 to 1".to_owned()),
    }
}
