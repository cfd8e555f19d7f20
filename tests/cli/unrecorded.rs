//! The connection to the state is lost in the middle of an apply: nothing more is sent, and what
//! became of the requests under way waits until the next run that may change the state.

use std::{fs, path::PathBuf};

use crate::support::{ADA, Project, Sandbox};

const KEY: &str = "correct horse battery staple";

/// The first commit has the intent, the second one the id.
fn lost(project: &Project, sandbox: &Sandbox, key: Option<&str>) -> String {
    let mut run =
        project.with(sandbox, "apply --yes --concurrency 1").env("PUSHSYNC_DIE_AFTER", "lose:3");
    if let Some(key) = key {
        run = run.env("PUSHSYNC_STATE_KEY", key);
    }
    run.exits(1).warns(&["was created as message", "and the next apply records it", "lost"]).err
}

/// The file in which something waits.
fn waiting(project: &Project) -> Option<PathBuf> {
    let entries = fs::read_dir(project.join("state")).expect("a state").flatten();
    entries.map(|entry| entry.path()).find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("unrecorded-"))
    })
}

#[test]
fn an_id_that_the_state_could_not_record_is_recorded_by_the_next_apply_and_by_no_plan() {
    let (project, sandbox) = (Project::many(4), Sandbox::start());
    let said = lost(&project, &sandbox, None);
    assert!(!said.contains(ADA), "{said}");
    assert_eq!(sandbox.created().len(), 1, "no request after the state was lost");
    let file = waiting(&project).expect("it waits");
    let mode = fs::metadata(&file).expect("there").permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    // Those who look say that it waits, and leave it.
    let serial = || project.run("plan --format json").ok().json()["state"]["serial"].clone();
    let before = serial();
    for command in ["plan", "state list", "state history", "state verify", "state export"] {
        let ran = project.run(command).ok().warns(&["it waits in", "apply records it"]);
        assert_eq!(ran.err.matches("it waits in").count(), 1, "{}", ran.err);
        assert!(file.exists(), "{command}");
    }
    assert_eq!(serial(), before);
    assert!(project.planned("").iter().any(|(action, ..)| action == "unknown"));
    let applied = project.with(&sandbox, "apply --yes").ok();
    assert!(applied.err.contains("recorded what became of 1 delivery"), "{}", applied.err);
    assert!(!file.exists());
    project.is_settled();
    assert_eq!(sandbox.created().len(), 4, "nothing twice");
    let state = project.run("state list --format json").ok().json();
    let first = sandbox.created()[0]["id"].clone();
    assert!(state["deliveries"].as_array().expect("a list").iter().any(|d| d["id"] == first));
}

#[test]
fn other_commands_that_change_the_state_record_it_too() {
    let address = format!("note@{ADA}");
    for command in ["refresh".to_owned(), format!("state mv {address} other@{ADA}")] {
        let (project, sandbox) = (Project::note("hi"), Sandbox::start());
        lost(&project, &sandbox, None);
        let ran = project.with(&sandbox, &command).ok();
        assert!(ran.err.contains("recorded what became of 1 delivery"), "{command}: {}", ran.err);
        assert_eq!(waiting(&project), None, "{command}");
    }
}

/// The intents were committed, and the answer to that was lost: so no request left.
#[test]
fn intents_whose_commit_was_not_answered_are_known_not_to_have_been_sent() {
    let (project, sandbox) = (Project::many(3), Sandbox::start());
    let run = project.with(&sandbox, "apply --yes --concurrency 1");
    run.env("PUSHSYNC_DIE_AFTER", "mute:2").exits(1).warns(&["was not created"]);
    assert!(sandbox.created().is_empty());
    project.apply(&sandbox);
    assert_eq!(sandbox.created().len(), 3);
}

