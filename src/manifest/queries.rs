//! The `query:` of an audience, with `database:` and `timeout:`.

use std::sync::Arc;

use super::{
    audience::{Database, QuerySource, SqlLines},
    context::Context,
    input_file::{FolderOf, InputFile},
    layers::Layers,
    options::Queries,
    raw,
    source_path::SourcePath,
};
use crate::diagnostics::Code;

/// The fields that only audiences with a query have, and whether they are there.
pub(crate) fn fields(raw: &raw::Audience) -> [(&'static str, bool); 2] {
    [("database", raw.database.is_some()), ("timeout", raw.timeout.is_some())]
}

/// What YAML and the SQL file say of a query; `None` if it was reported.
pub(crate) fn source(
    cx: &mut Context<'_>,
    layers: &Layers<'_, raw::Audience>,
    folder_of: &FolderOf<'_>,
    text: &str,
    query_at: &SourcePath,
) -> Option<QuerySource> {
    let timeout = match layers.get("timeout", |raw| raw.timeout.as_ref()) {
        None => Some(QuerySource::TIMEOUT),
        Some((text, at)) => cx.timeout(text, &at),
    };
    let database = database(cx, layers, query_at);
    let file =
        InputFile::named(cx, folder_of, text, query_at, (Code::BadRecipients, "a file with SQL"));
    let read =
        file.and_then(|InputFile { path, name: file }| match QuerySource::read_sql(&path, &file) {
            Ok(sql) => {
                cx.sources.add(file.clone(), Arc::new(SqlLines::new(sql.clone())));
                if let Err(problem) = QuerySource::check(&sql, &file) {
                    cx.problems.push(problem);
                    return None;
                }
                Some((file, sql))
            }
            Err(mut problem) => {
                problem.place.get_or_insert_with(|| query_at.place());
                cx.problems.push(problem);
                None
            }
        });
    let (file, sql) = read?;
    let (timeout, database) = (timeout?, database?);
    Some(QuerySource { file, sql, timeout, database })
}

/// Where a query runs, `None` inside if queries are left out; `None` if it was reported.
fn database(
    cx: &mut Context<'_>,
    layers: &Layers<'_, raw::Audience>,
    query_at: &SourcePath,
) -> Option<Option<Database>> {
    let Some((text, at)) = layers.get("database", |raw| raw.database.as_ref()) else {
        if !layers.faulty() {
            let help =
                "add `database: \"${PUSHSYNC_VAR_DATABASE}\"`, and put the URL into that variable";
            let message = "this query has no `database`";
            cx.error_with(Code::MissingField, message, &query_at.key(), Some(help.to_owned()));
        }
        return None;
    };
    let left_out = cx.options.queries == Queries::LeaveOut;
    // Where no query runs, its variable need not be set. Its name is checked all the same.
    let standing_in = |_: &str| Some("postgres://localhost/".to_owned());
    let read = match left_out {
        true => cx.interpolated_with(text, &at, &standing_in)?,
        false => cx.interpolated(text, &at)?,
    };
    match Database::new(&read, at.clone()) {
        Ok(database) => Some((!left_out).then_some(database)),
        Err((message, help)) => {
            cx.error_with(Code::BadDatabase, message, &at, help);
            None
        }
    }
}
