use tempfile::TempDir;

use crate::{
    ground::{Ground, Server},
    projects::{self, Kind},
    table::{Row, Table},
};

/// What everybody waits for: the program itself.
pub(crate) fn run(ground: &Ground, table: &mut Table) {
    let runs = if ground.quick { 3 } else { 21 };
    let folder = TempDir::new().expect("a temporary folder");
    projects::made(folder.path(), Kind::Yaml, 10);
    let server = Server::start(ground);
    for (scenario, args, size) in
        [("--version", "--version", 0), ("plan of ten messages", "plan", 10)]
    {
        let mut row = Row::of(size, ground.program(runs, folder.path(), &server, args));
        row.scenario = scenario.to_owned();
        row.requests = Some(server.requests());
        table.rows.push(row);
    }
}
