//! What stdout and stderr are connected to decides nothing: a reader that is gone, a disk that is full.
//! And whatever a server says stays on its line.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
};

use crate::support::{ADA, Answer, Fake, Project, Run, Sandbox, run, run_as, until};

/// Ways to lose a stream, as a shell's redirections; `N` is its number.
const LOST: [&str; 4] = ["N>/dev/full", "N>&-", "N>&9", "N> >(head -c 1 >/dev/null)"];

/// Runs the binary with these redirections. Descriptor 9 is a pipe whose reader is gone.
fn redirected(project: &Project, args: &str, redirections: &str) -> Run {
    let script = format!(
        "exec 9> >(exec true); wait $!; exec '{}' {args} {redirections} 9>&-",
        env!("CARGO_BIN_EXE_pushsync")
    );
    run_as(Command::new("bash"), project.path(), ["-c", &script])
}

fn lost(stream: u8) -> Vec<String> {
    LOST.iter().map(|way| way.replacen('N', &stream.to_string(), 1)).collect()
}

const LOUD: [&str; 4] = ["-v", "-vv", "-vv --log-format json", ""];

#[test]
fn an_apply_is_carried_out_and_recorded_whatever_becomes_of_its_output() {
    let (one, two) = (lost(1), lost(2));
    let both = one.iter().zip(&two).map(|(one, two)| format!("{one} {two}"));
    let ways: Vec<_> = one.iter().chain(&two).cloned().chain(both).collect();
    for (at, way) in ways.iter().enumerate() {
        let (sandbox, project) = (Sandbox::start(), Project::many(12));
        let format = ["text", "json"][at % 2];
        let args = format!("apply --yes --format {format} {}", LOUD[at % LOUD.len()]);
        let ran = redirected(&project, &args, way)
            .env("BREVO_BASE_URL", sandbox.base_url())
            .env("BREVO_API_KEY", "any")
            .exits(0);
        assert!(!ran.err.contains("panick"), "{args} {way}: {}", ran.err);
        project.is_settled();
        assert_eq!(sandbox.there().len(), 12, "{args} {way}");
        let history = project.run("state history --format json").ok().out;
        assert!(!history.contains("killed") && !history.contains("unknown"), "{way}: {history}");
    }
}

#[test]
fn the_exit_status_of_an_apply_says_what_became_of_the_deliveries_not_of_the_output() {
    for way in lost(1).into_iter().chain(lost(2)) {
        let project = Project::many(3);
        let fake = Fake::start(|at, _| match at {
            0 => Answer::Nothing,
            n => Answer::created(&format!("id{n}")),
        });
        redirected(&project, "apply --yes -vv --concurrency 1", &way)
            .env("BREVO_BASE_URL", fake.base_url())
            .env("BREVO_API_KEY", "any")
            .exits(4);
        let known = project.run("state list --format json").ok().json();
        assert_eq!(known["deliveries"].as_array().map(Vec::len), Some(3), "{way}");
    }
}

#[test]
fn no_command_fails_for_a_stderr_that_is_lost() {
    let sandbox = Sandbox::start();
    let project = Project::many(3);
    // A warning of the manifest goes to stderr, too.
    project.file("messages/old.yaml", "messages: { old: { from: support, to: ada, text: x, active: { until: 2020-01-01T00:00:00Z } } }");
    project.apply(&sandbox);
    for (command, status) in [
        ("plan", 0),
        ("plan --destroy --detailed-exitcode", 2),
        ("validate", 0),
        ("show m01", 0),
        ("refresh", 0),
        ("refresh --format json", 0),
        ("presence --from liz --once", 0),
        ("state list", 0),
        ("state show nothing@nobody", 1),
        ("state export", 0),
        ("no-such-command", 1),
        ("plan --state /dev/null/x", 1),
    ] {
        for (at, way) in lost(2).into_iter().enumerate() {
            let args = match command {
                "no-such-command" => command.to_owned(),
                _ => format!("{command} {}", LOUD[at % LOUD.len()]),
            };
            let ran = redirected(&project, &args, &way)
                .env("BREVO_BASE_URL", sandbox.base_url())
                .env("BREVO_API_KEY", "any")
                .wait();
            assert_eq!(ran.status, status, "{args} {way}: {ran:?}");
        }
    }
}

#[test]
fn what_only_prints_fails_in_words_where_its_output_has_no_room() {
    let sandbox = Sandbox::start();
    let project = Project::many(3);
    project.apply(&sandbox);
    for command in [
        "plan --destroy",
        "plan --format json",
        "plan --format markdown",
        "plan --format html",
        "plan --format github",
        "validate",
        "validate --format json",
        "validate --format sarif",
        "show m01",
        "state list",
        "state history",
        "state verify",
        "state export",
        "explain",
        "explain text-too-long",
        "schema",
        "schema plan",
        "man",
        "completions zsh",
        "--help",
        "--version",
        // They have done their work by then.
        "refresh",
        "refresh --format json",
        "presence --from liz --once",
    ] {
        let ran = redirected(&project, command, ">/dev/full")
            .env("BREVO_BASE_URL", sandbox.base_url())
            .env("BREVO_API_KEY", "any")
            .exits(1);
        let told = ran.err.matches("could not write the output: No space left").count();
        assert_eq!(told, 1, "{command}: {ran:?}");
        // And with both gone, it still ends so.
        redirected(&project, command, ">/dev/full 2>/dev/full")
            .env("BREVO_BASE_URL", sandbox.base_url())
            .env("BREVO_API_KEY", "any")
            .exits(1);
    }
}

