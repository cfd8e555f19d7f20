//! Events of Brevo settle what is unknown: `run --webhook-token-file` and the sandbox's `--webhook`.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::json;

use crate::support::{ADA, Answer, BEN, Fake, Project, Running, Sandbox, Waiting, ask, until};

const TOKEN: &str = "a-t0ken.of_many~letters";

/// A process that takes events, and where. It has nothing to do yet.
struct Receiver {
    project: Project,
    running: Running,
    address: SocketAddr,
}

fn receiver(args: &str) -> Receiver {
    let project = Project::empty();
    project.rewrite("messages: {}");
    starts(project, args)
}

fn starts(project: Project, args: &str) -> Receiver {
    project.file("token", format!("{TOKEN}\n"));
    let args = format!("run --every 1s -v --listen 0 --webhook-token-file token {args}");
    let running = project.run(&args).env("BREVO_API_KEY", "any").start();
    until("it listens", || running.out_so_far().ends_with('\n'));
    let said = running.out_so_far();
    let address = said.split("http://").nth(1).expect("it says where");
    let address = address.split(['"', '\n']).next().expect("an address").trim();
    let address = address.parse().expect("an address");
    Receiver { project, running, address }
}

impl Receiver {
    fn webhook(&self) -> String {
        format!("http://{}/webhooks/brevo/{TOKEN}", self.address)
    }

    /// A sandbox that posts its events here.
    fn sandbox(&self, options: &str) -> Sandbox {
        Sandbox::with(&format!("--webhook {} {options}", self.webhook()))
    }

    /// The project wants these messages at this API from now on.
    fn wants(&self, api: &Sandbox, yaml: &str) {
        self.project.settings(&format!("api: {{ base_url: \"{}\" }}", api.base_url()), yaml);
    }

