//! Variables of the environment: those that say nothing, those that a manifest may take, and those
//! that would show a password.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use crate::support::{Project, Run};

#[test]
fn a_variable_that_is_set_and_empty_is_an_error_in_every_command() {
    let project = Project::note("hi");
    for name in [
        "PUSHSYNC_STATE",
        "PUSHSYNC_STATE_KEY",
        "PUSHSYNC_STATE_KEY_FILE",
        "PUSHSYNC_ENV",
        "BREVO_API_KEY",
        "BREVO_BASE_URL",
    ] {
        for args in ["plan", "validate", "state list", "explain bad-key", "plan --sandbox"] {
            for empty in ["", "  "] {
                project.run(args).env(name, empty).exits(1).warns(&[name, "empty"]);
            }
        }
        if !name.ends_with("_FILE") {
            let bytes = OsStr::from_bytes(b"hush\xff hush hush hush hush hush");
            let ran = project.run("plan").env(name, bytes).exits(1);
            ran.warns(&[name, "UTF-8"]).never_says(&["hush"]);
        }
    }
    project.run("schema").env("PUSHSYNC_STATE_KEY", "too-short").exits(1).warns(&["20"]);
    for option in ["--state", "--env", "--base-url"] {
        project.run("plan").arg(option).arg("").exits(1).warns(&[option, "empty"]);
    }
    project.run("state migrate --to").arg("").exits(1).warns(&["empty"]);
    assert!(!project.join("state").exists());
}

/// Texts that somebody may give as the place of a state, each with a password in it.
const MISTYPED: [&str; 14] = [
    "postgres:/ada:hush@db/x",
    "postgres:ada:hush@db/x",
    "postgresql//ada:hush@db/x",
    "postgres//hush",
    "PostgreS:/ada:hush@db",
    "ada:hush@db:5432/x",
    "host=db password=hush",
    "dbname=x PASSWORD = hush user=ada",
    "s3:/bucket/hush",
    "s3//bucket/hush",
    " postgres://ada:hush@db/x",
    "mysql://ada:hush@db/x",
    "https://bucket.s3.amazonaws.com/x?password=hush",
    "file:///hush",
];

#[test]
fn what_looks_like_a_url_is_refused_wherever_a_place_is_named_and_never_shown() {
    let project = Project::empty();
    let yaml = "messages: { note: { from: support, to: ada, text: one } }";
    let told = |run: Run| {
        run.exits(1).warns(&["the location of the state", "./NAME"]).never_says(&["hush"]);
    };
    project.settings("", yaml);
    let files = || std::fs::read_dir(project.path()).expect("a folder").count();
    let before = files();
    for text in MISTYPED {
        told(project.run("plan").arg("--state").arg(text));
        told(project.run("apply --yes").env("PUSHSYNC_STATE", text));
        told(project.run("state list").env("PUSHSYNC_STATE", text));
        told(project.run("state migrate --to").arg(text));
    }
    for text in MISTYPED {
        project.settings(&format!("state: \"{text}\""), yaml);
        told(project.run("plan"));
        told(project.run("apply --yes"));
        let ran = project.run("validate").exits(1).says(&["pushsync.yaml:2:8"]);
        ran.never_says(&["hush"]);
        for format in ["json", "github", "sarif"] {
            let ran = project.run(&format!("validate --format {format}")).exits(1);
            ran.never_says(&["hush"]);
        }
    }
    assert_eq!(files(), before, "no folder was made");
    // A folder that is called so on purpose.
    project.settings("", yaml);
    project.run("apply --yes --sandbox --state ./host=db").ok();
    assert!(project.join("host=db").is_dir());
}

#[test]
fn a_command_line_that_is_wrong_shows_no_password() {
    let project = Project::note("hi");
    for args in [
        "plan postgres://ada:hush@db/x",
        "plan --stat=postgres://ada:hush@db/x",
        "plan ada:hush@db/x",
        "plan --lock-timeout postgres://ada:hush@db/x",
        "nothing postgres://ada:hush@db/x",
        "postgres://ada:hush@db/x",
    ] {
        project.run(args).exits(1).never_says(&["hush"]);
    }
    let help = project.run("plan --help").env("PUSHSYNC_STATE", "postgres://ada:hush@db/x");
    help.env("BREVO_BASE_URL", "https://ada:hush@x").ok().never_says(&["hush"]);
    // Nor does a hint that is to be copied.
    let ran = project.run("plan --sandbox --state S3://ada:hush@bucket/x").wait();
    ran.never_says(&["hush"]);
}

#[test]
fn only_variables_of_the_manifest_are_taken_whether_or_not_others_are_set() {
    let project = Project::empty();
    for (settings, rest) in [
        ("state: 'postgres://me@db.invalid/${NAME}'", ""),
        ("api: { base_url: 'http://127.0.0.1:${NAME}' }", ""),
        ("", "  file: { file: '${NAME}.csv' }"),
    ] {
        for name in ["PUSHSYNC_STATE_KEY", "BREVO_API_KEY", "HOME", "pushsync_var_x"] {
            let text = |text: &str| text.replace("NAME", name);
            project.settings(&text(settings), &text(rest));
            let mut said = Vec::new();
            for value in [Some("hush hush hush hush hush hush"), None] {
                let run = project.run("validate");
                let ran = match value {
                    Some(value) => run.env(name, value).exits(1),
                    None => run.exits(1),
                };
                let ran = ran.says(&[name, "PUSHSYNC_VAR_", "pushsync.yaml:"]);
                said.push(ran.never_says(&["hush"]).out);
            }
            assert_eq!(said[0], said[1], "{name} cannot be probed");
        }
    }
}

