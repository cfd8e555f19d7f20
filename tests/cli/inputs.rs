//! Files that are not files, or are not finished; and readers who do not read.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use crate::support::{ADA, BEN, Project, Run, Sandbox, run_as, until};

fn pipe(project: &Project, name: &str) {
    let made = Command::new("mkfifo").arg(project.join(name)).status().expect("mkfifo is there");
    assert!(made.success());
}

fn csv(visitors: usize) -> String {
    let rows: String = (0..visitors).map(|n| format!("visitor-number-{n:05}\n")).collect();
    format!("visitor_id\n{rows}")
}

const FROM_A_FILE: &str = "messages: { note: { from: support, to: beta, text: hi } }";

/// A project whose audience is in a file.
fn from_file() -> Project {
    let project = Project::empty();
    project.file(
        "pushsync.yaml",
        format!("version: 1\nsenders: {{ support: {{ group: g }} }}\naudiences: {{ beta: {{ file: beta.csv }} }}\n{FROM_A_FILE}\n"),
    );
    project
}

#[test]
fn a_pipe_where_a_file_belongs_is_an_error_and_not_waited_for() {
    let project = from_file();
    pipe(&project, "beta.csv");
    project.run("validate").exits(1).says(&["beta.csv", "pipe"]);

    // Named, found by a pattern, and the project itself.
    let project = Project::new("include: [messages/a.yaml]\nmessages: {}");
    project.file("messages/b.yaml", "messages: {}\n");
    pipe(&project, "messages/a.yaml");
    project.run("validate").exits(1).says(&["messages/a.yaml", "it is a pipe, not a file"]);
    let project = Project::new("include: [\"messages/*.yaml\"]\nmessages: {}");
    project.file("messages/b.yaml", "messages: {}\n");
    pipe(&project, "messages/c.yaml");
    project.run("plan").exits(1).warns(&["messages/c.yaml", "it is a pipe, not a file"]);
    let project = Project::empty();
    pipe(&project, "pushsync.yaml");
    project.run("plan").exits(1).warns(&["pushsync.yaml", "it is a pipe, not a file"]);

    let project = Project::note("hi");
    pipe(&project, "pipe");
    for command in ["apply pipe", "state import pipe --state fresh"] {
        project.run(command).exits(1).warns(&["it is a pipe, not a file"]);
    }
    let sandbox = Sandbox::start();
    for variable in ["BREVO_API_KEY_FILE", "PUSHSYNC_STATE_KEY_FILE"] {
        let run = project.run("apply --yes").env("BREVO_BASE_URL", sandbox.base_url());
        run.env(variable, project.join("pipe")).exits(1).warns(&["it is a pipe, not a file"]);
    }
    assert_eq!(sandbox.total(), 0);
}

#[test]
fn a_device_where_a_file_belongs_is_not_read() {
    let project = from_file();
    std::os::unix::fs::symlink("/dev/zero", project.join("beta.csv")).expect("a link");
    project.run("validate --allow-outside").exits(1).says(&["beta.csv", "device"]);
    let project = Project::new("include: [a.yaml]\nmessages: {}");
    std::os::unix::fs::symlink("/dev/zero", project.join("a.yaml")).expect("a link");
    project.run("validate --allow-outside").exits(1).says(&["a.yaml", "it is a device"]);
    let project = Project::note("hi");
    for command in ["apply /dev/zero", "state import /dev/zero --state fresh"] {
        project.run(command).exits(1).warns(&["it is a device"]);
    }
}

#[test]
fn a_pipe_of_the_shell_is_read_where_a_person_names_it() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    let shell = |script: &str| -> Run {
        let script = script.replace("pushsync", env!("CARGO_BIN_EXE_pushsync"));
        run_as(Command::new("bash"), project.path(), ["-c", &script])
            .env("BREVO_BASE_URL", sandbox.base_url())
    };
    shell("pushsync apply --yes --api-key-file <(echo key)").ok();
    project.run("state export state.jsonl").ok();
    shell("pushsync state import <(cat state.jsonl) --state one").ok();
    shell("cat state.jsonl | pushsync state import - --state two").ok();
    shell("cat state.jsonl | pushsync state import /dev/stdin --state three").ok();
    project.rewrite("messages: { note: { from: support, to: ada, text: other } }");
    project.with(&sandbox, "plan --out plan.json").ok();
    shell("BREVO_API_KEY=any pushsync apply <(cat plan.json)").ok();
    sandbox.holds(&[(ADA, "other")]);
}

