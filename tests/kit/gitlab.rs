//! The jobs of GitLab CI: the same commands, by GitLab's API and variables.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{Arc, Mutex, MutexGuard},
};

use serde_json::{Value, json};

use crate::{
    action::{KEY, root, script},
    fake::{Answer, Asked, Fake},
    needs_tools,
    repository::{ADA, BEN, Repository, many, note},
};

const TOKEN: &str = "glpat-token";
const FRESH: (&str, &str) = ("PUSHSYNC_CI_FRESH", "true");

/// What it knows.
struct World {
    notes: Vec<Note>,
    /// The merge requests of each commit.
    merged: Value,
    /// The last commit of merge request 7, if it says it.
    head: Option<String>,
    /// What two commits have in common, if it knows them.
    base: Option<String>,
    /// How many notes a page has.
    page: usize,
    /// The start of a request that is answered otherwise, the number of times, and the answer.
    faults: Vec<(&'static str, usize, Answer)>,
}

#[derive(Clone)]
struct Note {
    id: u64,
    author: &'static str,
    system: bool,
    body: String,
}

/// A stand-in for GitLab: merge request 7 of project 5.
struct Lab {
    fake: Fake,
    world: Arc<Mutex<World>>,
}

impl Lab {
    fn start() -> Self {
        let world = World {
            notes: Vec::new(),
            merged: json!([]),
            head: None,
            base: None,
            page: 100,
            faults: Vec::new(),
        };
        let world = Arc::new(Mutex::new(world));
        let shared = Arc::clone(&world);
        let fake = Fake::start(move |_, asked| {
            let head = asked.head.to_lowercase();
            assert!(head.contains(&format!("private-token: {TOKEN}\r\n")), "{head}");
            let mut world = shared.lock().expect("not poisoned");
            world.answer(asked)
        });
        Self { fake, world }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("not poisoned")
    }

    fn write(&self, author: &'static str, body: &str) {
        self.world().write(author, body);
    }

    /// The notes of this kind by the user of the token.
    fn notes(&self, kind: &str) -> Vec<String> {
        let start = format!("<!-- pushsync:{kind} ");
        let world = self.world();
        let ours = world.notes.iter().filter(|note| note.author == "bot" && !note.system);
        ours.filter(|note| note.body.starts_with(&start)).map(|note| note.body.clone()).collect()
    }

    fn only(&self, kind: &str) -> String {
        let mut notes = self.notes(kind);
        assert_eq!(notes.len(), 1, "{notes:#?}");
        notes.remove(0)
    }

    fn run(&self, repository: &Repository, command: &str, env: &[(&str, &str)]) -> (i32, String) {
        self.run_program(Path::new(env!("CARGO_BIN_EXE_pushsync")), repository, command, env)
    }

    fn run_program(
        &self,
        program: &Path,
        repository: &Repository,
        command: &str,
        env: &[(&str, &str)],
    ) -> (i32, String) {
        let done = Command::new(program)
            .args(["ci", command])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", repository.path().join(".git"))
            .env("CI", "true")
            .env("GITLAB_CI", "true")
            .env("CI_PROJECT_DIR", repository.path())
            .env("PUSHSYNC_ENV", "default")
            .env("CI_JOB_TOKEN", "glcbt-token")
            .env("CI_API_V4_URL", self.fake.base_url())
            .env("CI_PROJECT_ID", "5")
            .env("CI_DEFAULT_BRANCH", "main")
            .env("CI_COMMIT_SHA", repository.head())
            .env("CI_JOB_URL", "https://gitlab.example/jobs/1")
            .env("PUSHSYNC_GITLAB_TOKEN", TOKEN)
            .env("PUSHSYNC_CI_PAUSE", "0")
            .env("PUSHSYNC_STATE", repository.state())
            .env("BREVO_BASE_URL", repository.sandbox.base_url())
            .envs(env.iter().copied())
            .current_dir(repository.path())
            .output()
            .expect("it runs");
        let said = [done.stdout, done.stderr].concat();
        let said = String::from_utf8(said).expect("UTF-8");
        for hidden in [TOKEN, "glcbt-token", KEY, ADA, BEN] {
            assert!(!said.contains(hidden), "{hidden}: {said}");
        }
        // Only the sections of the summary have control characters.
        for line in said.lines().filter(|line| line.contains(['\x1b', '\r'])) {
            let ours = ["start:", "end:"]
                .into_iter()
                .any(|word| line.starts_with(&format!("\x1b[0Ksection_{word}")));
            assert!(ours, "{line:?}");
        }
        (done.status.code().unwrap_or(-1), said)
    }

