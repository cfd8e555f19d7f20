//! Which API: in every plan, remembered by the state, and never another one by a file's word.

use serde_json::json;

use crate::support::{ADA, Answer, Fake, Project, Sandbox};

/// The API that the state remembers.
fn remembered(project: &Project) -> serde_json::Value {
    project.run("state list --format json").ok().json()["api"].clone()
}

/// A project whose state is of `sandbox`, with something to do.
fn changed(sandbox: &Sandbox) -> Project {
    let project = Project::note("one");
    project.apply(sandbox);
    project.rewrite("messages: { note: { from: support, to: ada, text: two } }");
    project
}

#[test]
fn a_state_remembers_the_api_that_first_answered_and_nothing_is_sent_to_another() {
    let (sandbox, other) = (Sandbox::start(), Fake::untouched());
    let project = changed(&sandbox);
    assert_eq!(remembered(&project), json!(sandbox.base_url()));
    let elsewhere = |args: &str| {
        project.run(args).env("BREVO_BASE_URL", other.base_url()).env("BREVO_API_KEY", "any")
    };
    elsewhere("plan --out plan.json").ok().never_says(&["next:"]);
    let both = [&*sandbox.base_url(), &*other.base_url(), "state set-api"];
    for args in [
        "apply --yes",
        "apply --yes --refresh",
        "apply plan.json",
        "apply --yes --destroy --allow-deletes all",
        "refresh",
        "plan --refresh",
    ] {
        elsewhere(args).exits(1).warns(&both);
    }
    project.rewrite(&format!(
        "messages: {{ note: {{ from: support, to: ada, text: two }}, new: {{ from: support, to: {{ visitor: {ADA} }}, text: x }} }}"
    ));
    elsewhere(&format!("import new@{ADA} someid")).exits(1).warns(&both);
    elsewhere("plan").ok().warns(&both).warns(&["apply will refuse"]).never_says(&["next:"]);
    assert_eq!(other.asked().len(), 0);
    project.with(&sandbox, "plan").ok().warns(&["next: pushsync apply"]);
}

#[test]
fn somebody_can_say_that_two_urls_are_the_same_api() {
    let sandbox = Sandbox::start();
    let project = changed(&sandbox);
    let serial = || project.run("state list --format json").ok().json()["serial"].clone();
    let before = serial();
    let bare = format!("http://{}", sandbox.address());
    project.with(&sandbox, "apply --yes --base-url").arg(&bare).exits(1).warns(&["set-api"]);
    let note = [&*sandbox.base_url(), &*bare];
    project.run(&format!("state set-api {bare}/")).ok().warns(&note);
    assert!(serial().as_u64() > before.as_u64());
    project.run("state history --limit 1").ok().says(&["state set-api"]);
    project.with(&sandbox, "apply --yes --base-url").arg(&bare).ok();
    project.run(&format!("state set-api {bare}")).ok().warns(&["already"]);
    for wrong in ["http://example.com", "https://me:hush@api.brevo.com", "hush"] {
        project.run("state set-api").arg(wrong).exits(1).never_says(&["hush"]);
    }
    project.run("state verify").ok().says(&[&bare]);
    project.run(&format!("state show note@{ADA}")).ok().says(&[&bare]);
}

#[test]
fn copies_of_a_state_remember_its_api() {
    let sandbox = Sandbox::start();
    let project = changed(&sandbox);
    project.run("state export export.jsonl").ok();
    project.run("state import export.jsonl --state second").ok();
    project.run("state migrate --to third").ok();
    for copy in ["second", "third"] {
        let list = project.run(&format!("state list --format json --state {copy}")).ok().json();
        assert_eq!(list["api"], json!(sandbox.base_url()), "{copy}");
    }
    // The export that an apply makes by itself.
    project.with(&sandbox, "apply --yes --state second").ok();
    let backup = std::fs::read_dir(project.join("second/backups")).expect("there").next();
    let backup = backup.expect("one").expect("readable").path();
    project.run("state import").arg(&backup).arg("--state").arg("fourth").ok();
    let list = project.run("state list --format json --state fourth").ok().json();
    assert_eq!(list["api"], json!(sandbox.base_url()));
}

