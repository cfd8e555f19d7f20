//! Ctrl-C, SIGTERM, SIGHUP, SIGQUIT, SIGKILL, and a terminal that is closed.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::{
    ignored_signals::is_ignored,
    support::{Project, Running, Sandbox, Waiting, run_as, until},
};

const MESSAGES: usize = 24;

fn slow() -> (Project, Sandbox) {
    (Project::many(MESSAGES), Sandbox::with("--latency 400ms"))
}

/// Whether a SIGHUP ends anything here: where it is ignored (`nohup`), the program that is tested ignores it, too.
fn hangs_up() -> bool {
    let hangs_up = !is_ignored(1);
    if !hangs_up {
        let _ = writeln!(std::io::stderr(), "left out: SIGHUP is ignored here");
    }
    hangs_up
}

/// Every message is there exactly once.
fn each_once(sandbox: &Sandbox) {
    let texts: BTreeSet<_> = sandbox.there().into_iter().map(|(_, _, text)| text).collect();
    assert_eq!((texts.len(), sandbox.created().len()), (MESSAGES, MESSAGES));
}

#[test]
fn an_interrupted_run_awaits_what_is_under_way_and_the_next_completes_it() {
    let signals = ["INT", "TERM", "HUP", "QUIT"];
    for signal in signals.into_iter().filter(|signal| *signal != "HUP" || hangs_up()) {
        let (project, sandbox) = slow();
        let running = project.with(&sandbox, "apply --yes --format json").start();
        until("three messages were created", || sandbox.created().len() >= 3);
        running.signal(signal);
        let ran = running.exits(3);
        let document = ran.json();
        ran.warns(&[
            "stopping: requests under way are awaited",
            "run this again to go on: pushsync apply",
        ]);
        assert_eq!(document["stopped"], "signal");
        assert_eq!(document["unknown"], serde_json::json!([]));
        let applied = document["applied"].as_u64().expect("a number");
        assert_eq!(applied, sandbox.created().len() as u64, "all that was sent is recorded");
        assert_eq!(document["remaining"], MESSAGES as u64 - applied);
        assert!(applied < MESSAGES as u64);
        project.apply(&sandbox);
        each_once(&sandbox);
    }
}

#[test]
fn a_second_signal_stops_at_once_and_what_was_under_way_is_unknown() {
    let pairs = [("INT", "INT"), ("HUP", "HUP"), ("HUP", "TERM"), ("TERM", "HUP")];
    for (first, second) in pairs.into_iter().filter(|pair| *pair == ("INT", "INT") || hangs_up()) {
        let (project, sandbox) = (Project::many(MESSAGES), Sandbox::with("--latency 30s"));
        let running = project.with(&sandbox, "apply --yes").start();
        until("a request is under way", || !sandbox.created().is_empty());
        running.signal(first);
        // Both must be seen: signals that come together are one.
        thread::sleep(Duration::from_millis(400));
        running.signal(second);
        let ran = running.wait();
        assert_eq!(ran.status, 4, "{ran:?}");
        ran.warns(&["stopped at once", "state resolve"]);
        let planned = project.planned("");
        let unknown = planned.iter().filter(|(action, ..)| action == "unknown").count();
        assert_eq!(unknown, sandbox.created().len());
        assert_eq!(planned.len(), MESSAGES);
    }
}

/// Sends signals one right after the other.
fn signal_all(running: &Running, names: &str) {
    let script = format!("for name in {names}; do kill -s $name {}; done", running.id());
    assert!(Command::new("bash").args(["-c", &script]).status().expect("bash").success());
}

#[test]
fn signals_that_come_together_are_one_and_what_was_under_way_is_recorded() {
    // As `timeout`, systemd (SendSIGHUP=) and a runner that signals each process of a job do.
    let together = ["TERM TERM", "TERM HUP", "HUP HUP", "INT TERM TERM"];
    for names in together.into_iter().filter(|names| !names.starts_with("HUP") || hangs_up()) {
        let (project, sandbox) = slow();
        let running = project.with(&sandbox, "apply --yes --format json").start();
        until("three messages were created", || sandbox.created().len() >= 3);
        signal_all(&running, names);
        let document = running.exits(3).json();
        assert_eq!(document["applied"], sandbox.created().len(), "{names}");
        assert_eq!(document["unknown"], serde_json::json!([]), "{names}");
    }
}

