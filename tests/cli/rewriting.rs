//! APIs that change the texts that they get: `apply --refresh` leaves that, and restores what
//! people do.

use std::sync::Mutex;

use pushsync::sandbox::Rule;
use serde_json::{Value, json};

use crate::support::{ADA, Answer, Asked, Fake, Project, Sandbox, quoted};

/// A text that each rule changes.
const TEXT: &str = "  \"Héllo\"  <b>you</b> &amp; me \u{1f680}\u{1f995}\n\nsee https://example.com/x?a=1&b=2 now, e\u{301} ﬁx 'it'\u{200b} -- done...  ";
const SAID: &str = "the API answered another text than it was sent for 1 message";
const KEY: &str = "correct horse battery staple";

fn note(kind: &str, text: &str) -> String {
    let text = quoted(text);
    format!("messages: {{ note: {{ kind: {kind}, from: liz, to: ada, raw: true, text: {text} }} }}")
}

fn puts(sandbox: &Sandbox) -> u64 {
    sandbox.counts()[2]
}

/// `apply --refresh` sends this many updates, and nothing else but a question.
fn refreshed(project: &Project, sandbox: &Sandbox, updates: u64) -> String {
    let [post, get, put, delete] = sandbox.counts();
    let ran = project.with(sandbox, "apply --refresh --yes").ok();
    let expected = [post, get + 1, put + updates, delete];
    assert_eq!(sandbox.counts(), expected, "{}{}", ran.out, ran.err);
    ran.err
}

fn lives_with(kind: &str, rule: &str) {
    let sandbox = Sandbox::with(&format!("--normalise {rule}"));
    let changes: Rule = rule.parse().expect("a rule");
    let project = Project::new(&note(kind, TEXT));
    project.with(&sandbox, "apply --yes").ok().warns(&[SAID]);
    let there = |text: &str| {
        let becomes = changes.apply(text);
        assert_ne!(becomes, text, "{rule} changes it");
        assert_eq!(sandbox.there(), [(kind.to_owned(), ADA.to_owned(), becomes)], "{rule}");
    };
    there(TEXT);
    for _ in 0..2 {
        let err = refreshed(&project, &sandbox, 0);
        assert!(!err.contains("the API answered"), "it is said once: {err}");
    }
    project.with(&sandbox, "plan --refresh --detailed-exitcode").ok().says(&["No changes"]);

    for edit in ["An agent wrote this.", "And this."] {
        sandbox.alter(kind, &sandbox.only_id(), edit);
        project.with(&sandbox, "refresh").ok().says(&["1 changed"]);
        project.plans("restore", "note", "drift");
        let err = refreshed(&project, &sandbox, 1);
        assert!(!err.contains("the API answered"), "it is known: {err}");
        there(TEXT);
        refreshed(&project, &sandbox, 0);
        project.with(&sandbox, "plan --refresh --detailed-exitcode").ok().says(&["No changes"]);
    }

    let other = format!("  Another {TEXT}");
    project.rewrite(&note(kind, &other));
    let before = puts(&sandbox);
    project.with(&sandbox, "apply --yes").ok().warns(&[SAID]);
    assert_eq!(puts(&sandbox), before + 1);
    there(&other);
    refreshed(&project, &sandbox, 0);
    project.is_settled();
}

#[test]
fn what_an_api_does_to_texts_is_never_restored_and_what_people_do_is_restored_once() {
    let names: Vec<_> = Rule::names().collect();
    assert!(names.len() >= 12);
    std::thread::scope(|scope| {
        for half in names.chunks(names.len().div_ceil(3)) {
            scope.spawn(move || {
                for (n, rule) in half.iter().enumerate() {
                    lives_with(if n % 2 == 0 { "pushed" } else { "agent" }, rule);
                }
            });
        }
    });
}

#[test]
fn several_rules_are_applied_in_the_order_given() {
    let sandbox = Sandbox::with("--normalise escape,collapse,trim,crlf,truncate=9");
    let project = Project::new(&note("pushed", " <b> \n a & b "));
    project.with(&sandbox, "apply --yes").ok().warns(&[SAID]);
    sandbox.holds(&[(ADA, "&lt;b&gt;")]);
    refreshed(&project, &sandbox, 0);
}

#[test]
fn a_rule_that_does_not_exist_is_told_with_those_that_do() {
    for wrong in ["trimm", "trim,Escape", "truncate", "truncate=0", ","] {
        let ran = Project::empty().run(&format!("sandbox --port 0 --normalise {wrong}")).exits(1);
        ran.warns(&["--normalise <RULES>", "the rules are trim, collapse, crlf", "truncate=40"]);
    }
}