    /// The job of merge request 7.
    fn plan_with(&self, repository: &Repository, more: &[(&str, &str)]) -> (i32, String) {
        let mut env = vec![
            ("CI_PIPELINE_SOURCE", "merge_request_event"),
            ("CI_MERGE_REQUEST_IID", "7"),
            ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "5"),
        ];
        env.extend(more);
        self.run(repository, "plan", &env)
    }

    fn plan(&self, repository: &Repository) -> (i32, String) {
        self.plan_with(repository, &[])
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
            ("CI_COMMIT_REF_PROTECTED", "true"),
            ("BREVO_API_KEY", KEY),
        ];
        env.extend(more);
        self.run(repository, command, &env)
    }

    fn merge(&self, repository: &Repository) {
        repository.git(&["commit", "-q", "--allow-empty", "-m", "merged"]);
        self.world().merged = json!([merged(&repository.head())]);
    }
}

/// Merge request 7, as GitLab lists those of a commit.
fn merged(commit: &str) -> Value {
    json!({
        "iid": 7, "state": "merged", "target_branch": "main", "target_project_id": 5,
        "merge_commit_sha": commit, "squash_commit_sha": null, "sha": "x",
    })
}

impl World {
    fn write(&mut self, author: &'static str, body: &str) -> u64 {
        let id = self.notes.last().map_or(1, |note| note.id + 1);
        self.notes.push(Note { id, author, system: false, body: body.to_owned() });
        id
    }

    fn answer(&mut self, asked: &Asked) -> Answer {
        let fault = self
            .faults
            .iter_mut()
            .find(|(line, times, _)| *times > 0 && asked.line.starts_with(line));
        if let Some((_, times, answer)) = fault {
            *times -= 1;
            return answer.clone();
        }
        let mut words = asked.line.split(' ');
        let (method, target) = (words.next().expect("a method"), words.next().expect("a target"));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        let body = || -> String {
            let sent: Value = serde_json::from_str(&asked.body).expect("JSON");
            sent["body"].as_str().expect("a body").to_owned()
        };
        match (method, parts.as_slice()) {
            ("GET", ["v3", "user"]) => Answer::json(200, r#"{"username":"bot"}"#),
            ("GET", ["v3", "projects", "5", "merge_requests", "7", "notes"]) => {
                self.list(asked, query)
            }
            ("POST", ["v3", "projects", "5", "merge_requests", "7", "notes"]) => {
                let id = self.write("bot", &body());
                Answer::json(201, &json!({ "id": id }).to_string())
            }
            (_, ["v3", "projects", "5", "merge_requests", "7", "notes", id]) => {
                let found = self.notes.iter().position(|note| note.id.to_string() == *id);
                let Some(at) = found else {
                    return Answer::json(404, r#"{"message":"404 Note Not Found"}"#);
                };
                if method == "DELETE" {
                    self.notes.remove(at);
                    return Answer::Is(204, String::new(), String::new());
                }
                assert_eq!(method, "PUT");
                self.notes[at].body = body();
                Answer::json(200, "{}")
            }
            ("GET", ["v3", "projects", "5", "merge_requests", "7"]) => {
                Answer::json(200, &json!({ "iid": 7, "sha": self.head }).to_string())
            }
            ("GET", ["v3", "projects", "5", "repository", "commits", _, "merge_requests"]) => {
                Answer::json(200, &self.merged.to_string())
            }
            ("GET", ["v3", "projects", "5", "repository", "merge_base"]) => {
                assert!(query.starts_with("refs%5B%5D=") && query.len() == 2 * 51 + 1, "{query}");
                match &self.base {
                    Some(base) => Answer::json(200, &json!({ "id": base }).to_string()),
                    None => Answer::json(404, r#"{"message":"404 Not found"}"#),
                }
            }
            _ => panic!("GitLab is not asked that: {}", asked.line),
        }
    }

    fn list(&self, asked: &Asked, query: &str) -> Answer {
        let page = query.split('&').find_map(|part| part.strip_prefix("page="));
        let page: usize = page.map_or(1, |page| page.parse().expect("a number"));
        let all: Vec<_> = self
            .notes
            .iter()
            .map(|note| {
                json!({ "id": note.id, "body": note.body, "system": note.system,
                    "author": { "username": note.author } })
            })
            .collect();
        let shown: Vec<_> = all.chunks(self.page).nth(page - 1).unwrap_or_default().to_vec();
        let host = asked.head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("host").then_some(value)
        });
        let host = host.expect("a host");
        let mut headers = "content-type: application/json\r\n".to_owned();
        if page * self.page < all.len() {
            let next = page + 1;
            headers.push_str(&format!(
                "Link: <http://{host}/v3/projects/5/merge_requests/7/notes?page={next}>; rel=\"next\", <http://{host}/v3/x?page=1>; rel=\"first\"\r\nX-Next-Page: {next}\r\n"
            ));
        }
        Answer::Is(200, headers, Value::from(shown).to_string())
    }
}

#[test]
fn a_merge_request_has_one_note_and_what_it_says_is_applied_and_resumed() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    lab.write("mallory", "hello");
    for messages in [note("one"), many(3)] {
        repository.commit(&messages);
        let (status, said) = lab.plan(&repository);
        assert_eq!(status, 0, "{said}");
    }
    assert!(lab.only("comment").contains("+ text 2"), "{}", lab.only("comment"));
    assert_eq!(repository.sandbox.total(), 0);