    fn metric(&self, name: &str) -> Option<f64> {
        let (status, body) = ask(self.address, "GET", "/metrics", "");
        assert_eq!(status, 200);
        let line = body.lines().find(|line| line.starts_with(name))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// Whether all of these are known.
    fn knows(&self, deliveries: f64) -> bool {
        self.metric("pushsync_deliveries{status=\"ok\"}") == Some(deliveries)
    }

    /// Ends it; it has shown neither the token nor a whole visitor's id.
    fn ends(self) -> Project {
        let Self { project, running, .. } = self;
        running.signal("TERM");
        running.exits(0).never_says(&[TOKEN, ADA, BEN]);
        project
    }
}

/// Nine deliveries: one text for each message.
fn messages() -> String {
    let message = |n: usize| format!("  m{n}: {{ from: support, to: team, text: text {n} }}\n");
    let all: String = (0..4).map(message).collect();
    format!("messages:\n{all}  last: {{ kind: agent, from: desk, to: ada, text: hello }}\n")
}

/// How many deliveries a cycle has settled, as its line in the log says.
fn settled_by(line: &str) -> f64 {
    let counts = line.split(", ").filter_map(|part| part.strip_suffix(" settled"));
    counts.filter_map(|count| count.parse::<f64>().ok()).sum()
}

#[test]
fn lost_answers_are_settled_by_the_events_of_their_messages_and_nothing_is_sent_twice() {
    for faults in ["", "--webhook-fault late,twice,shuffled,others"] {
        let receiver = receiver("");
        let api = receiver.sandbox(&format!("--drop-replies 0.4 --seed 5 {faults}"));
        receiver.wants(&api, &messages());
        until("all is sent and known", || receiver.knows(9.0));
        until("the log and the metrics tell of each once", || {
            let log = receiver.running.err_so_far();
            let told: f64 = log.lines().map(settled_by).sum();
            told >= 1.0 && receiver.metric("pushsync_settled_total") == Some(told)
        });
        let taken = receiver.metric("pushsync_webhook_events_total{outcome=\"taken\"}");
        assert!(taken >= Some(9.0), "{taken:?}");
        let project = receiver.ends();
        assert_eq!(api.created().len(), 9, "nothing is sent twice");
        project.is_settled();
        let list = project.run("state list --format json").ok().json();
        let mut ids: Vec<_> = list["deliveries"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| (one["visitor"].clone(), one["text"].clone(), one["id"].clone()))
            .collect();
        let mut there: Vec<_> = api
            .created()
            .iter()
            .map(|one| (one["visitorId"].clone(), one["text"].clone(), one["id"].clone()))
            .collect();
        let key =
            |one: &(serde_json::Value, serde_json::Value, serde_json::Value)| one.2.to_string();
        ids.sort_by_key(key);
        there.sort_by_key(key);
        assert_eq!(ids, there, "each has its own message");
        let history = project.run("state history --limit 100").ok();
        history.says(&["settle m"]);
    }
}

#[test]
fn hostile_and_missing_events_settle_nothing_wrongly_and_end_nothing() {
    let receiver = receiver("--log-format json");
    let api =
        receiver.sandbox("--drop-replies 0.5 --seed 4 --webhook-fault hostile,missing,others");
    receiver.wants(&api, &messages());
    until("all is sent", || api.created().len() == 9);
    // A flood of whatever.
    for n in 0..50 {
        let event = json!({ "eventName": "conversationFragment", "visitor": { "id": format!("v{n}") },
            "messages": [{ "id": format!("x{n}"), "type": "agent", "text": "x", "isPushed": true }] });
        let (status, _) =
            ask(receiver.address, "POST", &format!("/webhooks/brevo/{TOKEN}"), &event.to_string());
        assert_eq!(status, 204);
    }
    let project = receiver.ends();
    assert_eq!(api.created().len(), 9, "nothing is sent twice");
    let list = project.run("state list --format json").ok().json();
    for one in list["deliveries"].as_array().expect("a list") {
        if one["status"] == "unknown" {
            continue;
        }
        let made = api.created().into_iter().find(|made| made["id"] == one["id"]);
        let made = made.expect("it exists");
        assert_eq!((&made["visitorId"], &made["text"]), (&one["visitor"], &one["text"]));
    }
}

#[test]
fn what_would_be_sent_again_is_settled_before_it_is_planned() {
    let yaml = "messages: { note: { from: support, to: ada, text: hi, on_unknown: resend } }";
    let receiver = receiver("");
    let lossy = Sandbox::with("--drop-replies 1");
    receiver.wants(&lossy, yaml);
    until("it is sent and lost", || !lossy.created().is_empty());
    let project = receiver.ends();
    let made = lossy.created().remove(0)["createdAt"].clone();
    // The same message at a server that answers.
    let api = Sandbox::start();
    let id = api.send("pushed", ADA, "hi");
    project.run(&format!("state set-api {}", api.base_url())).ok();
    project.settings(&format!("api: {{ base_url: \"{}\" }}", api.base_url()), "messages: {}");
    let receiver = starts(project, "");
    let event = json!({ "eventName": "conversationTranscript", "visitor": { "id": ADA }, "messages": [
        { "id": id, "type": "agent", "text": "hi", "isPushed": true, "createdAt": made },
    ] });
    let path = format!("/webhooks/brevo/{TOKEN}");
    assert_eq!(ask(receiver.address, "POST", &path, &event.to_string()).0, 204);
    receiver.wants(&api, yaml);
    receiver.running.until_it_says("an event of Brevo says so");
    until("it is known", || receiver.knows(1.0));
    let project = receiver.ends();
    assert_eq!(api.created().len(), 1, "nothing is sent again");
    project.is_settled();
}

#[test]
fn nothing_is_sent_again_while_its_proof_could_not_be_asked_about() {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_millis();
    let message = json!({ "id": "m1", "type": "agent", "text": "hi", "isPushed": true, "createdAt": now, "visitorId": ADA });
    let found = message.to_string();
    let is_out = Arc::new(AtomicBool::new(true));
    let out = Arc::clone(&is_out);
    // It has the effect of a create, and does not say so.
    let fake = Fake::start(move |_, asked| match &asked.line {
        line if line.starts_with("POST") => Answer::json(502, "{}"),
        line if !line.contains("m1") => Answer::json(404, r#"{"code":"document_not_found"}"#),
        _ if out.load(Ordering::SeqCst) => Answer::Is(404, String::new(), "a gateway".to_owned()),
        _ => Answer::json(200, &found),
    });
    let posts = || fake.asked().iter().filter(|asked| asked.line.starts_with("POST")).count();
    let receiver = receiver("");
    receiver.project.settings(
        &format!("api: {{ base_url: \"{}\" }}", fake.base_url()),
        "messages: { note: { from: support, to: ada, text: hi, on_unknown: resend } }",
    );
    receiver.running.until_it_says("the API is out");
    let event = json!({ "eventName": "conversationFragment", "visitor": { "id": ADA }, "messages": [message] });
    let path = format!("/webhooks/brevo/{TOKEN}");
    assert_eq!(ask(receiver.address, "POST", &path, &event.to_string()).0, 204);
    // Longer than the pause before it is sent again. It is asked about again by itself.
    let asks = || fake.asked().iter().filter(|asked| asked.line.contains("m1")).count();
    until("it is asked about a few times", || asks() >= 3);
    receiver.running.until_it_says("1 unknown");
    assert_eq!(posts(), 1, "there may be a proof");
    is_out.store(false, Ordering::SeqCst);
    receiver.running.until_it_says("an event of Brevo says so");
    until("it is known", || receiver.knows(1.0));
    receiver.ends();
    assert_eq!(posts(), 1);
}

#[test]
fn a_path_with_another_token_is_not_there_and_a_bad_token_is_refused_at_the_start() {
    let receiver = receiver("");
    let post = |path: &str, body: &str| ask(receiver.address, "POST", path, body).0;
    assert_eq!(post(&format!("/webhooks/brevo/{TOKEN}"), "{}"), 204);
    assert_eq!(post(&format!("/webhooks/brevo/{TOKEN}"), "["), 400);
    assert_eq!(ask(receiver.address, "GET", &format!("/webhooks/brevo/{TOKEN}"), "").0, 405);
    let other = ask(receiver.address, "POST", "/webhooks/brevo/another-token-of-letters", "{}");
    let nowhere = ask(receiver.address, "POST", "/nowhere", "{}");
    assert_eq!((other.0, other), (404, nowhere));
    for path in ["/", "/metrics", "/readyz"] {
        let (_, body) = ask(receiver.address, "GET", path, "");
        assert!(!body.contains(TOKEN), "{path}");
    }
    let project = receiver.ends();
    for (token, why) in [
        ("short", "at least 16 characters"),
        ("sixteen/or/more/characters", "letters, digits"),
        ("", "is empty"),
    ] {
        project.file("token", token);
        let run = project.run("run --listen 0 --webhook-token-file token");
        let ran = run.env("BREVO_API_KEY", "any").exits(1).warns(&["token", why]);
        assert!(token.is_empty() || !ran.err.contains(token), "{}", ran.err);
    }
    let run = project.run("run --listen 0 --webhook-token-file nosuch").env("BREVO_API_KEY", "any");
    run.exits(1).warns(&["nosuch"]);
    project.run("run --webhook-token-file token").exits(1).warns(&["--listen"]);
}
