//! The command line: one file for each command.
//!
//! The environment, the clock and randomness are read here and passed on.

mod applied;
mod apply;
mod apply_report;
mod approval;
mod args;
mod audience;

mod ci;
mod clock_time;
mod comparison;
mod completions;
mod context;
mod crash_points;
mod discovery;
mod dispatch;
mod early_end;
mod environment;
mod execution;
mod explain;
mod failure;
mod git;
mod hidden_values;
mod import;
mod init;
mod interrupts;
mod json_log;
mod lockfile;
mod logging;
mod man;
mod masked_address;
mod masking;
mod missing_files;
mod output;
mod plan;
mod planning;
mod presence;
mod preview;
mod progress;
mod refresh;
mod rewritten;
mod run;
mod run_status;
mod said;
mod sandbox;
mod schema;
mod secrets;
mod selected_state;
mod sent_again;
mod serving;
mod settling;
mod shell_command;
mod show;
mod signals;
mod spool;
mod state;
mod state_folder;
mod streams;
mod targets;
mod unrecorded;
mod usage;
mod validate;
mod variables;
mod waiting;

pub use dispatch::main;
