//! An API that is out, or a gateway that answers in its place: the run stops before much is unknown.

use serde_json::Value;

use crate::support::{ADA, Answer, Fake, Project, Run, Sandbox, many};

/// Of `--concurrency`, unless it is given.
const CONCURRENCY: usize = 4;

fn with(project: &Project, fake: &Fake, args: &str) -> Run {
    project.run(args).env("BREVO_BASE_URL", fake.base_url()).env("BREVO_API_KEY", "any")
}

fn count(document: &Value, field: &str) -> usize {
    document[field].as_array().map(Vec::len).expect("a list")
}

/// That many messages, and little patience with a silent server.
fn impatient(count: usize) -> Project {
    let project = Project::empty();
    project.settings("api: { timeout: 1s }", &many(count, "text"));
    project
}

#[test]
fn an_outage_leaves_at_most_five_creates_and_those_under_way_unknown() {
    for options in [
        "--fault unavailable",
        "--fault bad-gateway",
        "--fault redirect",
        "--fault login-page",
        "--fault retry-after",
        "--fault hang",
        "--fail 1",
        "--drop-replies 1",
        "--fault redirect --after 7",
    ] {
        let (project, sandbox) = (impatient(60), Sandbox::with(options));
        let ran = project.with(&sandbox, "apply --yes --max-wait 10s --format json").exits(4);
        let document = ran.json();
        assert_eq!(document["stopped"], "outage", "{options}");
        let unknown = count(&document, "unknown");
        // A good answer from before the outage may come after the first bad ones: the count begins anew.
        let late = if options.contains("after") { CONCURRENCY - 1 } else { 0 };
        assert!((5..=4 + CONCURRENCY + late).contains(&unknown), "{unknown} unknown: {options}");
        let applied = document["applied"].as_u64().expect("a number") as usize;
        assert_eq!(applied, if options.contains("after 7") { 7 } else { 0 }, "{options}");
        assert_eq!(document["remaining"], 60 - applied - unknown, "{options}");
        let planned = project.planned("");
        let creates = planned.iter().filter(|(action, ..)| action == "create").count();
        assert_eq!(creates, 60 - applied - unknown, "what did not leave is wanted: {options}");
    }
}

#[test]
fn the_end_of_an_outage_says_what_happened_and_what_to_do_and_the_next_run_goes_on() {
    let (project, out) = (Project::many(30), Sandbox::with("--fault bad-gateway"));
    let ran = project.with(&out, "apply --yes --concurrency 1").exits(4);
    ran.says(&["Stopped by an outage, nothing was applied: 5 unknown, 25 not tried; 5 requests."])
        .warns(&[
            "stopping: the API gave no usable answer five times in a row",
            &format!("the API at {} gave no usable answer", out.base_url()),
            &format!("look whether it is up: curl -I {}", out.base_url()),
            "see what needs a decision: pushsync state resolve",
            "once the API answers again, go on with: pushsync apply --resume",
        ])
        .never_says(&[ADA]);
    project.run("state history --limit 1").ok().says(&["stopped: outage"]);
    project.run("state resolve --all --not-sent").ok();
    let up = Sandbox::start();
    project.with(&up, "apply --yes").ok().says(&["30 changes in 30 requests"]);
    assert_eq!(up.created().len(), 30);
}

#[test]
fn one_failure_in_three_stops_nothing() {
    for failure in [
        Answer::json(500, r#"{"code":"internal_error","message":"no"}"#),
        Answer::Is(504, String::new(), "<h1>Gateway Time-out</h1>".to_owned()),
        Answer::json(200, r#"{"status":"ok"}"#),
        Answer::Nothing,
    ] {
        let project = Project::many(60);
        let fake = Fake::start(move |n, _| match n % 3 {
            1 => failure.clone(),
            _ => Answer::created(&format!("id{n}")),
        });
        let ran = with(&project, &fake, "apply --yes --format json").exits(4).json();
        assert_eq!((&ran["stopped"], &ran["remaining"]), (&Value::Null, &0.into()));
        assert_eq!((count(&ran, "unknown"), &ran["applied"]), (20, &40.into()));
    }
}

#[test]
fn refusals_of_the_api_are_answers_and_those_of_a_gateway_are_none() {
    for (headers, body, answers) in [
        ("", r#"{"code":"invalid_parameter","message":"no"}"#, true),
        ("sib-request-id: r-1\r\n", r#"{"message":"no"}"#, true),
        ("", r#"{"message":"no route"}"#, false),
        ("", r#"{"code":400,"message":"bad request"}"#, false),
        ("", "<h1>Bad Request</h1>", false),
        ("", "", false),
    ] {
        let project = Project::many(20);
        let fake = Fake::start(move |_, _| Answer::Is(400, headers.to_owned(), body.to_owned()));
        let ran = with(&project, &fake, "apply --yes --format json").exits(1).json();
        assert_eq!(count(&ran, "unknown"), 0, "{body}");
        match answers {
            true => assert_eq!((&ran["stopped"], count(&ran, "failed")), (&Value::Null, 20)),
            false => {
                assert_eq!(ran["stopped"], "outage", "{body}");
                assert!((5..=4 + CONCURRENCY).contains(&count(&ran, "failed")), "{body}");
            }
        }
    }
}

#[test]
fn answers_with_the_id_of_another_delivery_are_no_answers() {
    let project = Project::many(40);
    let fake = Fake::start(|_, _| Answer::created("AlwaysTheSame"));
    let ran = with(&project, &fake, "apply --yes --format json").exits(4).json();
    assert_eq!((&ran["stopped"], &ran["applied"]), (&"outage".into(), &1.into()));
    assert!((5..=4 + CONCURRENCY).contains(&count(&ran, "unknown")), "{ran}");
}

#[test]
fn updates_deletes_and_reads_that_nobody_answers_stop_the_run_too() {
    let (project, sandbox) = (Project::many(20), Sandbox::with("--fault redirect --after 20"));
    project.apply(&sandbox);
    let refresh = project.with(&sandbox, "refresh").exits(1);
    refresh.warns(&["gave no usable answer five times in a row", "go on with: pushsync refresh"]);
    let refresh = project.with(&sandbox, "refresh --format json").exits(1).json();
    assert_eq!((&refresh["stopped"], &refresh["verified"]), (&"outage".into(), &0.into()));
    let destroy = "apply --yes --destroy --allow-deletes all --format json";
    let destroyed = project.with(&sandbox, destroy).exits(1).json();
    assert_eq!((&destroyed["stopped"], &destroyed["applied"]), (&"outage".into(), &0.into()));
    project.rewrite(&many(20, "other"));
    let updated = project.with(&sandbox, "apply --yes --format json").exits(1).json();
    assert_eq!(updated["stopped"], "outage");
    let failed = count(&updated, "failed");
    assert!((5..=4 + CONCURRENCY).contains(&failed), "{failed}");
    assert_eq!(updated["remaining"], 20 - failed);
    project.with(&sandbox, "plan --refresh").exits(1).warns(&["no usable answer"]);
}

#[test]
fn an_agent_stays_pinged_whatever_was_answered() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::with("--fault redirect"));
    project.with(&sandbox, "presence --from liz --once").exits(1).warns(&["a ping failed"]);
}
