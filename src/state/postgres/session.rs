//! A connection that one thread uses: each call waits for its answer.

use std::{
    cell::{OnceCell, RefCell},
    iter,
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    task::yield_now,
    time::timeout,
};
use tokio_postgres::{
    Client, Error, Row,
    types::{FromSql, ToSql, Type},
};
use uuid::Uuid;

use super::error::{self, SessionError};
use crate::{
    network::{
        ErrorKind, Request, pauses,
        postgres::{
            ConnectOptions, Connected, Traffic, connect, lost, not_connected, of_statement,
        },
    },
    state::{LockHolder, StateError},
};

/// How long an answer may take. The server gives up earlier: see [`SETTINGS`].
const PATIENCE: Duration = Duration::from_secs(90);
/// How long a server may take to end a session.
const FAREWELL: Duration = Duration::from_secs(2);

/// Settings that must not depend on the defaults of the server, the database or the user: a commit
/// is durable when it is answered, nothing waits for ever, a plan may take its time between two
/// pages, and the lock of a machine that is gone is given back after a minute. The server finds each
/// row by its key: it must not sort a whole table that was never analysed for one page.
const SETTINGS: &str = "
SELECT set_config(name, CASE name
    WHEN 'synchronous_commit' THEN CASE setting WHEN 'remote_apply' THEN setting ELSE 'on' END
    WHEN 'statement_timeout' THEN '60s'
    WHEN 'lock_timeout' THEN '20s'
    WHEN 'tcp_keepalives_idle' THEN '30'
    WHEN 'tcp_keepalives_interval' THEN '10'
    WHEN 'tcp_keepalives_count' THEN '3'
    ELSE '0' END, false)
FROM pg_settings WHERE name IN ('synchronous_commit', 'statement_timeout', 'lock_timeout',
    'tcp_keepalives_idle', 'tcp_keepalives_interval', 'tcp_keepalives_count',
    'idle_session_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout', 'jit',
    'enable_seqscan', 'enable_bitmapscan', 'enable_sort', 'enable_hashjoin', 'enable_mergejoin')";

/// Facts about the server and the user.
const FACTS: &str = "
SELECT pg_is_in_recovery(), quote_ident(current_schema()), quote_ident(current_user), pg_backend_pid()";

/// A parameter and its type.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// An open connection.
pub(super) struct Session {
    /// Taken when the session is dropped.
    client: Option<Client>,
    runtime: Runtime,
    traffic: RefCell<Option<Traffic>>,
    /// Why it cannot be used any more.
    lost: OnceCell<ErrorKind>,
    location: String,
    /// What to grant to a user who may not do something.
    grants: String,
    /// Statements for the end of the session.
    last: OnceCell<String>,
    pub(super) is_replica: bool,
    /// The process of the server that carried out the first statements. A session keeps it; a pooler may give each
    /// transaction another one.
    pub(super) backend: i32,
    /// The schema for new tables, quoted; `None` if there is none.
    pub(super) schema: Option<String>,
}

impl Session {
    /// Connects, and tries again as far as the table of [`crate::network`] allows: a server that starts needs a moment.
    pub(super) fn open(options: ConnectOptions, holder: &LockHolder) -> Result<Self, StateError> {
        let seed = Uuid::new_v4().as_u64_pair().0;
        Self::connect(options, holder, pauses(Request::Connect, seed))
    }

    /// Connects, and does not try again.
    pub(super) fn open_once(
        options: ConnectOptions,
        holder: &LockHolder,
    ) -> Result<Self, StateError> {
        Self::connect(options, holder, iter::empty())
    }

