//! A connection, used by one thread: each call waits for its answer.

use std::{cell::RefCell, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Runtime,
    task::{JoinHandle, yield_now},
    time::timeout,
};
use tokio_postgres::{
    Client, Connection, Error, NoTls, Row,
    config::SslMode,
    types::{ToSql, Type},
};

use super::{
    target::Target,
    tls,
    trouble::{self, Trouble},
};
use crate::state::{LockHolder, StateError};

/// How long an answer may take. The server gives up before: see [`SETTINGS`].
const PATIENCE: Duration = Duration::from_secs(90);
/// How long a server may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a session needs, whatever the server, the database or the user have as their default:
/// commits are durable when they are answered, nothing waits for ever, a plan may take its time
/// between two pages, and the lock of a machine that is gone is given back after a minute. Every
/// row is looked up by its key: a table that was never analysed is not sorted as a whole for a page.
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

/// What the server says of itself and of us.
const FACTS: &str = "
SELECT pg_is_in_recovery(), quote_ident(current_schema()), quote_ident(current_user)";

/// A parameter and its type.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// An open connection.
pub(super) struct Session {
    /// Until it is dropped.
    client: Option<Client>,
    runtime: Runtime,
    connection: RefCell<Option<JoinHandle<Result<(), Error>>>>,
    /// Why it is of no use any more.
    lost: RefCell<Option<String>>,
    place: String,
    grants: String,
    /// What is carried out before it ends.
    last: RefCell<Option<String>>,
    /// Whether the server is a replica.
    pub(super) is_replica: bool,
    /// Where tables are made, quoted; `None` if nowhere.
    pub(super) schema: Option<String>,
}

impl Session {
    /// Connects, within [`Target::patience`].
    pub(super) fn open(target: Target, holder: &LockHolder) -> Result<Self, StateError> {
        let patience = target.patience();
        let Target { mut config, root_certificates, place } = target;
        let unavailable = |why| StateError::Unavailable { location: place.clone(), why };
        if config.get_application_name().is_none() {
            config.application_name(format!("pushsync {}", holder.command));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StateError::io("start a runtime for", &place))?;
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(tls::connector(root_certificates.as_deref()).map_err(unavailable)?),
        };
        let connected = runtime.block_on(async {
            let connecting = async {
                match tls {
                    None => config.connect(NoTls).await.map(attend),
                    Some(tls) => config.connect(tls).await.map(attend),
                }
            };
            timeout(patience, connecting).await
        });
        let (client, connection) = match connected {
            Ok(Ok(connected)) => connected,
            Ok(Err(error)) => return Err(unavailable(trouble::of_connecting(&error))),
            Err(_) => {
                let why = format!("it did not answer within {} s", patience.as_secs());
                return Err(unavailable(why));
            }
        };
        let mut session = Self {
            client: Some(client),
            runtime,
            connection: RefCell::new(Some(connection)),
            lost: RefCell::new(None),
            last: RefCell::new(None),
            place,
            grants: String::new(),
            is_replica: false,
            schema: None,
        };
        session.query(SETTINGS, &[])?;
        let facts = session.one(FACTS, &[])?;
        session.is_replica = session.column(&facts, 0)?;
        session.schema = session.column(&facts, 1)?;
        let user: String = session.column(&facts, 2)?;
        let schema = session.schema.as_deref().unwrap_or("public");
        session.grants = format!(
            "grant what is missing. To make the tables: GRANT USAGE, CREATE ON SCHEMA {schema} TO \
             {user}; to use them: GRANT USAGE on the schema, and SELECT, INSERT, UPDATE, DELETE \
             on its tables pushsync_*"
        );
        Ok(session)
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The rows that a statement answers with: one round trip.
    pub(super) fn query(
        &self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StateError> {
        self.wait(PATIENCE, async |client| client.query_typed(sql, parameters).await)
    }

    /// The only row that a statement answers with.
    pub(super) fn one(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Row, StateError> {
        let rows = self.query(sql, parameters)?;
        rows.into_iter().next().ok_or_else(|| self.odd("it answers without a row"))
    }

    /// Carries out statements without parameters: one round trip.
    pub(super) fn batch(&self, sql: &str) -> Result<(), StateError> {
        self.wait(PATIENCE, async |client| client.batch_execute(sql).await)
    }

    /// One value of a row.
    pub(super) fn column<'a, T: tokio_postgres::types::FromSql<'a>>(
        &self,
        row: &'a Row,
        at: usize,
    ) -> Result<T, StateError> {
        row.try_get(at).map_err(|_| self.odd("a column has another type than it should have"))
    }

    fn odd(&self, what: &str) -> StateError {
        StateError::damaged(&self.place, what)
    }

    /// An error, if the session is of no use any more.
    pub(super) fn check(&self) -> Result<(), StateError> {
        match &*self.lost.borrow() {
            Some(why) => Err(trouble::lost(&self.place, why)),
            None => Ok(()),
        }
    }

    fn wait<T>(
        &self,
        patience: Duration,
        call: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, StateError> {
        self.check()?;
        let Some(client) = &self.client else { return Err(self.lose("it is closed".to_owned())) };
        let answered = self.runtime.block_on(async {
            // What the server said while nobody was listening is heard first: its parting words.
            for _ in 0..2 {
                yield_now().await;
            }
            timeout(patience, call(client)).await
        });
        let error = match answered {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => {
                let why = format!("no answer within {} s", patience.as_secs());
                return Err(self.lose(why));
            }
        };
        match trouble::of(&error, &self.grants) {
            Trouble::Lost(why) => Err(self.lose(self.farewell().unwrap_or(why))),
            Trouble::Refused(why) => {
                Err(StateError::Unavailable { location: self.place.clone(), why })
            }
            Trouble::Damaged(what) => Err(StateError::damaged(&self.place, what)),
        }
    }

    fn lose(&self, why: String) -> StateError {
        let lost = trouble::lost(&self.place, &why);
        *self.lost.borrow_mut() = Some(why);
        lost
    }

    /// What the server said before it hung up, when nobody was listening.
    fn farewell(&self) -> Option<String> {
        let connection = self.connection.borrow_mut().take()?;
        let ended = self.runtime.block_on(async { timeout(FAREWELL, connection).await });
        match trouble::of(&ended.ok()?.ok()?.err()?, &self.grants) {
            Trouble::Lost(why) | Trouble::Refused(why) | Trouble::Damaged(why) => Some(why),
        }
    }

    /// What others wait for is given back by this, when the session ends in order.
    pub(super) fn at_last(&self, sql: String) {
        *self.last.borrow_mut() = Some(sql);
    }
}

/// When this is done, the server has let go of the session, unless it does not answer.
impl Drop for Session {
    fn drop(&mut self) {
        if let Some(sql) = self.last.take() {
            let _with_the_session =
                self.wait(FAREWELL, async |client| client.batch_execute(&sql).await);
        }
        drop(self.client.take());
        if let Some(connection) = self.connection.take() {
            let _ended = self.runtime.block_on(async { timeout(FAREWELL, connection).await });
        }
    }
}

/// Lets the connection be driven whenever the session waits.
fn attend<S, T>(
    (client, connection): (Client, Connection<S, T>),
) -> (Client, JoinHandle<Result<(), Error>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    (client, tokio::spawn(connection))
}