    lab.merge(&repository);
    let (status, said) = lab.deploy(&repository, "apply", &[("PUSHSYNC_CI_MAX_REQUESTS", "2")]);
    assert_eq!(status, 0, "{said}");
    assert_eq!(repository.texts().len(), 2, "{said}");
    let (status, said) = lab.deploy(&repository, "resume", &[]);
    assert_eq!(status, 0, "{said}");
    assert_eq!(repository.texts().len(), 3, "{said}");
    assert!(lab.only("outcome").contains("**Done.**"), "{}", lab.only("outcome"));
    let (status, said) = lab.deploy(&repository, "resume", &[]);
    assert_eq!(status, 0, "{said}");
    assert_eq!(repository.texts().len(), 3);
}

#[test]
fn what_differs_from_the_review_or_has_none_is_refused() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    let (status, said) = lab.deploy(&repository, "apply", &[]);
    assert!(status == 1 && said.contains("no merged request"), "{said}");
    assert!(said.contains("run this with PUSHSYNC_CI_FRESH=true"), "{said}");
    assert_eq!(lab.plan(&repository).0, 0);
    repository.commit(&note("two"));
    lab.merge(&repository);
    let (status, said) = lab.deploy(&repository, "apply", &[]);
    assert_eq!(status, 1, "{said}");
    assert!(repository.texts().is_empty());
    let (status, said) = lab.deploy(&repository, "apply", &[FRESH]);
    assert_eq!(status, 0, "{said}");
    assert_eq!(repository.texts(), ["two"]);
}

