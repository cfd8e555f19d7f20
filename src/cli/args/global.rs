//! The options that every command takes, and the values that several of them share.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, ValueEnum, ValueHint};

use super::values::duration;
use crate::manifest::limits::NamedLimit;

/// The options that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalOptions {
    /// The project's folder [default: this one, or the nearest above it with a pushsync.yaml]
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true, default_value = ".", hide_default_value = true, value_hint = ValueHint::DirPath)]
    pub(crate) directory: PathBuf,
    /// The environment
    #[arg(long, value_name = "NAME", global = true, env = "PUSHSYNC_ENV")]
    pub(crate) env: Option<String>,
    /// Where the state is, instead of the place that the project names
    #[arg(long, value_name = "URL", global = true, env = "PUSHSYNC_STATE", hide_env_values = true)]
    pub(crate) state: Option<String>,
    /// Refuse a `state:` in YAML that is a URL; --state and PUSHSYNC_STATE may still name one
    #[arg(long, global = true)]
    pub(crate) refuse_state_url: bool,
    /// Where the API is, instead of the URL that the project names
    #[arg(long, value_name = "URL", global = true, env = "BREVO_BASE_URL", hide_env_values = true)]
    pub(crate) base_url: Option<String>,
    /// A file whose first line is the API key (instead of BREVO_API_KEY)
    #[arg(long, value_name = "FILE", global = true, env = "BREVO_API_KEY_FILE", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(crate) api_key_file: Option<PathBuf>,
    /// Run against a server inside this process, with a state of its own: no account is needed
    #[arg(long, global = true)]
    pub(crate) sandbox: bool,
    /// How long to wait while another process uses the state [default: 0s, or 5s to only read it]
    #[arg(long, value_name = "D", global = true, value_parser = duration)]
    pub(crate) lock_timeout: Option<Duration>,
    /// Let the project read files outside its folder
    #[arg(long, global = true)]
    pub(crate) allow_outside: bool,
    /// Let the project cost more than usual: `deliveries=5000000`; docs/limits.md has all names
    #[arg(long, value_name = "NAME=NUMBER", global = true, env = "PUSHSYNC_LIMITS", value_delimiter = ',', action = ArgAction::Append)]
    pub(crate) raise_limit: Vec<NamedLimit>,
    /// Colours
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    pub(crate) color: Color,
    /// Whether to mask visitors' ids, instead of the project's setting: auto, always or never
    #[arg(long, value_name = "WHEN", global = true, env = "PUSHSYNC_MASK_VISITORS")]
    pub(crate) mask_visitors: Option<Mask>,
    /// Say more; twice: say everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say only results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// How to write logs and progress
    #[arg(long, value_name = "FORMAT", global = true, default_value = "text")]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// Where the output is a terminal and NO_COLOR is not set
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mask {
    /// Unless the output is a terminal
    Auto,
    /// Everywhere
    Always,
    /// Only in logs, and in diagnostics as JSON, SARIF or annotations
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataFormat {
    /// For people
    Text,
    /// One document
    Json,
}
