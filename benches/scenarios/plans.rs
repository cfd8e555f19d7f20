use std::{ffi::OsStr, fs, path::Path};

use tempfile::TempDir;

use crate::{
    child::Usage,
    ground::{Ground, Server},
    projects::{self, Kind},
    table::{Floor, Row, Table},
};

fn sizes(ground: &Ground, kind: Kind) -> &'static [usize] {
    match (kind, ground.quick) {
        (Kind::Csv | Kind::Users, true) => &[10_000],
        (Kind::Users, false) => &[100_000, 1_000_000],
        (Kind::Csv, false) => &[10_000, 100_000, 1_000_000],
        (Kind::Yaml, true) => &[1_000],
        (Kind::Yaml, false) => &[1_000, 10_000],
    }
}

fn named(kind: Kind) -> &'static str {
    match kind {
        Kind::Csv => "CSV",
        Kind::Yaml => "YAML",
        Kind::Users => "users with types and languages",
    }
}

/// A project in a folder of its own, with a state in which all of it was sent.
fn project(kind: Kind, size: usize) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    projects::made(folder.path(), kind, size);
    folder
}

pub(crate) fn unchanged(ground: &Ground, kind: Kind, table: &mut Table) {
    for &size in sizes(ground, kind) {
        let folder = project(kind, size);
        let mut row = planned(ground, folder.path(), size);
        row.scenario = format!("plan unchanged, {}", named(kind));
        row.state_bytes_per_delivery =
            Some(projects::state_size(folder.path()) as f64 / size as f64);
        row.floors.push(floor(ground, "scan", "scan the state", folder.path(), size));
        table.rows.push(row);
    }
}

pub(crate) fn new(ground: &Ground, table: &mut Table) {
    for (kind, size) in many(ground) {
        let folder = TempDir::new().expect("a temporary folder");
        projects::make(folder.path(), kind, size).expect("a project is written");
        let mut row = planned(ground, folder.path(), size);
        row.scenario = format!("plan all new, {}", named(kind));
        table.rows.push(row);
    }
}

pub(crate) fn changed(ground: &Ground, table: &mut Table) {
    for (kind, size) in many(ground) {
        let folder = project(kind, size);
        for file in projects::with_texts(folder.path()) {
            let text = fs::read_to_string(&file).expect("a file of the project");
            fs::write(file, text.replace("Settings", "Preferences")).expect("it can be changed");
        }
        let mut row = planned(ground, folder.path(), size);
        row.scenario = format!("plan all changed, {}", named(kind));
        row.floors.push(floor(ground, "scan", "scan the state", folder.path(), size));
        table.rows.push(row);
    }
}

/// `validate` needs no secret, and does all that a plan does with rows.
pub(crate) fn validated(ground: &Ground, kind: Kind, table: &mut Table) {
    for &size in sizes(ground, kind) {
        let folder = TempDir::new().expect("a temporary folder");
        projects::make(folder.path(), kind, size).expect("a project is written");
        let mut row = ran(ground, folder.path(), size, "validate");
        row.scenario = format!("validate, {}", named(kind));
        table.rows.push(row);
    }
}

fn many(ground: &Ground) -> Vec<(Kind, usize)> {
    match ground.quick {
        true => vec![(Kind::Csv, 10_000), (Kind::Yaml, 1_000)],
        false => vec![(Kind::Csv, 10_000), (Kind::Csv, 100_000), (Kind::Yaml, 10_000)],
    }
}

fn planned(ground: &Ground, folder: &Path, size: usize) -> Row {
    ran(ground, folder, size, "plan")
}

fn ran(ground: &Ground, folder: &Path, size: usize, command: &str) -> Row {
    let server = Server::start(ground);
    let usage = ground.program(ground.runs(size), folder, &server, command);
    let mut row = Row::of(size, usage);
    row.requests = Some(server.requests());
    row.floors.push(floor(ground, "read", "read the files", folder, size));
    row
}

fn floor(ground: &Ground, what: &str, words: &str, folder: &Path, size: usize) -> Floor {
    let usage: Usage = ground.floor(ground.runs(size), &[OsStr::new(what), folder.as_os_str()]);
    Floor { what: words.to_owned(), wall_ms: usage.wall_ms, processor_ms: usage.processor_ms }
}
