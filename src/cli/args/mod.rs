//! The command line, as clap reads it. Its help is the reference.

mod ci;
mod commands;
mod global;
mod help;
mod planning;
mod reference;
mod run;
mod state;
mod values;

pub(crate) use ci::CiArgs;
pub(crate) use commands::{
    AudienceCommand, Cli, Command, CompletionsArgs, ExplainArgs, InitArgs, ManArgs, PresenceArgs,
    PreviewArgs, ReportFormat, SandboxArgs, SchemaArgs, SchemaDocument, ShowArgs, StatusArgs,
    ValidateArgs,
};
pub(crate) use global::{Color, DataFormat, GlobalOptions, LogFormat, Mask};
pub(crate) use help::{command, examples, parse};
pub(crate) use planning::{
    ApplyArgs, AudienceArgs, Bounds, ImportArgs, PlanArgs, PlanFormat, RefreshArgs, SelectionArgs,
};
pub(crate) use reference::{EXIT_STATUSES, FILES, VARIABLES};
pub(crate) use run::RunArgs;
pub(crate) use state::{ResolveArgs, StateArgs};
pub(crate) use values::{Amount, Target};
