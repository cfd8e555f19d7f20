//! Runs a query: one statement in a read-only transaction, whose rows are taken as they come.

use std::{pin::pin, thread};

use futures_util::StreamExt as _;
use tokio::{
    runtime::Builder,
    time::{Instant, timeout_at},
};
use tokio_postgres::{Client, SimpleQueryMessage};
use uuid::Uuid;

use super::{
    columns::{self, Column},
    failure,
    rows::Rows,
    source::{Database, QuerySource},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{
        audience::{RowRules, Table, table::Origin},
        limits::Limits,
    },
    model::number,
    network::{
        Request, pauses,
        postgres::{Connected, connect},
    },
};

/// A server that notices that nobody waits for the answer ends the query: after Ctrl-C, or a loss of the network.
/// Servers before version 14 do not know it.
const NOTICE_AN_END: &str = "SELECT set_config(name, '1000', false) FROM pg_settings \
    WHERE name = 'client_connection_check_interval'";

/// What decides how values are written as text, and that nothing is changed or waited for without end.
fn begin(source: &QuerySource) -> String {
    let milliseconds = source.timeout.as_millis().min(i32::MAX as u128);
    format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
         SET LOCAL statement_timeout = {milliseconds}; \
         SET LOCAL DateStyle = 'ISO, YMD'; \
         SET LOCAL TimeZone = 'UTC'; \
         SET LOCAL IntervalStyle = 'iso_8601'; \
         SET LOCAL extra_float_digits = 3; \
         SET LOCAL bytea_output = 'hex'"
    )
}

/// Why there are no rows.
type Problems = Vec<Diagnostic>;

impl QuerySource {
    /// Runs the query, and makes a table of its rows.
    pub(crate) fn table(&self, rules: &RowRules, limits: &Limits) -> Result<Table, Problems> {
        let Some(database) = &self.database else {
            let message = "the query of this audience was not run";
            return Err(vec![Diagnostic::error(Code::QueryLeftOut, message).at(self.start())]);
        };
        // The caller may be part of a runtime, in which nothing may block on another one.
        let ran = thread::scope(|scope| {
            scope.spawn(|| self.on_a_runtime(database, rules, limits)).join()
        });
        let rows = ran
            .unwrap_or_else(|_| Err(vec![failure::cut_off(self, database, "its reader ended")]))?;
        let place = self.start();
        let (builder, columns, problems) = rows.finish(&place);
        let (names, visitor, rows) = builder.finish();
        let origin = Origin::Query { at: place };
        let table = Table::sorted(names, visitor, rows, origin, problems)?;
        Ok(table.with_inferred(columns.iter().map(|Column { inferred, .. }| *inferred).collect()))
    }

    fn on_a_runtime<'r>(
        &self,
        database: &Database,
        rules: &'r RowRules,
        limits: &Limits,
    ) -> Result<Rows<'r>, Problems> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| {
            vec![failure::cut_off(self, database, &format!("could not start: {error}"))]
        })?;
        runtime.block_on(self.answer(database, rules, limits))
    }

    async fn answer<'r>(
        &self,
        database: &Database,
        rules: &'r RowRules,
        limits: &Limits,
    ) -> Result<Rows<'r>, Problems> {
        let end = Instant::now() + self.timeout;
        let too_slow = |_| vec![failure::too_slow(self, database)];
        let again = pauses(Request::Connect, Uuid::new_v4().as_u64_pair().0);
        let connecting = connect(database.options.clone(), "pushsync query", again);
        let connected: Connected = timeout_at(end, connecting)
            .await
            .map_err(|_| vec![failure::unreached(self, database)])?
            .map_err(|error| vec![failure::unavailable(database, &error)])?;
        let reading = self.read(&connected.client, database, rules, limits);
        let read = timeout_at(end, reading).await.map_err(too_slow).and_then(|read| read);
        match read {
            Ok(rows) => {
                connected.close().await;
                Ok(rows)
            }
            Err(problems) => {
                connected.cancel().await;
                Err(problems)
            }
        }
    }

    async fn read<'r>(
        &self,
        client: &Client,
        database: &Database,
        rules: &'r RowRules,
        limits: &Limits,
    ) -> Result<Rows<'r>, Problems> {
        let failed = |error| vec![failure::of_query(self, database, &error)];
        // Not every system can do this.
        _ = client.simple_query(NOTICE_AN_END).await;
        client.batch_execute(&begin(self)).await.map_err(failed)?;
        // The server takes one statement only here.
        let statement = client.prepare(&self.sql).await.map_err(failed)?;
        let refuse = |message: &str, help: &str| {
            vec![Diagnostic::error(Code::BadQuery, message).at(self.start()).help(help)]
        };
        if !statement.params().is_empty() {
            let help = "write the value itself: nothing fills in $1";
            return Err(refuse("this query has a parameter, and nothing fills it in", help));
        }
        if statement.columns().is_empty() {
            let help = "write one SELECT with at least the column of the visitors; SELECT … INTO makes a table";
            return Err(refuse("this query gives no columns", help));
        }
        let (columns, visitor) = columns::read(statement.columns(), rules, limits, &self.start())?;
        let mut rows = Rows::new(rules, columns, visitor);
        let mut answer = pin!(client.simple_query_raw(&self.sql).await.map_err(failed)?);
        let mut whole = None;
        while let Some(message) = answer.next().await {
            match message.map_err(failed)? {
                SimpleQueryMessage::Row(row) => {
                    if rows.count() >= limits.deliveries {
                        let found =
                            "this query gives more rows than the messages may have visitors";
                        let cure = "narrow it: an audience has the visitors that get a message";
                        let limit = Diagnostic::limit("deliveries", limits.deliveries, found, cure);
                        return Err(vec![limit.at(self.start())]);
                    }
                    rows.push(&row).map_err(|_too_large| {
                        let help =
                            "select only the columns that messages use, or split the audience";
                        refuse("the cells of this query's answer have more than 4 GiB", help)
                    })?;
                }
                SimpleQueryMessage::CommandComplete(count) => whole = Some(count),
                _ => {}
            }
        }
        // A part of the rows is no audience.
        if whole != Some(rows.count()) {
            let why = match whole {
                Some(count) => {
                    format!("{} of {} rows came", number(rows.count()), number(count))
                }
                None => "it has no end".to_owned(),
            };
            return Err(vec![failure::cut_off(self, database, &why)]);
        }
        Ok(rows)
    }
}
