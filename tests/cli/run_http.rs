//! `pushsync run --listen`: health, metrics, the page, and the log of a whole life.

#![expect(clippy::print_stderr, reason = "who runs the tests is told what is left out")]

use std::{
    collections::BTreeMap,
    io::Write,
    net::{SocketAddr, TcpListener},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    browser::chromium,
    support::{ADA, BEN, CLEO, Page, Project, Running, Sandbox, Waiting, ask, until},
};

const NOTE: &str = "messages:\n  note: { from: support, to: team, text: a secret text }";

fn project(yaml: &str) -> Project {
    let project = Project::empty();
    project.rewrite(yaml);
    project
}

fn start(project: &Project, sandbox: &Sandbox, args: &str) -> (Running, SocketAddr) {
    let running = project.with(sandbox, &format!("run --listen 0 --every 1s -v {args}")).start();
    let at = running.listens();
    (running, at)
}

fn end(running: Running) -> String {
    running.signal("TERM");
    running.exits(0).err
}

fn get(at: SocketAddr, path: &str) -> (u16, String) {
    ask(at, "GET", path, "")
}

/// The samples, by name and labels.
fn metrics(at: SocketAddr) -> BTreeMap<String, f64> {
    let (status, text) = get(at, "/metrics");
    assert_eq!(status, 200);
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    samples.map(sample).collect()
}

fn metric(at: SocketAddr, name: &str) -> Option<f64> {
    metrics(at).get(&format!("pushsync_{name}")).copied()
}

/// The requests of an operation, whatever their status.
fn requests(at: SocketAddr, operation: &str) -> f64 {
    let begins = format!("pushsync_api_requests_total{{operation=\"{operation}");
    metrics(at).into_iter().filter(|(name, _)| name.starts_with(&begins)).map(|(_, n)| n).sum()
}

fn is_ready(at: SocketAddr) -> bool {
    get(at, "/readyz").0 == 200
}

/// Prometheus's own check, if it is here. `PUSHSYNC_NEED_PROMTOOL=1` says that it must be.
fn promtool(text: &str) {
    let checking = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut checking) = checking else {
        let needed = std::env::var_os("PUSHSYNC_NEED_PROMTOOL").is_some_and(|value| value == "1");
        assert!(!needed, "PUSHSYNC_NEED_PROMTOOL is set, and there is no promtool");
        return eprintln!("left out: there is no promtool");
    };
    checking.stdin.take().expect("piped").write_all(text.as_bytes()).expect("it reads");
    let checked = checking.wait_with_output().expect("it ends");
    assert!(
        checked.status.success() && checked.stdout.is_empty() && checked.stderr.is_empty(),
        "{checked:?}\n{text}"
    );
}

/// Nothing of these is in a text.
fn keeps(text: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
}

