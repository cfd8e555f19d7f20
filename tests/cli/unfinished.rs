//! Updates and deletes that left and have no outcome: the next plan makes sure of them, also if
//! somebody has taken the change back, and nobody has to decide.

use serde_json::Value;

use crate::support::{ADA, Project, Running, Sandbox, Waiting, many, until};

const MESSAGES: usize = 12;
const GOOD: &str = "Good";

/// How a run ends before it knows what became of its requests.
#[derive(Debug, Clone, Copy)]
enum Death {
    Killed,
    StoppedTwice,
    /// The effect comes, no answer does, and somebody stops the run while it waits to try again.
    AnswersLost,
}

const DEATHS: [Death; 3] = [Death::Killed, Death::StoppedTwice, Death::AnswersLost];

fn interrupted_twice(running: &Running) {
    running.signal("INT");
    // Both must be seen: the system merges signals that wait.
    std::thread::sleep(std::time::Duration::from_millis(300));
    running.signal("INT");
}

/// A server with another address, which the state takes for its own.
fn server(project: &Project, options: &str) -> Sandbox {
    let sandbox = Sandbox::with(options);
    project.run(&format!("state set-api {}", sandbox.base_url())).ok();
    sandbox
}

/// Twelve messages that everybody got, and a run that wants `yaml` instead and ends like this. What
/// visitors see is in a file, so that another server goes on with it: it is the last thing returned.
fn disturbed(yaml: &str, death: Death) -> (Project, String) {
    let project = Project::new(&many(MESSAGES, GOOD));
    let data = format!("--data {}", project.join("chats.json").display());
    project.apply(&Sandbox::with(&data));
    project.rewrite(yaml);
    let faults = match death {
        Death::AnswersLost => "--drop-replies 1",
        Death::Killed | Death::StoppedTwice => "--latency 30s",
    };
    let sandbox = server(&project, &format!("{data} {faults}"));
    let running = project.with(&sandbox, "apply --yes --allow-deletes all").start();
    until("requests took effect", || sandbox.there() != wanted(GOOD));
    let ran = match death {
        Death::Killed => {
            running.signal("KILL");
            running.wait()
        }
        Death::StoppedTwice => {
            interrupted_twice(&running);
            running.exits(3).warns(&["stopped at once", "makes sure"])
        }
        Death::AnswersLost => {
            running.signal("INT");
            running.exits(3)
        }
    };
    assert!(!ran.err.contains("state resolve"), "{death:?}: nobody has to decide: {}", ran.err);
    (project, data)
}

fn wanted(text: &str) -> Vec<(String, String, String)> {
    let all = (0..MESSAGES).map(|n| ("pushed".to_owned(), ADA.to_owned(), format!("{text} {n}")));
    let mut all: Vec<_> = all.collect();
    all.sort();
    all
}

fn statuses(project: &Project) -> Vec<String> {
    let list = project.run("state list --format json").ok().json();
    let all = list["deliveries"].as_array().expect("a list").iter();
    all.map(|delivery| delivery["status"].as_str().expect("a status").to_owned()).collect()
}

fn reasons(project: &Project) -> (Vec<(String, String)>, Value) {
    let plan = project.run("plan --format json").ok().json();
    let changes = plan["changes"].as_array().expect("a list").iter();
    let word = |change: &Value, field: &str| change[field].as_str().expect("a word").to_owned();
    let all = changes.map(|change| (word(change, "action"), word(change, "reason"))).collect();
    (all, plan)
}

#[test]
fn an_update_that_died_is_put_right_after_its_commit_was_reverted() {
    for death in DEATHS {
        let (project, data) = disturbed(&many(MESSAGES, "BAD"), death);
        let unsure = statuses(&project).iter().filter(|status| *status == "updating").count();
        assert!((1..=4).contains(&unsure), "{death:?}: {unsure}");
        project.rewrite(&many(MESSAGES, GOOD));
        let (reasons, plan) = reasons(&project);
        assert_eq!(
            reasons,
            vec![("restore".to_owned(), "update-unfinished".to_owned()); unsure],
            "{death:?}"
        );
        let before = plan["changes"][0]["before"]["text"].as_str().expect("a text");
        assert!(before.starts_with("BAD"), "what the visitor may see: {before}");
        assert_eq!(plan["summary"]["requests"], unsure);
        let sandbox = server(&project, &data);
        project.apply(&sandbox);
        assert_eq!(sandbox.there(), wanted(GOOD), "{death:?}");
        assert_eq!(sandbox.counts(), [0, 0, unsure as u64, 0], "{death:?}: one request each");
        project.is_settled();
    }
}

#[test]
fn a_delete_that_died_is_put_right_after_its_commit_was_reverted() {
    for death in DEATHS {
        let (project, data) = disturbed("messages: {}", death);
        let unsure = statuses(&project).iter().filter(|status| *status == "deleting").count();
        assert!((1..=4).contains(&unsure), "{death:?}: {unsure}");
        project.rewrite(&many(MESSAGES, GOOD));
        let (reasons, _) = reasons(&project);
        let asked_first = ("restore".to_owned(), "delete-unfinished".to_owned());
        assert!(reasons.iter().filter(|reason| **reason == asked_first).count() == unsure);
        let sandbox = server(&project, &data);
        project.apply(&sandbox);
        assert_eq!(sandbox.there(), wanted(GOOD), "{death:?}");
        project.is_settled();
    }
}

#[test]
fn an_update_and_a_delete_that_died_are_finished_if_they_are_still_wanted() {
    for death in DEATHS {
        for (yaml, wanted) in
            [(many(MESSAGES, "BAD"), wanted("BAD")), ("messages: {}".to_owned(), Vec::new())]
        {
            let (project, data) = disturbed(&yaml, death);
            let sandbox = server(&project, &data);
            project.with(&sandbox, "apply --yes --allow-deletes all").ok();
            assert_eq!(sandbox.there(), wanted, "{death:?}");
            project.is_settled();
        }
    }
}

#[test]
fn a_record_of_an_unfinished_change_survives_export_and_import() {
    let (project, _) = disturbed(&many(MESSAGES, "BAD"), Death::Killed);
    let before = statuses(&project);
    project.run("state export backup.jsonl").ok();
    project.run("state import backup.jsonl --state elsewhere").ok();
    let list = project.run("state list --format json --state elsewhere").ok().json();
    let all = list["deliveries"].as_array().expect("a list").iter();
    let after: Vec<_> = all.map(|delivery| delivery["status"].as_str().expect("one")).collect();
    assert_eq!(before, after);
}
