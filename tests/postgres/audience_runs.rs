//! When queries run, how they end, and what plans and reviews hold of them.

use std::process::Command;

use pushsync::manifest::{self, Limits, LoadOptions, Queries, VisitorSecrets};

use super::{
    cli::{CLEO, Sandbox, run_as},
    cluster::{GUEST, PASSWORD, server},
    shop::{ALL, InShop as _, VARIABLE, asked, asking, messages, shop, until_asked},
};

#[test]
fn a_database_that_cannot_be_used_is_told_without_what_the_variable_holds() {
    let database = server!(shop());
    let network = database.cluster.network_url(&database.name);
    let project = asking(ALL);
    let run = |url: &str| project.run("plan").env(VARIABLE, url).exits(1);
    for (url, says) in [
        (network.replace(PASSWORD, "wrong-hush"), "check user and password in the URL"),
        (
            network.replace(&format!(":{PASSWORD}"), ""),
            "the server asks for a password: give it in the URL",
        ),
        (network.replace(&database.name, "nowhere-hush"), "SQLSTATE 3D000"),
        (network.replace("postgres://", "postgrse://"), "does not hold the URL of a database"),
        (format!("{network}?hush=hush"), "does not hold the URL of a database"),
        (format!("{network}?sslmode=require"), "TLS"),
        (String::new(), "is empty"),
        (network.clone(), "SQLSTATE 42501"),
    ] {
        let ran = run(&url).warns(&[says]);
        ran.never_says(&[PASSWORD, "hush", &format!("\"{GUEST}\""), "localhost"]);
    }
    database.admin(&format!("GRANT SELECT ON users TO {GUEST}"));
    project.run("plan").env(VARIABLE, network).ok().says(&["2 to create"]);
}

#[test]
fn a_password_of_the_state_is_not_for_other_databases() {
    let database = server!(shop());
    database.admin(&format!("GRANT SELECT ON users TO {GUEST}"));
    let url = database.cluster.network_url(&database.name).replace(&format!(":{PASSWORD}"), "");
    let project = asking(ALL);
    let run = project.run("plan").env(VARIABLE, &url).env("PGPASSWORD", PASSWORD);
    run.exits(1).warns(&["asks for a password"]);
}

#[test]
fn a_query_that_takes_too_long_is_stopped_on_the_server_too() {
    let database = server!(shop());
    let project = asking("SELECT visitor_id, pg_sleep(600)::text AS x FROM users");
    messages(&project, ", timeout: 1s", "note: { from: support, to: trial, text: Hello }");
    project
        .run("plan")
        .of(&database)
        .exits(1)
        .warns(&["did not give all of its rows within 1 s", "`timeout:`"]);
    until_asked(&database, false);
}

#[test]
fn ctrl_c_ends_the_command_and_the_query_on_the_server() {
    let database = server!(shop());
    let project = asking("SELECT visitor_id, pg_sleep(600)::text AS x FROM users");
    for command in ["plan", "apply --yes", "validate", "audience show trial"] {
        // A job in the background of a script has inherited that it is ignored.
        let mut heeding = Command::new("env");
        heeding.args(["--default-signal=INT", env!("CARGO_BIN_EXE_pushsync")]);
        let run = run_as(heeding, project.path(), command.split_whitespace());
        let running = run.of(&database).start();
        until_asked(&database, true);
        running.signal("INT");
        assert_ne!(running.wait().status, 0, "{command}");
        until_asked(&database, false);
    }
}

#[test]
fn an_answer_that_is_cut_off_is_an_error_and_never_a_shorter_audience() {
    let database = server!(shop());
    let sandbox = Sandbox::start();
    let project = asking(ALL);
    project.with(&sandbox, "apply --yes").of(&database).ok();
    let sent = sandbox.total();
    // Many rows have come before it is cut.
    project.file(
        "trial.sql",
        "SELECT 'visitor-' || n AS visitor_id, repeat('x', 1000) AS x, \
         CASE WHEN n > 50000 THEN pg_sleep(600)::text END AS s FROM generate_series(1, 100000) n",
    );
    for command in ["plan", "apply --yes", "apply --yes --allow-deletes all"] {
        let running = project.with(&sandbox, command).of(&database).start();
        until_asked(&database, true);
        database.cut();
        let ended = running.wait();
        assert_eq!(ended.status, 1, "{}", ended.err);
        assert!(ended.err.contains("was cut off"), "{}", ended.err);
    }
    assert_eq!(sandbox.total(), sent, "nothing was sent");
}