#[test]
fn metrics_have_the_names_of_the_documentation_from_the_start_and_count_what_is_done() {
    let (project, sandbox) = (project(NOTE), Sandbox::start());
    let (running, at) = start(&project, &sandbox, "");
    let (_, text) = get(at, "/metrics");
    promtool(&text);
    for (name, kind) in [
        ("build_info", "gauge"),
        ("api_requests_total", "counter"),
        ("changes_total", "counter"),
        ("deliveries", "gauge"),
        ("pending_changes", "gauge"),
        ("budget_limit", "gauge"),
        ("budget_remaining", "gauge"),
        ("budget_reset_timestamp_seconds", "gauge"),
        ("next_window_timestamp_seconds", "gauge"),
        ("last_success_timestamp_seconds", "gauge"),
        ("cycle_duration_seconds", "histogram"),
        ("cycles_total", "counter"),
        ("webhook_events_total", "counter"),
        ("settled_total", "counter"),
    ] {
        assert!(text.contains(&format!("# TYPE pushsync_{name} {kind}\n")), "{name}:\n{text}");
        assert!(text.contains(&format!("# HELP pushsync_{name} ")), "{name}:\n{text}");
    }
    let outcomes = text.matches("pushsync_cycles_total{outcome=").count();
    assert_eq!(outcomes, 11, "{text}");
    until("it is sent", || metric(at, "deliveries{status=\"ok\"}") == Some(2.0));
    until("it has ended", || metric(at, "cycles_total{outcome=\"done\"}") >= Some(1.0));
    let all = metrics(at);
    let is = |name: &str, value: f64| {
        assert_eq!(all.get(&format!("pushsync_{name}")), Some(&value), "{name}: {all:#?}");
    };
    is("api_requests_total{operation=\"create_pushed\",status=\"200\"}", 2.0);
    is("changes_total{action=\"create\",outcome=\"done\"}", 2.0);
    is("pending_changes{approved=\"true\"}", 0.0);
    is("build_info{version=\"0.1.0\"}", 1.0);
    assert!(!all.contains_key("pushsync_next_window_timestamp_seconds"), "no window is to come");
    assert!(all["pushsync_last_success_timestamp_seconds"] > 1e9);
    assert!(all["pushsync_cycle_duration_seconds_count"] >= 1.0);
    // Another text, another kind, and one visitor less.
    project.rewrite("messages:\n  note: { from: support, to: ada, text: other }\n  call: { from: liz, kind: agent, to: ada, text: x, active: { until: 2099-01-01T00:00:00Z } }");
    until("it is changed", || metric(at, "next_window_timestamp_seconds") == Some(4_070_908_800.0));
    for (operation, count) in [
        ("create_pushed", 2.0),
        ("update_pushed", 1.0),
        ("delete_pushed", 1.0),
        ("create_agent", 1.0),
    ] {
        assert_eq!(requests(at, operation), count, "{operation}");
    }
    let (_, text) = get(at, "/metrics");
    promtool(&text);
    keeps(&text, &[ADA, BEN, &ADA[..6], "note", "call", "secret", "other"]);
    end(running);
}

#[test]
fn failures_lost_answers_and_questions_are_counted_as_what_they_are() {
    let project = project(NOTE);
    // The answer to the first create is lost.
    let sandbox = Sandbox::with("--drop-replies 1.0");
    let (running, at) = start(&project, &sandbox, "");
    until("they are unknown", || metric(at, "deliveries{status=\"unknown\"}") == Some(2.0));
    let lost = "api_requests_total{operation=\"create_pushed\",status=\"lost\"}";
    assert_eq!(metric(at, lost), Some(2.0));
    assert_eq!(metric(at, "changes_total{action=\"create\",outcome=\"unknown\"}"), Some(2.0));
    assert_eq!(metric(at, "changes_total{action=\"create\",outcome=\"done\"}"), Some(0.0));
    end(running);

    let (project, sandbox) = (self::project(NOTE), Sandbox::with("--limit 1000/h"));
    project.apply(&sandbox);
    let gone = sandbox.created()[0]["id"].as_str().expect("an id").to_owned();
    sandbox.lose("pushed", &gone);
    // An hour later, everything is old enough to be verified.
    let running = project
        .with(&sandbox, "run --listen 0 --every 1s --refresh-share 100%")
        .env("PUSHSYNC_CLOCK_AHEAD", "7200")
        .start();
    let at = running.listens();
    until("it is sent again", || {
        metric(at, "changes_total{action=\"resend\",outcome=\"done\"}") == Some(1.0)
    });
    until("all are there", || metric(at, "deliveries{status=\"ok\"}") == Some(2.0));
    assert_eq!(requests(at, "get_pushed"), 2.0);
    assert_eq!(
        metric(at, "api_requests_total{operation=\"get_pushed\",status=\"404\"}"),
        Some(1.0)
    );
    assert_eq!(requests(at, "create_pushed"), 1.0);
    let changes: f64 =
        metrics(at).iter().filter(|(name, _)| name.contains("changes_total")).map(|(_, n)| n).sum();
    assert_eq!(changes, 1.0, "a question is no change");
    let limit = metric(at, "budget_limit");
    assert_eq!(limit, Some(1000.0));
    end(running);
}