#[test]
fn forks_are_only_checked_and_nothing_is_applied_elsewhere() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    let fork = [("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "6"), ("PUSHSYNC_STATE", "")];
    let (status, said) = lab.plan_with(&repository, &fork);
    assert!(status == 0 && said.contains("comes from a fork"), "{said}");
    let with_key: Vec<_> = fork.iter().copied().chain([("BREVO_API_KEY", KEY)]).collect();
    let (status, said) = lab.plan_with(&repository, &with_key);
    assert!(status == 1 && said.contains("must see no secret"), "{said}");
    for (name, value) in [
        ("CI_PIPELINE_SOURCE", "merge_request_event"),
        ("CI_COMMIT_BRANCH", "feature"),
        // A tag has no branch.
        ("CI_COMMIT_BRANCH", ""),
        ("CI_DEFAULT_BRANCH", ""),
        ("PUSHSYNC_CI_BRANCH", "live"),
    ] {
        for command in ["apply", "resume"] {
            let (status, said) = lab.deploy(&repository, command, &[(name, value), FRESH]);
            let why = ["runs only on", "does not run in", "nothing says which branch"];
            assert!(status == 1 && why.iter().any(|why| said.contains(why)), "{said}");
        }
    }
    assert!(lab.world().notes.is_empty() && repository.texts().is_empty());
    assert_eq!(repository.sandbox.total(), 0);
}

#[test]
fn pipelines_of_other_sources_run_nothing() {
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
        "PUSH",
        "",
    ];
    for source in others.into_iter().chain(["schedule"]) {
        let (status, said) = lab.run(&repository, "plan", &[("CI_PIPELINE_SOURCE", source)]);
        assert!(status == 1 && said.contains("does not run in a pipeline"), "{source}: {said}");
    }
    for command in ["apply", "resume"] {
        for source in others.into_iter().chain(["merge_request_event"]) {
            let env = [("CI_PIPELINE_SOURCE", source), FRESH];
            let (status, said) = lab.deploy(&repository, command, &env);
            assert!(status == 1 && said.contains("does not run in a pipeline"), "{source}: {said}");
        }
    }
    assert_eq!(lab.deploy(&repository, "apply", &[("CI_PIPELINE_SOURCE", "schedule"), FRESH]).0, 1);
    assert_eq!(repository.sandbox.total(), 0);
    for source in ["push", "web"] {
        let (status, said) = lab.run(&repository, "plan", &[("CI_PIPELINE_SOURCE", source)]);
        assert!(status == 0 && said.contains("+ one"), "{said}");
    }
    assert!(lab.world().notes.is_empty());
}

#[test]
fn files_that_may_be_of_others_are_checked_without_the_state() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    let request = |source: &'static str, target: &'static str, kind: &'static str| {
        [
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
        (request("5", "5", "merge_convoy"), "whose commits"),
    ] {
        // A state that cannot be read: it is not looked at.
        let secrets = [
            ("PUSHSYNC_STATE", "postgres://me:hush@127.0.0.1:1/x"),
            ("PUSHSYNC_STATE_KEY", "a passphrase of a few words"),
            ("PUSHSYNC_VAR_WORD", "hush"),
        ];
        let env: Vec<_> = env.into_iter().chain(secrets).collect();
        let (status, said) = lab.plan_with(&repository, &env);
        assert!(status == 0 && said.contains(why) && said.contains("is valid"), "{said}");
        assert!(!said.contains("+ one") && !said.contains("hush"), "{said}");
    }
    // Not even what a manifest asks for by name.
    repository.file(
        "messages/more.yaml",
        "audiences: { more: { file: \"${PUSHSYNC_VAR_WORD}.csv\" } }\n",
    );
    let fork = [("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "6"), ("PUSHSYNC_VAR_WORD", "hush")];
    let (status, said) = lab.plan_with(&repository, &fork);
    assert!(status == 1 && said.contains("PUSHSYNC_VAR_WORD") && !said.contains("hush"), "{said}");
    assert!(lab.world().notes.is_empty());
}

#[test]
fn the_review_for_another_branch_does_not_count() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    assert_eq!(lab.plan(&repository).0, 0);
    lab.merge(&repository);
    let ours = lab.world().merged.clone();
    for (name, value) in [
        ("target_branch", json!("release")),
        ("target_branch", json!("MAIN")),
        ("target_branch", json!(null)),
        ("target_project_id", json!(6)),
        ("state", json!("opened")),
        ("merge_commit_sha", json!("f".repeat(40))),
    ] {
        let mut other = ours.clone();
        other[0][name] = value;
        lab.world().merged = other;
        let (status, said) = lab.deploy(&repository, "apply", &[]);
        assert!(status == 1 && said.contains("no merged request"), "{name}: {said}");
    }
    lab.world().merged = ours;
    assert_eq!(lab.deploy(&repository, "apply", &[]).0, 0);
    assert_eq!(repository.texts(), ["one"]);
}