#[test]
fn state_show_has_both_texts_and_what_the_note_tells_to_type_works() {
    let sandbox = Sandbox::with("--normalise escape");
    let project = Project::new(&note("pushed", "Tom & Jerry"));
    let ran = project.with(&sandbox, "apply --yes").ok();
    let line = ran.err.lines().find(|line| line.contains(SAID)).expect("it is said");
    assert!(!line.contains(ADA), "masked: {line}");
    let (_, command) = line.split_once("pushsync ").expect("a command");
    let (command, _) = command.split_once(" shows both texts").expect("its end");
    project
        .run(command)
        .ok()
        .says(&["    Tom & Jerry\n", "answered with this text:\n\n    Tom &amp; Jerry\n"]);
    let shown = project.run(&format!("{command} --format json")).ok().json();
    assert_eq!(
        (&shown["text"], &shown["answered_text"]),
        (&json!("Tom & Jerry"), &json!("Tom &amp; Jerry"))
    );
    assert_eq!(shown["status"], "ok");
    let list = project.run("state list --format json").ok().json();
    assert_eq!(list["deliveries"][0]["answered_text"], "Tom &amp; Jerry");
}

#[test]
fn the_document_of_an_apply_counts_the_texts_that_the_api_changed() {
    let sandbox = Sandbox::with("--normalise trim");
    let project = Project::new(
        "messages:\n  a: { from: support, to: team, text: \" a\" }\n  b: { from: support, to: team, text: b }",
    );
    let ran = project.with(&sandbox, "apply --yes --format json").ok();
    assert_eq!(ran.json()["rewritten"], 2);
    ran.warns(&[
        "the API answered other texts than it was sent for 2 messages",
        "shows both texts of one",
    ]);
    let ran = project.with(&sandbox, "apply --refresh --yes --format json").ok();
    assert_eq!(ran.json()["rewritten"], Value::Null);
}

#[test]
fn an_answered_text_survives_encryption_export_and_import() {
    let sandbox = Sandbox::with("--normalise smart-quotes");
    let project = Project::new(&note("agent", "a 'private' text"));
    let keyed = |args: &str| project.with(&sandbox, args).env("PUSHSYNC_STATE_KEY", KEY);
    keyed("apply --yes").ok().warns(&[SAID]);
    for entry in walkdir::WalkDir::new(project.join("state")) {
        let path = entry.expect("readable").into_path();
        if path.is_file() {
            let bytes = std::fs::read(&path).expect("readable");
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("private"), "{}", path.display());
        }
    }
    keyed("state export state.jsonl").ok();
    keyed("state import state.jsonl --state copy").ok();
    let (one, other) =
        (keyed("state export --plain").ok(), keyed("state export --plain --state copy").ok());
    let record = |out: &str| {
        let line = out.lines().nth(1).expect("a record");
        serde_json::from_str::<Value>(line).expect("JSON")
    };
    assert_eq!(record(&one.out), record(&other.out));
    assert_eq!(record(&one.out)["record"]["answered_text"], "a ‘private’ text");
    let before = puts(&sandbox);
    keyed("apply --refresh --yes --state copy").ok();
    assert_eq!(puts(&sandbox), before);
}

/// An API that keeps texts in upper case. `told` is the text in its answers to POST and PUT, made of
/// the one that was sent.
fn shouting(told: impl Fn(&str) -> Option<String> + Send + 'static) -> Fake {
    let there = Mutex::new(String::new());
    Fake::start(move |_, asked| {
        let mut there = there.lock().expect("not poisoned");
        let method = asked.line.split(' ').next().unwrap_or_default();
        if method == "GET" {
            return Answer::json(200, &json!({ "id": "m1", "text": *there }).to_string());
        }
        let body: Value = serde_json::from_str(&asked.body).expect("JSON");
        let sent = body["text"].as_str().expect("a text");
        *there = sent.to_uppercase();
        match told(sent) {
            Some(text) => Answer::json(200, &json!({ "id": "m1", "text": text }).to_string()),
            None if method == "PUT" => Answer::json(200, ""),
            None => Answer::created("m1"),
        }
    })
}

fn methods(asked: &[Asked], method: &str) -> usize {
    asked.iter().filter(|asked| asked.line.starts_with(method)).count()
}

