//! The script for GitLab: the same commands, by GitLab's API and variables.

use std::{
    fs,
    process::Command,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use crate::{
    action::{KEY, root, script, spying, started},
    fake::{Answer, Asked, Fake},
    needs_tools,
    repository::{ADA, Repository, many, note},
};

/// Notes: id, author, body.
type Notes = Arc<Mutex<Vec<(u64, String, String)>>>;

/// A stand-in for GitLab: merge request 7 of project 5.
struct Lab {
    fake: Fake,
    notes: Notes,
    merged: Arc<Mutex<Value>>,
}

impl Lab {
    fn start() -> Self {
        let notes = Notes::default();
        let merged = Arc::new(Mutex::new(json!([])));
        let (kept, merges) = (Arc::clone(&notes), Arc::clone(&merged));
        let fake = Fake::start(move |_, asked| {
            assert!(asked.head.contains("PRIVATE-TOKEN: glpat-token\r\n"), "{}", asked.head);
            answer(asked, &kept, &merges.lock().expect("not poisoned"))
        });
        Self { fake, notes, merged }
    }

    fn notes(&self) -> Vec<String> {
        let notes = self.notes.lock().expect("not poisoned");
        notes
            .iter()
            .filter(|(_, author, _)| author == "bot")
            .map(|(.., body)| body.clone())
            .collect()
    }

    fn run(&self, repository: &Repository, command: &str, env: &[(&str, &str)]) -> (i32, String) {
        let program = repository.path().join("../pushsync");
        let seen = repository.path().join("../seen");
        script(&program, &format!("{}\n{}", spying(&seen, &repository.path()), started()));
        let done = Command::new("bash")
            .arg(root().join("ci/gitlab.sh"))
            .arg(command)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", repository.path().join(".git"))
            .env("CI_PROJECT_DIR", repository.path())
            .env("PUSHSYNC_ENV", "default")
            .env("CI_JOB_TOKEN", "glcbt-token")
            .env("CI_API_V4_URL", self.fake.base_url())
            .env("CI_PROJECT_ID", "5")
            .env("CI_DEFAULT_BRANCH", "main")
            .env("CI_COMMIT_SHA", repository.head())
            .env("CI_JOB_URL", "https://gitlab.example/jobs/1")
            .env("PUSHSYNC_GITLAB_TOKEN", "glpat-token")
            .env("PUSHSYNC_CI_BINARY", program)
            .env("BREVO_BASE_URL", repository.sandbox.base_url())
            .env("PUSHSYNC_CI_PAUSE", "0")
            .env("PUSHSYNC_STATE", repository.state())
            .env("BREVO_BASE_URL", repository.sandbox.base_url())
            .envs(env.iter().copied())
            .current_dir(repository.path())
            .output()
            .expect("bash starts");
        let said = [done.stdout, done.stderr].concat();
        let said = String::from_utf8(said).expect("UTF-8");
        assert!(
            !said.contains("glpat-token") && !said.contains(KEY) && !said.contains(ADA),
            "{said}"
        );
        let seen = fs::read_to_string(seen).unwrap_or_default();
        assert!(!seen.contains("glpat-token") && !seen.contains("glcbt-token"), "{seen}");
        assert!(command != "plan" || !seen.contains(KEY), "{seen}");
        (done.status.code().unwrap_or(-1), said)
    }

    fn plan(&self, repository: &Repository) -> (i32, String) {
        let env = [
            ("CI_PIPELINE_SOURCE", "merge_request_event"),
            ("CI_MERGE_REQUEST_IID", "7"),
            ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "5"),
        ];
        self.run(repository, "plan", &env)
    }

    fn deploy(
        &self,
        repository: &Repository,
        command: &str,
        more: &[(&str, &str)],
    ) -> (i32, String) {
        let mut env = vec![
            ("CI_PIPELINE_SOURCE", if command == "apply" { "push" } else { "schedule" }),
            ("CI_COMMIT_BRANCH", "main"),
            ("BREVO_API_KEY", KEY),
        ];
        env.extend(more);
        self.run(repository, command, &env)
    }

    fn merge(&self, repository: &Repository) {
        repository.git(&["commit", "-q", "--allow-empty", "-m", "merged"]);
        *self.merged.lock().expect("not poisoned") = json!([{ "iid": 7, "state": "merged", "target_branch": "main", "target_project_id": 5, "merge_commit_sha": repository.head(), "squash_commit_sha": null, "sha": "x" }]);
    }
}