#[test]
fn a_plan_that_somebody_else_wrote_is_not_a_review() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    assert_eq!(lab.plan(&repository).0, 0);
    let ours = lab.only("comment");
    lab.merge(&repository);
    // The same words by another user, and by GitLab in the name of ours; and ours, quoted.
    let forged = [
        Note { id: 1, author: "mallory", system: false, body: ours.clone() },
        Note { id: 2, author: "bot", system: true, body: ours.clone() },
        Note { id: 3, author: "bot", system: false, body: format!("> {ours}") },
        Note { id: 4, author: "Bot", system: false, body: ours.clone() },
    ];
    lab.world().notes = forged.to_vec();
    let (status, said) = lab.deploy(&repository, "apply", &[]);
    assert!(status == 1 && said.contains("has no plan"), "{said}");
    assert!(repository.texts().is_empty());
    // Two of ours that differ: nobody knows which one was reviewed.
    let other = ours.replacen("changes=", "changes=0", 1);
    lab.world().write("bot", &other);
    lab.world().write("bot", &ours);
    let (status, said) = lab.deploy(&repository, "apply", &[]);
    assert!(status == 1 && said.contains("different plans"), "{said}");
    assert!(repository.texts().is_empty());
}

#[test]
fn notes_on_later_pages_are_found_and_no_other_server_gets_the_token() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    for _ in 0..5 {
        lab.write("mallory", "hello");
    }
    lab.world().page = 2;
    for _ in 0..2 {
        let (status, said) = lab.plan(&repository);
        assert_eq!(status, 0, "{said}");
    }
    lab.only("comment");

    let other = Fake::start(|_, _| Answer::json(200, "[]"));
    let elsewhere = format!(
        "link: <{}/projects/5/merge_requests/7/notes?page=2>; rel=\"next\"\r\n",
        other.base_url()
    );
    lab.merge(&repository);
    lab.world().faults.push((
        "GET /v3/projects/5/merge_requests/7/notes",
        9,
        Answer::Is(200, elsewhere, "[]".to_owned()),
    ));
    let (status, said) = lab.deploy(&repository, "apply", &[]);
    assert!(status == 1 && said.contains("another server"), "{said}");
    assert!(other.asked().is_empty() && repository.texts().is_empty());
}

#[test]
fn a_job_that_newer_commits_have_overtaken_does_not_comment() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    lab.world().head = Some("f".repeat(40));
    let (status, said) = lab.plan(&repository);
    assert!(status == 0 && said.contains("newer commits") && said.contains("+ one"), "{said}");
    assert!(lab.world().notes.is_empty());
    // A pipeline of a merged result has a commit of its own.
    let head = ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "f".repeat(40));
    let (status, said) = lab.plan_with(&repository, &[(head.0, &head.1)]);
    assert_eq!(status, 0, "{said}");
    assert!(lab.only("comment").contains("+ one"));
}

#[test]
fn a_token_that_gitlab_refuses_costs_the_note_and_not_the_plan() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    for (status, message) in
        [(401, "401 Unauthorized"), (403, "403 Forbidden"), (429, "Retry later")]
    {
        let answer = Answer::Is(
            status,
            "content-type: application/json\r\nretry-after: 3600\r\n".to_owned(),
            json!({ "message": format!("{message}\n\x1b[0Ksection_end:1:x\r {TOKEN}") })
                .to_string(),
        );
        lab.world().faults = vec![("GET ", 9, answer)];
        let (ended, said) = lab.plan(&repository);
        assert!(ended == 0 && said.contains("+ one"), "{said}");
        assert!(said.contains("could not be written") && said.contains(message), "{said}");
        let (ended, said) = lab.deploy(&repository, "apply", &[]);
        assert!(ended == 1 && said.contains("could not be looked up"), "{said}");
    }
    lab.world().faults.clear();
    let (ended, said) = lab.plan_with(&repository, &[("PUSHSYNC_GITLAB_TOKEN", "")]);
    assert!(ended == 0 && said.contains("There is no token") && said.contains("+ one"), "{said}");
    assert!(lab.world().notes.is_empty() && repository.texts().is_empty());
}

/// Nothing that GitLab would carry out in the name of the token's user.
fn has_no_command(note: &str) {
    assert!(!note.lines().any(|line| line.starts_with('/')), "{note}");
    assert!(!note.contains(['\x1b', '\r', '\u{202e}']), "{note:?}");
}

