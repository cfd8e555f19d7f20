//! Whole scenarios, each a run of the program: `cargo run --release --example bench -- --help`.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on should stop")]

mod projects;

use std::path::PathBuf;

use clap::Parser;

use projects::Kind;

/// Measures pushsync as a whole process.
#[derive(Parser)]
enum Task {
    /// Write a project and a state in which all of it was sent.
    Make {
        /// How the deliveries are written.
        #[arg(value_parser = kind)]
        kind: Kind,
        /// So many.
        count: usize,
        /// Where.
        folder: PathBuf,
    },
}

fn kind(text: &str) -> Result<Kind, String> {
    match text {
        "csv" => Ok(Kind::Csv),
        "yaml" => Ok(Kind::Yaml),
        _ => Err("csv or yaml".to_owned()),
    }
}

#[tokio::main]
async fn main() {
    match Task::parse() {
        Task::Make { kind, count, folder } => {
            projects::make(&folder, kind, count).expect("written");
            projects::fill(&folder).await;
        }
    }
}