#[test]
fn an_api_whose_answers_tell_no_text_or_the_wrong_one_is_understood_after_few_restores() {
    type Told = fn(&str) -> Option<String>;
    let tells_none: Told = |_| None;
    let tells_sent: Told = |sent| Some(sent.to_owned());
    let tells_third: Told = |sent| Some(format!("<p>{sent}</p>"));
    for (told, restores, more) in [(tells_none, 1, 0), (tells_sent, 3, 0), (tells_third, 3, 3)] {
        let fake = shouting(told);
        let project = Project::note("hello there");
        let run = |args: &str| {
            let run = project.run(args).env("BREVO_BASE_URL", fake.base_url());
            run.env("BREVO_API_KEY", "any").ok()
        };
        run("apply --yes");
        let mut notes = 0;
        if restores == 1 {
            run("apply --refresh --yes");
            for rewritten in [1, 0] {
                let found = run("refresh --format json").json();
                assert_eq!(
                    (&found["rewritten"], &found["changed"]),
                    (&json!(rewritten), &json!([]))
                );
            }
            notes += 1;
        }
        for _ in 0..6 {
            notes += usize::from(run("apply --refresh --yes").err.contains(SAID));
        }
        assert_eq!(methods(&fake.asked(), "PUT"), restores);
        assert_eq!(methods(&fake.asked(), "POST"), 1);
        // An answer that tells another text is one more occasion to say it.
        assert!(notes >= 1);
        run("plan --refresh --detailed-exitcode").says(&["No changes"]);
        // Somebody edits it, and is overruled.
        let edit = json!({ "text": "edited by hand" }).to_string();
        let host = fake.base_url();
        let host = host.trim_start_matches("http://").trim_end_matches("/v3");
        let mut stream = std::net::TcpStream::connect(host).expect("it listens");
        std::io::Write::write_all(
            &mut stream,
            format!("PUT /by-hand HTTP/1.1\r\ncontent-length: {}\r\n\r\n{edit}", edit.len())
                .as_bytes(),
        )
        .expect("written");
        std::io::Read::read_to_end(&mut stream, &mut Vec::new()).expect("answered");
        let before = methods(&fake.asked(), "PUT");
        for _ in 0..6 {
            run("apply --refresh --yes");
        }
        // Answers that show neither text are learned anew.
        assert_eq!(methods(&fake.asked(), "PUT"), before + 1 + more);
    }
}

#[test]
fn an_answer_of_megabytes_is_not_kept_whole() {
    let fake = shouting(|sent| Some(sent.repeat(200_000)));
    let project = Project::note("hello there");
    let run = project.run("apply --yes").env("BREVO_BASE_URL", fake.base_url());
    run.env("BREVO_API_KEY", "any").ok().warns(&[SAID]);
    let exported = project.run("state export").ok().out;
    assert!(exported.len() < 4_000, "{} bytes", exported.len());
    let shown = project.run(&format!("state show note@{ADA}")).ok();
    shown.says(&["the API answered with a text of 2,200,000 bytes"]);
}

#[test]
fn control_characters_in_an_answer_reach_no_terminal() {
    let fake = shouting(|sent| Some(format!("{sent}\u{1b}[31m\u{202e}::error::x\n::error::x")));
    let project = Project::note("hello there");
    let run = project.run("apply --yes").env("BREVO_BASE_URL", fake.base_url());
    run.env("BREVO_API_KEY", "any").ok();
    for args in ["state show", "state show --format json"] {
        let shown = project.run(&format!("{args} note@{ADA}")).ok();
        shown.never_says(&["\u{1b}", "\u{202e}", "\n::error", "    ::error"]);
    }
}

#[test]
fn a_create_that_was_resolved_is_sent_once_more_where_the_api_has_another_text() {
    let data = Project::empty();
    let options = format!("--normalise trim --data {}", data.join("chats.json").display());
    let dropping = Sandbox::with(&format!("{options} --drop-replies 1"));
    let project = Project::new(&note("pushed", "  hello"));
    project.with(&dropping, "apply --yes").exits(4);
    drop(dropping);
    let sandbox = Sandbox::with(&options);
    project.run(&format!("state set-api {}", sandbox.base_url())).wait();
    let id = sandbox.only_id();
    let ran = project.with(&sandbox, &format!("state resolve note@{ADA} --sent {id}")).ok();
    ran.warns(&["another text than the one that was sent", "sends that one once more", "--again"]);
    project.plans("restore", "note", "drift");
    refreshed(&project, &sandbox, 1);
    refreshed(&project, &sandbox, 0);
    sandbox.holds(&[(ADA, "hello")]);
}

#[test]
fn a_message_that_was_imported_is_updated_once_at_most() {
    for (rules, there, wanted, updates) in [
        // Other line breaks at the end are no difference.
        ("nfc", "hello\r\n", "hello", 0),
        // The API keeps what it was sent by other means, and what it is sent now.
        ("trim,escape", "  this & that ", "  this & that", 1),
    ] {
        let sandbox = Sandbox::with(&format!("--normalise {rules}"));
        let id = sandbox.send("agent", ADA, there);
        let project = Project::new(&note("agent", wanted));
        project.with(&sandbox, &format!("import note@{ADA} {id}")).ok();
        project.with(&sandbox, "apply --yes").ok();
        assert_eq!(sandbox.counts(), [1, 1, updates, 0], "{rules}");
        refreshed(&project, &sandbox, 0);
        project.is_settled();
    }
}
