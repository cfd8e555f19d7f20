use std::{
    ffi::OsStr,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::{NamedTempFile, TempDir};

use crate::{
    child::{self, Usage},
    ground::{self, Ground, Server},
    projects::{self, Kind},
    table::{Floor, Row, Table, grouped},
};

const CONCURRENCY: usize = 32;
const APPLY: &str = "apply --yes -q --concurrency 32";

/// Creates, with more and more deliveries in the state already.
pub(crate) fn run(ground: &Ground, table: &mut Table) {
    let creates = if ground.quick { 500 } else { 2_000 };
    let sizes: &[usize] = if ground.quick { &[1_000] } else { &[1_000, 10_000, 100_000] };
    let runs = if ground.quick { 1 } else { 3 };
    let bare = bare(ground, creates, runs);
    let wrk = wrk(ground);
    for &size in sizes {
        let folder = project(size, creates);
        let mut all = Vec::new();
        let (mut requests, mut planned) = (0, Vec::new());
        for _ in 0..runs {
            let server = Server::start(ground);
            restore(folder.path());
            planned.push(ground.program(1, folder.path(), &server, "plan"));
            all.push(ground.program(1, folder.path(), &server, APPLY));
            requests = server.requests();
        }
        let (usage, planned) = (child::median(&all), child::median(&planned));
        let mut row = Row::of(size, usage);
        row.scenario = format!("apply {creates} creates");
        row.requests = Some(requests);
        let after = projects::state_size(folder.path()) as f64;
        row.state_bytes_per_delivery = Some(after / (size + creates) as f64);
        for (what, usage) in [("bare loop", &bare), ("its plan alone", &planned)] {
            let Usage { wall_ms, processor_ms, .. } = *usage;
            row.floors.push(Floor { what: what.to_owned(), wall_ms, processor_ms });
        }
        let rate = |wall_ms: f64| grouped((creates as f64 * 1000.0 / wall_ms) as u64);
        let alone = usage.wall_ms - planned.wall_ms;
        let mut note = format!(
            "{} a second ({} without the plan, {:.2} of the bare loop's {})",
            rate(usage.wall_ms),
            rate(alone),
            bare.wall_ms / alone,
            rate(bare.wall_ms),
        );
        match wrk {
            Some(wrk) => note += &format!("; wrk: {}", grouped(wrk as u64)),
            None => note += "; wrk is not installed",
        }
        row.note = Some(note);
        table.rows.push(row);
    }
}

/// How often 1,000 creates wait for the disk.
pub(crate) fn fsyncs(ground: &Ground, table: &mut Table) {
    const CREATES: usize = 1_000;
    if !is_there("strace") {
        table.left_out.push("fsyncs: strace is not installed".to_owned());
        return;
    }
    let folder = project(1_000, CREATES);
    restore(folder.path());
    let server = Server::start(ground);
    let out = NamedTempFile::new().expect("a file for the trace");
    let args = ["--seccomp-bpf", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o"];
    let binary = ground.binary.as_os_str();
    let args: Vec<&OsStr> = args
        .into_iter()
        .map(OsStr::new)
        .chain([out.path().as_os_str(), binary])
        .chain(APPLY.split_whitespace().map(OsStr::new))
        .collect();
    let usage = child::once(Path::new("strace"), &args, |command| {
        ground::surround(command, folder.path(), &server);
    });
    let trace = fs::read_to_string(out.path()).expect("strace wrote its trace");
    // A call that another thread interrupts has two lines, of which one names its end.
    let calls = trace.lines().filter(|line| line.contains("sync(") && !line.contains("resumed"));
    let mut row = Row::of(1_000, usage);
    row.scenario = "fsyncs (under strace)".to_owned();
    row.requests = Some(server.requests());
    row.note = Some(format!("{} fsyncs for {CREATES} creates", calls.count()));
    table.rows.push(row);
}

/// So many deliveries that were sent, and so many more that were not.
fn project(size: usize, creates: usize) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    projects::made(folder.path(), Kind::Csv, size);
    projects::add_fresh(folder.path(), size, creates).expect("more messages are written");
    fs::rename(folder.path().join("state"), folder.path().join("kept")).expect("a state to keep");
    folder
}

/// The state as it was before the first apply.
fn restore(folder: &Path) {
    let state = folder.join("state");
    if state.exists() {
        fs::remove_dir_all(&state).expect("the state of the last run goes");
    }
    let status = Command::new("cp").arg("-r").arg(folder.join("kept")).arg(&state).status();
    assert!(status.expect("cp is there").success(), "the state is copied");
}

fn bare(ground: &Ground, creates: usize, runs: usize) -> Usage {
    let all: Vec<Usage> = (0..runs)
        .map(|_| {
            let server = Server::start(ground);
            let (count, at_once) = (creates.to_string(), CONCURRENCY.to_string());
            let args = ["loop", &server.base_url, &count, &at_once].map(OsStr::new);
            ground.floor(1, &args)
        })
        .collect();
    child::median(&all)
}

pub(crate) fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

/// Requests a second of wrk, if it is installed.
fn wrk(ground: &Ground) -> Option<f64> {
    if !is_there("wrk") {
        return None;
    }
    let server = Server::start(ground);
    let script = NamedTempFile::with_suffix(".lua").expect("a file for the script");
    let text = projects::fresh_text(1);
    fs::write(
        script.path(),
        format!(
            "wrk.method = 'POST'\nwrk.headers['api-key'] = 'any'\n\
             wrk.headers['content-type'] = 'application/json'\n\
             wrk.body = '{{\"visitorId\":\"{}\",\"text\":\"{text}\",\"groupId\":\"{}\"}}'\n",
            projects::visitor(1),
            projects::GROUP
        ),
    )
    .expect("the script is written");
    let url = format!("{}/conversations/pushedMessages", server.base_url);
    let done = Command::new("wrk")
        .args(["-t", "2", "-c", &CONCURRENCY.to_string(), "-d", "2s", "-s"])
        .arg(script.path())
        .arg(url)
        .output()
        .expect("wrk starts");
    let said = String::from_utf8_lossy(&done.stdout);
    said.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok())
}
