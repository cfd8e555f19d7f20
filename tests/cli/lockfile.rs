//! `pushsync.lock`: a state that is lost or mistaken is noticed before anything is sent again.

use std::fs;

use crate::support::{Project, Sandbox};

const NOTE: &str = "messages: { note: { from: support, to: ada, text: hi } }";

fn project() -> Project {
    let project = Project::empty();
    project.settings("", NOTE);
    project
}

fn lockfile(project: &Project) -> String {
    fs::read_to_string(project.join("pushsync.lock")).expect("the lockfile")
}

/// Every command that plans or sends refuses, and nothing is sent.
fn refused(project: &Project, sandbox: &Sandbox, options: &str, words: &[&str]) {
    let sent = sandbox.total();
    for command in ["plan", "apply --yes"] {
        project.with(sandbox, &format!("{command} {options}")).exits(1).warns(words);
    }
    assert_eq!(sandbox.total(), sent, "nothing was sent");
}

#[test]
fn a_state_that_is_deleted_is_missed_and_nothing_is_sent_again() {
    let (project, sandbox) = (project(), Sandbox::start());
    project.with(&sandbox, "plan").ok().warns(&["nothing is known to have been sent from here"]);
    project.with(&sandbox, "apply --yes").ok().warns(&["pushsync.lock", "commit it"]);
    let first = lockfile(&project);
    project.with(&sandbox, "plan").ok().never_says(&["nothing is known"]);

    fs::remove_dir_all(project.join("state")).expect("removed");
    refused(
        &project,
        &sandbox,
        "",
        &["is missing", "pushsync.lock", "--new-state", "state import FILE"],
    );
    project.with(&sandbox, "import note@kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg x").exits(1);
    for command in ["state approvals", "state list"] {
        let run = project.with(&sandbox, command).exits(1);
        run.warns(&["is missing", "pushsync.lock", "--new-state"]).never_says(&["makes it"]);
    }
    // Another place is no way around it.
    refused(&project, &sandbox, "--state elsewhere", &["is missing"]);
    assert!(!project.join("state").exists() && !project.join("elsewhere").exists());
    assert_eq!(lockfile(&project), first);

    project.with(&sandbox, "apply --yes --new-state").ok();
    assert_eq!(sandbox.total(), 2);
    assert_ne!(lockfile(&project), first);
    project.with(&sandbox, "plan --detailed-exitcode").exits(0);
    project.with(&sandbox, "apply --yes --new-state").exits(1).warns(&["leave --new-state out"]);
}

#[test]
fn an_empty_state_and_one_of_another_project_are_told_from_the_right_one() {
    let (project, other, sandbox) = (project(), self::project(), Sandbox::start());
    project.with(&sandbox, "apply --yes").ok();
    other.with(&sandbox, "apply --yes").ok();
    let theirs = other.join("state").display().to_string();
    refused(&project, &sandbox, &format!("--state {theirs}"), &["is of lineage"]);
    fs::create_dir(project.join("empty")).expect("made");
    refused(&project, &sandbox, "--state empty", &["is missing"]);
    project.with(&sandbox, "plan --detailed-exitcode").exits(0);
}

#[test]
fn a_trial_on_a_server_of_this_machine_neither_binds_nor_is_bound() {
    let (project, sandbox, other) = (project(), Sandbox::start(), Sandbox::start());
    project.with(&sandbox, "apply --yes --state trial").ok();
    // Brevo, and another server, have no line.
    project.run("plan").ok().says(&["1 to create"]);
    project.with(&other, "apply --yes").ok();
    project.run("apply --yes --sandbox").ok();
    assert_eq!(lockfile(&project).matches("lineage:").count(), 2);
    project.with(&sandbox, "plan --detailed-exitcode --state trial").exits(0);
    // A state is of one API.
    project.run("plan").ok().warns(&["apply will refuse", "set-api"]);
}

#[test]
fn an_environment_that_is_renamed_takes_its_state_along() {
    let (project, sandbox) = (project(), Sandbox::start());
    let named = |name: &str| project.settings(&format!("environments: {{ {name}: {{}} }}"), NOTE);
    named("live");
    project.with(&sandbox, "apply --yes --env live").ok();
    named("production");
    refused(&project, &sandbox, "--env production", &["state rename live production"]);
    project.run("state rename live production").ok().warns(&["1 delivery", "pushsync.lock"]);
    project.with(&sandbox, "plan --env production --detailed-exitcode").exits(0);
    let found = project.run("state verify --env production").ok();
    found.says(&["1 record"]);
    // The old name has nothing, and says where it went.
    named("live");
    project.with(&sandbox, "apply --yes --env live").exits(1).warns(&["production"]);
    assert_eq!(sandbox.total(), 1);
    // And back again.
    project.run("state rename production live").ok();
    project.with(&sandbox, "plan --env live --detailed-exitcode").exits(0);
    assert!(lockfile(&project).contains("live") && !lockfile(&project).contains("production"));
    project.run("state rename live live").exits(1);
    project.run("state rename nothing other").exits(1).warns(&["there is no state"]);
}

#[test]
fn a_rename_never_covers_another_state() {
    let (project, sandbox) = (project(), Sandbox::start());
    project.settings("environments: { one: {}, two: {} }", NOTE);
    project.with(&sandbox, "apply --yes --env one").ok();
    project.with(&sandbox, "apply --yes --env two").ok();
    project.run("state rename one two").exits(1).warns(&["has a state already", "1 delivery"]);
    for name in ["one", "two"] {
        project.with(&sandbox, &format!("plan --env {name} --detailed-exitcode")).exits(0);
    }
}