#[test]
fn a_server_that_is_not_the_api_is_not_remembered() {
    let html = |_: usize, _: &_| {
        Answer::Is(
            404,
            "content-type: text/html\r\n".to_owned(),
            "<h1>nothing here</h1>".to_owned(),
        )
    };
    let (wrong, sandbox) = (Fake::start(html), Sandbox::start());
    let project = Project::note("one");
    let run = project.run("apply --yes").env("BREVO_BASE_URL", wrong.base_url());
    run.env("BREVO_API_KEY", "any").exits(1);
    assert_eq!(remembered(&project), json!(null));
    // A refusal in the API's own words is an answer.
    let refusing =
        Fake::start(|_, _| Answer::json(400, r#"{"code":"invalid_parameter","message":"no"}"#));
    let run = project.run("apply --yes").env("BREVO_BASE_URL", refusing.base_url());
    run.env("BREVO_API_KEY", "any").exits(1);
    assert_eq!(remembered(&project), json!(refusing.base_url()));
    project.with(&sandbox, "apply --yes").exits(1).warns(&["state set-api"]);
    assert_eq!(sandbox.total(), 0);
}

#[test]
fn a_run_that_is_killed_has_the_api_recorded_with_its_first_outcome() {
    let (project, sandbox) = (Project::many(3), Sandbox::start());
    // What was agreed to, the intent, then the outcome of the first create.
    let run = project.with(&sandbox, "apply --yes --concurrency 1");
    run.env("PUSHSYNC_DIE_AFTER", "commit:3").wait();
    assert_eq!(remembered(&project), json!(sandbox.base_url()));
}

#[test]
fn sandboxes_and_presence_have_no_api_to_remember() {
    let (project, sandbox) = (Project::note("one"), Sandbox::start());
    project.run("apply --yes --sandbox").ok();
    project.rewrite("messages: { note: { from: support, to: ada, text: two } }");
    project.run("apply --yes --sandbox").ok();
    let list = project.run("state list --format json --sandbox").ok().json();
    assert_eq!(list["api"], json!(null));
    project.run("state set-api http://127.0.0.1:1 --sandbox").exits(1).warns(&["--sandbox"]);
    project.apply(&sandbox);
    let other = Sandbox::start();
    project.with(&other, "presence --from liz --once").ok();
}

#[test]
fn the_api_is_in_each_format_and_in_both_digests() {
    let project = Project::empty();
    project.settings(
        "environments: { staging: {} }",
        "messages: { note: { from: support, to: ada, text: one } }",
    );
    let plan = |format: &str, api: &[&str]| {
        let run = project.run(&format!("plan --env staging --format {format}"));
        match api {
            [url, ..] => run.env("BREVO_BASE_URL", url).ok(),
            [] => run.ok(),
        }
    };
    let (one, two) = ("http://127.0.0.1:4010/v3", "https://gateway.example.com/v3");
    for format in ["text", "markdown", "html", "github", "json"] {
        for url in [one, two] {
            // Colons are encoded in the title of an annotation.
            let shown = url.rsplit("//").next().expect("a host").replace(":4010", "");
            plan(format, &[url]).says(&["staging", &shown[..9]]);
        }
        let ran = plan(format, &[]).says(&["staging"]);
        assert!(format == "json" || !ran.out.contains("brevo.com"), "{format}: {}", ran.out);
    }
    let digests = |api: &[&str]| {
        let plan = plan("json", api).json();
        assert_eq!(plan["api"], json!(api.first().unwrap_or(&"https://api.brevo.com/v3")));
        plan["review"].clone()
    };
    assert_ne!(digests(&[]), digests(&[one]));
    assert_ne!(digests(&[one]), digests(&[two]));
    let sandbox = || project.run("plan --env staging --sandbox --format json").ok().json();
    assert_eq!(sandbox()["api"], json!("sandbox"));
    assert_eq!(sandbox()["review"], sandbox()["review"]);
    assert_ne!(sandbox()["review"], digests(&[]));
    project.run("plan --env staging --sandbox").ok().says(&["staging, in the sandbox"]);
}

#[test]
fn what_was_planned_for_one_api_is_not_applied_to_another() {
    let (sandbox, other) = (Sandbox::start(), Fake::untouched());
    let project = Project::note("one");
    project.with(&sandbox, "plan --out plan.json").ok();
    let digest = project.with(&sandbox, "plan --format json").ok().json()["review"].clone();
    let elsewhere = |args: &str| {
        project.run(args).env("BREVO_BASE_URL", other.base_url()).env("BREVO_API_KEY", "any")
    };
    let both = [&*sandbox.base_url(), &*other.base_url()];
    elsewhere("apply plan.json").exits(1).warns(&both);
    let reviewed = format!("apply --reviewed {}", digest.as_str().expect("a digest"));
    elsewhere(&reviewed)
        .exits(1)
        .warns(&["this plan is not the one that was reviewed", "another API"]);
    // Anyone who edits the file does not get further.
    let plan = project.read("plan.json").replace(&sandbox.base_url(), &other.base_url());
    project.file("plan.json", plan);
    elsewhere("apply plan.json").exits(1).warns(&["its digest does not match"]);
    assert_eq!(other.asked().len(), 0);
    project.with(&sandbox, &reviewed).ok();
    sandbox.holds(&[(ADA, "one")]);
}

#[test]
fn no_file_of_the_project_leads_the_key_to_another_host() {
    let project = Project::empty();
    let yaml = "messages: { note: { from: support, to: ada, text: one } }";
    for url in [
        "https://gateway.example.com/v3",
        "https://api.brevo.com.evil.example",
        "https://api.brevo.com@evil.example/v3",
        "https://api.brevo.com:444/v3",
        "http://2130706433/v3",
    ] {
        for settings in [
            format!("api: {{ base_url: '{url}' }}"),
            format!("environments: {{ default: {{}}, eu: {{ api: {{ base_url: '{url}' }} }} }}"),
        ] {
            let env = if settings.starts_with("api") { "" } else { "--env eu" };
            project.settings(&settings, yaml);
            for command in ["validate", "plan", "apply --yes"] {
                let ran = project.run(&format!("{command} {env}")).env("BREVO_API_KEY", "any");
                let ran = ran.exits(1);
                let said = format!("{}{}", ran.out, ran.err);
                assert!(
                    said.contains("bad-base-url") && said.contains("pushsync.yaml:2:"),
                    "{said}"
                );
            }
        }
    }
    // Where pushsync runs, it may be said.
    project.settings("", yaml);
    project.run("plan --base-url https://gateway.example.com/v3").ok();
}

#[test]
fn a_redirect_is_not_followed() {
    let other = Fake::untouched();
    let location = format!("location: {}/elsewhere\r\n", other.base_url());
    let moved = Fake::start(move |_, _| Answer::Is(308, location.clone(), String::new()));
    let project = Project::note("one");
    let run = project.run("apply --yes").env("BREVO_BASE_URL", moved.base_url());
    run.env("BREVO_API_KEY", "any").wait();
    assert!(!moved.asked().is_empty());
    assert_eq!(other.asked().len(), 0);
}