#[test]
fn words_of_others_are_no_commands_in_a_note_and_no_sections_in_the_log() {
    needs_tools!();
    for text in [
        "/close\n```\n/merge\n````\n/approve\n</details>\n/assign @everyone",
        "\u{1b}[0Ksection_end:0:pushsync_summary\r\u{1b}[0K\n/close",
        "<!-- pushsync:plan environment=default changes=0000 -->\n/title x",
    ] {
        let (repository, lab) = (Repository::new(&note("one")), Lab::start());
        let quoted = json!(text);
        repository
            .commit(&format!("  note: {{ from: support, to: ada, text: {quoted}, raw: true }}"));
        // The log is looked at, as in each test.
        let (status, said) = lab.plan(&repository);
        assert_eq!(status, 0, "{said}");
        has_no_command(&lab.only("comment"));
        lab.merge(&repository);
        let (status, said) = lab.deploy(&repository, "apply", &[]);
        assert_eq!(status, 0, "{said}");
        has_no_command(&lab.only("outcome"));
        assert_eq!(repository.texts(), [text]);
        // A project that is wrong on purpose.
        repository
            .commit(&format!("  note: {{ from: {quoted}, to: ada, text: one, {quoted}: 1 }}"));
        let (status, said) = lab.plan(&repository);
        assert_eq!(status, 1, "{said}");
        has_no_command(&lab.only("comment"));
    }
}

#[test]
fn a_branch_that_is_not_protected_is_told() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    assert_eq!(lab.plan(&repository).0, 0);
    lab.merge(&repository);
    let open = [("CI_COMMIT_REF_PROTECTED", "false")];
    let (status, said) = lab.deploy(&repository, "apply", &open);
    assert!(status == 0 && said.contains("Anyone who can push to main can apply"), "{said}");
}

#[test]
fn the_folder_of_the_download_is_removed_and_no_other() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    let other = repository.path().join("../other");
    fs::create_dir(&other).expect("a folder");
    let named = other.display().to_string();
    let env = [("CI_PIPELINE_SOURCE", "push"), ("PUSHSYNC_CI_DOWNLOAD", named.as_str())];
    let (status, said) = lab.run(&repository, "plan", &env);
    assert!(status == 0 && fs::metadata(&other).is_ok(), "the program is not from there: {said}");

    // As the template unpacks it.
    let program = other.join("pushsync-1/pushsync");
    for refused in [false, true] {
        fs::create_dir_all(other.join("pushsync-1")).expect("a folder");
        fs::hard_link(env!("CARGO_BIN_EXE_pushsync"), &program)
            .or_else(|_| fs::copy(env!("CARGO_BIN_EXE_pushsync"), &program).map(drop))
            .expect("writable");
        let source = if refused { "api" } else { "push" };
        let env = [("CI_PIPELINE_SOURCE", source), ("PUSHSYNC_CI_DOWNLOAD", named.as_str())];
        let (status, said) = lab.run_program(&program, &repository, "plan", &env);
        assert_eq!(status, i32::from(refused), "{said}");
        assert!(fs::metadata(&other).is_err(), "{said}");
    }
}

fn template() -> Value {
    let text = fs::read_to_string(root().join("ci/templates/gitlab.yml")).expect("the template");
    serde_yaml::from_str(&text).expect("YAML")
}

/// The lines of a job of the template, as a runner runs them.
fn lines(job: &str) -> String {
    let template = template();
    let of = |lines: &Value| -> Vec<String> {
        let lines = lines.as_array().expect("lines");
        lines.iter().map(|line| line.as_str().expect("a text").to_owned()).collect()
    };
    [of(&template[".pushsync"]["before_script"]), of(&template[job]["script"])].concat().join("\n")
}