#[test]
fn what_is_not_known_yet_has_no_sample() {
    let (project, sandbox) =
        (project("messages: { note: { from: nobody, to: ada, text: x } }"), Sandbox::start());
    let (running, at) = start(&project, &sandbox, "");
    until("a cycle has ended", || metric(at, "cycles_total{outcome=\"invalid\"}") >= Some(1.0));
    let all = metrics(at);
    for name in ["budget", "deliveries", "pending", "next_window", "last_success"] {
        let begins = format!("pushsync_{name}");
        assert!(!all.keys().any(|sample| sample.starts_with(&begins)), "{name}: {all:#?}");
    }
    promtool(&get(at, "/metrics").1);
    end(running);
}

#[test]
fn it_is_alive_whatever_its_cycles_find_and_ready_while_it_can_work() {
    let (project, sandbox) = (project(NOTE), Sandbox::start());
    let (running, at) = start(&project, &sandbox, "");
    until("it is ready", || {
        get(at, "/readyz") == (200, "ready: all is as it should be\n".to_owned())
    });
    // A mistake, with an id in it.
    project.rewrite(&format!(
        "messages: {{ note: {{ from: nobody, to: {{ visitor: {CLEO} }}, text: a secret text }} }}"
    ));
    until("it is not ready", || !is_ready(at));
    let (_, words) = get(at, "/readyz");
    assert!(words.starts_with("not ready: the manifest has errors: pushsync.yaml:"), "{words}");
    assert!(words.contains("nobody") && words.lines().count() == 1, "{words}");
    keeps(&words, &[CLEO, "secret"]);
    assert_eq!(get(at, "/livez").0, 200);
    project.rewrite(NOTE);
    until("it is ready again", || is_ready(at));
    // The API goes away.
    drop(sandbox);
    project.rewrite("messages:\n  note: { from: support, to: team, text: another secret text }");
    until("it has noticed", || get(at, "/readyz").1.contains("connect"));
    assert_eq!(get(at, "/livez").0, 200);
    keeps(&get(at, "/readyz").1, &[ADA, BEN, "secret"]);
    end(running);
}

#[test]
fn it_is_not_ready_while_it_ends_and_says_nothing_of_a_next_cycle() {
    for signals in [1, 2] {
        let (project, sandbox) = (project(NOTE), Sandbox::with("--latency 10s"));
        let (running, at) = start(&project, &sandbox, "");
        until("it works", || get(at, "/readyz").1.contains("the first cycle goes on"));
        // Until a request is under way.
        std::thread::sleep(std::time::Duration::from_secs(2));
        running.signal("TERM");
        until("it is not ready", || get(at, "/readyz").0 == 503);
        assert_eq!(get(at, "/readyz").1, "not ready: the process ends\n");
        if signals == 2 {
            // Signals that come at once are one.
            std::thread::sleep(std::time::Duration::from_millis(300));
            running.signal("TERM");
        }
        let ran = running.exits(if signals == 2 { 3 } else { 0 });
        ran.never_says(&["next in", "next at", "the API cannot be used"]);
    }
}

#[test]
fn a_copy_that_waits_for_the_lock_of_another_is_alive_and_ready() {
    let (project, sandbox) = (Project::many(30), Sandbox::with("--latency 2s"));
    let (first, one) = start(&project, &sandbox, "--concurrency 1");
    until("it has begun", || !sandbox.created().is_empty());
    assert!(is_ready(one), "a long first apply takes in webhooks");
    assert_eq!(get(one, "/livez"), (200, "alive: it works\n".to_owned()));
    let (second, other) = start(&project, &sandbox, "");
    until("it has noticed", || metric(other, "cycles_total{outcome=\"locked\"}") >= Some(1.0));
    assert_eq!(get(other, "/readyz").0, 200);
    assert_eq!(get(other, "/livez").0, 200);
    end(second);
    end(first);
}