#[test]
fn a_hangup_that_is_ignored_when_it_starts_stops_nothing() {
    let (project, sandbox) = slow();
    let script = r#"trap '' HUP; exec "$0" apply --yes"#;
    let shell = ["-c", script, env!("CARGO_BIN_EXE_pushsync")];
    let running = run_as(Command::new("sh"), project.path(), shell)
        .env("BREVO_BASE_URL", sandbox.base_url())
        .env("BREVO_API_KEY", "any")
        .start();
    until("some were created", || sandbox.created().len() >= 2);
    running.signal("HUP");
    thread::sleep(Duration::from_millis(300));
    running.signal("HUP");
    running.exits(0);
    project.is_settled();
    each_once(&sandbox);
}

#[test]
fn each_command_that_sends_or_serves_ends_well_when_its_terminal_hangs_up() {
    if !hangs_up() {
        return;
    }
    let (project, sandbox) = slow();
    project.apply(&sandbox);
    let running = project.with(&sandbox, "refresh --format json").start();
    until("it asks", || sandbox.counts()[1] > 0);
    running.signal("HUP");
    let refreshed = running.exits(3).json();
    assert_eq!(refreshed["stopped"], "signal");
    assert_eq!(refreshed["verified"], sandbox.counts()[1]);

    let running = project.with(&sandbox, "presence --from liz").start();
    until("the agent is online", || sandbox.answered("201") == 1);
    running.signal("HUP");
    running.exits(0).says(&["1 ping answered"]);

    for (command, says) in
        [("sandbox --port 0", "listening on"), ("preview --port 0", "preview on")]
    {
        let serving = project.run(command).start();
        until("it runs", || std::path::Path::new(&format!("/proc/{}", serving.id())).exists());
        thread::sleep(Duration::from_millis(700));
        serving.signal("HUP");
        serving.exits(0).says(&[says]);
    }
}

/// A terminal, and the program on it as the leader of its session.
struct Terminal {
    child: Child,
    master: File,
    said: Vec<u8>,
}

impl Terminal {
    fn start(project: &Project, sandbox: &Sandbox, args: &str) -> Self {
        let nix::pty::OpenptyResult { master: inherited, slave } =
            nix::pty::openpty(None, None).expect("a terminal");
        // The copy is not for other processes: nobody else keeps the terminal open.
        let master = inherited.try_clone().map(File::from).expect("a descriptor");
        drop(inherited);
        let end = |slave: &OwnedFd| Stdio::from(slave.try_clone().expect("a descriptor"));
        let child = Command::new("setsid")
            .args(["--ctty", env!("CARGO_BIN_EXE_pushsync"), "--color", "never"])
            .args(args.split_whitespace())
            .current_dir(project.path())
            .env("BREVO_BASE_URL", sandbox.base_url())
            .env("BREVO_API_KEY", "any")
            .stdin(end(&slave))
            .stdout(end(&slave))
            .stderr(end(&slave))
            .spawn()
            .expect("it starts");
        Self { child, master, said: Vec::new() }
    }

    fn asks(&mut self) {
        until("it asks", || {
            let mut bytes = [0; 4096];
            let read = self.master.read(&mut bytes).unwrap_or(0);
            self.said.extend_from_slice(&bytes[..read]);
            String::from_utf8_lossy(&self.said).contains("Only `yes` is accepted")
        });
    }

    /// Closes it: the system sends SIGHUP, and nothing can be read or written any more.
    fn close(self) -> i32 {
        let Self { mut child, master, .. } = self;
        drop(master);
        ended(&mut child)
    }
}

fn ended(child: &mut Child) -> i32 {
    let mut status = None;
    until("it ends", || {
        status = child.try_wait().expect("it can be waited for");
        status.is_some()
    });
    status.and_then(|status| status.code()).unwrap_or(-1)
}

