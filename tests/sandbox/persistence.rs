use std::{fs, io::Write as _, path::Path};

use pushsync::{
    model::{Content, Kind, MessageId, Sender},
    sandbox::{JournalError, Options, Sandbox, StartError},
};

use super::{Hands, client, options, start, visitor};

fn at(path: &Path) -> Options {
    Options { data: Some(path.to_owned()), ..options() }
}

async fn push(running: &pushsync::sandbox::Running, text: &str) -> MessageId {
    let to = visitor("kZMvWhf8npAu");
    let message = Content { text: text.into(), from: Sender::Random };
    client(running).send(Kind::Pushed, &to, &message).await.expect("sent").body.id
}

#[tokio::test]
async fn messages_and_agents_outlive_the_sandbox() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("deep/er/sandbox.jsonl");
    let running = start(at(&path)).await;
    let kept = push(&running, "kept").await;
    let changed = push(&running, "before").await;
    let deleted = push(&running, "deleted").await;
    let to = visitor("v");
    let from = Sender::Helpdesk {
        email: "liz@getwear.com".into(),
        name: "Liz".into(),
        received_from: "x".into(),
    };
    let message = Content { text: "Hi".into(), from };
    let first = client(&running).send(Kind::Agent, &to, &message).await.expect("sent").body;
    client(&running).update(Kind::Pushed, &changed, "after").await.expect("changed");
    client(&running).delete(Kind::Pushed, &deleted).await.expect("deleted");
    let before = running.messages();
    running.stop().await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    for _ in 0..2 {
        let running = start(at(&path)).await;
        assert_eq!(running.warnings(), [] as [&str; 0]);
        assert_eq!(running.messages(), before);
        running.stop().await;
    }
    let running = start(at(&path)).await;
    let client = client(&running);
    let text = client.get(Kind::Pushed, &changed).await.expect("there").body.text;
    assert_eq!(text.as_deref(), Some("after"));
    assert!(client.get(Kind::Pushed, &kept).await.is_ok());
    assert!(client.get(Kind::Pushed, &deleted).await.expect_err("gone").is_gone());
    let second = client.send(Kind::Agent, &to, &message).await.expect("sent").body;
    assert_eq!(second.agent_id, first.agent_id);
    assert_ne!(second.id, first.id);
    running.stop().await;
}

#[tokio::test]
async fn what_was_answered_is_on_disk_without_a_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sandbox.jsonl");
    let running = start(at(&path)).await;
    let id = push(&running, "answered").await;
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.contains(id.as_str()) && text.ends_with('\n'));
    running.stop().await;
}

#[tokio::test]
async fn a_torn_last_line_is_dropped_with_a_warning_wherever_it_was_torn() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sandbox.jsonl");
    let running = start(at(&path)).await;
    push(&running, "whole").await;
    let whole = fs::read(&path).expect("a file");
    // Longer than what is written next: nothing of it may stay behind that.
    push(&running, &"torn ".repeat(200)).await;
    running.stop().await;
    let both = fs::read(&path).expect("a file");

    for length in (whole.len()..both.len()).step_by(31).chain([both.len() - 2, both.len() - 1]) {
        fs::write(&path, &both[..length]).expect("written");
        let running = start(at(&path)).await;
        let texts: Vec<String> = running.messages().into_iter().map(|m| m.text).collect();
        // A line that lacks nothing but its line break is whole.
        let complete = length == both.len() - 1;
        assert_eq!(texts.len(), if complete { 2 } else { 1 }, "{length}");
        let torn = length != whole.len() && !complete;
        assert_eq!(running.warnings().len(), usize::from(torn), "{length}");
        push(&running, "after").await;
        running.stop().await;
        let running = start(at(&path)).await;
        assert_eq!(running.warnings(), [] as [&str; 0], "{length}");
        assert_eq!(running.messages().len(), texts.len() + 1);
        running.stop().await;
    }
    for length in 0..20 {
        fs::write(&path, &both[..length]).expect("written");
        let running = start(at(&path)).await;
        assert_eq!(running.messages().len(), 0);
        running.stop().await;
    }
}

#[tokio::test]
async fn damage_and_foreign_files_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sandbox.jsonl");
    let running = start(at(&path)).await;
    push(&running, "a").await;
    push(&running, "b").await;
    running.stop().await;
    let mut bytes = fs::read(&path).expect("a file");
    let second_line = bytes.iter().position(|byte| *byte == b'\n').expect("a line") + 5;
    bytes[second_line] = 0xff;
    fs::write(&path, &bytes).expect("written");
    let error = Sandbox::start(at(&path)).await.expect_err("damaged");
    assert!(matches!(error, StartError::Data(JournalError::Damaged { line: 2, .. })), "{error}");
    assert_eq!(fs::read(&path).expect("a file"), bytes);

    for foreign in ["version: 1\n", "{}\n", "\n", "{\"format\":\"pushsync/sandbox/2\"}\n"] {
        fs::write(&path, foreign).expect("written");
        let error = Sandbox::start(at(&path)).await.expect_err("foreign");
        assert!(matches!(error, StartError::Data(JournalError::Foreign(_))), "{foreign:?}");
        assert_eq!(fs::read_to_string(&path).expect("a file"), foreign);
    }
    let error = Sandbox::start(at(folder.path())).await.expect_err("a folder");
    assert!(matches!(error, StartError::Data(JournalError::Io { .. })));
}

#[tokio::test]
async fn two_sandboxes_never_share_their_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sandbox.jsonl");
    let running = start(at(&path)).await;
    let error = Sandbox::start(at(&path)).await.expect_err("in use");
    assert!(matches!(error, StartError::Data(JournalError::InUse(_))), "{error}");
    running.stop().await;
    start(at(&path)).await.stop().await;
}

#[tokio::test]
async fn a_file_of_mostly_old_entries_is_compacted_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sandbox.jsonl");
    let hands = Hands::new();
    let limited = || Options {
        data: Some(path.clone()),
        budget: Some("1000/h".parse().expect("a budget")),
        ..Options::in_memory(hands.clock())
    };
    let running = start(limited()).await;
    let id = push(&running, "0").await;
    for n in 1..=100 {
        client(&running).update(Kind::Pushed, &id, &n.to_string()).await.expect("changed");
    }
    let before = running.messages();
    running.stop().await;
    let long = fs::metadata(&path).expect("a file").len();

    let running = start(limited()).await;
    assert!(fs::metadata(&path).expect("a file").len() < long / 10);
    assert_eq!(running.messages(), before);
    // The file is written on where it is now, is still locked, and the budget goes on.
    let locked = Sandbox::start(limited()).await.expect_err("in use");
    assert!(matches!(locked, StartError::Data(JournalError::InUse(_))));
    let answer = client(&running).update(Kind::Pushed, &id, "last").await.expect("changed");
    assert_eq!(answer.budget.and_then(|budget| budget.remaining), Some(1000 - 102));
    running.stop().await;
    let running = start(limited()).await;
    assert_eq!(running.messages()[0].text, "last");
    running.stop().await;
    let names: Vec<_> = fs::read_dir(folder.path()).expect("a folder").collect();
    assert_eq!(names.len(), 1);

    let mut file = fs::OpenOptions::new().append(true).open(&path).expect("a file");
    file.write_all(b"{\"window\":{\"started\":0,\"used\":1000}}\n").expect("written");
    drop(file);
    let running = start(limited()).await;
    let answer = client(&running).update(Kind::Pushed, &id, "x").await.expect("a new period");
    assert_eq!(answer.budget.and_then(|budget| budget.remaining), Some(999));
    running.stop().await;
}