#[test]
fn the_template_gives_a_plan_no_key_and_runs_one_sending_job_at_a_time() {
    let template = template();
    let plan = lines("pushsync-plan");
    let unset = plan.find("unset BREVO_API_KEY BREVO_CLIENT_ID BREVO_CLIENT_SECRET");
    assert!(unset.expect("no key") < plan.find("ci plan").expect("the plan"), "{plan}");
    for job in ["pushsync-apply", "pushsync-resume"] {
        let job = &template[job];
        assert_eq!(job["resource_group"], "pushsync");
        assert_eq!(job["interruptible"], false);
        assert_eq!(job["environment"], "production");
    }
    for job in ["plan", "apply", "resume"] {
        let lines = lines(&format!("pushsync-{job}"));
        // With exec, the signal that cancels a job reaches the program.
        assert!(lines.ends_with(&format!("exec \"$pushsync\" ci {job}")), "{lines}");
        assert!(lines.contains("mktemp -d") && !lines.contains("/tmp/"), "{lines}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_template_runs_a_release_with_the_right_checksum_and_no_other() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let version = env!("CARGO_PKG_VERSION");
    let name = format!("pushsync-{version}-{}-unknown-linux-musl", std::env::consts::ARCH);
    fs::create_dir_all(path(&name)).expect("a folder");
    script(
        &path(&name).join("pushsync"),
        "echo \"key: $BREVO_API_KEY, state: $PUSHSYNC_STATE, args: $*\"",
    );
    let packed = Command::new("tar")
        .args(["-czf", "archive", &name])
        .current_dir(folder.path())
        .status()
        .expect("tar is there");
    assert!(packed.success());
    let sum = Command::new("sha256sum").arg(path("archive")).output().expect("it is there").stdout;
    let sum = String::from_utf8_lossy(&sum[..64]).into_owned();

    // In place of the network.
    fs::create_dir(path("bin")).expect("a folder");
    script(&path("bin/apk"), "exit 0");
    let copy = "last=; for word in \"$@\"; do\n\
                [ \"$last\" = --output ] && to=$word; last=$word; done\n\
                echo \"from $last\"; cp \"$ARCHIVE\" \"$to\"";
    script(&path("bin/curl"), copy);
    let search = std::env::join_paths(
        [path("bin")]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let run = |job: &str, sum: &str| {
        let done = Command::new("bash")
            .args(["-e", "-o", "pipefail", "-c", &lines(job)])
            .env_clear()
            .env("PATH", search.as_ref().expect("a path"))
            .env("TMPDIR", folder.path())
            .env("ARCHIVE", path("archive"))
            .env("PUSHSYNC_VERSION", version)
            .env("PUSHSYNC_RELEASES", "https://example.com/releases")
            .env("PUSHSYNC_SHA256", sum)
            .env("PUSHSYNC_STATE", "to-write")
            .env("PUSHSYNC_STATE_TO_READ", "to-read")
            .env("BREVO_API_KEY", "the-key")
            .current_dir(repository.path())
            .output()
            .expect("bash starts");
        (done.status.success(), String::from_utf8_lossy(&done.stdout).into_owned())
    };
    for (job, saw) in [
        ("pushsync-plan", "key: , state: to-read, args: ci plan"),
        ("pushsync-apply", "key: the-key, state: to-write, args: ci apply"),
        ("pushsync-resume", "key: the-key, state: to-write, args: ci resume"),
    ] {
        let (done, said) = run(job, &sum);
        assert!(done && said.ends_with(&format!("{saw}\n")), "{said}");
        let from = format!("from https://example.com/releases/v{version}/{name}.tar.gz\n");
        assert!(said.starts_with(&from), "{said}");
        for other in ["0".repeat(64), String::new()] {
            let (done, said) = run(job, &other);
            assert!(!done && !said.contains("args:"), "{said}");
        }
    }
}

#[test]
fn an_old_job_that_is_run_again_turns_nothing_back() {
    needs_tools!();
    let (repository, lab) = (Repository::new(&note("one")), Lab::start());
    let old = repository.head();
    assert_eq!(lab.deploy(&repository, "apply", &[FRESH]).0, 0);
    repository.commit(&note("two"));
    let new = repository.head();
    assert_eq!(lab.deploy(&repository, "apply", &[FRESH]).0, 0);
    repository.git(&["checkout", "-q", &old]);
    for base in [Some(old.clone()), Some("0".repeat(40)), None] {
        lab.world().base = base;
        let (status, said) = lab.deploy(&repository, "apply", &[FRESH]);
        assert!(
            status == 1 && said.contains(&format!("Commit {} was applied last", &new[..12])),
            "{said}"
        );
    }
    assert_eq!(repository.texts(), ["two"]);
    lab.world().base = Some(new);
    assert_eq!(lab.deploy(&repository, "apply", &[FRESH]).0, 0, "GitLab knows it better");
    assert_eq!(repository.texts(), ["one"]);
}