#[test]
fn an_encrypted_state_is_renamed_too() {
    let (project, sandbox) = (project(), Sandbox::start());
    let key = "correct horse battery staple";
    let with = |args: &str| project.with(&sandbox, args).env("PUSHSYNC_STATE_KEY", key);
    with("apply --yes").ok();
    with("state rename default first").ok();
    with("state rename first default").ok();
    with("plan --detailed-exitcode").exits(0);
    with("state verify").ok();
}

#[test]
fn a_copy_of_a_state_does_not_pass_for_that_of_another_environment() {
    let (project, sandbox) = (project(), Sandbox::start());
    project.settings("environments: { live: {} }", NOTE);
    project.with(&sandbox, "apply --yes --env live").ok();
    let text = lockfile(&project).replace("live", "gone");
    project.file("pushsync.lock", text);
    refused(&project, &sandbox, "--env live", &["is a copy", "gone"]);
}

#[test]
fn a_lockfile_that_cannot_be_read_stops_everything() {
    let (project, sandbox) = (project(), Sandbox::start());
    project.with(&sandbox, "apply --yes").ok();
    let good = lockfile(&project);
    for (bad, word) in [
        (String::new(), "pushsync.lock"),
        (good[..good.len() - 9].to_owned(), "pushsync.lock"),
        (format!("{} HEAD\n{good}", "<".repeat(7)), "merge conflict"),
        (good.replace("version: 1", "version: 9"), "version 9"),
    ] {
        project.file("pushsync.lock", bad);
        refused(&project, &sandbox, "", &[word]);
    }
}

#[test]
fn the_api_that_is_set_is_noted_in_the_lockfile() {
    let (project, sandbox) = (project(), Sandbox::start());
    project.with(&sandbox, "apply --yes").ok();
    project.run("state set-api https://api.brevo.com/v3").ok();
    assert!(lockfile(&project).contains("https://api.brevo.com/v3"));
    // The budget that the other server announced does not count.
    project
        .run("plan --destroy")
        .ok()
        .says(&["100 left in this hour", "1 request"])
        .never_says(&["999,999"]);
    fs::remove_dir_all(project.join("state")).expect("removed");
    project.run("plan").exits(1).warns(&["is missing"]);
}

#[cfg(unix)]
#[test]
fn a_lockfile_behind_links_of_a_config_map_is_read_and_never_written_through() {
    use std::os::unix::fs::symlink;
    let (project, sandbox) = (project(), Sandbox::start());
    project.with(&sandbox, "apply --yes").ok();
    // As Kubernetes mounts it.
    let text = lockfile(&project);
    project.file("..1/pushsync.lock", &text);
    symlink("..1", project.join("..data")).expect("a link");
    let path = project.join("pushsync.lock");
    fs::remove_file(&path).expect("removed");
    symlink("..data/pushsync.lock", &path).expect("a link");
    project.with(&sandbox, "plan --detailed-exitcode").exits(0);
    fs::rename(project.join("state"), project.join("away")).expect("renamed");
    project.with(&sandbox, "apply --yes").exits(1).warns(&["is missing"]);
    fs::rename(project.join("away"), project.join("state")).expect("renamed");
    let set = project.run("state set-api https://api.brevo.com/v3").ok();
    set.warns(&["could not write", "symbolic link", "Add this line"]);
    assert_eq!(lockfile(&project), text);
    // Out of the folder.
    let outside = tempfile::NamedTempFile::new().expect("a file");
    fs::write(outside.path(), &text).expect("written");
    fs::remove_file(&path).expect("removed");
    symlink(outside.path(), &path).expect("a link");
    project.with(&sandbox, "plan").exits(1).warns(&["it is a symbolic link"]);
}

#[cfg(unix)]
#[test]
fn where_the_lockfile_cannot_be_written_its_line_is_printed() {
    let (project, sandbox) = (project(), Sandbox::start());
    // Also for root: a folder is in the way.
    fs::create_dir_all(project.join("pushsync.lock.new/x")).expect("made");
    let run = project.with(&sandbox, "apply --yes").ok();
    run.warns(&["with this line: { version: 1, states: [{ environment: \"default\"", "lineage:"]);
}

#[test]
fn more_creates_than_the_project_allows_are_refused() {
    let (project, sandbox) = (project(), Sandbox::start());
    let rows: Vec<_> = (0..12).map(|n| format!("visitor-{n}")).collect();
    let yaml = &"messages: { note: { from: support, to: { visitors: [ROWS] }, text: hi } }"
        .replace("ROWS", &rows.join(", "));
    for (limit, allowed) in [("11", "12"), ("20%", "all")] {
        project.settings(&format!("safety: {{ max_creates: {limit} }}"), yaml);
        project.with(&sandbox, "plan").ok().warns(&["apply will refuse", "12 deliveries"]);
        project
            .with(&sandbox, "apply --yes")
            .exits(1)
            .warns(&["max_creates", "--allow-creates 12"]);
        assert_eq!(sandbox.total(), 0, "{allowed}");
    }
    project.with(&sandbox, "apply --yes --allow-creates 12").ok();
    assert_eq!(sandbox.total(), 12);
}