fn answer(asked: &Asked, notes: &Notes, merged: &Value) -> Answer {
    let mut notes = notes.lock().expect("not poisoned");
    let mut words = asked.line.split(' ');
    let (method, target) = (words.next().expect("a method"), words.next().expect("a target"));
    let path = target.split('?').next().expect("a path");
    let body = || -> String {
        let sent: Value = serde_json::from_str(&asked.body).expect("JSON");
        sent["body"].as_str().expect("a body").to_owned()
    };
    let (list, merges) =
        ("/v3/projects/5/merge_requests/7/notes", "/v3/projects/5/repository/commits/");
    match (method, path) {
        ("GET", "/v3/user") => Answer::json(200, r#"{"username":"bot"}"#),
        ("GET", _) if path == list => {
            let all: Vec<_> = notes
                .iter()
                .map(|(id, author, body)| json!({ "id": id, "body": body, "system": false, "author": { "username": author } }))
                .collect();
            Answer::json(200, &Value::from(all).to_string())
        }
        ("POST", _) if path == list => {
            let id = notes.len() as u64 + 1;
            notes.push((id, "bot".to_owned(), body()));
            Answer::json(201, &json!({ "id": id }).to_string())
        }
        ("PUT", _) if path.starts_with(list) => {
            let id = path.rsplit('/').next().expect("an id");
            let note = notes.iter_mut().find(|note| note.0.to_string() == id).expect("it is there");
            note.2 = body();
            Answer::json(200, "{}")
        }
        ("GET", "/v3/projects/5/merge_requests/7") => Answer::json(200, "{}"),
        ("GET", _) if path.starts_with(merges) => Answer::json(200, &merged.to_string()),
        _ => panic!("GitLab is not asked that: {}", asked.line),
    }
}

#[test]
fn a_merge_request_has_one_note_and_what_it_says_is_applied_and_resumed() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    lab.notes.lock().expect("not poisoned").push((99, "mallory".to_owned(), "hello".to_owned()));
    for messages in [note("one"), many(3)] {
        repository.commit(&messages);
        let (status, said) = lab.plan(&repository);
        assert_eq!(status, 0, "{said}");
    }
    assert!(lab.notes().len() == 1 && lab.notes()[0].contains("+ text 2"), "{:?}", lab.notes());
    assert_eq!(repository.sandbox.total(), 0);

    lab.merge(&repository);
    let (status, said) = lab.deploy(&repository, "apply", &[("PUSHSYNC_CI_MAX_REQUESTS", "2")]);
    assert!(status == 0 && said.contains("stopped early"), "{said}");
    let (status, said) = lab.deploy(&repository, "resume", &[]);
    assert!(status == 0 && said.contains("**Done.**"), "{said}");
    assert_eq!(repository.texts().len(), 3);
    assert!(lab.notes().len() == 2 && lab.notes()[1].contains("**Done.**"), "{:?}", lab.notes());
    let (status, said) = lab.deploy(&repository, "resume", &[]);
    assert!(status == 0 && said.contains("nothing to resume"), "{said}");
}

#[test]
fn what_differs_from_the_review_or_has_none_is_refused() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    let (status, said) = lab.deploy(&repository, "apply", &[]);
    assert!(status == 1 && said.contains("no merged request"), "{said}");
    assert_eq!(lab.plan(&repository).0, 0);
    repository.commit(&note("two"));
    lab.merge(&repository);
    let (status, said) = lab.deploy(&repository, "apply", &[]);
    assert!(status == 1 && said.contains("are not those that were reviewed"), "{said}");
    assert!(repository.texts().is_empty());
    let (status, said) = lab.deploy(&repository, "apply", &[("PUSHSYNC_CI_FRESH", "true")]);
    assert_eq!(status, 0, "{said}");
    assert_eq!(repository.texts(), ["two"]);
}

#[test]
fn forks_are_only_checked_and_nothing_is_applied_elsewhere() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    let fork = [
        ("CI_PIPELINE_SOURCE", "merge_request_event"),
        ("CI_MERGE_REQUEST_IID", "7"),
        ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "6"),
        ("PUSHSYNC_STATE", ""),
    ];
    let (status, said) = lab.run(&repository, "plan", &fork);
    assert!(status == 0 && said.contains("comes from a fork"), "{said}");
    let with_key: Vec<_> = fork.iter().copied().chain([("BREVO_API_KEY", KEY)]).collect();
    let (status, said) = lab.run(&repository, "plan", &with_key);
    assert!(status == 1 && said.contains("must see no secret"), "{said}");
    for (name, value) in
        [("CI_PIPELINE_SOURCE", "merge_request_event"), ("CI_COMMIT_BRANCH", "feature")]
    {
        let (status, said) =
            lab.deploy(&repository, "apply", &[(name, value), ("PUSHSYNC_CI_FRESH", "true")]);
        assert!(
            status == 1 && said.contains("runs only on") || said.contains("does not run in"),
            "{said}"
        );
    }
    assert!(lab.notes().is_empty() && repository.texts().is_empty());
}

