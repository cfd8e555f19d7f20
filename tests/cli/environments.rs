//! Environments, where the state is, and the sandbox's own.

use crate::support::{ADA, BEN, Project, Sandbox, run};

fn project() -> Project {
    let project = Project::empty();
    project.settings(
        &format!(
            "vars: {{ product: Acme }}\nenvironments:\n  staging:\n    vars: {{ product: Acme staging }}\n    \
             audiences: {{ ada: {{ visitors: [{BEN}] }} }}"
        ),
        "messages: { note: { from: support, to: ada, text: 'Hi from {{ product }}' } }",
    );
    project
}

#[test]
fn an_environment_has_values_and_a_state_of_its_own() {
    let (project, sandbox) = (project(), Sandbox::start());
    project.with(&sandbox, "apply --yes --env default").ok();
    sandbox.holds(&[(ADA, "Hi from Acme")]);
    project.run("plan --env staging --detailed-exitcode").exits(2).says(&["1 to create"]);
    project.with(&sandbox, "apply --yes").env("PUSHSYNC_ENV", "staging").ok();
    sandbox.holds(&[(ADA, "Hi from Acme"), (BEN, "Hi from Acme staging")]);
    project.run("plan --env staging --detailed-exitcode").exits(0);
    let plan = project.run("plan --format json").env("PUSHSYNC_ENV", "staging").ok().json();
    assert_eq!(plan["environment"], "staging");
    project.run("plan --env default --detailed-exitcode").exits(0);
    // The flag wins.
    let plan =
        project.run("plan --format json --env staging").env("PUSHSYNC_ENV", "nope").ok().json();
    assert_eq!(plan["environment"], "staging");
    assert_eq!(project.run("state list --env staging").ok().out.lines().count(), 1);
    // Destroying one leaves the other.
    project.with(&sandbox, "apply --yes --destroy --env staging").ok();
    sandbox.holds(&[(ADA, "Hi from Acme")]);
    project.run("plan --env default --detailed-exitcode").exits(0);
}

#[test]
fn the_sandbox_needs_no_key_and_has_a_state_of_its_own() {
    let project = Project::empty();
    project.settings("", "messages: { note: { from: support, to: ada, text: 'Hi' } }");
    project.run("apply --sandbox --yes").ok();
    project.run("plan --sandbox --detailed-exitcode").exits(0);
    project.run("plan --detailed-exitcode").exits(2).warns(&["--sandbox"]);
    project.run("state list").exits(1).warns(&["--sandbox"]);
    project.run("state list --sandbox").ok().says(&["note@"]);
    // What is there stays there between runs: a refresh finds it.
    project.run("refresh --sandbox").ok().says(&["1 delivery verified: 0 gone, 0 changed"]);
    project.rewrite("messages: { note: { from: support, to: ada, text: new } }");
    project.run("apply --sandbox --yes").ok().says(&["[-", "1 change in 1 request"]);
    project.run("refresh --sandbox").ok().says(&["0 gone, 0 changed"]);
    // Without its data, everything is gone, and sent again.
    std::fs::remove_file(project.join("state/sandbox-default.jsonl")).expect("its data");
    project.run("refresh --sandbox").ok().says(&["1 gone"]);
    project.run("apply --sandbox --yes").ok();
    project.run("apply --sandbox --yes --destroy").ok();
    project.run("plan --sandbox --destroy --detailed-exitcode").exits(0);
    project.run("presence --sandbox --from liz --once").ok();
}

#[test]
fn the_state_of_a_flag_is_relative_to_the_working_directory() {
    let (project, sandbox) = (Project::empty(), Sandbox::start());
    project.settings("", "messages: { note: { from: support, to: ada, text: 'Hi' } }");
    let elsewhere = Project::empty();
    let folder = project.path().to_str().expect("UTF-8");
    let at = |args: &str| {
        run(elsewhere.path(), args.split_whitespace())
            .env("BREVO_BASE_URL", sandbox.base_url())
            .env("BREVO_API_KEY", "any")
    };
    at(&format!("apply --yes -C {folder} --state here/it")).ok();
    assert!(elsewhere.join("here/it").is_dir() && !project.join("state").exists());
    at(&format!("plan -C {folder} --detailed-exitcode")).env("PUSHSYNC_STATE", "here/it").exits(0);
    // The project's own is missing: pushsync.lock names the one elsewhere.
    at(&format!("plan -C {folder} --detailed-exitcode")).exits(1).warns(&["is missing"]);
    at("state list --state here/it").ok().says(&["note@"]);
    // What the project says is relative to the project.
    at(&format!("apply --yes --new-state -C {folder}")).ok();
    assert!(project.join("state").is_dir());
    at(&format!("plan -C {folder} --state mysql://user:SECRET@db/x"))
        .exits(1)
        .warns(&["a folder", "postgres://"])
        .never_says(&["SECRET"]);
}