#[test]
fn a_hundred_thousand_rows_fit_into_bounded_memory_and_too_many_are_not_read() {
    let database = server!(shop());
    let project = asking(
        "SELECT 'visitor-' || n AS visitor_id, 'name ' || n AS name, n AS seats, now() AS since FROM generate_series(1, 100000) n",
    );
    // Address space, in KiB: the program alone takes more than half of it.
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -v 600000 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_pushsync")]);
    let run = run_as(limited, project.path(), ["audience", "show", "trial", "--count"]);
    run.of(&database).ok().says(&["100000\n"]);
    // An answer that never ends is read as far as the limit allows.
    project
        .file("trial.sql", "SELECT 'visitor-' || generate_series(1, 1000000000000) AS visitor_id");
    let url = |name: &str| (name == VARIABLE).then(|| database.url());
    let options = LoadOptions {
        environment: None,
        allow_outside: false,
        env: &url,
        limits: Limits { deliveries: 5000, ..Limits::default() },
        now: jiff::Timestamp::UNIX_EPOCH,
        queries: Queries::Run,
        secrets: VisitorSecrets::Needed,
        allow_change: &[],
    };
    let loaded = manifest::load(project.path(), &options);
    assert!(loaded.project.is_none());
    let told = loaded.report.diagnostics()[0].message.clone();
    assert!(told.contains("more rows than the messages may have visitors"), "{told}");
    let many: Vec<String> = (0..1001).map(|n| format!("1 AS c{n}")).collect();
    project.file("trial.sql", format!("SELECT visitor_id, {} FROM users", many.join(", ")));
    project.run("plan").of(&database).exits(1).warns(&["this query gives 1,002 columns"]);
}

#[test]
fn each_query_runs_once_and_only_where_its_rows_are_needed() {
    let database = server!(shop());
    let sandbox = Sandbox::start();
    let project = asking(ALL);
    messages(
        &project,
        "",
        "note: { from: support, to: trial, text: Hello }\n  other: { from: support, to: { audience: trial, where: \"seats > 3\" }, text: \"Hi {{ name }}\" }",
    );
    project.run("plan").of(&database).ok().says(&["3 to create"]);
    assert_eq!(asked(&database), 1);
    project.with(&sandbox, "plan --out plan.json").of(&database).ok();
    assert_eq!(asked(&database), 2);
    project.with(&sandbox, "apply plan.json").of(&database).ok();
    assert_eq!(asked(&database), 2, "a saved plan holds what the query gave");
    assert_eq!(sandbox.created().len(), 3);
    for command in [
        "state list",
        "state approvals",
        "state verify",
        "validate --offline",
        "audience show list",
    ] {
        project.run(command).of(&database).ok();
    }
    assert_eq!(asked(&database), 2);
    // They need no database at all.
    for command in ["state list", "validate --offline"] {
        project.run(command).ok();
    }
    project.run("validate --offline").ok().says(&["1 query did not run (--offline)", "trial"]);
    project.run("audience show list --count").ok().says(&["1\n"]);
    project.with(&sandbox, "apply --resume").of(&database).ok();
    assert_eq!(asked(&database), 3);
}

#[test]
fn validate_offline_checks_what_needs_no_rows() {
    let project = asking("SELECT visitor_id FROM users");
    messages(
        &project,
        "",
        "note: { from: support, to: { audience: trial, where: \"seats >\" }, text: \"{{ name\" }",
    );
    project.run("validate --offline").exits(1).says(&["bad-where", "template-syntax"]);
    messages(
        &project,
        "",
        "note: { from: support, to: { audience: trial, where: \"seats > 3\" }, text: \"{{ name }}\" }",
    );
    project.run("validate --offline").ok().says(&["The project is valid"]);
    project.file("trial.sql", "DROP TABLE users");
    project.run("validate --offline").exits(1).says(&["this is a DROP statement"]);
}

