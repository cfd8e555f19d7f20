//! What the tests stand on: projects in temporary folders, the binary in a clean environment,
//! a sandbox, and servers that answer as told.

mod copies;
mod deaths;
mod devtools;
#[path = "../../support/environment.rs"]
mod environment;
mod fake;
mod project;
mod run;
mod sandbox;
mod wire;
mod world;

pub(crate) use copies::Copies;
pub(crate) use deaths::Deaths;
pub(crate) use devtools::Page;
pub(crate) use fake::{Answer, Asked, Fake};
pub(crate) use project::{ADA, BEN, CLEO, Project, many, quoted};
pub(crate) use run::{Ran, Run, Running, Waiting, run, run_as};
pub(crate) use sandbox::Sandbox;
pub(crate) use wire::ask;
pub(crate) use world::{World, check, resolve};

use std::time::{Duration, Instant};

/// No test waits longer for anything; a loaded machine is slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `done`.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
