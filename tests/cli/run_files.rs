//! `pushsync run` follows the files of its project.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::symlink,
    path::Path,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{ADA, BEN, Project, Ran, Running, Sandbox, run_as, until};

/// Longer than files have to be quiet.
const WHILE: Duration = Duration::from_secs(3);

/// A process that has nothing to wake it but files.
const ONLY_FILES: &str = "run --every 24h -v --log-format json";

const BASE: &str = "version: 1\nsenders: { support: { group: PjRBMhWGen6aRHjif } }\n";

fn message(visitor: &str, text: &str) -> String {
    format!(
        "{BASE}messages: {{ note: {{ from: support, to: {{ visitors: [{visitor}] }}, text: {text:?} }} }}\n"
    )
}

fn written(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

/// Puts a link in the place of another one, as git-sync and Kubernetes do it.
fn swapped(link: &Path, target: &Path) {
    let new = link.with_file_name("new-link");
    symlink(target, &new).expect("a link");
    fs::rename(new, link).expect("renamed");
}

fn started(project: &Project, sandbox: &Sandbox, args: &str) -> Running {
    project.with(sandbox, &format!("{ONLY_FILES} {args}")).start()
}

/// Waits until exactly these texts are there.
fn shows(sandbox: &Sandbox, texts: &[&str]) {
    until(&format!("{texts:?} is there"), || {
        let mut there: Vec<_> = sandbox.there().into_iter().map(|(_, _, text)| text).collect();
        there.sort();
        there == texts
    });
}

/// Ends it. Why each of its cycles began.
fn ended(running: Running) -> Vec<String> {
    running.signal("TERM");
    let ran = running.wait();
    assert_eq!(ran.status, 0, "{ran:?}");
    cycles(&ran)
}

fn cycles(ran: &Ran) -> Vec<String> {
    let lines = ran.err.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let cycles = lines.filter(|line| line["event"] == "cycle");
    cycles.map(|line| line["why"].as_str().expect("why").to_owned()).collect()
}

#[test]
fn each_file_that_a_project_is_made_of_wakes_it_and_no_other() {
    let (project, sandbox) = (Project::empty(), Sandbox::start());
    let text = |text: &str| {
        format!("messages: {{ {text}: {{ from: support, to: crowd, text: {text} }} }}\n")
    };
    project.file(
        "pushsync.yaml",
        format!(
            "{BASE}safety: {{ max_deletes: 100 }}\naudiences: {{ crowd: {{ file: lists/crowd.csv }} }}\n"
        ),
    );
    project.file("lists/crowd.csv", format!("visitor_id\n{ADA}\n"));
    project.file("messages/deep/a.yaml", text("a"));
    let running = started(&project, &sandbox, "");
    shows(&sandbox, &["a"]);
    // A new file in a new folder.
    project.file("messages/new/folder/b.yaml", text("b"));
    shows(&sandbox, &["a", "b"]);
    // An audience.
    project.file("lists/crowd.csv", format!("visitor_id\n{ADA}\n{BEN}\n"));
    shows(&sandbox, &["a", "a", "b", "b"]);
    // A rename, to a name that no pattern takes, and back.
    let (there, away) = (project.join("messages/deep/a.yaml"), project.join("messages/deep/a.txt"));
    fs::rename(&there, &away).expect("renamed");
    shows(&sandbox, &["b", "b"]);
    fs::rename(&away, &there).expect("renamed");
    shows(&sandbox, &["a", "a", "b", "b"]);
    // A removal.
    fs::remove_dir_all(project.join("messages/new")).expect("removed");
    shows(&sandbox, &["a", "a"]);
    // A file that an editor replaces.
    project.file("messages/deep/.a.yaml.swp", text("c"));
    fs::rename(project.join("messages/deep/.a.yaml.swp"), &there).expect("renamed");
    shows(&sandbox, &["c", "c"]);

    let noise = |n: u32| {
        project.file("run.log", format!("{n}\n").repeat(1000));
        project.file("messages/deep/run.log", format!("{n}"));
        project.file("messages/.a.yaml.swp", format!("{n}"));
        project.file("messages/4913", "");
        project.file("messages/a.yaml~", format!("{n}"));
        project.file(".git/index", format!("{n}"));
        project.file(".pushsync/strange", format!("{n}"));
        project.file("other/folder.yaml", format!("{n}"));
        let _ = fs::remove_file(project.join("messages/4913"));
    };
    let began = Instant::now();
    for n in 0.. {
        noise(n);
        sleep(Duration::from_millis(50));
        if began.elapsed() > WHILE {
            break;
        }
    }
    sleep(WHILE);
    project.file("messages/deep/a.yaml", text("d"));
    shows(&sandbox, &["d", "d"]);
    let cycles = ended(running);
    assert_eq!(cycles[0], "start");
    assert_eq!(cycles[1..], ["files"; 7], "one for each change");
}

#[test]
fn a_file_outside_of_the_folder_that_is_allowed_wakes_it() {
    let (project, sandbox) = (Project::empty(), Sandbox::start());
    project.file("shared/crowd.csv", format!("visitor_id\n{ADA}\n"));
    project.file(
        "project/pushsync.yaml",
        format!(
            "{BASE}audiences: {{ crowd: {{ file: ../shared/crowd.csv }} }}\n\
             messages: {{ note: {{ from: support, to: crowd, text: Hi }} }}\n"
        ),
    );
    let running = started(&project, &sandbox, "-C project --allow-outside");
    shows(&sandbox, &["Hi"]);
    project.file("shared/crowd.csv", format!("visitor_id\n{ADA}\n{BEN}\n"));
    shows(&sandbox, &["Hi", "Hi"]);
    assert_eq!(ended(running), ["start", "files"]);
}

#[test]
fn links_that_are_swapped_as_by_git_sync_and_kubernetes_wake_it() {
    let (home, sandbox) = (Project::empty(), Sandbox::start());
    let state = format!("--state {}", home.join("state").display());
    // git-sync: a link to a worktree, in another folder; here behind a second link, and relative.
    written(&home.join("git/.worktrees/1/pushsync.yaml"), &message(ADA, "one"));
    written(&home.join("git/.worktrees/2/pushsync.yaml"), &message(ADA, "two"));
    symlink(".worktrees/1", home.join("git/current")).expect("a link");
    symlink(home.join("git/current"), home.join("project")).expect("a link");
    let running =
        started(&home, &sandbox, &format!("-C {} {state}", home.join("project").display()));
    shows(&sandbox, &["one"]);
    swapped(&home.join("git/current"), Path::new(".worktrees/2"));
    shows(&sandbox, &["two"]);
    fs::remove_dir_all(home.join("git/.worktrees/1")).expect("removed");
    written(&home.join("elsewhere/3/pushsync.yaml"), &message(ADA, "three"));
    swapped(&home.join("git/current"), &home.join("elsewhere/3"));
    shows(&sandbox, &["three"]);
    // The outer link is led elsewhere.
    written(&home.join("four/pushsync.yaml"), &message(ADA, "four"));
    swapped(&home.join("project"), Path::new("four"));
    shows(&sandbox, &["four"]);
    // And a file within it is still followed.
    written(&home.join("four/pushsync.yaml"), &message(ADA, "five"));
    shows(&sandbox, &["five"]);
    // A ConfigMap: each file is a link through `..data`.
    written(&home.join("map/..2026_1/pushsync.yaml"), &message(ADA, "six"));
    symlink("..2026_1", home.join("map/..data")).expect("a link");
    symlink("..data/pushsync.yaml", home.join("map/pushsync.yaml")).expect("a link");
    swapped(&home.join("project"), Path::new("map"));
    shows(&sandbox, &["six"]);
    written(&home.join("map/..2026_2/pushsync.yaml"), &message(ADA, "seven"));
    swapped(&home.join("map/..data"), Path::new("..2026_2"));
    fs::remove_dir_all(home.join("map/..2026_1")).expect("removed");
    shows(&sandbox, &["seven"]);
    assert_eq!(sandbox.counts()[0], 1, "all of them are one message");
    ended(running);
}

#[test]
fn a_folder_that_is_not_there_yet_or_is_made_anew_wakes_it() {
    let (home, sandbox) = (Project::empty(), Sandbox::start());
    let state = format!("--state {}", home.join("state").display());
    let running = started(&home, &sandbox, &format!("-C a/b/project {state}"));
    sleep(WHILE);
    assert!(sandbox.created().is_empty());
    let file = home.join("a/b/project/pushsync.yaml");
    written(&file, &message(ADA, "one"));
    shows(&sandbox, &["one"]);
    let away = |name: &str| fs::rename(home.join("a/b"), home.join(name)).expect("renamed");
    away("first");
    written(&file, &message(ADA, "two"));
    shows(&sandbox, &["two"]);
    fs::remove_dir_all(home.join("a")).expect("removed");
    sleep(WHILE);
    written(&file, &message(ADA, "three"));
    shows(&sandbox, &["three"]);
    away("second");
    fs::rename(home.join("first"), home.join("a/b")).expect("renamed");
    shows(&sandbox, &["one"]);
    written(&file, &message(ADA, "four"));
    shows(&sandbox, &["four"]);
    assert_eq!(sandbox.counts()[0], 1, "all of them are one message");
    ended(running);
}

#[test]
fn a_process_follows_the_folder_that_it_was_started_in_by_its_name() {
    let (home, sandbox) = (Project::empty(), Sandbox::start());
    for (folder, text) in [("1", "one"), ("2", "two"), ("3", "three")] {
        written(&home.join(folder).join("pushsync.yaml"), &message(ADA, text));
    }
    symlink("1", home.join("current")).expect("a link");
    let state = home.join("state").display().to_string();
    let running = run_as(
        Command::new(env!("CARGO_BIN_EXE_pushsync")),
        &home.join("current"),
        ONLY_FILES.split(' ').chain(["--state", &state]),
    )
    .env("PWD", home.join("current"))
    .env("BREVO_BASE_URL", sandbox.base_url())
    .env("BREVO_API_KEY", "any")
    .start();
    shows(&sandbox, &["one"]);
    swapped(&home.join("current"), Path::new("2"));
    shows(&sandbox, &["two"]);
    fs::remove_dir_all(home.join("2")).expect("removed");
    swapped(&home.join("current"), Path::new("3"));
    shows(&sandbox, &["three"]);
    ended(running);
}

#[test]
fn what_git_has_half_done_is_not_planned() {
    let (project, sandbox) = (Project::empty(), Sandbox::start());
    let one = |name: &str| {
        format!(
            "messages: {{ {name}: {{ from: support, to: {{ visitors: [{ADA}] }}, text: {name} }} }}\n"
        )
    };
    project.file("pushsync.yaml", format!("{BASE}safety: {{ max_deletes: 100 }}\n"));
    for name in ["a", "b"] {
        project.file(&format!("messages/{name}.yaml"), one(name));
    }
    project.git("init -q");
    project.git("add .");
    project.git("commit -q -m one");
    // As git does it: the lock, then one file after the other.
    project.file(".git/index.lock", "");
    let running = started(&project, &sandbox, "");
    sleep(WHILE);
    assert!(sandbox.created().is_empty(), "it waits for git when it starts");
    fs::remove_file(project.join(".git/index.lock")).expect("removed");
    shows(&sandbox, &["a", "b"]);
    project.file(".git/index.lock", "");
    fs::remove_file(project.join("messages/a.yaml")).expect("removed");
    sleep(WHILE);
    project.file("messages/a.yaml", one("a"));
    project.file("messages/c.yaml", one("c"));
    fs::remove_file(project.join(".git/index.lock")).expect("removed");
    shows(&sandbox, &["a", "b", "c"]);
    assert_eq!(sandbox.counts(), [3, 0, 0, 0], "nothing was deleted meanwhile");
    ended(running);
}

#[test]
fn a_plan_is_not_applied_while_its_files_are_being_written() {
    // Where this machine has let the writer wait for too long, the files were quiet in between.
    for _ in 0..5 {
        let (project, sandbox) = (Project::note("text 0"), Sandbox::start());
        let running = started(&project, &sandbox, "");
        let (began, mut last, mut gap) = (Instant::now(), Instant::now(), Duration::ZERO);
        for n in 1.. {
            project.rewrite(&format!(
                "messages: {{ note: {{ from: support, to: ada, text: \"text {n}\" }} }}"
            ));
            gap = gap.max(last.elapsed());
            last = Instant::now();
            if began.elapsed() > WHILE {
                break;
            }
            sleep(Duration::from_millis(20));
        }
        project.rewrite("messages: { note: { from: support, to: ada, text: last } }");
        shows(&sandbox, &["last"]);
        let counts = sandbox.counts();
        ended(running);
        if gap < Duration::from_millis(700) {
            assert_eq!(counts, [1, 0, 0, 0], "none of the others was sent");
            return;
        }
    }
    panic!("this machine is too slow for this test");
}

#[cfg(target_os = "linux")]
#[test]
fn half_of_a_file_is_not_sent_while_a_program_has_it_open() {
    let (project, sandbox) = (Project::empty(), Sandbox::start());
    project.file("pushsync.yaml", format!("{BASE}audiences: {{ all: {{ file: all.csv }} }}\n"));
    project.file("all.csv", format!("visitor_id\n{ADA}\n"));
    let yaml = |half: &str| {
        format!("messages:\n  note:\n    from: support\n    to: all\n    text: |\n      {half}")
    };
    project.file("messages/note.yaml", yaml("at half the price\n"));
    let running = started(&project, &sandbox, "");
    shows(&sandbox, &["at half the price"]);
    // A file of a message, a new one, and an audience.
    let mut note = File::create(project.join("messages/note.yaml")).expect("a file");
    write!(note, "{}", yaml("everything")).expect("written");
    let mut new = File::create(project.join("messages/new.yaml")).expect("a file");
    write!(new, "{}", yaml("new").replace("note:", "new:")).expect("written");
    sleep(WHILE);
    drop(new);
    let mut all = File::create(project.join("all.csv")).expect("a file");
    write!(all, "visitor_id\n{BEN}\n").expect("written");
    running.until_it_says("is being written: a program has changed it, and has not closed it");
    assert_eq!(sandbox.counts(), [1, 0, 0, 0], "nothing was sent meanwhile");
    writeln!(note, " at half the price, from noon on").expect("written");
    drop(note);
    sleep(WHILE);
    writeln!(all, "{ADA}").expect("written");
    drop(all);
    let whole = "everything at half the price, from noon on";
    shows(&sandbox, &[whole, whole, "new", "new"]);
    assert_eq!(sandbox.counts(), [4, 0, 1, 0]);
    ended(running);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_was_renamed_into_its_place_is_nobodys_who_writes_the_one_before() {
    let (project, sandbox) = (Project::empty(), Sandbox::start());
    project.file("pushsync.yaml", message(ADA, "one"));
    let running = started(&project, &sandbox, "");
    shows(&sandbox, &["one"]);
    let mut before = File::create(project.join("pushsync.yaml")).expect("a file");
    write!(before, "half").expect("written");
    project.file("beside", message(ADA, "two"));
    fs::rename(project.join("beside"), project.join("pushsync.yaml")).expect("renamed");
    shows(&sandbox, &["two"]);
    // It is still open.
    write!(before, "whole").expect("written");
    ended(running);
}

#[test]
fn files_that_change_stop_an_apply_of_what_they_said_before() {
    const COUNT: usize = 80;
    let (project, sandbox) = (Project::empty(), Sandbox::with("--latency 1s"));
    let text = |text: &str| {
        let limits = "api: { concurrency: 4 }";
        project.settings(limits, &crate::support::many(COUNT, text));
    };
    text("old");
    let running = started(&project, &sandbox, "");
    until("it sends", || !sandbox.created().is_empty());
    text("new");
    let wanted: Vec<String> = (0..COUNT).map(|n| format!("new {n}")).collect();
    until("all of the new texts are there", || {
        let there: Vec<_> = sandbox.there().into_iter().map(|(_, _, text)| text).collect();
        there.len() == COUNT && wanted.iter().all(|text| there.contains(text))
    });
    let posted = sandbox.created().len();
    assert_eq!(posted, COUNT, "each message once");
    assert!(sandbox.counts()[2] < COUNT as u64, "some were never sent as they were before");
    ended(running);
}

#[test]
fn a_log_of_its_own_that_a_pattern_takes_does_not_wake_it() {
    let (project, sandbox) = (Project::empty(), Sandbox::start());
    project.file("pushsync.yaml", format!("{BASE}include: [\"*.yaml\"]\n"));
    project.file("a.yaml", "messages: {}\n");
    let log = project.join("log.yaml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pushsync"));
    command
        .args(ONLY_FILES.split(' '))
        .current_dir(project.path())
        .env("BREVO_BASE_URL", sandbox.base_url())
        .env("BREVO_API_KEY", "any")
        .stderr(File::create(&log).expect("a log"));
    let mut child = command.spawn().expect("it starts");
    until("a cycle has ended", || fs::read_to_string(&log).is_ok_and(|log| log.contains("cycle")));
    sleep(WHILE);
    let _ = child.kill();
    let _ = child.wait();
    let log = fs::read_to_string(&log).expect("a log");
    assert!(!log.contains(r#""why":"files""#), "{log}");
}

#[test]
fn where_the_system_reports_nothing_files_are_looked_at_and_it_is_said_once() {
    let wrapped = "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$0\" \"$@\"";
    let unshared = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", wrapped]);
        command
    };
    let is_possible = unshared().arg("true").output().is_ok_and(|done| done.status.success());
    if !is_possible {
        let _ = writeln!(std::io::stderr(), "left out: no user namespaces here");
        return;
    }
    let (project, sandbox) = (Project::note("one"), Sandbox::start());
    let mut command = unshared();
    command.arg(env!("CARGO_BIN_EXE_pushsync"));
    let running = run_as(command, project.path(), ONLY_FILES.split(' '))
        .env("BREVO_BASE_URL", sandbox.base_url())
        .env("BREVO_API_KEY", "any")
        .start();
    for text in ["one", "two", "three"] {
        project
            .rewrite(&format!("messages: {{ note: {{ from: support, to: ada, text: {text} }} }}"));
        shows(&sandbox, &[text]);
    }
    running.signal("TERM");
    let ran = running.wait();
    assert_eq!(ran.err.matches("they are looked at every few seconds").count(), 1, "{ran:?}");
    assert_eq!(cycles(&ran).first().map(String::as_str), Some("start"));
}

#[test]
fn a_link_that_goes_round_in_a_circle_ends_nothing() {
    let (home, sandbox) = (TempDir::new().expect("a folder"), Sandbox::start());
    let project = Project::within(home, Vec::new());
    symlink("b", project.join("a")).expect("a link");
    symlink("a", project.join("b")).expect("a link");
    let state = format!("--state {}", project.join("state").display());
    let running = started(&project, &sandbox, &format!("-C a {state}"));
    sleep(WHILE);
    written(&project.join("right/pushsync.yaml"), &message(ADA, "one"));
    swapped(&project.join("b"), Path::new("right"));
    shows(&sandbox, &["one"]);
    ended(running);
}
