//! A database with visitors, and projects whose audience is a query on it.

use super::{
    cli::{ADA, BEN, Project, Run, until},
    cluster::{self, Database},
};

pub(crate) const VARIABLE: &str = "PUSHSYNC_VAR_SHOP";

/// A project whose audience `trial` is this query.
pub(crate) fn asking(sql: &str) -> Project {
    let project = Project::empty();
    project.file("trial.sql", sql);
    messages(&project, "", "note: { from: support, to: trial, text: Hello }");
    project
}

/// Writes `pushsync.yaml` with these messages; `fields` come after those of the audience.
pub(crate) fn messages(project: &Project, fields: &str, messages: &str) {
    project.file(
        "pushsync.yaml",
        format!(
            "version: 1\nsenders: {{ support: {{ group: PjRBMhWGen6aRHjif }} }}\naudiences:\n  \
             trial: {{ query: trial.sql, database: \"${{{VARIABLE}}}\"{fields} }}\n  \
             list: {{ visitors: [{ADA}] }}\nmessages:\n  {messages}\n"
        ),
    );
}

/// A database with a table of visitors.
pub(crate) fn shop() -> Option<Database> {
    let database = cluster::shared()?.database();
    database.admin(&format!(
        "CREATE TABLE users (visitor_id text, name text, seats int);
         INSERT INTO users VALUES ('{ADA}', 'Ada', 3), ('{BEN}', 'Ben', 5)"
    ));
    Some(database)
}

pub(crate) const ALL: &str = "SELECT visitor_id, name, seats FROM users";

pub(crate) trait InShop {
    fn of(self, database: &Database) -> Run;
}

impl InShop for Run {
    fn of(self, database: &Database) -> Run {
        self.env(VARIABLE, database.url())
    }
}

/// How many times pushsync asked for rows.
pub(crate) fn asked(database: &Database) -> usize {
    let statements = database.statements();
    statements
        .iter()
        .filter(|said| said.starts_with("statement: ") && said.contains("FROM users"))
        .count()
}

/// Waits until a session of pushsync runs a statement, or none does.
pub(crate) fn until_asked(database: &Database, asks: bool) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
               AND application_name LIKE 'pushsync%' AND state = 'active' AND query LIKE '%pg_sleep%'";
    until("the query runs, or ends", || (database.admin(sql).concat() != ["0"]) == asks);
}