#[test]
fn a_saved_plan_sends_what_it_says_although_the_table_has_changed() {
    let database = server!(shop());
    let sandbox = Sandbox::start();
    let project = asking(ALL);
    messages(&project, "", "note: { from: support, to: trial, text: \"Hi {{ name }}\" }");
    project.with(&sandbox, "plan --out plan.json").of(&database).ok();
    database.admin(&format!(
        "UPDATE users SET name = 'Bea'; INSERT INTO users VALUES ('{CLEO}', 'Cleo', 1)"
    ));
    project.with(&sandbox, "apply plan.json").of(&database).ok();
    let mut texts: Vec<String> = sandbox
        .created()
        .iter()
        .map(|message| message["text"].as_str().expect("a text").to_owned())
        .collect();
    texts.sort();
    assert_eq!(texts, ["Hi Ada", "Hi Ben"]);
}

#[test]
fn a_review_holds_for_the_rows_that_were_reviewed() {
    let database = server!(shop());
    let sandbox = Sandbox::start();
    let project = asking(ALL);
    messages(&project, "", "note: { from: support, to: trial, text: \"Hi {{ name }}\" }");
    let plan = project.with(&sandbox, "plan --format json").of(&database).ok().json();
    let review = plan["review"].as_str().expect("a digest").to_owned();
    database.admin(&format!("INSERT INTO users VALUES ('{CLEO}', 'Cleo', 1)"));
    let apply = format!("apply --reviewed {review}");
    let refused = project.with(&sandbox, &apply).of(&database).exits(1);
    assert!(
        format!("{}{}", refused.out, refused.err).contains("otherwise: note (3 deliveries)"),
        "{refused:?}"
    );
    assert_eq!(sandbox.total(), 0);
    // What was approved goes on, for those who are still in the audience.
    database.admin("DELETE FROM users WHERE name = 'Cleo'");
    project.with(&sandbox, &format!("{apply} --max-requests 1")).of(&database).exits(3);
    database.admin(&format!(
        "DELETE FROM users WHERE name = 'Ben'; INSERT INTO users VALUES ('{CLEO}', 'Cleo', 1)"
    ));
    project.with(&sandbox, "apply --resume").of(&database).ok();
    let created = sandbox.created();
    assert_eq!(created.len(), 1, "{created:?}");
    assert_eq!(created[0]["text"], "Hi Ada");
}

#[test]
fn an_environment_has_a_database_of_its_own_or_a_file() {
    let (database, other) = (server!(shop()), server!(shop()));
    other.admin("DELETE FROM users WHERE name = 'Ben'");
    let project = asking(ALL);
    let yaml = project.read("pushsync.yaml");
    project.file("list.csv", format!("visitor_id\n{CLEO}\n"));
    project.file(
        "pushsync.yaml",
        format!(
            "{yaml}environments:\n  staging: {{ audiences: {{ trial: {{ database: \"${{PUSHSYNC_VAR_OTHER}}\" }} }} }}\n  \
             local: {{ audiences: {{ trial: {{ file: list.csv }} }} }}\n"
        ),
    );
    let show = |env: &str| {
        let run = project.run(&format!("audience show trial --env {env}"));
        run.of(&database).env("PUSHSYNC_VAR_OTHER", other.url()).ok().out
    };
    assert_eq!(show("default").lines().count(), 3);
    assert_eq!(show("staging").lines().count(), 2);
    assert_eq!(show("local").lines().count(), 2);
    // The file needs no database.
    project.run("audience show trial --env local --count").ok().says(&["1\n"]);
}

#[test]
fn a_query_that_suddenly_gives_no_rows_deletes_nothing() {
    let database = server!(shop());
    let sandbox = Sandbox::start();
    let project = asking(ALL);
    project.with(&sandbox, "apply --yes").of(&database).ok();
    let sent = sandbox.total();
    database.admin("TRUNCATE users");
    for command in ["plan", "apply --yes", "apply --yes --allow-deletes all"] {
        let ran = project.with(&sandbox, command).of(&database).wait();
        assert!(ran.err.contains("gave no rows"), "{command}: {}", ran.err);
        assert_eq!(ran.status, i32::from(command != "plan"), "{command}: {}", ran.err);
    }
    assert_eq!(sandbox.total(), sent, "nothing was sent");
    project
        .with(&sandbox, "apply --yes --allow-change note --allow-deletes all")
        .of(&database)
        .ok();
    assert_eq!(sandbox.total(), sent + 2);
}