#[test]
fn pipelines_of_other_sources_and_of_forks_run_nothing_or_only_check() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    let others = [
        "api",
        "trigger",
        "pipeline",
        "parent_pipeline",
        "chat",
        "external",
        "external_pull_request_event",
        "webide",
        "ondemand_dast_scan",
        "security_orchestration_policy",
        "push web",
        "",
    ];
    for source in others.into_iter().chain(["schedule"]) {
        let (status, said) = lab.run(&repository, "plan", &[("CI_PIPELINE_SOURCE", source)]);
        assert!(status == 1 && said.contains("does not run in a pipeline"), "{source}: {said}");
    }
    let fresh = ("PUSHSYNC_CI_FRESH", "true");
    for command in ["apply", "resume"] {
        for source in others.into_iter().chain(["merge_request_event"]) {
            let (status, said) =
                lab.deploy(&repository, command, &[("CI_PIPELINE_SOURCE", source), fresh]);
            assert!(status == 1 && said.contains("does not run in a pipeline"), "{source}: {said}");
        }
    }
    let scheduled = [("CI_PIPELINE_SOURCE", "schedule"), fresh];
    assert_eq!(lab.deploy(&repository, "apply", &scheduled).0, 1);
    assert_eq!(repository.sandbox.total(), 0);
    for source in ["push", "web"] {
        let (status, said) = lab.run(&repository, "plan", &[("CI_PIPELINE_SOURCE", source)]);
        assert!(status == 0 && said.contains("+ one"), "{said}");
    }

    let request = |source: &'static str, target: &'static str, kind: &'static str| {
        [
            ("CI_PIPELINE_SOURCE", "merge_request_event"),
            ("CI_MERGE_REQUEST_IID", "7"),
            ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", source),
            ("CI_MERGE_REQUEST_PROJECT_ID", target),
            ("CI_MERGE_REQUEST_EVENT_TYPE", kind),
        ]
    };
    // A fork's request that a member runs here, in the fork's own project, and in a train.
    for (env, why) in [
        (request("6", "5", "detached"), "comes from a fork"),
        (request("5", "6", "detached"), "comes from a fork"),
        (request("", "5", "merged_result"), "comes from a fork"),
        (request("5", "5", "merge_train"), "merge train"),
    ] {
        let secret = ("PUSHSYNC_STATE_KEY", "a secret of the project");
        let env: Vec<_> = env.into_iter().chain([secret, ("PGPASSWORD", secret.1)]).collect();
        let (status, said) = lab.run(&repository, "plan", &env);
        assert!(status == 0 && said.contains(why) && said.contains("is valid"), "{said}");
        assert!(!said.contains("+ one"), "{said}");
        let seen = fs::read_to_string(repository.path().join("../seen")).expect("it ran");
        let last = seen.rsplit("args: ").next().expect("the last run");
        assert!(last.contains(" validate") && !last.contains(secret.1), "{last}");
    }
    assert!(lab.notes().is_empty());
}

#[test]
fn the_review_for_another_branch_does_not_count() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    assert_eq!(lab.plan(&repository).0, 0);
    lab.merge(&repository);
    let ours = lab.merged.lock().expect("not poisoned").clone();
    for (name, value) in [
        ("target_branch", json!("release")),
        ("target_branch", json!(null)),
        ("target_project_id", json!(6)),
    ] {
        let mut other = ours.clone();
        other[0][name] = value;
        *lab.merged.lock().expect("not poisoned") = other;
        let (status, said) = lab.deploy(&repository, "apply", &[]);
        assert!(status == 1 && said.contains("no merged request"), "{said}");
    }
    *lab.merged.lock().expect("not poisoned") = ours;
    assert_eq!(lab.deploy(&repository, "apply", &[]).0, 0);
    assert_eq!(repository.texts(), ["one"]);
}

#[test]
fn the_folder_of_the_download_is_removed_and_no_other() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    let other = repository.path().join("../other");
    fs::create_dir(&other).expect("a folder");
    let other = other.display().to_string();
    let env = [("CI_PIPELINE_SOURCE", "push"), ("PUSHSYNC_CI_DOWNLOAD", other.as_str())];
    assert_eq!(lab.run(&repository, "plan", &env).0, 0);
    assert!(fs::metadata(&other).is_ok(), "the scripts are not from there");
    // The scripts of a release, unpacked as the template does.
    let copied = Command::new("cp").arg("-R").arg(root().join("ci")).arg(&other).status();
    assert!(copied.expect("cp is there").success());
    let done = Command::new("bash")
        .args(["-p", &format!("{other}/ci/gitlab.sh"), "plan"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("PUSHSYNC_CI_DOWNLOAD", &other)
        .current_dir(repository.path())
        .output()
        .expect("bash starts");
    assert_eq!(done.status.code(), Some(1), "this is not a pipeline");
    assert!(fs::metadata(&other).is_err());
}

#[test]
fn the_template_never_gives_a_key_to_a_plan() {
    let template =
        fs::read_to_string(root().join("ci/templates/gitlab.yml")).expect("the template");
    let template: Value = serde_yaml::from_str(&template).expect("YAML");
    let script = template["pushsync-plan"]["script"].as_array().expect("a script");
    assert_eq!(script[0], "unset BREVO_API_KEY BREVO_CLIENT_ID BREVO_CLIENT_SECRET");
    assert_eq!(
        template["pushsync-apply"]["resource_group"],
        template["pushsync-resume"]["resource_group"]
    );
    assert_eq!(template["pushsync-apply"]["interruptible"], false);
    let before = template[".pushsync"]["before_script"].to_string();
    assert!(
        before.contains("mktemp -d") && before.contains("curl -q ") && !before.contains("/tmp/")
    );
    for job in ["pushsync-plan", "pushsync-apply", "pushsync-resume"] {
        assert!(template[job]["script"].to_string().contains("exec bash -p "), "{job}");
    }
}
