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
///
/// What an apply takes before its first request and after its last (the plan, the backup, opening
/// and closing the state) grows with the state and not with the creates. So beside each stands an
/// apply of one create to the same state: what is more is what the creates took. The bare loop is
/// run in turns with both, because machines are not equally busy at all times.
pub(crate) fn run(ground: &Ground, table: &mut Table) {
    let creates = if ground.quick { 500 } else { 2_000 };
    let sizes: &[usize] = if ground.quick { &[1_000] } else { &[1_000, 10_000, 100_000] };
    let runs = if ground.quick { 3 } else { 5 };
    let wrk = wrk(ground);
    for &size in sizes {
        let folder = project(size);
        let apply = |creates| {
            projects::add_fresh(folder.path(), size, creates).expect("more messages are written");
            restore(folder.path());
            let server = Server::start(ground);
            let usage = ground.program(1, folder.path(), &server, APPLY);
            assert_eq!(server.requests(), creates as u64, "each create is one request");
            usage
        };
        let (mut bare, mut one, mut all) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..runs {
            bare.push(bare_loop(ground, creates));
            one.push(apply(1));
            all.push(apply(creates));
        }
        let shares = (0..runs).map(|n| bare[n].wall_ms / (all[n].wall_ms - one[n].wall_ms));
        let share = child::middle(shares);
        let (bare, one, usage) = (child::median(&bare), child::median(&one), child::median(&all));
        let mut row = Row::of(size, usage);
        row.scenario = format!("apply {creates} creates");
        row.requests = Some(creates as u64);
        let after = projects::state_size(folder.path()) as f64;
        row.state_bytes_per_delivery = Some(after / (size + creates) as f64);
        for (what, usage) in [("bare loop", &bare), ("an apply of one create", &one)] {
            let Usage { wall_ms, processor_ms, .. } = *usage;
            row.floors.push(Floor { what: what.to_owned(), wall_ms, processor_ms });
        }
        let rate = |wall_ms: f64| grouped((creates as f64 * 1000.0 / wall_ms) as u64);
        let each = |processor_ms: f64| processor_ms * 1000.0 / creates as f64;
        let mut note = format!(
            "{} a second ({} beyond that of one create, {share:.2} of the bare loop's {}); \
             {:.0} µs of processor for each create beyond the first, {:.0} in the bare loop",
            rate(usage.wall_ms),
            rate(usage.wall_ms - one.wall_ms),
            rate(bare.wall_ms),
            each(usage.processor_ms - one.processor_ms),
            each(bare.processor_ms),
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
    let folder = project(1_000);
    projects::add_fresh(folder.path(), 1_000, CREATES).expect("more messages are written");
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

/// This number of deliveries that were sent.
fn project(size: usize) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    projects::made(folder.path(), Kind::Csv, size);
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

fn bare_loop(ground: &Ground, creates: usize) -> Usage {
    let server = Server::start(ground);
    let (count, at_once) = (creates.to_string(), CONCURRENCY.to_string());
    ground.floor(1, &["loop", &server.base_url, &count, &at_once].map(OsStr::new))
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
