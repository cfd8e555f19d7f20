//! Encryption at rest, and moving a state, through the binary.

use crate::support::{ADA, Project, Run, Sandbox};

const KEY: &str = "correct horse battery staple";
const OTHER: &str = "another passphrase for it";

trait Keyed {
    fn key(self, key: &str) -> Self;
}

impl Keyed for Run {
    fn key(self, key: &str) -> Self {
        self.env("PUSHSYNC_STATE_KEY", key)
    }
}

/// Whether a file below `folder` holds these bytes.
fn found(project: &Project, folder: &str, what: &str) -> bool {
    walkdir::WalkDir::new(project.join(folder))
        .into_iter()
        .map(|entry| entry.expect("readable").into_path())
        .filter(|path| path.is_file())
        .any(|path| {
            let bytes = std::fs::read(path).expect("readable");
            bytes.windows(what.len()).any(|part| part == what.as_bytes())
        })
}

#[test]
fn with_a_key_nothing_in_the_state_its_exports_and_backups_can_be_read() {
    let (project, sandbox) = (Project::note("a private text"), Sandbox::start());
    project.with(&sandbox, "apply --yes").key(KEY).ok();
    project.rewrite("messages: { note: { from: support, to: ada, text: another private text } }");
    project.with(&sandbox, "apply --yes").key(KEY).ok();
    assert!(project.join("state/backups").is_dir(), "the second apply exported the state");
    project.run("state export state/export.jsonl").key(KEY).ok();
    for secret in [ADA, "private text"] {
        assert!(!found(&project, "state", secret), "{secret}");
    }
    project.run("plan --detailed-exitcode").key(KEY).exits(0);
    project.run("state list").key(KEY).ok().says(&["note@"]);
    // Read back, under the same key and with another one; and in the clear.
    project.run("state import state/export.jsonl --state copy").key(KEY).ok();
    project.run("state verify --state copy").key(KEY).ok();
    project.run("state import state/export.jsonl --state no").exits(1).warns(&["encrypted"]);
    project.run("state import state/export.jsonl --state no").key(OTHER).exits(1).warns(&["key"]);
    project.run("state export --plain").key(KEY).ok().says(&[ADA, "another private text"]);
}

#[test]
fn a_key_that_is_missing_wrong_or_too_short_is_told_without_showing_it() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    project.with(&sandbox, "apply --yes").key(KEY).ok();
    let before = sandbox.total();
    for args in ["plan", "apply --yes", "state list", "state export"] {
        project.with(&sandbox, args).exits(1).warns(&["is encrypted", "PUSHSYNC_STATE_KEY"]);
        let wrong = project.with(&sandbox, args).key(OTHER).exits(1);
        wrong.warns(&["another key"]).never_says(&[OTHER, KEY]);
    }
    let short = project.with(&sandbox, "plan").key("too short").exits(1);
    short.warns(&["9 characters", "at least 20"]).never_says(&["too short"]);
    assert_eq!(sandbox.total(), before);
    // From a file, as a CI keeps its secrets.
    project.file("key", format!("{KEY}\n"));
    project.run("plan").env("PUSHSYNC_STATE_KEY_FILE", "key").ok().says(&["No changes"]);
}

#[test]
fn a_plain_state_with_a_key_is_not_used_by_mistake() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    project.apply(&sandbox);
    project.run("plan").key(KEY).exits(1).warns(&["is not encrypted", "state migrate"]);
    // The sandbox keeps its messages in the clear, whatever the key.
    project.run("apply --sandbox --yes").key(KEY).ok();
}

#[test]
fn the_passphrase_can_be_changed() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    project.with(&sandbox, "apply --yes").key(KEY).ok();
    project.run("state rekey").key(KEY).exits(1).warns(&["PUSHSYNC_NEW_STATE_KEY"]);
    project.run("state rekey").key(KEY).env("PUSHSYNC_NEW_STATE_KEY", OTHER).ok();
    project.run("plan").key(KEY).exits(1).warns(&["another key"]);
    project.run("plan --detailed-exitcode").key(OTHER).exits(0);
}