#[test]
fn a_port_that_is_taken_ends_the_command_with_words_and_without_a_request() {
    let (project, sandbox) = (project(NOTE), Sandbox::start());
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    project
        .with(&sandbox, &format!("run --listen {port}"))
        .exits(1)
        .warns(&[&format!("could not listen on 127.0.0.1:{port}"), "0 for a free one"]);
    assert_eq!(sandbox.total(), 0);
    assert!(!project.join("state").exists());
}

#[test]
fn strangers_get_health_and_metrics_by_any_name_beyond_loopback_and_the_page_by_none() {
    let (project, sandbox) = (project(NOTE), Sandbox::start());
    for (listens, reached) in [("0", false), ("0.0.0.0:0", true)] {
        let running = project.with(&sandbox, &format!("run --listen {listens}")).start();
        let port = running.listens().port();
        let as_told = |host: &str, path: &str| {
            let done = Command::new("curl")
                .args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H"])
                .arg(format!("Host: {host}"))
                .arg(format!("http://127.0.0.1:{port}{path}"))
                .output()
                .expect("curl is there");
            String::from_utf8_lossy(&done.stdout).into_owned()
        };
        for path in ["/livez", "/metrics"] {
            let answer = as_told("pushsync.default.svc:9090", path);
            assert_eq!(answer, if reached { "200" } else { "403" }, "{listens} {path}");
        }
        for path in ["/", "/status.json", "/events", "/status.js"] {
            assert_eq!(as_told("rebound.example", path), "403", "{listens} {path}");
            if path != "/events" {
                assert_eq!(as_told(&format!("localhost:{port}"), path), "200", "{listens} {path}");
            }
        }
        end(running);
    }
}

/// What is wider than the window.
const WIDE: &str = "[...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > innerWidth).map((one) => one.outerHTML).join()";
const ROWS: &str = "[...document.querySelectorAll('#messages tr')].map((row) => [...row.children].map((cell) => cell.textContent).join('|')).join('\\n')";

#[test]
fn the_page_follows_the_process_and_shows_nothing_secret() {
    let Some(browser) = chromium() else { return };
    let (project, sandbox) = (project(NOTE), Sandbox::with("--limit 6/h"));
    let (running, at) = start(&project, &sandbox, "");
    let url = format!("http://{at}/");
    let mut page = Page::open(&browser, &url);
    page.until(ROWS, "note|2 of 2|");
    page.until("document.getElementById('environment').textContent", "default");
    page.until(
        "document.getElementById('budget').textContent.startsWith('4 of 6 requests left')",
        true,
    );
    page.until("document.body.className", "good");
    page.until(
        "document.querySelector('#waits').textContent",
        "Nothing: all is as the manifest says.",
    );
    // More than the budget has, a window, and a key that would be markup.
    let mut yaml = "messages:\n  note: { from: support, to: team, text: a secret text }\n  later: { from: support, to: team, text: secret too, active: { from: 2099-01-01T00:00:00Z } }\n".to_owned();
    for n in 0..6 {
        yaml.push_str(&format!("  more{n}: {{ from: support, to: ada, text: secret {n} }}\n"));
    }
    project.rewrite(&yaml);
    page.until("document.getElementById('budget').textContent.startsWith('0 of 6 requests left; whole again')", true);
    page.until("document.querySelector('#waits').textContent.startsWith('2 changes for the budget, until ')", true);
    page.until("document.querySelector('#waits').textContent.includes('later opens')", true);
    page.until("document.querySelectorAll('#runs li').length > 1", true);
    // A mistake in the manifest.
    project.rewrite("messages: { note: { from: nobody, to: team, text: a secret text } }");
    page.until("document.getElementById('problem').textContent.includes('nobody')", true);
    page.until("document.body.className", "bad");
    for width in [1280, 400] {
        for (scheme, dark) in [("dark", true), ("light", false)] {
            page.looks(width, dark);
            page.until("innerWidth", width);
            page.until(WIDE, "");
            page.picture(&format!("status-{width}-{scheme}.png"));
        }
    }
    project.rewrite(&yaml);
    page.until("document.getElementById('problem').hidden", true);
    let whole = page.eval("document.documentElement.outerHTML").to_string();
    keeps(&whole, &[ADA, BEN, "secret"]);
    page.is_quiet(&url);
    let (status, document) = get(at, "/status.json");
    assert_eq!(status, 200);
    keeps(&document, &[ADA, BEN, "secret", "\"any\""]);
    end(running);
    page.until(
        "document.getElementById('process').textContent.startsWith('the process does not answer')",
        true,
    );
}

