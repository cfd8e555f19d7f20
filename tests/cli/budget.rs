//! The budget, in whatever form the API or a gateway tells it, and whatever a clock says.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::support::{Answer, Fake, Project, Run, Sandbox};

fn with(project: &Project, fake: &Fake, args: &str) -> Run {
    project.run(args).env("BREVO_BASE_URL", fake.base_url()).env("BREVO_API_KEY", "any")
}

/// A message that was created, with these headers.
fn created(n: usize, headers: &str) -> Answer {
    let headers = format!("content-type: application/json\r\n{headers}");
    Answer::Is(200, headers, format!(r#"{{"id":"id{n}"}}"#))
}

#[expect(clippy::disallowed_methods, reason = "headers are written by the clock of this machine")]
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// The two seconds of a `Retry-After`, counted from a little later on.
const PATIENCE: Duration = Duration::from_millis(1900);

/// What a server answers that has asked for a pause.
fn too_soon() -> Answer {
    Answer::json(400, r#"{"code":"too_soon","message":"it was told to wait"}"#)
}

#[test]
fn not_one_more_request_leaves_when_nothing_is_left_in_whatever_form_the_reset_is() {
    let at = now() + Duration::from_secs(1500);
    let (epoch, milliseconds) = (at.as_second(), at.as_millisecond());
    let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT");
    for reset in [
        String::new(),
        "x-sib-ratelimit-reset: \r\n".to_owned(),
        "x-sib-ratelimit-reset: soon\r\n".to_owned(),
        "x-sib-ratelimit-reset: 1500s\r\n".to_owned(),
        "x-sib-ratelimit-reset: 25 min\r\n".to_owned(),
        "x-sib-ratelimit-reset: 1499.5\r\n".to_owned(),
        "x-sib-ratelimit-reset: 2592000\r\n".to_owned(),
        "x-sib-ratelimit-reset: -86400\r\n".to_owned(),
        format!("x-sib-ratelimit-reset: {epoch}\r\n"),
        format!("x-sib-ratelimit-reset: {milliseconds}\r\n"),
        format!("x-sib-ratelimit-reset: {date}\r\n"),
        format!("x-sib-ratelimit-reset: {at}\r\n"),
    ] {
        let project = Project::many(12);
        let headers = format!("x-sib-ratelimit-remaining: 0\r\n{reset}");
        let fake = Fake::start(move |n, _| created(n, &headers));
        let ran = with(&project, &fake, "apply --yes --format json").exits(3).json();
        assert_eq!((&ran["stopped"], &ran["applied"]), (&"budget".into(), &1.into()), "{reset}");
        let resets_at = ran["resets_at"].as_str().and_then(|at| at.parse().ok());
        let wait = resets_at.map(|at: jiff::Timestamp| at.duration_since(now()).as_secs());
        assert!(wait.is_some_and(|wait| (1300..=3600).contains(&wait)), "{wait:?} s: {reset}");
        // The state remembers it, and plan shows it.
        with(&project, &fake, "apply --yes").exits(3);
        assert_eq!(fake.asked().len(), 1, "{reset}");
        let budget = &project.run("plan --format json").ok().json()["budget"];
        assert_eq!((&budget["remaining"], &budget["fits"]), (&0.into(), &false.into()), "{reset}");
    }
}

#[test]
fn the_sandbox_tells_the_reset_in_each_of_these_forms() {
    for fault in ["reset-epoch", "reset-date", "reset-unit", "reset-none", "reset-far"] {
        let project = Project::many(6);
        let sandbox = Sandbox::with(&format!("--limit 2/h --fault {fault}"));
        let ran = project.with(&sandbox, "apply --yes --format json").exits(3).json();
        assert_eq!((&ran["applied"], &ran["requests"]), (&2.into(), &2.into()), "{fault}");
        assert_eq!((sandbox.total(), sandbox.answered("429")), (2, 0), "{fault}");
    }
}

#[test]
fn retry_after_is_waited_for_whatever_it_came_with() {
    for (status, unknown) in [(429, 0), (503, 1)] {
        let soon = now() + Duration::from_secs(3);
        let date = soon.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        for told in ["2", &date] {
            let told_seconds = told == "2";
            let project = Project::many(3);
            let headers = format!("retry-after: {told}\r\n");
            let since = Mutex::new(None);
            let fake = Fake::start(move |n, _| {
                let mut since = since.lock().expect("not poisoned");
                match *since {
                    None => {
                        *since = Some(Instant::now());
                        Answer::Is(status, headers.clone(), String::new())
                    }
                    Some(since) if told_seconds && since.elapsed() < PATIENCE => too_soon(),
                    Some(_) => created(n, ""),
                }
            });
            let ran = with(&project, &fake, "apply --yes --format json");
            let ran = ran.exits(if unknown > 0 { 4 } else { 0 });
            assert_eq!(ran.json()["failed"], serde_json::json!([]), "{status}: too soon");
            if told_seconds {
                let ran = ran.warns(&["waiting until ", "as the API asked"]);
                assert_eq!(ran.json()["applied"], 3 - unknown);
            }
            assert_eq!(fake.asked().len() as u64, 4 - unknown, "no create is repeated");
        }
    }
}

#[test]
fn a_repeat_waits_for_retry_after_and_the_run_stops_if_that_is_too_long() {
    let project = Project::note("hi");
    let since = Mutex::new(Instant::now());
    let fake = Fake::start(move |n, asked| match (n, asked.line.starts_with("POST")) {
        (_, true) => created(n, ""),
        (1, _) => {
            *since.lock().expect("not poisoned") = Instant::now();
            Answer::Is(503, "retry-after: 2\r\n".to_owned(), String::new())
        }
        (2, _) if since.lock().expect("not poisoned").elapsed() < PATIENCE => too_soon(),
        (2, _) => created(0, ""),
        _ => Answer::Is(503, "retry-after: 1800\r\n".to_owned(), String::new()),
    });
    with(&project, &fake, "apply --yes").ok();
    project.rewrite("messages: { note: { from: support, to: ada, text: two } }");
    with(&project, &fake, "apply --yes").ok().warns(&["again in 2 s", "as the API asked"]);
    project.rewrite("messages: { note: { from: support, to: ada, text: three } }");
    let stopped = with(&project, &fake, "apply --yes").exits(3);
    stopped
        .warns(&["stopping: the API asks for a pause", "takes requests again at ", "(in 30 min)"])
        .never_says(&["again in 30 min: the request"]);
    // The next run remembers it.
    let asked = fake.asked().len();
    with(&project, &fake, "apply --yes").exits(3);
    assert_eq!(fake.asked().len(), asked);
    let budget = &project.run("plan --format json").ok().json()["budget"];
    assert_eq!(budget["remaining"], 0);
    // What is longer than --max-wait for one is not for another.
    with(&project, &fake, "apply --yes --max-wait 1h --max-duration 1s").exits(3);
    assert_eq!(fake.asked().len(), asked);
}

#[test]
fn forget_budget_drops_what_is_known_and_says_what_that_was() {
    let (project, spent) = (Project::many(5), Sandbox::with("--limit 2/h"));
    let nothing = Project::note("hi");
    nothing.run("state forget-budget").exits(1).warns(&["there is no state"]);
    project.with(&spent, "apply --yes").exits(3);
    let stopped = project.with(&spent, "apply --yes").exits(3);
    stopped.warns(&["if that cannot be true, forget it: pushsync state forget-budget"]);
    assert_eq!(spent.total(), 2);
    let forgotten = project.run("state forget-budget").ok();
    forgotten.warns(&["forgotten: 0 of 2 requests were left until ", ", as heard at "]);
    project.run("state forget-budget").ok().warns(&["there is nothing to forget"]);
    project.run("state history --limit 1").ok().says(&["state forget-budget"]);
    // The API is asked once more, and believed again.
    project.with(&spent, "apply --yes --max-wait 0s").exits(3);
    assert_eq!((spent.total(), spent.answered("429")), (3, 1));
    let up = Sandbox::start();
    project.run(&format!("state set-api {}", up.base_url())).ok();
    project.with(&up, "apply --yes").ok();
}

#[test]
fn a_pause_that_an_earlier_run_was_told_of_is_told_again_with_its_end() {
    for (headers, words) in
        [("retry-after: 600\r\n", "the API asks for a pause"), ("", "the budget of requests")]
    {
        let project = Project::many(3);
        let headers = headers.to_owned();
        let fake = Fake::start(move |_, _| Answer::Is(429, headers.clone(), "{}".to_owned()));
        let apply = "apply --yes --format json --max-wait 5s";
        with(&project, &fake, apply).exits(3).warns(&["takes requests again at"]);
        let asked = fake.asked().len();
        let again = with(&project, &fake, apply).exits(3);
        let again =
            again.warns(&[words, "takes requests again at", "pushsync state forget-budget"]);
        assert!(again.json()["resets_at"].is_string());
        assert_eq!(fake.asked().len(), asked, "nothing was sent");
    }
}

#[test]
fn an_agent_who_cannot_be_pinged_any_more_is_told_until_when() {
    let project = Project::note("hi");
    let answer = Answer::Is(429, "retry-after: 900\r\n".to_owned(), "{}".to_owned());
    let fake = Fake::start(move |_, _| answer.clone());
    let ran = with(&project, &fake, "presence --from liz").exits(3);
    ran.says(&["0 pings answered"]).warns(&[
        "keeping agent",
        "takes requests again at",
        "pushsync presence --from liz",
    ]);
}
