//! A state that git tracks could be from anybody: it is refused. One that git would add is warned of.

use std::{fs, os::unix::fs::symlink};

use crate::support::{ADA, Project, Sandbox};

const WARNING: &str = "git does not ignore the state";

/// A repository with a project in the folder `chat`, whose state is beside it.
fn repository() -> (Project, Sandbox) {
    let (project, sandbox) = (Project::empty(), Sandbox::start());
    let note = Project::note("hi");
    let yaml = note.read("pushsync.yaml").replace("version: 1", "version: 1\nstate: ../it's state");
    project.file("chat/pushsync.yaml", yaml);
    project.git("init -q");
    project.git("add .");
    project.git("commit -qm x");
    (project, sandbox)
}

/// Commands that open the state, or list what is in its folder.
fn commands() -> Vec<String> {
    let address = format!("note@{ADA}");
    [
        "plan",
        "plan --sandbox",
        "apply --yes",
        "apply --yes --sandbox",
        "apply --yes --resume",
        "refresh",
        "state list",
        "state verify",
        "state history",
        "state export",
        "state compact",
        "state restore",
        "state rekey",
        "state migrate --to elsewhere",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([
        format!("import {address} AXCR3k9bpSY7bpuh7"),
        format!("state show {address}"),
        format!("state rm {address}"),
        format!("state mv {address} other@{ADA}"),
        format!("state resolve {address} --not-sent"),
    ])
    .collect()
}

#[test]
fn a_state_that_git_tracks_is_refused_by_every_command_and_the_cure_works_as_it_is_told() {
    let (project, sandbox) = repository();
    project.with(&sandbox, "apply --yes -C chat").ok().warns(&[WARNING]);
    project.git("add .");
    project.git("commit -qm oops");
    let created = sandbox.created().len();
    for command in commands() {
        let ran = project.with(&sandbox, &format!("{command} -C chat"));
        let ran = ran.env("PUSHSYNC_NEW_STATE_KEY", "correct horse battery staple");
        ran.exits(1).warns(&[
            "git tracks the state in",
            "it's state/pushsync.",
            "nothing was done",
        ]);
    }
    assert_eq!(sandbox.created().len(), created);
    let told = project.run("plan -C chat").exits(1).err;
    let cure = told.split("where they are: ").nth(1).expect("a command").split(" ; ").next();
    let done = std::process::Command::new("sh")
        .args(["-c", cure.expect("a command")])
        .current_dir("/")
        .output()
        .expect("a shell");
    assert!(done.status.success(), "{done:?}");
    project.run("plan -C chat").ok().warns(&[WARNING]);
    let line = told.trim_end().rsplit(": ").next().expect("a line");
    project.file(".gitignore", format!("{line}\n"));
    project.git("add .");
    project.git("commit -qm cured");
    let ran = project.run("plan -C chat --detailed-exitcode").exits(0);
    assert!(!ran.err.contains("git "), "{}", ran.err);
}

#[test]
fn a_state_that_is_not_ignored_is_warned_of_once_from_the_first_apply_on() {
    let (project, sandbox) = repository();
    project.run("plan -C chat").ok().never_says(&[WARNING]);
    for command in ["apply --yes", "plan", "state list", "apply --yes --sandbox"] {
        let ran = project.with(&sandbox, &format!("{command} -C chat")).ok();
        assert_eq!(ran.err.matches(WARNING).count(), 1, "{command}: {}", ran.err);
        assert!(ran.err.contains("/it's state/"), "{command}: {}", ran.err);
    }
    // A folder that ignores itself is fine, and what explains it may be tracked.
    project.file("it's state/.gitignore", "*\n!.gitignore\n!README.md\n");
    project.file("it's state/README.md", "What was sent.\n");
    project.run("plan -C chat").ok().never_says(&[WARNING]);
    project.git("add .");
    project.git("commit -qm x");
    project.run("plan -C chat").ok().never_says(&[WARNING]);
    // One file that was added by force is enough.
    project.file("it's state/sandbox-default.jsonl", "{}\n");
    project.git("add -f .");
    project.run("plan --sandbox -C chat").exits(1).warns(&["git tracks the state"]);
}

#[test]
fn a_state_outside_of_any_repository_and_one_that_init_makes_are_fine() {
    let (project, sandbox) = repository();
    let elsewhere = Project::empty();
    let state = elsewhere.join("state").display().to_string();
    for command in ["apply --yes", "plan"] {
        let run = project.with(&sandbox, &format!("{command} -C chat")).arg("--state").arg(&state);
        run.ok().never_says(&[WARNING]);
    }
    let fresh = Project::empty();
    fresh.git("init -q");
    fresh.run("init").ok();
    fresh.run("apply --yes --sandbox").ok().never_says(&[WARNING]);
    fresh.git("add .");
    fresh.git("commit -qm x");
    fresh.run("plan --sandbox").ok().never_says(&[WARNING]);
    // Without git, nothing is refused.
    let (project, sandbox) = repository();
    project.with(&sandbox, "apply --yes -C chat").ok();
    project.git("add .");
    project.run("plan -C chat").exits(1);
    project.run("plan -C chat").env("PATH", "").ok().never_says(&[WARNING]);
}

#[test]
fn a_state_among_the_projects_files_is_told_to_have_a_folder_of_its_own() {
    let project = Project::empty();
    let yaml =
        Project::note("hi").read("pushsync.yaml").replace("version: 1", "version: 1\nstate: .");
    project.file("pushsync.yaml", yaml);
    project.git("init -q");
    let ran = project.run("apply --yes --sandbox").wait();
    assert!(ran.err.contains("a folder of its own under `state:`"), "{}", ran.err);
    project.git("add pushsync.yaml");
    let ran = project.run("plan --sandbox").exits(1);
    let ran = ran.warns(&["git tracks the state", "name one of its own under `state:`"]);
    assert!(!ran.err.contains("git -C"), "{}", ran.err);
}

#[test]
fn a_link_that_git_tracks_does_not_say_where_the_state_is() {
    for link in ["state", "on/the/way"] {
        let (project, sandbox) = (Project::empty(), Sandbox::start());
        let outside = Project::empty();
        let path = project.join(link);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder");
        fs::create_dir(outside.join("state")).expect("a folder");
        symlink(outside.join("state"), &path).expect("a link");
        let yaml = Project::note("hi").read("pushsync.yaml");
        project.file(
            "pushsync.yaml",
            yaml.replace("version: 1", &format!("version: 1\nstate: {link}")),
        );
        project.file(".gitignore", "/state/\n");
        project.git("init -q");
        // It is the user's own as long as nobody commits it.
        project.with(&sandbox, "apply --yes").ok().never_says(&[WARNING]);
        project.git("add -f .");
        project.git("commit -qm x");
        project.run("plan").exits(1).warns(&["a symbolic link that git tracks", link]);
        // The folder itself can be named.
        let state = outside.join("state").display().to_string();
        project.run("plan --detailed-exitcode --state").arg(&state).exits(0);
    }
}

#[test]
fn no_file_of_a_state_is_a_link() {
    let treasure = Project::empty();
    for name in ["pushsync.lock", "pushsync.heads", "pushsync.log", "pushsync.json", "sled"] {
        let (project, sandbox) = (Project::note("hi"), Sandbox::start());
        project.apply(&sandbox);
        let path = project.join("state").join(name);
        let _ = fs::remove_file(&path);
        let _ = fs::remove_dir_all(&path);
        treasure.file("precious/db", "precious");
        symlink(treasure.join(if name == "sled" { "precious" } else { "precious/db" }), &path)
            .expect("a link");
        for command in ["plan", "apply --yes", "state compact"] {
            project.with(&sandbox, command).exits(1).warns(&[name, "it is a symbolic link"]);
        }
        assert_eq!(treasure.read("precious/db"), "precious", "{name}");
    }
    let project = Project::note("hi");
    treasure.file("precious/chats", "");
    fs::create_dir(project.join("state")).expect("a folder");
    symlink(treasure.join("precious/chats"), project.join("state/sandbox-default.jsonl"))
        .expect("a link");
    project.run("apply --yes --sandbox").exits(1).warns(&["it is a symbolic link"]);
    assert_eq!(treasure.read("precious/chats"), "");
}