#[test]
fn unknown_deliveries_are_on_the_page_without_whole_ids() {
    let (project, sandbox) = (project(NOTE), Sandbox::with("--drop-replies 1.0"));
    let (running, at) = start(&project, &sandbox, "");
    let look = || serde_json::from_str::<Value>(&get(at, "/status.json").1).expect("JSON");
    until("they are shown", || {
        look()["status"]["unknown"].as_array().is_some_and(|all| all.len() == 2)
    });
    let shown = look();
    assert_eq!(
        shown["status"]["unknown"][0]["address"],
        format!("note@{}…{}", &ADA[..4], &ADA[ADA.len() - 3..])
    );
    assert_eq!(shown["status"]["deliveries"]["unknown"], 2);
    keeps(&shown.to_string(), &[ADA, BEN, "secret"]);
    end(running);
}

#[test]
fn every_line_of_a_whole_life_is_an_object_with_a_time_a_level_and_an_event_and_no_whole_id() {
    let (project, sandbox) = (project(NOTE), Sandbox::with("--limit 40/h"));
    let running = project
        .with(&sandbox, "--log-format json run --listen 0 --every 1s -v --refresh-share 50%")
        .env("PUSHSYNC_CLOCK_AHEAD", "7200")
        .start();
    until("it is sent", || sandbox.there().len() == 2);
    // An error with an id in it, a refusal, a change, drift, and an API that is away.
    project.rewrite(&format!(
        "messages: {{ note: {{ from: nobody, to: {{ visitors: [{CLEO}, {CLEO}] }}, text: x }} }}"
    ));
    running.until_it_says("\"invalid\"");
    project.rewrite("messages: {}");
    running.until_it_says("\"refused\"");
    project.rewrite("messages:\n  note: { from: support, to: team, text: other words }");
    let other = || sandbox.there().iter().all(|(_, _, text)| text == "other words");
    until("it is changed", other);
    let project_again = "messages:\n  note: { from: support, to: team, text: other words }\n  new: { from: support, to: { visitor: benTnXc2LmRz9VbKs4WyFhGd8JpEu5AoX }, text: x }";
    drop(sandbox);
    project.rewrite(project_again);
    running.until_it_says("\"api\"");
    let err = end(running);
    let mut events = BTreeMap::<String, usize>::new();
    for line in err.lines() {
        let object: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for field in ["timestamp", "level", "event"] {
            assert!(object[field].is_string(), "{field}: {line}");
        }
        let at = object["timestamp"].as_str().expect("a time");
        assert!(at.parse::<jiff::Timestamp>().is_ok(), "{line}");
        *events.entry(object["event"].as_str().expect("an event").to_owned()).or_default() += 1;
    }
    for event in ["cycle", "applied", "error", "note"] {
        assert!(events.contains_key(event), "{event}: {events:?}\n{err}");
    }
    keeps(&err, &[ADA, BEN, CLEO, "benTnXc2LmRz9VbKs4WyFhGd8JpEu5AoX"]);
}