#[test]
fn a_state_moves_elsewhere_whole_and_the_old_one_refuses_to_be_used() {
    let project = Project::new(
        "messages:\n  b: { from: support, to: team, text: hi }\n  a: { from: liz, to: ada, text: x }",
    );
    let sandbox = Sandbox::start();
    project.apply(&sandbox);
    let before = project.run("state list --format json").ok().json();
    // In the clear, encrypted, and back.
    project.run("state migrate --to second").ok();
    project.run("state migrate --to third --state second").key(KEY).ok();
    assert!(!found(&project, "third", ADA));
    project.run("state migrate --to fourth --state third --plain").key(KEY).ok();
    let after = project.run("state list --format json --state fourth").ok().json();
    assert_eq!(after["deliveries"], before["deliveries"]);
    assert_eq!(after["lineage"], before["lineage"]);
    for old in ["state", "second"] {
        for args in ["plan", "apply --yes", "state list", "refresh"] {
            project
                .with(&sandbox, &format!("{args} --state {old}"))
                .exits(1)
                .warns(&["was moved to"]);
        }
    }
    project.run("state history --state fourth").ok().says(&["create a@"]);
    project.run("plan --detailed-exitcode --state fourth").exits(0);
    project.run("state migrate --to fourth --state fourth").exits(1).warns(&["there already"]);
}

#[test]
fn a_migration_into_a_state_of_its_own_is_refused_and_one_that_was_cut_off_goes_on() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    project.apply(&sandbox);
    project.with(&sandbox, "apply --yes --new-state --state other").ok();
    project.run("state migrate --to other").exits(1).warns(&["not empty"]);
    project.run("plan --detailed-exitcode").exits(0);
    // The copy was made, and the old one not marked yet.
    project.run("state export copy.jsonl").ok();
    project.run("state import copy.jsonl --state copied").ok();
    project.run("state migrate --to copied").ok();
    project.run("plan --detailed-exitcode --state copied").exits(0);
    project.run("plan").exits(1).warns(&["was moved to"]);
}

#[test]
fn a_key_that_is_set_and_cannot_be_used_ends_every_command_that_could_touch_a_state() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    project.apply(&sandbox);
    project.file("short", "SECRET too short\n");
    project.file("empty", "\nSECRET on the second line, long enough");
    project.file("odd", b"SECRET, long enough, and \xff");
    let unusable: [(&str, &[u8]); 9] = [
        ("", b""),
        ("", b"\n"),
        ("", b"SECRET too short"),
        ("", b"SECRET, long enough, and \xff"),
        ("_FILE", b""),
        ("_FILE", b"missing"),
        ("_FILE", b"short"),
        ("_FILE", b"empty"),
        ("_FILE", b"odd"),
    ];
    for name in ["PUSHSYNC_STATE_KEY", "PUSHSYNC_NEW_STATE_KEY"] {
        for (at, (variable, value)) in unusable.iter().enumerate() {
            let mut commands = vec![
                "plan",
                "plan --sandbox",
                "apply --yes",
                "apply --yes --sandbox",
                "refresh",
                "import note@visitor AXCR3k9bpSY7bpuh7",
                "state list",
                "state list --sandbox",
                "state export",
                "state history",
                "state verify",
                "state compact",
                "state rekey",
                "state restore",
                "state rm note@visitor",
                "state migrate --to elsewhere",
            ];
            // Each value with some of them: all with all would take long.
            if at > 3 {
                commands.retain(|command| command.len() % 3 == at % 3);
            }
            for command in commands {
                let ran = project
                    .with(&sandbox, command)
                    .env(format!("{name}{variable}").as_str(), OsStr::from_bytes(value))
                    .exits(1);
                ran.never_says(&["SECRET"]).warns(&["error: "]);
            }
        }
    }
    assert_eq!(sandbox.total(), 1);
}

#[test]
fn the_key_in_a_variable_and_in_a_file_are_the_same_but_for_the_end_of_the_line() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    project.file("unix", format!("{KEY}\n"));
    project.file("windows", format!("{KEY}\r\nand a second line\r\n"));
    project.file("bare", KEY);
    project.file("spaces", format!("{KEY} \n"));
    project.with(&sandbox, "apply --yes").env("PUSHSYNC_STATE_KEY", format!("{KEY}\n")).ok();
    for value in [KEY.to_owned(), format!("{KEY}\n"), format!("{KEY}\r\n")] {
        project.run("plan").env("PUSHSYNC_STATE_KEY", value).ok().says(&["No changes"]);
    }
    for file in ["unix", "windows", "bare"] {
        project.run("plan").env("PUSHSYNC_STATE_KEY_FILE", file).ok().says(&["No changes"]);
    }
    let another = ["is encrypted under another key"];
    project.run("plan").env("PUSHSYNC_STATE_KEY_FILE", "spaces").exits(1).warns(&another);
    project.run("plan").env("PUSHSYNC_STATE_KEY", format!("{KEY} ")).exits(1).warns(&another);
    project
        .run("plan")
        .env("PUSHSYNC_STATE_KEY", KEY)
        .env("PUSHSYNC_STATE_KEY_FILE", "unix")
        .exits(1)
        .warns(&["PUSHSYNC_STATE_KEY and PUSHSYNC_STATE_KEY_FILE are both set"]);
}
