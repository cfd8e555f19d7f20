//! What a state elsewhere could not record waits outside of the checkout, and nothing in the checkout is
//! taken for it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{
    bucket, postgres,
    support::{ADA, Project, Run, Sandbox},
};

use super::moving::Reaching;

const KEY: &str = "correct horse battery staple";

/// The binary, with its state there.
type There = Box<dyn Fn(Run) -> Run>;

/// What `HOME` is.
type Home = fn(&Project) -> PathBuf;

/// Both kinds of stores, if their servers are here.
fn stores() -> Vec<There> {
    let mut stores: Vec<There> = Vec::new();
    if let Some(cluster) = postgres::cluster::shared() {
        let database = cluster.database();
        stores.push(Box::new(move |run| run.env("PUSHSYNC_STATE", database.url())));
    }
    if let Some(server) = bucket::server::get() {
        let place = server.place();
        let url = format!("s3://{}/{}", place.bucket, place.prefix);
        stores.push(Box::new(move |run| run.env("PUSHSYNC_STATE", &url).reaching(&place)));
    }
    stores
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let all = walkdir::WalkDir::new(folder).into_iter().flatten();
    all.filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path()).collect()
}

fn mode(path: &Path) -> u32 {
    let there = fs::metadata(path).expect("there");
    std::os::unix::fs::PermissionsExt::mode(&there.permissions()) & 0o777
}

fn lose(project: &Project, sandbox: &Sandbox, there: &There) -> Run {
    let run = there(project.with(sandbox, "apply --yes --concurrency 1"));
    run.env("PUSHSYNC_DIE_AFTER", "lose:3").env("PUSHSYNC_STATE_KEY", KEY)
}

#[test]
fn an_unrecorded_outcome_waits_encrypted_in_a_folder_of_the_user_and_the_next_apply_records_it() {
    for there in stores() {
        let (project, sandbox) = (Project::note("a private text"), Sandbox::start());
        project.git("init -q");
        let home = TempDir::new().expect("a folder");
        let before = files(project.path()).len();
        let lost = lose(&project, &sandbox, &there).env("XDG_STATE_HOME", home.path());
        lost.exits(1).warns(&["was created as message", "and the next apply records it"]);
        let after = files(project.path()).len();
        assert_eq!(after, before + 1, "only pushsync.lock is written into the checkout");
        let folder = home.path().join("pushsync");
        let waiting = files(&folder);
        assert_eq!((waiting.len(), mode(&folder), mode(&waiting[0])), (1, 0o700, 0o600));
        let sealed = fs::read_to_string(&waiting[0]).expect("readable");
        assert!(!sealed.contains(ADA) && !sealed.contains("private"), "{sealed}");
        let home = |args: &str| {
            let run = there(project.with(&sandbox, args)).env("PUSHSYNC_STATE_KEY", KEY);
            run.env("XDG_STATE_HOME", home.path())
        };
        home("plan").ok().warns(&["it waits in"]);
        home("state list").ok().says(&["unknown"]);
        assert!(waiting[0].exists());
        home("apply --yes").ok().warns(&["recorded what became of 1 delivery"]);
        assert!(!waiting[0].exists());
        home("plan --detailed-exitcode").exits(0);
        assert_eq!(sandbox.created().len(), 1);
    }
}

#[test]
fn a_file_in_the_checkout_is_not_looked_at() {
    for there in stores() {
        let (project, sandbox) = (Project::note("hi"), Sandbox::start());
        project.git("init -q");
        let home = TempDir::new().expect("a folder");
        let run =
            |args: &str| there(project.with(&sandbox, args)).env("XDG_STATE_HOME", home.path());
        there(project.with(&sandbox, "apply --yes --concurrency 1"))
            .env("XDG_STATE_HOME", home.path())
            .env("PUSHSYNC_DIE_AFTER", "lose:3")
            .exits(1);
        // What a pull request could bring: that the message was sent, under an id that it chose.
        let waiting = files(home.path()).pop().expect("it waits");
        let true_id = sandbox.created()[0]["id"].as_str().expect("an id").to_owned();
        let claim =
            fs::read_to_string(&waiting).expect("readable").replace(&true_id, "AXCR3k9bpSY7bpuh7");
        fs::remove_file(&waiting).expect("there");
        let own = waiting.file_name().expect("a name").to_str().expect("UTF-8");
        let places = [
            "state/unrecorded-default.jsonl".to_owned(),
            format!("state/{own}"),
            format!(".local/state/pushsync/{own}"),
            format!("home/pushsync/{own}"),
        ];
        for place in &places {
            project.file(place, &claim);
        }
        let serial = || run("plan --format json").ok().json()["state"]["serial"].clone();
        let before = serial();
        run("plan").ok().never_says(&["waits", "recorded what became"]);
        run("apply --yes").exits(4).never_says(&["recorded what became", "AXCR3k9bpSY7bpuh7"]);
        // Not even where the user's folder is said to be in the checkout.
        for (name, value) in
            [("XDG_STATE_HOME", project.join("home")), ("HOME", project.path().to_owned())]
        {
            let mut again = run("apply --yes").env("XDG_STATE_HOME", "").env("HOME", "");
            again = again.env(name, value);
            again.exits(4).never_says(&["recorded what became", "AXCR3k9bpSY7bpuh7"]);
        }
        assert_eq!(serial(), before);
        for place in &places {
            assert!(project.join(place).exists(), "{place}");
        }
    }
}

#[test]
fn where_the_user_has_no_folder_outside_of_the_checkout_the_words_are_all_there_is() {
    for there in stores() {
        let cases: [(&str, Home); 3] = [
            ("neither XDG_STATE_HOME nor HOME names a folder", |_| PathBuf::new()),
            ("is in the checkout of the project", |project| project.path().to_owned()),
            ("is in the checkout of the project", |project| {
                std::os::unix::fs::symlink(project.path(), project.join("link")).expect("a link");
                project.join("link")
            }),
        ];
        for (n, (why, folder)) in cases.into_iter().enumerate() {
            let sandbox = Sandbox::start();
            let project = Project::new(&format!(
                "messages: {{ n{n}: {{ from: support, to: ada, text: x }} }}"
            ));
            fs::create_dir(project.join("chat")).expect("a folder");
            fs::rename(project.join("pushsync.yaml"), project.join("chat/pushsync.yaml"))
                .expect("moved");
            project.git("init -q");
            let before = files(project.path()).len();
            let state = |run: Run| there(run).env("PUSHSYNC_ENV", format!("e{n}"));
            let yaml = project.read("chat/pushsync.yaml");
            project.file("chat/pushsync.yaml", format!("{yaml}\nenvironments: {{ e{n}: {{}} }}\n"));
            let ran = state(project.with(&sandbox, "apply --yes --concurrency 1 -C chat"))
                .env("PUSHSYNC_DIE_AFTER", "lose:3")
                .env("XDG_STATE_HOME", "")
                .env("HOME", folder(&project))
                .exits(1);
            let id = sandbox.created()[0]["id"].as_str().expect("an id").to_owned();
            let by_hand = format!(" --sent {id}");
            let ran = ran.warns(&[
                "was created as message",
                why,
                "pushsync state resolve -C chat",
                &by_hand,
            ]);
            assert!(!ran.err.contains(ADA), "{}", ran.err);
            let after = files(project.path()).len();
            assert_eq!(after, before + 1, "only pushsync.lock is written into the checkout");
        }
    }
}
