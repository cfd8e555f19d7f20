//! `state compact`: the same state in smaller files, whenever it is cut off.

use std::{fs, thread, time::Duration};

use crate::support::{Project, Sandbox, many, until};

/// A state that has room to lose: two environments, many changes, most of it removed.
fn used() -> (Project, Sandbox) {
    let (project, sandbox) = (Project::many(60), Sandbox::start());
    project.apply(&sandbox);
    for round in 0..6 {
        project.rewrite(&noise(round));
        project.apply(&sandbox);
    }
    project.run("apply --sandbox --yes").ok();
    project.rewrite(&many(5, "short"));
    project.with(&sandbox, "apply --yes --allow-deletes all").ok();
    project.is_settled();
    (project, sandbox)
}

/// 60 messages whose texts have nothing in common, with each other nor with those of other rounds: what
/// neighbours share takes no room.
fn noise(round: u64) -> String {
    let mut yaml = "messages:\n".to_owned();
    for n in 0..60 {
        let mut random = fastrand::Rng::with_seed(round * 60 + n);
        let text: String = std::iter::repeat_with(|| random.alphanumeric()).take(4000).collect();
        yaml.push_str(&format!("  m{n:02}: {{ from: support, to: ada, text: t{text} }}\n"));
    }
    yaml
}

/// All that both environments have.
fn all(project: &Project) -> [String; 2] {
    ["state export", "state export --sandbox"].map(|args| project.run(args).ok().out)
}

fn sizes(told: &serde_json::Value) -> (u64, u64) {
    let size = |name: &str| told[name].as_u64().expect("a size");
    (size("before"), size("after"))
}

#[test]
fn compacted_files_are_smaller_and_hold_the_same_for_all_environments() {
    let (project, sandbox) = used();
    let before = all(&project);
    let (large, small) = sizes(&project.run("state compact --format json").ok().json());
    assert!(small * 3 < large * 2, "{large} bytes before, {small} after");
    assert_eq!(all(&project), before);
    project.run("state verify").ok().says(&["all is well"]);
    project.is_settled();
    for gone in ["sled.old", "sled.new"] {
        assert!(!project.join("state").join(gone).exists(), "{gone}");
    }
    // It goes on as before, and there is nothing more to gain.
    project.rewrite(&many(6, "short"));
    project.apply(&sandbox);
    project.run("state compact").ok().says(&["state: ", " bytes"]);
    project.is_settled();
}

#[test]
fn a_compaction_that_is_killed_at_any_time_loses_nothing() {
    let (project, _sandbox) = used();
    let before = all(&project);
    let mut killed = 0;
    for round in 0..40 {
        let running = project.run("state compact").start();
        thread::sleep(Duration::from_millis(5 * round));
        running.signal("KILL");
        killed += usize::from(running.wait().status == -1);
        assert_eq!(all(&project), before, "killed after {} ms", 5 * round);
    }
    assert!(killed >= 5, "only {killed} were killed");
    project.run("state verify").ok().says(&["all is well"]);
}

#[test]
fn what_a_compaction_left_that_was_cut_off_is_put_in_order() {
    let (project, _sandbox) = used();
    let before = all(&project);
    let at = |name: &str| project.join("state").join(name);
    // Between the two renames: the old ones are whole.
    fs::remove_file(at("pushsync.seal")).expect("sealed");
    fs::create_dir(at("sled.new")).expect("made");
    fs::write(at("sled.new/db"), "half").expect("written");
    fs::rename(at("sled"), at("sled.old")).expect("renamed");
    assert_eq!(all(&project), before);
    assert!(!at("sled.old").exists() && !at("sled.new").exists());
    // After them: the new ones are.
    fs::create_dir(at("sled.old")).expect("made");
    fs::write(at("sled.old/db"), "old").expect("written");
    assert_eq!(all(&project), before);
    assert!(!at("sled.old").exists());
}

#[test]
fn a_damaged_state_is_not_compacted() {
    let (project, _sandbox) = used();
    let db = project.join("state/sled/db");
    let mut bytes = fs::read(&db).expect("there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&db, &bytes).expect("written");
    project.run("state compact").exits(1).warns(&["damaged"]);
    assert_eq!(fs::read(&db).expect("there"), bytes, "it is left as it was");
}

#[test]
fn compacting_does_not_make_a_state() {
    let project = Project::many(1);
    project.run("state compact").exits(1).warns(&["there is no state"]);
    assert!(!project.join("state").exists());
}

#[test]
fn a_state_that_somebody_writes_is_not_compacted() {
    let (project, sandbox) = (Project::many(3), Sandbox::with("--latency 1s"));
    let writing = project.with(&sandbox, "apply --yes --concurrency 1").start();
    until("a request has left", || sandbox.total() > 0);
    project.run("state compact").exits(1).warns(&["in use by", "apply"]);
    assert_eq!(writing.wait().status, 0);
    project.run("state compact").ok();
    project.is_settled();
}
