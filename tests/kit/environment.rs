//! What pushsync, and the processes that it descends from, have in their environments. Each test of the kit
//! looks for the token and the key there; see `spying`.

use std::fs;

use crate::{
    action::{Done, Job, KEY},
    needs_tools,
    repository::{Repository, note},
};

/// The environment that the program ran in, as git, which it asks for the commit, could see it; and that of the
/// processes above it.
fn environments(done: &Done) -> (&str, &str) {
    let (_, rest) = done.seen.split_once("pushsync --color never ci --clean").expect("it ran");
    let rest = rest.split("args: ").next().expect("the first question to git");
    rest.split_once("process: ").unwrap_or((rest, ""))
}

/// With variables that nothing of the kit needs, each with a secret.
fn with_secrets(job: Job) -> Job {
    let names = [
        "GH_TOKEN",
        "ACTIONS_RUNTIME_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        "ACTIONS_CACHE_URL",
        "INPUT_TOKEN",
        "INPUT_API-KEY",
        "NPM_TOKEN",
        "DATABASE_URL",
        "PUSHSYNC_GITLAB_TOKEN",
        "PUSHSYNC_NEW_STATE_KEY",
        "LD_PRELOAD_NOT",
        "BASH_FUNC_secret%%",
    ];
    names.iter().fold(job, |job, name| job.env(name, "() { echo another-secret\n }"))
}

#[test]
fn a_plan_and_the_processes_above_it_hold_neither_key_nor_token() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    for name in [
        "BREVO_API_KEY",
        "BREVO_API_KEY_FILE",
        "BREVO_PARTNER_KEY",
        "BREVO_CLIENT_ID",
        "BREVO_CLIENT_SECRET",
        "BREVO_CLIENT_SECRET_FILE",
        "PUSHSYNC_CI_CLIENT_ID",
        "PUSHSYNC_CI_CLIENT_SECRET",
    ] {
        for job in [repository.pull_request(), repository.push().input("command", "plan")] {
            let mut job = with_secrets(job);
            job.env.remove("BREVO_API_KEY");
            let done = job.env(name, format!("{KEY}\nof two lines")).ok();
            for secret in [KEY, "of two lines", "another-secret"] {
                assert!(!done.seen.contains(secret), "{secret}: {}", done.seen);
            }
            if cfg!(target_os = "linux") {
                let (own, above) = environments(&done);
                assert!(own.contains("PUSHSYNC_STATE=") && above.is_empty(), "{}", done.seen);
            }
            done.notes("warning", "A plan needs none").sums_up(&["+ one"]);
        }
    }
}

#[test]
fn an_apply_holds_the_key_and_the_processes_above_it_hold_nothing() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let done = with_secrets(repository.push()).input("fresh", "true").ok();
    assert!(!done.seen.contains("another-secret"), "{}", done.seen);
    let (own, above) = environments(&done);
    assert!(own.contains(&format!("BREVO_API_KEY={KEY}\n")) && above.is_empty(), "{above}");
}

#[test]
fn an_oauth_client_reaches_an_apply_by_inputs_or_variables_and_nothing_else() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let by_inputs = repository.push().input("client-id", "app-1").input("client-secret", KEY);
    let by_variables = repository.push().env("BREVO_CLIENT_ID", "app-1");
    let by_variables = by_variables.env("BREVO_CLIENT_SECRET", KEY);
    // The inputs count.
    let both = repository.scheduled().input("client-id", "app-1").input("client-secret", KEY);
    let both = both.env("BREVO_CLIENT_ID", "another").env("BREVO_CLIENT_SECRET", "another-secret");
    for job in [by_inputs, by_variables, both] {
        let mut job = job.input("fresh", "true");
        // A secret that does not exist is an empty text.
        job.env.insert("BREVO_API_KEY".to_owned(), String::new());
        let done = job.ok();
        let (own, above) = environments(&done);
        assert!(own.contains(&format!("BREVO_CLIENT_SECRET={KEY}\n")), "{own}");
        assert!(own.contains("BREVO_CLIENT_ID=app-1\n") && above.is_empty(), "{above}");
        assert!(!done.seen.contains("another") && !own.contains("PUSHSYNC_CI_CLIENT"), "{own}");
    }
    assert_eq!(repository.texts(), ["one"]);
    // With a key besides, pushsync refuses.
    repository.commit(&note("two"));
    let job = repository.push().input("fresh", "true").input("client-id", "app-1");
    job.input("client-secret", "x").exits(1).notes("error", "BREVO_API_KEY and BREVO_CLIENT_ID");
}

#[test]
fn what_a_state_needs_reaches_a_plan_and_what_is_empty_does_not() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let of_the_state = [
        ("PUSHSYNC_STATE_KEY", "a passphrase of a few words"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL_S3", "https://s3.example"),
        ("PGPASSWORD", "of the database"),
    ];
    let of_both = [
        ("PUSHSYNC_VAR_PLAN", "beta\nof two lines"),
        ("HTTPS_PROXY", "http://127.0.0.1:9"),
        ("NO_PROXY", "127.0.0.1"),
        ("LC_ALL", "C.UTF-8"),
        ("XDG_STATE_HOME", "/nowhere/state"),
    ];
    let job = of_the_state
        .iter()
        .chain(&of_both)
        .fold(repository.pull_request(), |job, (name, value)| job.env(name, *value));
    let done = job.env("PGUSER", "").input("environment", "staging").ok();
    let (plan, _) = environments(&done);
    for (name, value) in of_the_state.iter().chain(&of_both) {
        assert!(plan.contains(&format!("{name}={value}\n")), "{name}: {plan}");
    }
    assert!(plan.contains("PUSHSYNC_STATE="), "{plan}");
    assert!(plan.contains("PUSHSYNC_ENV=staging") && plan.contains("CI=true"), "{plan}");
    assert!(!plan.contains("PGUSER"), "what is empty is not there");
}

#[test]
fn a_state_at_a_url_in_yaml_is_refused_unless_the_job_says_so() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let flag = "--refuse-state-url";
    let project = fs::read_to_string(repository.path().join("pushsync.yaml")).expect("there");
    for url in ["postgres://me@127.0.0.1:1/x", "s3://bucket/prefix"] {
        repository.file("pushsync.yaml", &format!("{project}state: {url}\n"));
        let job = || repository.pull_request().env("AWS_REGION", "eu-central-1");
        let done = job().input("state", "").exits(1).notes("error", flag);
        assert!(!done.log.contains("could not be reached"), "{}", done.log);
        for job in [repository.push().input("fresh", "true"), repository.scheduled()] {
            let job = job.env("AWS_REGION", "eu-central-1").input("state", "");
            job.exits(1).notes("error", flag);
        }
        job().ok();
    }
    repository.file("pushsync.yaml", &format!("{project}state: postgres://me@127.0.0.1:1/x\n"));
    let job = repository.pull_request().input("state", "").input("allow-state-url", "true");
    job.exits(1).notes("error", "no connection to its server");
    repository
        .pull_request()
        .input("allow-state-url", "perhaps")
        .exits(1)
        .notes("error", "neither true nor false");
}

#[test]
fn a_trace_of_the_shell_shows_no_secret() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    for (name, value) in [("SHELLOPTS", "xtrace:verbose"), ("RUNNER_DEBUG", "1")] {
        // The log is searched for the token and the key, as in each test.
        let job = repository.pull_request().env(name, value).env("PS4", "+ $PUSHSYNC_CI_TOKEN ");
        let done = job.env("PUSHSYNC_STATE_KEY", "a passphrase of a few words").ok();
        assert!(!done.log.contains("a passphrase"), "{}", done.log);
    }
}
