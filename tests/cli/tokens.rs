//! Machine-to-machine OAuth: where the client comes from, what a run does without a token, and where no secret is.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::support::{ADA, Answer, Asked, Fake, Project, Run, Sandbox};

const ID: &str = "client-5d0e7f31-HUSH";
const SECRET: &str = "HUSH+0123/456789=abcdef";

fn with_client(run: Run) -> Run {
    run.env("BREVO_CLIENT_ID", ID).env("BREVO_CLIENT_SECRET", SECRET)
}

fn at(project: &Project, fake: &Fake, args: &str) -> Run {
    with_client(project.run(args).env("BREVO_BASE_URL", fake.base_url()))
}

fn is_for_token(asked: &Asked) -> bool {
    asked.line == "POST /realms/partner/oauth/token HTTP/1.1"
}

fn token(name: &str) -> Answer {
    Answer::json(
        200,
        &format!(r#"{{"access_token":"{name}","token_type":"Bearer","expires_in":3600}}"#),
    )
}

/// A server that answers the questions for a token, and the others, each with their number from 0.
fn fake(answer: impl Fn(bool, usize, &Asked) -> Answer + Send + 'static) -> Fake {
    let (tokens, others) = (AtomicUsize::new(0), AtomicUsize::new(0));
    Fake::start(move |_, asked| {
        let is_for_token = is_for_token(asked);
        let count = if is_for_token { &tokens } else { &others };
        answer(is_for_token, count.fetch_add(1, Ordering::SeqCst), asked)
    })
}

fn counts(fake: &Fake) -> (usize, usize) {
    let asked = fake.asked();
    let tokens = asked.iter().filter(|asked| is_for_token(asked)).count();
    (tokens, asked.len() - tokens)
}

#[test]
fn a_client_applies_refreshes_and_pings_in_the_sandbox() {
    let (project, sandbox) = (Project::many(6), Sandbox::start());
    let run = |args: &str| with_client(project.run(args).env("BREVO_BASE_URL", sandbox.base_url()));
    run("apply --yes").ok().says(&["6 changes in 6 requests"]);
    run("refresh").ok();
    run("presence --from liz --once").ok();
    project.is_settled();
    // From files, with what editors leave behind the first line.
    project.file("id", format!("{ID}\r\nand more"));
    project.file("secret", format!("{SECRET}\n"));
    let sandbox = Sandbox::start();
    let project = Project::note("hi");
    project.file("id", format!("{ID}\r\nand more"));
    project.file("secret", format!("{SECRET}\n"));
    let run = project.run("apply --yes").env("BREVO_BASE_URL", sandbox.base_url());
    run.env("BREVO_CLIENT_ID_FILE", "id").env("BREVO_CLIENT_SECRET_FILE", "secret").ok();
    sandbox.holds(&[(ADA, "hi")]);
    // Inside the process there is nothing to authorise.
    project.run("apply --yes --sandbox").ok();
}

#[test]
fn a_token_is_renewed_during_a_run() {
    let project = Project::many(4);
    let sandbox = Sandbox::with("--token-life 1s --latency 400ms");
    let run = project.run("apply --yes --concurrency 1").env("BREVO_BASE_URL", sandbox.base_url());
    with_client(run).ok().says(&["4 changes in 4 requests"]);
    assert!(sandbox.total() == 4, "none was refused");
}

#[test]
fn a_401_is_answered_with_one_new_token_and_the_message_is_sent_once() {
    let project = Project::many(3);
    let fake = fake(|for_token, n, asked| match for_token {
        true => token(&format!("tok-{n}")),
        false if asked.head.contains("Bearer tok-0") && n > 0 => {
            Answer::json(401, r#"{"code":"unauthorized","message":"Token expired"}"#)
        }
        false => Answer::created(&format!("id{n}")),
    });
    let ran = at(&project, &fake, "apply --yes --concurrency 1").ok();
    // Each request is counted, the refused one too.
    ran.says(&["3 changes in 4 requests"]);
    assert_eq!(counts(&fake), (2, 4));
    project.is_settled();
    let text = |n: usize| fake.asked().into_iter().filter(|a| !is_for_token(a)).nth(n);
    assert_eq!(text(1).expect("asked").body, text(2).expect("asked").body, "the same once more");
}

#[test]
fn a_second_401_stops_the_run_and_nothing_is_unknown() {
    let project = Project::many(5);
    let fake = fake(|for_token, n, _| match for_token {
        true => token(&format!("tok-{n}")),
        false => Answer::json(401, r#"{"code":"unauthorized","message":"Token expired"}"#),
    });
    let ran = at(&project, &fake, "apply --yes --concurrency 1").exits(1);
    ran.warns(&[
        "error[expired-token]",
        "answered 401 unauthorized: Token expired",
        "a new one too",
    ])
    .says(&["nothing was applied"]);
    assert_eq!(counts(&fake), (2, 2));
    assert_eq!(project.planned("").len(), 5, "nothing is unknown, nothing was done");
    // So it is with a budget of one request: it was sent, and is not sent again.
    let ran = at(&project, &fake, "apply --yes --concurrency 1 --max-requests 1").exits(3);
    ran.says(&["1 request"]);
    assert_eq!(project.planned("").len(), 5);
}

#[test]
fn each_refusal_of_a_token_stops_the_run_before_anything_is_sent() {
    let page = "<html><title>Sign in to the proxy</title></html>";
    for (status, body, words) in [
        (
            401,
            r#"{"error":"invalid_client","error_description":"Bad credentials"}"#,
            ["error[invalid-client]", "401 invalid_client: Bad credentials", "BREVO_CLIENT_SECRET"],
        ),
        (
            400,
            r#"{"error":"invalid_scope","error_description":"Invalid scopes: conversations:read"}"#,
            ["error[invalid-scope]", "Invalid scopes: conversations:read", "conversations:write"],
        ),
        (
            400,
            r#"{"error":"unauthorized_client"}"#,
            ["error[unauthorized-client]", "400 unauthorized_client", "client_credentials"],
        ),
        (
            400,
            r#"{"error":"invalid_request"}"#,
            ["error[no-token]", "400 invalid_request", "BREVO_TOKEN_URL"],
        ),
        (404, page, ["error[no-token]", "Sign in to the proxy", "/realms/partner/oauth/token"]),
        (200, page, ["error[no-token]", "its body is a page", "BREVO_TOKEN_URL"]),
        (200, r#"{"token":"x"}"#, ["error[no-token]", "no access_token", "BREVO_TOKEN_URL"]),
        (
            200,
            r#"{"access_token":"x","token_type":"DPoP"}"#,
            ["error[no-token]", "token_type is not Bearer", "BREVO_TOKEN_URL"],
        ),
        (
            200,
            r#"{"access_token":"x\r\ny: z"}"#,
            ["error[no-token]", "no header can hold", "BREVO_TOKEN_URL"],
        ),
    ] {
        let project = Project::many(3);
        let fake = Fake::start(move |_, _| {
            Answer::Is(status, "sib-request-id: req-5\r\n".to_owned(), body.to_owned())
        });
        let ran = at(&project, &fake, "apply --yes").exits(1);
        ran.warns(&words)
            .warns(&["req-5", "not sent"])
            .says(&["nothing was applied", "0 requests"]);
        let (tokens, others) = counts(&fake);
        assert!((1..=4).contains(&tokens) && others == 0, "{body}: {tokens} {others}");
        assert_eq!(project.planned("").len(), 3, "no create is unknown");
        let code = words[0].trim_start_matches("error[").trim_end_matches(']');
        project.run(&format!("explain {code}")).ok().says(&["Cure:"]);
        let document = at(&project, &fake, "apply --yes --format json").exits(1).json();
        assert_eq!((&document["stopped"], &document["requests"]), (&"fatal".into(), &0.into()));
        assert_eq!(document["unknown"].as_array().map(Vec::len), Some(0));
        let failed = &document["failed"][0];
        assert_eq!((&failed["status"], &failed["request_id"]), (&status.into(), &"req-5".into()));
    }
}

#[test]
fn a_redirect_of_the_question_for_a_token_is_not_followed() {
    let project = Project::note("hi");
    let elsewhere = Fake::untouched();
    let to = elsewhere.base_url();
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {to}/login?next=1\r\n");
        let fake = Fake::start(move |_, _| Answer::Is(status, location.clone(), String::new()));
        at(&project, &fake, "apply --yes").exits(1).warns(&["a redirect to", "not followed"]);
        assert_eq!(counts(&fake), (1, 0));
    }
    assert_eq!(elsewhere.asked().len(), 0);
}

#[test]
fn a_server_of_tokens_that_is_busy_is_asked_again() {
    for status in [429, 500, 503] {
        let project = Project::note("hi");
        let fake = fake(move |for_token, n, _| match for_token {
            true if n < 3 => Answer::json(status, r#"{"error":"temporarily_unavailable"}"#),
            true => token("tok"),
            false => Answer::created("m1"),
        });
        let ran = at(&project, &fake, "apply --yes").ok();
        ran.says(&["1 change in 1 request"]).warns(&["again in", &status.to_string()]);
        assert_eq!(counts(&fake), (4, 1));
        project.is_settled();
    }
}

#[test]
fn a_server_of_tokens_that_does_not_work_is_asked_a_few_times_by_all_together() {
    let project = Project::many(8);
    let fake = Fake::start(|_, asked| match is_for_token(asked) {
        true => Answer::json(502, "<html><title>Bad Gateway</title></html>"),
        false => Answer::Nothing,
    });
    let ran = at(&project, &fake, "apply --yes --concurrency 8").exits(1);
    ran.warns(&["error[no-token]", "answered 502: Bad Gateway", "run again later"]);
    let (tokens, others) = counts(&fake);
    assert!((2..=9).contains(&tokens) && others == 0, "{tokens} {others}");
    assert_eq!(project.planned("").len(), 8, "no create is unknown");
}

#[test]
fn secrets_and_tokens_are_in_no_output_and_no_file() {
    let project = Project::note("hi");
    // A server that says back what it was told.
    let fake = fake(|for_token, n, asked| {
        let echo = format!("{} {}", asked.head, asked.body);
        let json = serde_json::json!({ "code": echo, "message": echo, "error": echo }).to_string();
        match (for_token, n) {
            (true, 0 | 1) => token("tok-HUSH-0123456789"),
            (true, _) => Answer::json(401, &json),
            (false, 0) => Answer::created("m1"),
            (false, _) => Answer::json(401, &json),
        }
    });
    let args = ["-vv --format json", "-v -v --log-format json", "-vv"];
    for (n, args) in args.into_iter().enumerate() {
        project
            .rewrite(&format!("messages: {{ note: {{ from: support, to: ada, text: hi {n} }} }}"));
        let ran = at(&project, &fake, &format!("apply --yes {args}")).wait();
        assert_eq!(ran.status, i32::from(n > 0), "{ran:?}");
        ran.never_says(&["HUSH", "0123456789", "%2B0123"]);
    }
    for args in
        ["refresh -vv", "presence --from liz --once -vv", "plan --refresh -vv --format json"]
    {
        at(&project, &fake, args).exits(1).never_says(&["HUSH", "0123456789", "%2B0123"]);
    }
    at(&project, &fake, "state export").ok().never_says(&["HUSH"]);
    at(&project, &fake, "--help").ok().never_says(&["HUSH"]);
    let mut search = std::process::Command::new("grep");
    search.args(["-rl", "HUSH", "."]).current_dir(project.path());
    let found = search.output().expect("grep is there");
    assert_eq!(String::from_utf8_lossy(&found.stdout), "", "no file has it");
}

#[test]
fn a_key_and_a_client_at_once_are_refused_with_both_names() {
    let project = Project::note("hi");
    project.file("key", "xkeysib-HUSH");
    let fake = Fake::untouched();
    let base = |args: &str| project.run(args).env("BREVO_BASE_URL", fake.base_url());
    for client in [
        "BREVO_CLIENT_ID",
        "BREVO_CLIENT_SECRET",
        "BREVO_CLIENT_ID_FILE",
        "BREVO_CLIENT_SECRET_FILE",
    ] {
        for args in ["apply --yes", "presence --from liz --once"] {
            let run = || base(args).env(client, "HUSH");
            run()
                .env("BREVO_API_KEY", "xkeysib-HUSH")
                .exits(1)
                .warns(&["BREVO_API_KEY and", client]);
            run()
                .env("BREVO_API_KEY_FILE", "key")
                .exits(1)
                .warns(&["BREVO_API_KEY_FILE and", client]);
            let ran = run().arg("--api-key-file").arg("key").exits(1);
            ran.warns(&["--api-key-file and", client]).never_says(&["HUSH"]);
        }
    }
    assert_eq!(fake.asked().len(), 0);
    // Nothing is asked for, so nothing counts.
    with_client(base("plan")).env("BREVO_API_KEY", "x").ok();
}

#[test]
fn half_a_client_is_refused_with_the_name_of_the_other_half() {
    let project = Project::note("hi");
    project.file("empty", "\n");
    let fake = Fake::untouched();
    let run = |pairs: &[(&str, &str)]| {
        let run = project.run("apply --yes").env("BREVO_BASE_URL", fake.base_url());
        pairs.iter().fold(run, |run, (name, value)| run.env(name, value)).exits(1)
    };
    run(&[("BREVO_CLIENT_ID", "HUSH")])
        .warns(&["BREVO_CLIENT_ID is set, and BREVO_CLIENT_SECRET is not"]);
    run(&[("BREVO_CLIENT_SECRET", "HUSH")])
        .warns(&["BREVO_CLIENT_SECRET is set, and BREVO_CLIENT_ID is not"])
        .never_says(&["HUSH"]);
    run(&[("BREVO_CLIENT_SECRET_FILE", "empty")])
        .warns(&["BREVO_CLIENT_SECRET_FILE is set, and BREVO_CLIENT_ID is not"]);
    let both =
        [("BREVO_CLIENT_ID", "a"), ("BREVO_CLIENT_ID_FILE", "b"), ("BREVO_CLIENT_SECRET", "c")];
    run(&both).warns(&["BREVO_CLIENT_ID and BREVO_CLIENT_ID_FILE are both set"]);
    let lines = run(&[("BREVO_CLIENT_ID", "a"), ("BREVO_CLIENT_SECRET", "HUSH\nHUSH")]);
    lines.warns(&["the client secret holds a line break"]).never_says(&["HUSH"]);
    for file in ["empty", "missing", "."] {
        run(&[("BREVO_CLIENT_ID", "a"), ("BREVO_CLIENT_SECRET_FILE", file)])
            .warns(&[file, "client secret"]);
    }
    for empty in ["", "  "] {
        for name in [
            "BREVO_CLIENT_ID",
            "BREVO_CLIENT_SECRET",
            "BREVO_CLIENT_ID_FILE",
            "BREVO_CLIENT_SECRET_FILE",
            "BREVO_TOKEN_URL",
        ] {
            for args in ["plan", "apply --yes --sandbox", "explain bad-key"] {
                project.run(args).env(name, empty).exits(1).warns(&[name, "empty"]);
            }
        }
    }
    assert_eq!(fake.asked().len(), 0);
}

#[test]
fn a_mistake_in_a_client_is_told_before_it_is_refused() {
    let project = Project::note("hi");
    let fake = Fake::start(|_, _| Answer::json(401, r#"{"error":"invalid_client"}"#));
    for (secret, words) in [
        ("xkeysib-HUSH", "the client secret is an API key"),
        ("'HUSH'", "the client secret has quotes around it"),
        ("HUSH****", "the client secret is an abbreviated form"),
        ("client-5d0e7f31", "are the same text"),
    ] {
        let run = project.run("apply --yes").env("BREVO_BASE_URL", fake.base_url());
        let run = run.env("BREVO_CLIENT_ID", "client-5d0e7f31").env("BREVO_CLIENT_SECRET", secret);
        run.exits(1).warns(&["error[invalid-client]", words]).never_says(&["HUSH"]);
    }
}

#[test]
fn tokens_come_from_the_url_that_the_machine_names_and_never_in_the_clear() {
    let project = Project::note("hi");
    let tokens = Arc::new(Fake::start(|_, _| token("from-elsewhere")));
    let api = Fake::start(|_, asked| match asked.head.contains("Bearer from-elsewhere") {
        true => Answer::created("m1"),
        false => Answer::json(500, "{}"),
    });
    let url = tokens.base_url().replace("/v3", "/oauth/token/");
    at(&project, &api, "apply --yes").env("BREVO_TOKEN_URL", &url).ok();
    assert_eq!(tokens.asked()[0].line, "POST /oauth/token/ HTTP/1.1");
    project.rewrite("messages: { note: { from: support, to: ada, text: again } }");
    for url in [
        "http://oauth.brevo.com/realms/partner/oauth/token",
        "http://10.0.0.1/token",
        "nonsense",
        "https://me:HUSH@oauth.brevo.com/token",
        "https://oauth.brevo.com/token?secret=HUSH",
    ] {
        let ran = at(&project, &api, "apply --yes").env("BREVO_TOKEN_URL", url).exits(1);
        ran.warns(&["the token URL", "BREVO_TOKEN_URL"]).never_says(&["HUSH"]);
    }
    // Nor does a proxy see it.
    let proxy = Fake::untouched();
    let run = at(&project, &api, "apply --yes").env("BREVO_TOKEN_URL", &url);
    run.env("HTTP_PROXY", proxy.base_url()).env("ALL_PROXY", proxy.base_url()).ok();
    assert_eq!(proxy.asked().len(), 0);
}

#[test]
fn a_403_names_the_scope_that_a_token_lacks() {
    let project = Project::note("hi");
    let fake = fake(|for_token, n, _| match (for_token, n) {
        (true, _) => token("tok"),
        (false, 0) => Answer::created("m1"),
        (false, _) => Answer::json(403, r#"{"code":"permission_denied","message":"no"}"#),
    });
    at(&project, &fake, "apply --yes").ok();
    at(&project, &fake, "refresh")
        .exits(1)
        .warns(&["error[permission-denied]", "the scope conversations:read"]);
    project.rewrite("messages: { note: { from: support, to: ada, text: ho } }");
    at(&project, &fake, "apply --yes")
        .exits(1)
        .warns(&["error[permission-denied]", "the scope conversations:write"]);
}

#[test]
fn the_sandbox_shows_each_refusal_of_a_token() {
    for fault in ["invalid-client", "invalid-scope", "expired-token"] {
        let (project, sandbox) = (Project::note("hi"), Sandbox::with(&format!("--fault {fault}")));
        let run = with_client(project.run("apply --yes").env("BREVO_BASE_URL", sandbox.base_url()));
        run.exits(1).warns(&[&format!("error[{fault}]")]).never_says(&["HUSH"]);
        project.plans("create", "note", "new");
        // As the message says it, and as the API writes it.
        for name in [fault.to_owned(), format!("error[{fault}]"), fault.replace('-', "_")] {
            project.run("explain").arg(name).ok().says(&["Cure:"]);
        }
    }
}

#[test]
fn a_server_of_tokens_that_asks_for_a_long_pause_stops_the_run_in_good_order() {
    let project = Project::many(3);
    let api = fake(|is_for_token, _, _| match is_for_token {
        true => Answer::Is(429, "retry-after: 900\r\n".to_owned(), "{}".to_owned()),
        false => Answer::created("never"),
    });
    let ran = at(&project, &api, "apply --yes --format json --max-wait 5s").exits(3);
    let ran = ran.warns(&["the API asks for a pause"]);
    assert_eq!((&ran.json()["applied"], &ran.json()["stopped"]), (&0.into(), &"budget".into()));
    assert_eq!(counts(&api), (1, 0), "one question, and no message");
}