#[test]
fn a_reader_that_is_gone_changes_neither_the_work_nor_the_exit_status() {
    let sandbox = Sandbox::start();
    let project = Project::many(3);
    project.apply(&sandbox);
    redirected(&project, "plan --destroy --detailed-exitcode --out saved", ">&9").exits(2);
    assert!(project.join("saved").exists());
    project.file("broken.yaml", "nonsense: 1");
    project.rewrite("include: [broken.yaml]");
    redirected(&project, "validate", ">&9").exits(1);
}

#[test]
fn a_server_serves_even_if_nobody_reads_its_output() {
    for way in lost(1).into_iter().chain(lost(2)) {
        for server in ["sandbox", "preview"] {
            let project = Project::many(1);
            let free = TcpListener::bind("127.0.0.1:0").expect("a port");
            let port = free.local_addr().expect("an address").port();
            drop(free);
            let _running = redirected(&project, &format!("{server} --port {port}"), &way).start();
            let mut stream = None;
            until("it listens", || {
                stream = TcpStream::connect(("127.0.0.1", port)).ok();
                stream.is_some()
            });
            let mut stream = stream.expect("connected");
            let request =
                format!("GET / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).expect("it reads");
            let mut page = String::new();
            stream.read_to_string(&mut page).expect("it answers");
            assert!(page.starts_with("HTTP/1.1 200"), "{server} {way}: {page}");
        }
    }
}

/// Nothing in it steers a terminal, and no line of it is a command for a runner.
fn assert_harmless(what: &str, text: &str) {
    let hostile = |c: char| c != '\n' && pushsync::model::is_hostile(c);
    assert!(!text.contains(hostile), "{what}: {text:?}");
    for line in text.lines() {
        assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "{what}: {line:?}");
    }
}

#[test]
fn what_the_api_says_stays_on_its_line_in_every_writer() {
    const ID: &str = "::error::sent##[group]::f";
    const TEXT: &str =
        r"AX\n::error::sent\r\n##[group]\u001b[31m\u009b2J\u0085\u2028::f\u202e\u200b\ufffa";
    const SAID: &str = r#"{"code":"invalid_parameter\n::error::x","message":"no\n::error file=a::b\r##[error]\u009b\u202e\u2066"}"#;
    let hostile_headers = "content-type: application/json\r\nsib-request-id: ::error::\u{9b}x\r\n";
    for loud in ["", "-v", "-vv", "-vv --log-format json", "-vv --color always"] {
        let project = Project::many(2);
        let headers = hostile_headers.to_owned();
        let fake = Fake::start(move |at, asked| match (at, asked.line.split(' ').next()) {
            (0, _) => Answer::Is(200, headers.clone(), format!(r#"{{"id":"{ID}"}}"#)),
            (_, Some("GET")) => Answer::Is(
                200,
                headers.clone(),
                format!(
                    r#"{{"id":"{ID}","type":"agent","text":"{TEXT}","visitorId":"{ADA}","isPushed":true}}"#
                ),
            ),
            (_, Some("POST")) if asked.line.contains("agentOnlinePing") => {
                Answer::Is(404, headers.clone(), SAID.to_owned())
            }
            _ => Answer::Is(400, headers.clone(), SAID.to_owned()),
        });
        let ask = |args: &str| {
            let ran = project
                .run(&format!("{args} {loud}"))
                .env("BREVO_BASE_URL", fake.base_url())
                .env("BREVO_API_KEY", "any")
                .wait();
            // Colours are ours.
            let ours = |text: &str| match loud.contains("always") {
                true => anstream::adapter::strip_str(text).to_string(),
                false => text.to_owned(),
            };
            assert_harmless(&format!("{args} {loud}, stdout"), &ours(&ran.out));
            assert_harmless(&format!("{args} {loud}, stderr"), &ours(&ran.err));
            ran
        };
        assert_eq!(ask("apply --yes --concurrency 1").status, 1);
        for command in [
            "plan",
            "plan --destroy",
            "plan --destroy --format json",
            "plan --destroy --format markdown",
            "refresh",
            "plan",
            "state list",
            "state list --format json",
            "state history",
            "state history --format json",
            "apply --yes --destroy --allow-deletes all",
            "presence --from liz --once",
        ] {
            ask(command);
        }
        ask(&format!("state show m00@{ADA}"));
    }
}

#[test]
fn an_argument_is_never_a_command_for_a_runner() {
    let project = Project::many(1);
    for args in [
        vec!["pl\n::error::an"],
        vec!["plan", "--no\u{1b}[2J\n ::error::such"],
        vec!["apply", "--reviewed", "x\n::error::y\u{9b}"],
        vec!["plan", "--target", "\u{202e}##[error]"],
        vec!["-C", "a\n::error::b", "plan"],
        vec!["plan", "--state", "pushsync.yaml/c\r::error::d\u{2028}"],
        vec!["apply", "e\n::error::f"],
        vec!["explain", "g\n::error::h"],
    ] {
        let ran = run(project.path(), &args).exits(1);
        assert_harmless(&format!("{args:?}"), &ran.out);
        assert_harmless(&format!("{args:?}"), &ran.err);
    }
}

#[test]
fn the_holder_of_a_lock_is_told_on_one_line() {
    let project = Project::many(1);
    let sandbox = Sandbox::start();
    project.apply(&sandbox);
    let script = format!(
        r#"exec 3<>state/pushsync.lock; flock 3; printf '%s' '{{"pid":1,"host":"h\n::error::i\u009b","command":"c\r\n##[error]\u202e\u2028","since":"2026-01-01T00:00:00Z"}}' >&3; exec '{}' state list"#,
        env!("CARGO_BIN_EXE_pushsync")
    );
    let ran = run_as(Command::new("bash"), project.path(), ["-c", &script]).wait();
    assert_harmless("the holder", &ran.err);
}
