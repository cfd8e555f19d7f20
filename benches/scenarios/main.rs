//! Whole scenarios, each a run of the program, and what the machine needs for the bare work beside
//! it: `cargo run --profile dist --example bench -- --help`.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot go on should stop; its table goes to stdout; it reads the clock"
)]

mod applies;
mod child;
mod floor;
mod ground;
#[path = "../support/hours.rs"]
mod hours;
mod instructions;
mod plans;
mod projects;
mod scale;
mod starts;
mod table;

use std::{ffi::OsString, path::PathBuf};

use clap::{Parser, Subcommand, ValueEnum};

use ground::Ground;
use projects::Kind;
use table::{Format, Table};

/// Measures pushsync as a whole process, and prints one table.
#[derive(Parser)]
#[command(name = "bench", args_conflicts_with_subcommands = true)]
struct Bench {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    measure: Measure,
}

#[derive(clap::Args)]
struct Measure {
    /// Small sizes, and each once.
    #[arg(long)]
    quick: bool,
    /// The program; without this, the one that was built along with the bench.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// How the table is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Which; all without any.
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// The version, and a plan of ten messages.
    Start,
    /// A plan without changes, of a CSV audience.
    PlanCsv,
    /// A plan without changes, of messages written out in YAML.
    PlanYaml,
    /// A plan in which everything is new.
    PlanNew,
    /// A plan in which every text has changed.
    PlanChanged,
    /// Checks of a CSV audience with user ids, types and languages.
    ValidateUsers,
    /// Creates against a sandbox on this machine, beside a bare loop of the same requests.
    Apply,
    /// How often creates wait for the disk (with strace).
    Fsyncs,
    /// How many hours the API's limit makes deliveries take, on a virtual clock.
    Hours,
}

#[derive(Subcommand)]
enum Task {
    /// Write a project and a state in which all of it was sent.
    Make {
        /// How the deliveries are written.
        #[arg(value_parser = kind)]
        kind: Kind,
        /// This number.
        count: usize,
        /// Where.
        folder: PathBuf,
    },
    /// Count instructions, and compare them with those that were committed.
    Instructions(instructions::Instructions),
    /// Do the bare work of a scenario, to be measured.
    #[command(subcommand, hide = true)]
    Floor(floor::Floor),
    /// Run a command and write down what it used.
    #[command(hide = true)]
    Measured {
        report: PathBuf,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

fn kind(text: &str) -> Result<Kind, String> {
    match text {
        "csv" => Ok(Kind::Csv),
        "yaml" => Ok(Kind::Yaml),
        _ => Err("csv or yaml".to_owned()),
    }
}

fn main() {
    let Bench { task, measure } = Bench::parse();
    match task {
        Some(Task::Make { kind, count, folder }) => projects::made(&folder, kind, count),
        Some(Task::Instructions(args)) => std::process::exit(instructions::run(args)),
        Some(Task::Floor(floor)) => floor::run(floor),
        Some(Task::Measured { report, command }) => child::measured(&report, &command),
        None => print(measure),
    }
}

fn print(Measure { quick, binary, format, scenarios }: Measure) {
    let all = if scenarios.is_empty() { Scenario::value_variants() } else { &scenarios };
    let ground = Ground::new(binary, quick);
    let mut table = Table::default();
    for scenario in all {
        eprintln!("{}", scenario.to_possible_value().expect("none is hidden").get_name());
        match scenario {
            Scenario::Start => starts::run(&ground, &mut table),
            Scenario::PlanCsv => plans::unchanged(&ground, Kind::Csv, &mut table),
            Scenario::PlanYaml => plans::unchanged(&ground, Kind::Yaml, &mut table),
            Scenario::PlanNew => plans::new(&ground, &mut table),
            Scenario::PlanChanged => plans::changed(&ground, &mut table),
            Scenario::ValidateUsers => plans::validated(&ground, Kind::Users, &mut table),
            Scenario::Apply => applies::run(&ground, &mut table),
            Scenario::Fsyncs => applies::fsyncs(&ground, &mut table),
            Scenario::Hours => scale::run(quick, &mut table),
        }
    }
    println!("{}", table.show(format));
}
