//! `sandbox` as a server, and `presence`.

use crate::support::{ADA, Project, Sandbox};

#[test]
fn the_server_answers_with_and_without_its_prefix() {
    let sandbox = Sandbox::start();
    let body = format!(r#"{{"visitorId":"{ADA}","text":"hi"}}"#);
    for prefix in ["", "/v3"] {
        let (status, answer) =
            sandbox.ask("POST", &format!("{prefix}/conversations/pushedMessages"), &body);
        assert_eq!(status, 200);
        let message: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        let path = format!(
            "{prefix}/conversations/pushedMessages/{}",
            message["id"].as_str().expect("an id")
        );
        assert_eq!(sandbox.ask("GET", &path, "").0, 200);
        assert_eq!(sandbox.ask("PUT", &path, r#"{"text":"ho"}"#).0, 200);
        assert_eq!(sandbox.ask("DELETE", &path, ""), (204, String::new()));
        assert_eq!(sandbox.ask("GET", &path, "").0, 404);
        let ping = format!("{prefix}/conversations/agentOnlinePing");
        assert_eq!(sandbox.ask("POST", &ping, r#"{"agentId":"x"}"#), (201, String::new()));
    }
    assert_eq!(sandbox.ask("POST", "/conversations/pushedMessages", "{}").0, 400);
}

#[test]
fn the_data_of_a_sandbox_outlives_it() {
    let folder = Project::note("hi");
    let data = folder.join("data.jsonl");
    let options = format!("--data {}", data.display());
    let first = Sandbox::with(&options);
    folder.apply(&first);
    drop(first);
    let second = Sandbox::with(&options);
    second.holds(&[(ADA, "hi")]);
    folder.run(&format!("state set-api {}", second.base_url())).ok();
    folder.with(&second, "refresh").ok().says(&["0 gone, 0 changed"]);
}

#[test]
fn a_port_that_is_taken_is_told() {
    let (folder, sandbox) = (Project::empty(), Sandbox::start());
    let port = sandbox.address().port();
    folder.run(&format!("sandbox --port {port}")).exits(1).warns(&["another program", "--port 0"]);
}

#[test]
fn presence_pings_and_says_what_it_costs() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    for sender in ["liz", "desk"] {
        let ran = project.with(&sandbox, &format!("presence --from {sender} --once")).ok();
        ran.says(&["1 ping answered"]).warns(&["1 of 100 requests an hour"]);
    }
    assert_eq!(sandbox.answered("201"), 2);
    let running = project.with(&sandbox, "presence --from liz --for 1m --quiet").ok();
    assert_eq!(running.err, "");
    assert_eq!(sandbox.answered("201"), 3);
}

#[test]
fn presence_is_that_of_one_agent() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    project.with(&sandbox, "presence --from lizz --once").exits(1).warns(&["did you mean `liz`?"]);
    project
        .with(&sandbox, "presence --from support --once")
        .exits(1)
        .warns(&["one agent", "agent:"]);
    project.with(&sandbox, "presence --once").exits(1);
    assert_eq!(sandbox.total(), 0);
    let failing = Sandbox::with("--fail 1");
    project.with(&failing, "presence --from liz --once").exits(1);
}
