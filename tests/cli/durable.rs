//! What is durable when a request leaves, and how many fsyncs that takes: seen from outside.

use std::{collections::HashMap, ffi::OsStr};

use crate::{
    strace,
    support::{Project, Sandbox, run_as},
};

/// fsync takes long enough for all other writes to come along.
const SLOW: &str = "inject=fsync,fdatasync:delay_exit=20000";
const CALLS: &str = "pwrite64,write,writev,sendto,sendmsg,fsync,fdatasync";

/// A system call, and the lines of the trace where it began and was done.
struct Call {
    begun: usize,
    done: usize,
    text: String,
}

impl Call {
    fn is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.text.starts_with(&format!("{name}(")))
    }

    fn on_log(&self) -> bool {
        self.text.split_once('>').is_some_and(|(file, _)| file.ends_with("/pushsync.log"))
    }

    fn syncs_log(&self) -> bool {
        self.is(&["fsync", "fdatasync"]) && self.on_log()
    }
}

/// The text of a create, as no other has it.
fn text(n: usize) -> String {
    let mut random = fastrand::Rng::with_seed(n as u64);
    std::iter::repeat_with(|| random.alphanumeric()).take(24).collect()
}

/// Messages with the texts of these numbers.
fn messages(texts: impl IntoIterator<Item = usize>) -> String {
    let mut yaml = "messages:\n".to_owned();
    for (n, number) in texts.into_iter().enumerate() {
        yaml += &format!("  m{n:03}: {{ from: support, to: ada, text: \"{}\" }}\n", text(number));
    }
    yaml
}

/// Applies this number of creates in a new project; the calls that it took.
fn apply(creates: usize, concurrency: usize) -> Vec<Call> {
    let (sandbox, project) = (Sandbox::start(), Project::new(&messages(0..creates)));
    let calls = calls(&project, &sandbox, concurrency);
    assert_eq!(sandbox.created().len(), creates);
    calls
}

/// The calls of an apply.
fn calls(project: &Project, sandbox: &Sandbox, concurrency: usize) -> Vec<Call> {
    let out = tempfile::NamedTempFile::new().expect("a file");
    let program = OsStr::new(env!("CARGO_BIN_EXE_pushsync"));
    let command = strace::traced(program, CALLS, &["-y", "-e", SLOW], out.path());
    let concurrency = concurrency.to_string();
    run_as(command, project.path(), ["apply", "--yes", "--concurrency", &concurrency])
        .env("BREVO_BASE_URL", sandbox.base_url())
        .env("BREVO_API_KEY", "any")
        .ok();
    read(&std::fs::read(out.path()).expect("strace wrote"))
}

fn read(trace: &[u8]) -> Vec<Call> {
    let (mut calls, mut unfinished) = (Vec::new(), HashMap::new());
    for (number, line) in String::from_utf8_lossy(trace).lines().enumerate() {
        let Some((pid, call)) = line.split_once(' ') else { continue };
        let (pid, call) = (pid.to_owned(), call.trim_start());
        if let Some(start) = call.strip_suffix(" <unfinished ...>") {
            unfinished.insert(pid, (number, start.to_owned()));
        } else if call.starts_with("<... ") {
            let (begun, text) = unfinished.remove(&pid).expect("it had begun");
            calls.push(Call { begun, done: number, text });
        } else {
            calls.push(Call { begun: number, done: number, text: call.to_owned() });
        }
    }
    calls
}

/// The intent is written, then fsynced, and only then its request leaves.
fn comes_first(calls: &[Call], intent: &str, request: &str) {
    let first = |what: &str, names: &[&str], on_log: bool| {
        let found = calls
            .iter()
            .filter(|call| call.is(names) && call.on_log() == on_log && call.text.contains(what))
            .min_by_key(|call| call.begun);
        found.unwrap_or_else(|| panic!("{what} is not in the trace"))
    };
    let intent = first(intent, &["write"], true);
    let request = first(request, &["write", "writev", "sendto", "sendmsg"], false);
    let synced = calls
        .iter()
        .any(|call| call.syncs_log() && intent.done < call.begun && call.done < request.begun);
    assert!(synced, "a request left before its intent was durable: {}", request.text);
}

/// The texts of these numbers are durable before the requests that send them leave.
fn texts_come_first(calls: &[Call], texts: impl IntoIterator<Item = usize>) {
    for n in texts {
        // In quotes: the plan that is shown has it as well.
        comes_first(calls, &text(n), &format!("\"{}\\\"", text(n)));
    }
}

#[test]
fn each_intent_is_durable_before_its_request_leaves() {
    if strace::is_possible() {
        texts_come_first(&apply(5, 1), 0..5);
    }
}

#[test]
fn the_intent_of_an_update_and_of_a_delete_is_durable_before_its_request_leaves() {
    if !strace::is_possible() {
        return;
    }
    for concurrency in [1, 4] {
        let (sandbox, project) = (Sandbox::start(), Project::new(&messages(0..8)));
        project.apply(&sandbox);
        let deleted: Vec<_> = sandbox.created().split_off(5);
        // Five get a new text, three go.
        project.rewrite(&messages(100..105));
        let calls = calls(&project, &sandbox, concurrency);
        assert_eq!(sandbox.counts(), [8, 0, 5, 3]);
        texts_come_first(&calls, 100..105);
        for message in deleted {
            let id = message["id"].as_str().expect("an id");
            let request = format!("DELETE /v3/conversations/pushedMessages/{id}");
            comes_first(&calls, id, &request);
        }
    }
}

#[test]
fn deliveries_under_way_at_once_share_fsyncs() {
    if !strace::is_possible() {
        return;
    }
    let creates = 160;
    let calls = apply(creates, 16);
    texts_come_first(&calls, 0..creates);
    let syncs = calls.iter().filter(|call| call.syncs_log()).count();
    println!("{syncs} fsyncs for {creates} creates");
    // One for each intent and one for each outcome would be 320.
    assert!(syncs < creates * 2 / 3, "{syncs} fsyncs for {creates} creates");
}

#[test]
fn alone_a_create_needs_no_more_than_two_fsyncs() {
    if !strace::is_possible() {
        return;
    }
    let count = |creates| apply(creates, 1).iter().filter(|call| call.syncs_log()).count();
    // Opening and closing take some, however much there is to do.
    let (few, more) = (count(2), count(12));
    assert!(more <= few + 2 * 10, "{few} for 2 creates, {more} for 12");
}