#[test]
fn what_waits_is_encrypted_as_the_state_is_and_a_plain_file_is_not_acted_on() {
    let (project, sandbox) = (Project::note("a private text"), Sandbox::start());
    lost(&project, &sandbox, Some(KEY));
    let file = waiting(&project).expect("it waits");
    let sealed = fs::read_to_string(&file).expect("readable");
    assert!(!sealed.contains(ADA) && !sealed.contains("private"), "{sealed}");
    // What somebody without the key could write: that Ada's message has another id.
    let plain = Project::note("a private text");
    lost(&plain, &sandbox, None);
    let forged = fs::read_to_string(waiting(&plain).expect("it waits")).expect("readable");
    let (_, own) = file.to_str().expect("UTF-8").split_once("unrecorded-").expect("a name");
    let (_, other) = waiting(&plain)
        .expect("it waits")
        .to_str()
        .expect("UTF-8")
        .split_once("unrecorded-")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .expect("a name");
    let forged = forged.replace(other.trim_end_matches(".jsonl"), own.trim_end_matches(".jsonl"));
    fs::write(&file, &forged).expect("writable");
    let apply = || project.with(&sandbox, "apply --yes").env("PUSHSYNC_STATE_KEY", KEY);
    apply().exits(1).warns(&["they are not encrypted", "move the file away", "state resolve"]);
    assert!(file.exists());
    project.run("state list").env("PUSHSYNC_STATE_KEY", KEY).ok().says(&["unknown"]);
    // The right one is recorded.
    fs::write(&file, &sealed).expect("writable");
    apply().ok().warns(&["recorded what became of 1 delivery"]);
    assert_eq!(sandbox.created().len(), 2, "one of each project");
}

#[test]
fn only_intents_of_the_same_run_are_settled_and_only_of_the_same_state() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    lost(&project, &sandbox, None);
    let file = waiting(&project).expect("it waits");
    let kept = fs::read_to_string(&file).expect("readable");
    let mut outcome: serde_json::Value = serde_json::from_str(&kept).expect("one line");
    // Of another run: it is not believed, and stays for someone to look.
    outcome["run"] = "11111111-2222-4333-8444-555555555555".into();
    fs::write(&file, format!("{outcome}\n")).expect("writable");
    let address = format!("note@{ADA}");
    let ran = project.with(&sandbox, "apply --yes").exits(4);
    ran.never_says(&["recorded what became"]).warns(&["remove"]);
    assert!(file.exists());
    // Of another kind of message.
    let mut outcome: serde_json::Value = serde_json::from_str(&kept).expect("one line");
    outcome["create"]["sent"]["kind"] = "agent".into();
    fs::write(&file, format!("{outcome}\n")).expect("writable");
    project.with(&sandbox, "apply --yes").exits(4).never_says(&["recorded what became"]);
    // One file is of another state, and one does not hold an outcome.
    for text in [
        kept.replace(
            outcome["lineage"].as_str().expect("a UUID"),
            "11111111-2222-4333-8444-555555555555",
        ),
        "{}\n".to_owned(),
    ] {
        fs::write(&file, text).expect("writable");
        project.with(&sandbox, "apply --yes").exits(1).warns(&["cannot be recorded: line 1 is"]);
    }
    // What somebody has decided meanwhile stays decided, and the message that exists is told.
    fs::remove_file(&file).expect("there");
    project.run(&format!("state resolve {address} --not-sent")).ok();
    fs::write(&file, kept).expect("writable");
    // What is left of it is that somebody has agreed to it.
    project.run(&format!("state rm {address}")).ok().warns(&["nobody has agreed to", "remove"]);
    assert!(file.exists());
}

#[test]
fn without_a_place_the_words_say_everything_that_is_needed_by_hand() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    // The file cannot be written: its name is taken by a folder of somebody else.
    project.apply(&sandbox);
    let lineage = project.run("plan --format json").ok().json()["state"]["lineage"].clone();
    let lineage = lineage.as_str().expect("a UUID");
    project.rewrite("messages: { note: { from: support, to: ada, text: hi }, more: { from: support, to: ada, text: more } }");
    fs::create_dir_all(project.join(&format!("state/unrecorded-{lineage}.jsonl.new/x")))
        .expect("a folder");
    let ran = project
        .with(&sandbox, "apply --yes --concurrency 1 --env default")
        .env("PUSHSYNC_DIE_AFTER", "lose:3")
        .exits(1);
    let id = sandbox.created()[1]["id"].as_str().expect("an id").to_owned();
    let masked = format!("{}…{}", &ADA[..4], &ADA[ADA.len() - 3..]);
    let hand = format!(
        "pushsync state resolve --env default --base-url {} more@{masked} --sent {id}",
        sandbox.base_url()
    );
    let ran = ran.warns(&[&hand, "neither the state nor a file"]);
    assert!(!ran.err.contains(ADA), "{}", ran.err);
    // It works as it says.
    fs::remove_dir_all(project.join(&format!("state/unrecorded-{lineage}.jsonl.new")))
        .expect("there");
    let typed = hand.strip_prefix("pushsync ").expect("a command");
    project.with(&sandbox, typed).ok();
    project.run("state list").ok().says(&["more@"]).never_says(&["unknown"]);
}