#[test]
fn a_run_whose_terminal_is_closed_records_what_was_under_way() {
    let (project, sandbox) = slow();
    let terminal = Terminal::start(&project, &sandbox, "apply --yes");
    until("three messages were created", || sandbox.created().len() >= 3);
    assert_eq!(terminal.close(), 3);
    let planned = project.planned("");
    assert!(planned.iter().all(|(action, ..)| action == "create"), "{planned:?}");
    assert_eq!(planned.len() + sandbox.created().len(), MESSAGES);
    project.apply(&sandbox);
    each_once(&sandbox);
}

#[test]
fn a_question_ends_with_a_signal_or_with_its_terminal_and_nothing_is_sent() {
    let (project, sandbox) = (Project::note("one"), Sandbox::start());
    project.apply(&sandbox);
    let before = sandbox.created().len();
    project.rewrite("messages: { note: { from: support, to: ada, text: two } }");
    // After a refresh too, whose requests were awaited.
    for args in ["apply", "apply --refresh"] {
        for signal in ["\u{3}", "\u{1c}", "TERM", "close"] {
            let mut terminal = Terminal::start(&project, &sandbox, args);
            terminal.asks();
            let status = match signal {
                "close" => terminal.close(),
                "TERM" => {
                    let id = terminal.child.id().to_string();
                    Command::new("kill").args(["-s", signal, &id]).status().expect("sent");
                    ended(&mut terminal.child)
                }
                key => {
                    terminal.master.write_all(key.as_bytes()).expect("typed");
                    ended(&mut terminal.child)
                }
            };
            // A terminal that is gone gives no answer, which may be seen before the signal is.
            assert!(
                status == 3 || (signal == "close" && status == 1),
                "{args} {signal:?}: {status}"
            );
        }
    }
    assert_eq!(sandbox.created().len(), before);
    project.plans("update", "note", "text");
}

#[test]
fn a_killed_run_leaves_unknown_only_what_was_under_way() {
    let (project, sandbox) = slow();
    let running = project.with(&sandbox, "apply --yes").start();
    until("some were created", || sandbox.created().len() >= 6);
    running.signal("KILL");
    running.wait();
    let planned = project.planned("");
    let count = |wanted: &str| planned.iter().filter(|(action, ..)| action == wanted).count();
    let (unknown, create) = (count("unknown"), count("create"));
    assert!((1..=4).contains(&unknown), "as many as may be under way at once: {planned:?}");
    assert_eq!(planned.len(), unknown + create);
    // The history has what it had done, with the ids that the state has.
    let run = project.run("state history --format json").ok().json()["runs"][0].clone();
    assert_eq!(run["stopped"], "killed");
    let ids = |list: &serde_json::Value| {
        let all = list.as_array().expect("a list").iter();
        let all = all.filter_map(|entry| entry["id"].as_str().map(str::to_owned));
        all.collect::<std::collections::BTreeSet<_>>()
    };
    let state = project.run("state list --format json").ok().json();
    let (there, told) = (ids(&state["deliveries"]), ids(&run["changes"]));
    assert!(!there.is_empty() && there.is_subset(&told), "{there:?} {told:?}");
    // What was not begun is sent by the next run; what is unknown is not.
    project.with(&sandbox, "apply --yes").exits(4);
    assert!(sandbox.created().len() <= MESSAGES, "nothing twice");
    assert_eq!(project.planned("").len(), unknown);
}

#[test]
fn presence_and_the_sandbox_end_well_when_they_are_told_to() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    let running = project.with(&sandbox, "presence --from liz").start();
    until("the agent is online", || sandbox.total() == 1);
    running.signal("INT");
    running.exits(0).says(&["1 ping answered"]);
    let serving = project.run("sandbox --port 0").start();
    until("it runs", || std::path::Path::new(&format!("/proc/{}", serving.id())).exists());
    thread::sleep(Duration::from_millis(500));
    serving.signal("TERM");
    serving.exits(0).says(&["listening on http://127.0.0.1:"]);
}