#[test]
fn the_base_url_comes_from_the_flag_the_environment_or_the_project() {
    let (sandbox, other) = (Sandbox::start(), Sandbox::start());
    let project = Project::empty();
    let yaml = "messages: { note: { from: support, to: ada, text: hi } }";
    project.settings("api: { base_url: '${PUSHSYNC_VAR_WHERE}' }", yaml);
    project.run("validate").exits(1).says(&["PUSHSYNC_VAR_WHERE"]);
    let run = |args: &str| {
        let run = project.run(args).env("PUSHSYNC_VAR_WHERE", sandbox.base_url());
        run.env("BREVO_API_KEY", "a")
    };
    run("apply --yes").ok();
    assert_eq!(sandbox.total(), 1);
    run(&format!("state set-api {}", other.base_url())).ok();
    run("refresh").env("BREVO_BASE_URL", other.base_url()).ok().says(&["1 gone"]);
    assert_eq!((sandbox.total(), other.total()), (1, 1));
    // Without the prefix, too.
    let bare = format!("http://{}", sandbox.address());
    run(&format!("state set-api {bare}")).ok();
    run("refresh").env("BREVO_BASE_URL", other.base_url()).arg("--base-url").arg(bare).ok();
    assert_eq!((sandbox.total(), other.total()), (2, 1));
}

#[test]
fn a_project_needs_no_writable_folder_to_be_planned() {
    let project = Project::empty();
    project.settings("", "messages: { note: { from: support, to: ada, text: 'Hi' } }");
    project.run("plan").ok();
    project.run("state list").exits(1).warns(&["there is no state", "apply"]);
    project.run("refresh").ok().warns(&["nothing was sent"]);
    assert!(!project.join("state").exists(), "looking makes nothing");
}

#[test]
fn where_there_are_environments_one_must_be_named() {
    let (project, sandbox) = (project(), Sandbox::start());
    for command in [
        "plan",
        "apply --yes",
        "refresh",
        "import note@kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg AXCR3k9bpSY7bpuh7",
        "presence --from liz --once",
        "state list",
        "state verify",
        "state export",
        "state import x",
        "state rm note@kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg",
        "plan --sandbox",
        "state list --state elsewhere",
    ] {
        let run = project.with(&sandbox, command).exits(1);
        run.warns(&["no environment was named", "--env", "staging", "--env default"]);
    }
    assert_eq!(sandbox.total(), 0);
    // What an error says to type names it too.
    let run = project.run("state list --env staging").exits(1);
    run.warns(&["`pushsync apply --env staging`"]);
    // Commands that neither send nor read a state do not ask.
    project.run("show note").ok();
    project.run("schema").ok();
    project
        .with(&sandbox, "apply --yes")
        .env("PUSHSYNC_ENV", "")
        .exits(1)
        .warns(&["is set and empty"]);
    assert_eq!(sandbox.total(), 0);
}

#[test]
fn the_sandboxs_hint_leaves_the_real_state_alone() {
    let (project, mut sandbox) = (Project::empty(), Sandbox::start());
    project.settings("", "messages: { note: { from: support, to: ada, text: 'Hi' } }");
    let printed = sandbox.hint();
    assert!(printed.starts_with("BREVO_API_KEY=any pushsync apply --base-url"), "{printed}");
    let command = printed.strip_prefix("BREVO_API_KEY=any pushsync ").expect("a command");
    project.run(&format!("{command} --yes")).env("BREVO_API_KEY", "any").ok();
    assert_eq!(sandbox.total(), 1);
    // For real, nothing was sent, and the server's budget does not count.
    let plan = project.run("plan").ok();
    plan.says(&["1 to create", "1 request; 100 left in this hour"]);
}