#[test]
fn what_a_variable_holds_is_in_no_message_about_the_state() {
    let project = Project::empty();
    let yaml = "messages: { note: { from: support, to: ada, text: one } }";
    // A folder: applied, listed, moved, broken.
    project.settings("state: '${PUSHSYNC_VAR_DIR}/x'", yaml);
    let hush = |args: &str| project.run(args).env("PUSHSYNC_VAR_DIR", "hush");
    let shown = "${PUSHSYNC_VAR_DIR}/x";
    hush("state list").exits(1).warns(&[shown]).never_says(&["hush"]);
    hush("apply --yes --sandbox").ok().never_says(&["hush"]);
    hush("state restore").ok().never_says(&["hush"]);
    hush("state migrate --to ./elsewhere --sandbox").wait().never_says(&["hush"]);
    project.file("hush/x/pushsync.json", "{");
    for args in ["plan", "apply --yes", "state verify", "state list", "state export", "state rekey"]
    {
        hush(args).wait().never_says(&["hush"]);
    }
    hush("plan").exits(1).warns(&[shown]);
    std::fs::remove_dir_all(project.join("hush")).expect("mine");
    project.file("hush", "not a folder");
    hush("plan").wait().never_says(&["hush"]);
    hush("apply --yes").wait().never_says(&["hush"]);
    // A database: a host, a name, a whole URL. Nobody listens.
    for state in [
        "postgres://${PUSHSYNC_VAR_A}:${PUSHSYNC_VAR_B}@127.0.0.1:1/${PUSHSYNC_VAR_C}?connect_timeout=1",
        "postgres://me@${PUSHSYNC_VAR_HOST}:1/x?connect_timeout=1",
        "${PUSHSYNC_VAR_URL}",
    ] {
        project.settings(&format!("state: '{state}'"), yaml);
        let shown = state.split('?').next().and_then(|s| s.rsplit('@').next()).expect("some");
        for args in ["plan", "apply --yes", "state list", "state list --log-format json"] {
            let run = project
                .run(args)
                .env("PUSHSYNC_VAR_A", "hush1")
                .env("PUSHSYNC_VAR_B", "hush2")
                .env("PUSHSYNC_VAR_C", "hush3")
                .env("PUSHSYNC_VAR_HOST", "127.0.0.77")
                .env(
                    "PUSHSYNC_VAR_URL",
                    "postgres://hush:hush@127.0.0.77:1/hush?connect_timeout=1",
                );
            let ran = run.exits(1).never_says(&["hush", "127.0.0.77"]);
            assert!(ran.err.contains(shown), "{shown}: {}", ran.err);
        }
    }
    // A bucket.
    project.settings("state: 's3://${PUSHSYNC_VAR_A}/${PUSHSYNC_VAR_B}'", yaml);
    let run = project.run("plan").env("PUSHSYNC_VAR_A", "hush1").env("PUSHSYNC_VAR_B", "a//hush2");
    run.exits(1).never_says(&["hush"]);
}

#[test]
fn what_a_variable_holds_is_in_no_message_about_an_audience() {
    let project = Project::empty();
    let yaml = "messages: { note: { from: support, to: list, text: '{{ x }}' } }";
    project.file(
        "pushsync.yaml",
        format!("audiences: {{ list: {{ file: '${{PUSHSYNC_VAR_A}}/${{PUSHSYNC_VAR_B}}.csv' }} }}\nsenders: {{ support: {{ group: G }} }}\n{yaml}\n"),
    );
    let formats = ["text", "json", "github", "sarif"];
    let everywhere = || {
        for format in formats {
            let run = project.run(&format!("validate --format {format}"));
            let run = run.env("PUSHSYNC_VAR_A", "hush-a").env("PUSHSYNC_VAR_B", "hush-b");
            run.exits(1).never_says(&["hush"]);
        }
        let run = project.run("plan").env("PUSHSYNC_VAR_A", "hush-a");
        run.env("PUSHSYNC_VAR_B", "hush-b").exits(1).never_says(&["hush"]);
    };
    everywhere();
    for content in ["visitor_id\na,b\n", "visitor_id\nada\n", "x,y\n1,2\n", "", "visitor_id,x\n\"a"]
    {
        project.file("hush-a/hush-b.csv", content);
        everywhere();
    }
    project.file("hush-a/hush-b.csv", b"visitor_id\n\xff\n");
    everywhere();
    std::fs::remove_file(project.join("hush-a/hush-b.csv")).expect("mine");
    std::os::unix::fs::symlink("/etc/hosts", project.join("hush-a/hush-b.csv")).expect("a link");
    everywhere();
}

#[test]
fn a_url_of_a_state_in_yaml_is_refused_if_the_job_says_so() {
    let project = Project::empty();
    let yaml = "messages: { note: { from: support, to: ada, text: one } }";
    project.settings("state: postgres://ada:hush@127.0.0.1:1/hush", yaml);
    for args in ["plan", "apply --yes", "refresh", "state list", "state migrate --to x"] {
        let ran = project.run(&format!("{args} --refuse-state-url")).exits(1);
        ran.warns(&["pushsync.yaml:2:8", "--refuse-state-url", "PUSHSYNC_STATE", "input `state`"])
            .never_says(&["hush", "127.0.0.1"]);
    }
    // One that is given where pushsync runs is taken, and so is a folder.
    project.run("plan --refuse-state-url --state elsewhere").ok();
    let given = project.run("plan --refuse-state-url");
    let given = given.env("PUSHSYNC_STATE", "postgres://ada:hush@127.0.0.1:1/x?connect_timeout=1");
    given.exits(1).warns(&["no connection to its server: "]).never_says(&["hush"]);
    project.settings("state: elsewhere", yaml);
    project.run("plan --refuse-state-url").ok();
}
