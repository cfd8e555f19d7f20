//! The example whose audience is a query.

use std::path::Path;

use super::{
    cli::{Project, Run, Sandbox},
    cluster::{Database, server},
};

fn warehouse() -> Option<Database> {
    let database = super::cluster::shared()?.database();
    database.admin(include_str!("../../examples/lifecycle/setup/warehouse.sql"));
    Some(database)
}

/// A copy of the example, with a state of its own.
fn example() -> Project {
    let project = Project::empty();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/lifecycle");
    for name in ["pushsync.yaml", "audiences/accounts.sql", "messages/accounts.yaml"] {
        let text = std::fs::read_to_string(from.join(name)).expect("a file of the example");
        project.file(name, text.replace("../../state/lifecycle", "state"));
    }
    project
}

fn with(run: Run, database: &Database) -> Run {
    run.env("PUSHSYNC_VAR_WAREHOUSE", database.url())
        .env("PUSHSYNC_VISITOR_SECRET", "a secret of the website")
}

/// The HMAC-SHA256 of these user ids under that secret, cut to 32 digits, as another program computes it.
const ADA: &str = "6f9562b51a927f231d0bf797357aff3f";
const EMILIE: &str = "a52e834be4d9db80222e3256f6855b6f";

#[test]
fn the_example_with_a_database_sends_each_account_its_text_and_follows_the_table() {
    let database = server!(warehouse());
    let (project, sandbox) = (example(), Sandbox::start());
    with(project.run("validate"), &database).ok().says(&["The project is valid: 3 messages"]);
    with(project.with(&sandbox, "apply --yes"), &database).ok();
    let there = sandbox.there();
    let texts = |visitor: &str| -> Vec<&str> {
        let mine = there.iter().filter(|(_, of, _)| of == visitor);
        mine.map(|(_, _, text)| text.as_str()).collect()
    };
    assert!(
        texts(ADA).contains(&"Welcome to Acme Garden, Ada. Ask us anything here."),
        "{there:?}"
    );
    assert!(
        texts(EMILIE).contains(&"Votre essai se termine le 2099-12-24. Voulez-vous le prolonger ?"),
        "{there:?}"
    );
    // Seven accounts use the chat, two are on trial, and of the paying ones a share has the news.
    let welcomes = there.iter().filter(|(_, _, text)| text.contains("Acme Garden")).count();
    assert_eq!(welcomes, 7);
    with(project.run("plan --detailed-exitcode"), &database).exits(0);
    let before = sandbox.total();
    // An account that leaves keeps its welcome; its trial's message goes.
    database.admin("UPDATE users SET chats = false WHERE user_id = 1002");
    let plan = with(project.run("plan --format json"), &database).ok().json();
    let actions: Vec<_> =
        plan["changes"].as_array().expect("changes").iter().map(|c| &c["action"]).collect();
    assert_eq!(actions, ["delete", "forget"]);
    // A table that is suddenly empty is not taken for an audience without visitors.
    database.admin("UPDATE users SET chats = false");
    with(project.with(&sandbox, "apply --yes --allow-deletes all"), &database).exits(1);
    // Neither is one that cannot be asked.
    database.admin("DROP TABLE users CASCADE");
    with(project.with(&sandbox, "apply --yes --allow-deletes all"), &database)
        .exits(1)
        .warns(&["query-failed", "audiences/accounts.sql:"]);
    assert_eq!(sandbox.total(), before);
}
