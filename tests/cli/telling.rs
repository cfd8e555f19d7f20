//! What a run says while it goes on and when it ends: the truth, and what to do now.

use std::{
    io::{Read, pipe},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::support::{ADA, Answer, BEN, Fake, Project, Run, Sandbox, quoted, run, run_as};

fn fake(project: &Project, fake: &Fake, args: &str) -> Run {
    project.run(args).env("BREVO_BASE_URL", fake.base_url()).env("BREVO_API_KEY", "any")
}

#[test]
fn a_pipe_without_room_is_waited_for_on_both_streams() {
    let project = Project::many(700);
    for args in [&["plan", "--format", "json"][..], &["apply", "--sandbox", "--yes", "-v"]] {
        let (mut from, to) = pipe().expect("a pipe");
        let (mut logged, log) = pipe().expect("a pipe");
        for end in [&to, &log] {
            rustix::io::ioctl_fionbio(end, true).expect("it does not block");
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_pushsync"))
            .args(args)
            .current_dir(project.path())
            .env_remove("CI")
            .stdin(Stdio::null())
            .stdout(to)
            .stderr(log)
            .spawn()
            .expect("it starts");
        let reading = thread::spawn(move || {
            thread::sleep(Duration::from_millis(300));
            let mut text = String::new();
            logged.read_to_string(&mut text).expect("it writes");
            text
        });
        // The pipe is full by then.
        thread::sleep(Duration::from_millis(600));
        let mut out = String::new();
        from.read_to_string(&mut out).expect("it writes");
        let err = reading.join().expect("no panic");
        assert!(child.wait().expect("it ends").success(), "{err}");
        if args[0] == "plan" {
            let plan: Value = serde_json::from_str(&out).expect("all of it");
            assert_eq!(plan["changes"].as_array().map(Vec::len), Some(700));
        } else {
            assert_eq!(out.matches("    create: ").count(), 700);
            assert!(out.ends_with("Applied: 700 changes in 700 requests.\n"));
            assert_eq!(err.matches("  + create m").count(), 700);
        }
    }
}

#[test]
fn an_apply_whose_reader_leaves_goes_on() {
    for reader in ["head -1", "head -c 1", "true", "head -20"] {
        for format in ["text", "json"] {
            let project = Project::many(300);
            let script = format!(
                "set -o pipefail; '{}' apply --sandbox --yes --format {format} -v 2>&1 | {reader}",
                env!("CARGO_BIN_EXE_pushsync")
            );
            run_as(Command::new("bash"), project.path(), ["-c", &script]).exits(0);
            let plan = project.run("plan --sandbox").ok();
            plan.says(&["300 deliveries are as they should be"]);
        }
    }
}

#[test]
fn a_refused_run_does_not_read_like_a_success() {
    for (status, body) in [
        (401, r#"{"code":"unauthorized","message":"Key not found"}"#),
        (403, r#"{"code":"forbidden","message":"no"}"#),
        (400, r#"{"code":"invalid_parameter","message":"no"}"#),
    ] {
        let project = Project::many(3);
        let api = Fake::start(move |_, _| Answer::json(status, body));
        let ran = fake(&project, &api, "apply --yes --concurrency 1").exits(1);
        assert!(!ran.out.contains("Applied"), "{}", ran.out);
        ran.says(&["othing was applied: "]);
    }
}

#[test]
fn a_stop_says_when_to_come_back_and_with_which_command() {
    let (project, sandbox) = (Project::many(7), Sandbox::with("--limit 3/h"));
    let stopped = project.with(&sandbox, "apply --yes --max-wait 0s").exits(3);
    stopped.says(&["Stopped at the budget: 3 changes in 3 requests, 4 not tried."]).warns(&[
        "the API takes requests again at ",
        " (in ",
        "run this again then: pushsync apply --resume",
    ]);
    let stopped = project.with(&sandbox, "apply --yes --max-wait 0s --format json").exits(3);
    let document = stopped.json();
    assert!(document["resets_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{document}");
    // The number of requests that it may make is no reason to wait.
    let (project, sandbox) = (Project::many(7), Sandbox::start());
    project
        .with(&sandbox, "apply --yes --max-requests 2")
        .exits(3)
        .warns(&["run this again to go on: pushsync apply --resume"]);
}

#[test]
fn the_sandbox_plans_with_the_limit_of_the_real_api_in_view() {
    let project = Project::many(340);
    let plan = project.run("plan --sandbox").ok();
    plan.says(&[
        "340 requests: fits (the sandbox has no limit; at Brevo's 100 an hour: about 3 h 24 min)",
    ]);
    project.run("apply --sandbox --yes").ok();
    let plan = project.run("plan --sandbox --destroy --format json").ok().json();
    assert_eq!(plan["budget"]["limit"], 100);
    assert_eq!(plan["budget"]["unlimited"], true);
    let faster = Project::empty();
    let message = format!("messages: {{ a: {{ from: support, to: ada, text: {} }} }}", quoted("x"));
    faster.settings("limits: { requests_per_hour: 250 }", &message);
    faster.run("plan --sandbox").ok().says(&["at Brevo's 250 an hour: fits"]);
}

#[test]
fn every_line_of_a_log_in_json_has_a_time_a_level_and_an_event() {
    let project = Project::many(3);
    let warned = "messages: { old: { from: support, to: ada, text: x, active: { until: 2020-01-01T00:00:00Z } } }";
    project.file("messages/old.yaml", warned);
    let broken = Project::empty();
    broken.settings("", "messages: { a: { from: supprt, to: ada, text: x } }");
    let refusing = Fake::start(|_, _| Answer::json(401, r#"{"code":"unauthorized"}"#));
    let sandbox = Sandbox::start();
    let mut lines = 0;
    for (args, of, api) in [
        ("plan", &project, sandbox.base_url()),
        ("apply --yes -vv", &project, refusing.base_url()),
        ("apply --yes -vv", &project, sandbox.base_url()),
        ("refresh", &project, sandbox.base_url()),
        ("show m01", &project, sandbox.base_url()),
        ("plan", &broken, sandbox.base_url()),
        ("presence --from liz --once", &project, sandbox.base_url()),
        (&format!("state rm nothing@{ADA}"), &project, sandbox.base_url()),
        (&format!("state show m01@{ADA} --no-such"), &project, sandbox.base_url()),
        ("no-such-command", &project, sandbox.base_url()),
        ("apply missing-plan.json", &project, sandbox.base_url()),
    ] {
        let ran = of
            .run(&format!("{args} --log-format json --color always"))
            .env("BREVO_BASE_URL", api)
            .env("BREVO_API_KEY", "any")
            .wait();
        assert!(!ran.err.contains('\u{1b}') && !ran.err.contains(ADA), "{args}: {}", ran.err);
        for line in ran.err.lines() {
            let line: Value =
                serde_json::from_str(line).unwrap_or_else(|e| panic!("{args}: {e}: {line}"));
            let at = line["timestamp"].as_str().expect("a time");
            at.parse::<jiff::Timestamp>().expect("RFC 3339");
            let level = line["level"].as_str().expect("a level");
            assert!(["error", "warn", "info", "debug"].contains(&level), "{line}");
            assert!(line["event"].is_string(), "{line}");
            lines += 1;
        }
        if ran.status == 1 {
            assert!(ran.err.contains(r#""level":"error""#), "{args}: {}", ran.err);
        }
    }
    assert!(lines > 20, "{lines}");
}

#[test]
fn show_takes_the_first_visitor_of_the_file() {
    let project = Project::empty();
    let message = "messages: { hi: { from: support, to: file-order, text: 'Hi {{ name }}' } }";
    project.settings("", message);
    project.file("messages/audience.yaml", "audiences: { file-order: { file: ../beta.csv } }");
    let (first, last) = if ADA < BEN { (BEN, ADA) } else { (ADA, BEN) };
    project.file("beta.csv", format!("visitor_id,name\n{first},First\n{last},Last\n"));
    assert_eq!(project.run("show hi").ok().out, "Hi First\n");
    let some = message
        .replace("to: file-order", "to: { audience: file-order, where: \"name == 'Last'\" }");
    project.settings("", &some);
    assert_eq!(project.run("show hi").ok().out, "Hi Last\n");
}

#[test]
fn the_manual_has_the_variables_files_exit_statuses_and_examples() {
    let project = Project::many(1);
    let page = run(project.path(), ["man"]).ok().out;
    for section in ["ENVIRONMENT", "FILES", "EXAMPLES", "\"EXIT STATUS\""] {
        assert!(page.contains(&format!(".SH {section}\n")), "no {section}");
    }
    for name in ["BREVO_API_KEY", "PUSHSYNC_STATE_KEY", "NO_COLOR", "AWS_REGION", "PGPASSWORD"] {
        assert!(page.contains(name), "no {name}");
    }
}

/// What `completions --help` tells users of bash to type.
#[test]
fn the_completions_of_bash_load_as_the_help_says() {
    let project = Project::many(1);
    let help = run(project.path(), ["completions", "--help"]).ok().out;
    let line = help.lines().find_map(|line| line.trim().strip_prefix("bash ")).expect("for bash");
    let bin = Path::new(env!("CARGO_BIN_EXE_pushsync")).parent().expect("a folder");
    let path = std::env::var_os("PATH").expect("a path");
    let script = format!("{}; bash -ic 'complete -p pushsync' 2>/dev/null", line.trim());
    let ran = Command::new("bash")
        .args(["--norc", "-c", &script])
        .env("HOME", project.path())
        .env("PATH", format!("{}:{}", bin.display(), path.display()))
        .output()
        .expect("bash is there");
    let out = String::from_utf8_lossy(&ran.stdout);
    assert!(out.contains("_pushsync") && out.contains("pushsync"), "{ran:?}");
}

/// Those that need neither an account nor a state.
#[test]
fn the_examples_of_the_help_work_when_they_are_typed() {
    let folder = Project::many(1);
    run(folder.path(), ["init", "demo"]).ok();
    let project = folder.path().join("demo");
    let mut ran = 0;
    for command in ["validate", "show", "plan", "completions", "schema", "explain", "man"] {
        let help = run(&project, [command, "-h"]).ok().out;
        for line in help.lines().filter_map(|line| line.trim().strip_prefix("pushsync ")) {
            run(&project, line.split(' ')).ok();
            ran += 1;
        }
    }
    assert!(ran >= 10, "{ran}");
}
