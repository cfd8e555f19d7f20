//! Opens a state in a database.

use secrecy::{ExposeSecret, SecretString};

use super::{
    kv::PostgresKv,
    lock, pooling,
    schema::{self, Tables},
    session::Session,
};
use crate::{
    network::postgres::ConnectOptions,
    state::{
        Access, Mode, OpenOptions, StateError, Store, engine::Engine, header::StateHeader,
        threaded_store::ThreadedStore,
    },
};

/// One transaction for the whole reading: it shows the state as it is now.
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Opens the state of one environment in a database.
pub(in crate::state) fn open(
    url: &SecretString,
    options: OpenOptions,
) -> Result<Box<dyn Store>, StateError> {
    let connect = ConnectOptions::parse(url.expose_secret())?;
    let store =
        ThreadedStore::start(connect.location.clone(), &options.close_errors.clone(), move |_| {
            engine(connect, &options)
        })?;
    Ok(Box::new(store))
}

/// Called on the thread of the store.
fn engine(
    connect: ConnectOptions,
    options: &OpenOptions,
) -> Result<Engine<PostgresKv>, StateError> {
    let session = Session::open(connect.clone(), &options.holder)?;
    let location = session.location().to_owned();
    let mut kv = match options.access {
        Access::Read => for_reading(session, connect, options)?,
        Access::Write => for_writing(session, connect, options)?,
    };
    if let Some(header) = StateHeader::stored(&kv, &location, &options.environment)? {
        kv.compare(&header)?;
        kv.follow(&header);
        return Engine::new(kv, &location, header, options.key.as_ref(), options.mode);
    }
    if kv.has_rows()? {
        let what = format!("the environment {:?} has vanished from it", options.environment);
        return Err(StateError::damaged(&location, what));
    }
    if options.mode == Mode::MustExist || options.access == Access::Read {
        return Err(options.not_found(&location));
    }
    let header = StateHeader::new(&options.environment, options.new_lineage, options.now);
    Engine::create(kv, &location, header, options.key.as_ref())
}

fn for_reading(
    session: Session,
    connect: ConnectOptions,
    options: &OpenOptions,
) -> Result<PostgresKv, StateError> {
    session.batch(READ)?;
    let Some(Tables { version, .. }) = schema::find(&session)? else {
        return Err(options.not_found(session.location()));
    };
    if version < schema::VERSION {
        let why = format!(
            "its tables are those of an older version ({version}, this one needs {}): \
             `pushsync apply` brings them up to date",
            schema::VERSION
        );
        return Err(StateError::unavailable(session.location(), why));
    }
    Ok(PostgresKv::new(session, connect, options, None))
}

fn for_writing(
    session: Session,
    connect: ConnectOptions,
    options: &OpenOptions,
) -> Result<PostgresKv, StateError> {
    if session.is_replica {
        let why = "it is a replica, and cannot be written to: name the primary server in the URL, \
                   or several with target_session_attrs=read-write";
        return Err(StateError::unavailable(session.location(), why));
    }
    if options.mode == Mode::MustExist && schema::find(&session)?.is_none() {
        return Err(options.not_found(session.location()));
    }
    pooling::refuse(&session, connect.clone(), &options.holder)?;
    let Tables { schema, .. } = schema::migrate(&session)?;
    let OpenOptions { environment, holder, lock_timeout, .. } = options;
    let number = lock::number(&schema, environment);
    lock::take(&session, number, environment, holder, *lock_timeout)?;
    Ok(PostgresKv::new(session, connect, options, Some(number)))
}