#[test]
fn a_list_that_is_being_written_is_read_whole_or_not_at_all() {
    let (project, sandbox) = (from_file(), Sandbox::start());
    project.file("beta.csv", csv(400));
    project.apply(&sandbox);
    let before = sandbox.counts();
    // A program writes it anew, in pieces that end anywhere.
    let (path, text) = (project.join("beta.csv"), csv(400));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..4 {
                let mut file = File::create(&path).expect("created");
                for part in text.as_bytes().chunks(1000) {
                    file.write_all(part).expect("written");
                    thread::sleep(Duration::from_millis(7));
                }
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            let ran = project.run("plan --detailed-exitcode").wait();
            match ran.status {
                0 => {}
                1 => _ = ran.warns(&["beta.csv", "something is writing to it"]),
                status => panic!("{status}: {}{}", ran.out, ran.err),
            }
        }
    });
    project.is_settled();
    assert_eq!(sandbox.counts(), before);
}

#[test]
fn what_was_shown_is_sent_whatever_becomes_of_the_files_meanwhile() {
    let (project, sandbox) = (from_file(), Sandbox::start());
    project.file("beta.csv", format!("visitor_id\n{ADA}\n"));
    let pty = nix::pty::openpty(None, None).expect("a terminal");
    let (mut master, slave) = (File::from(pty.master), pty.slave);
    let end = |slave: &OwnedFd| Stdio::from(slave.try_clone().expect("a descriptor"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_pushsync"))
        .args(["apply", "--color", "never"])
        .current_dir(project.path())
        .env("BREVO_BASE_URL", sandbox.base_url())
        .env("BREVO_API_KEY", "any")
        .stdin(end(&slave))
        .stderr(end(&slave))
        .stdout(File::create(project.join("out")).expect("a file"))
        .spawn()
        .expect("it starts");
    drop(slave);
    let mut said = Vec::new();
    until("it asks", || {
        let mut bytes = [0; 4096];
        let read = master.read(&mut bytes).unwrap_or(0);
        said.extend_from_slice(&bytes[..read]);
        String::from_utf8_lossy(&said).contains(": 1 message to 1 visitor?")
    });
    // Another list, and another text.
    project.file("beta.csv", format!("visitor_id\n{BEN}\n"));
    let yaml = project.read("pushsync.yaml").replace("text: hi", "text: other");
    project.file("pushsync.yaml", yaml);
    master.write_all(b"yes\n").expect("written");
    let reader = thread::spawn(move || {
        let mut rest = Vec::new();
        // It ends with an error when the terminal's other end is closed.
        let _ = master.read_to_end(&mut rest);
        rest
    });
    let status = child.wait().expect("it ends");
    let rest = reader.join().expect("the reader ends");
    assert!(status.success(), "{}", String::from_utf8_lossy(&rest));
    sandbox.holds(&[(ADA, "hi")]);
}

#[test]
fn a_reader_who_does_not_read_holds_no_lock() {
    let project = Project::new(&format!(
        "messages: {{ {}: {{ from: support, to: {{ visitors: [{}] }}, text: \"{}\" }} }}",
        "long".repeat(30),
        (0..500).map(|n| format!("visitor-number-{n:05}")).collect::<Vec<_>>().join(", "),
        "text ".repeat(100)
    ));
    let sandbox = Sandbox::start();
    project.apply(&sandbox);
    for args in [
        "state export",
        "state list",
        "state list --format json",
        "state history --format json",
        "plan --destroy --format json",
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pushsync"))
            .args(args.split_whitespace())
            .current_dir(project.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut out = child.stdout.take().expect("piped");
        // It is printing: the pipe is full long before the end.
        let mut first = [0; 1];
        out.read_exact(&mut first).expect("it prints");
        project.with(&sandbox, "apply --yes --lock-timeout 0s").ok();
        assert_eq!(child.try_wait().expect("asked"), None, "{args}: it still prints");
        let mut rest = Vec::new();
        out.read_to_end(&mut rest).expect("it prints");
        assert!(child.wait().expect("it ends").success(), "{args}");
        assert!(rest.len() > 20_000, "{args}: {}", rest.len());
    }
}