    fn connect(
        options: ConnectOptions,
        holder: &LockHolder,
        pauses: impl Iterator<Item = Duration>,
    ) -> Result<Self, StateError> {
        let location = options.location.clone();
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StateError::io("start a runtime for", &location))?;
        let application = format!("pushsync {}", holder.command);
        let Connected { client, traffic, .. } =
            runtime.block_on(connect(options, &application, pauses))?;
        let mut session = Self {
            client: Some(client),
            runtime,
            traffic: RefCell::new(Some(traffic)),
            lost: OnceCell::new(),
            location,
            grants: String::new(),
            last: OnceCell::new(),
            is_replica: false,
            backend: 0,
            schema: None,
        };
        session.query(SETTINGS, &[])?;
        let facts = session.one(FACTS, &[])?;
        session.is_replica = session.column(&facts, 0)?;
        session.schema = session.column(&facts, 1)?;
        session.backend = session.column(&facts, 3)?;
        let user: String = session.column(&facts, 2)?;
        let schema = session.schema.as_deref().unwrap_or("public");
        session.grants = format!(
            "grant what is missing. To make the tables: GRANT USAGE, CREATE ON SCHEMA {schema} TO \
             {user}; to use them: GRANT USAGE on the schema, and SELECT, INSERT, UPDATE, DELETE \
             on its tables pushsync_*"
        );
        Ok(session)
    }

    pub(super) fn location(&self) -> &str {
        &self.location
    }

    /// The rows that a statement answers with, in one round trip.
    pub(super) fn query(
        &self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StateError> {
        self.call(PATIENCE, async |client| client.query_typed(sql, parameters).await)
    }

    /// The only row that a statement answers with.
    pub(super) fn one(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Row, StateError> {
        let row = self.query(sql, parameters)?.into_iter().next();
        row.ok_or_else(|| StateError::damaged(&self.location, "it answers without a row"))
    }

    /// Carries out statements without parameters, in one round trip.
    pub(super) fn batch(&self, sql: &str) -> Result<(), StateError> {
        self.call(PATIENCE, async |client| client.batch_execute(sql).await)
    }

    /// One value of a row.
    pub(super) fn column<'a, T: FromSql<'a>>(
        &self,
        row: &'a Row,
        at: usize,
    ) -> Result<T, StateError> {
        let other = "a column has another type than it should have";
        row.try_get(at).map_err(|_| StateError::damaged(&self.location, other))
    }

    /// An error that says why if the session cannot be used any more.
    pub(super) fn check(&self) -> Result<(), StateError> {
        match self.lost.get() {
            None => Ok(()),
            // Of an earlier statement, an answer may have been lost. This one is not sent.
            Some(ErrorKind::Lost { why, .. }) => {
                Err(error::gone(&self.location, &not_connected(why.clone())))
            }
            Some(kind) => Err(error::gone(&self.location, kind)),
        }
    }

    fn call<T>(
        &self,
        patience: Duration,
        call: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, StateError> {
        self.check()?;
        let closed = || not_connected("the session is closed".to_owned());
        let Some(client) = &self.client else { return Err(self.lose(closed())) };
        let answered = self.runtime.block_on(async {
            // First lets the client notice an end of the session that came since the last call.
            for _ in 0..2 {
                yield_now().await;
            }
            if client.is_closed() {
                return None;
            }
            Some(timeout(patience, call(client)).await)
        });
        let error = match answered {
            Some(Ok(Ok(answer))) => return Ok(answer),
            Some(Ok(Err(error))) => SessionError::new(&error, &self.grants),
            Some(Err(_)) => {
                return Err(self.lose(ErrorKind::no_answer(patience)));
            }
            // Nothing of this call has left.
            None => {
                return Err(self.lose(self.last_words().map_or_else(closed, not_connected)));
            }
        };
        Err(match error {
            SessionError::Lost(kind) => self.lose(self.last_words().map_or(kind, lost)),
            SessionError::Refused(why) => StateError::unavailable(&self.location, why),
            SessionError::Damaged(what) => StateError::damaged(&self.location, what),
        })
    }

    /// Why it cannot be used any more, if so.
    pub(super) fn lost(&self) -> Option<&ErrorKind> {
        self.lost.get()
    }

    fn lose(&self, kind: ErrorKind) -> StateError {
        error::gone(&self.location, self.lost.get_or_init(|| kind))
    }

    /// What the server said when it ended the session.
    fn last_words(&self) -> Option<String> {
        let traffic = self.traffic.borrow_mut().take()?;
        let ended = self.runtime.block_on(async { timeout(FAREWELL, traffic).await });
        match of_statement(&ended.ok()?.ok()?.err()?) {
            ErrorKind::Lost { why, .. } => Some(why),
            _ => None,
        }
    }

    /// Carries these statements out when the session is closed.
    pub(super) fn at_close(&self, sql: String) {
        _ = self.last.set(sql);
    }
}

/// Afterwards the server has ended the session, unless it does not answer.
impl Drop for Session {
    fn drop(&mut self) {
        if let Some(sql) = self.last.take() {
            let _ends_with_the_session =
                self.call(FAREWELL, async |client| client.batch_execute(&sql).await);
        }
        drop(self.client.take());
        _ = self.last_words();
    }
}
