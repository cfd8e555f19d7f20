//! Opens a state in a database.

use secrecy::{ExposeSecret, SecretString};

use super::{
    connect_options::{ConnectOptions, UNREADABLE},
    kv::PostgresKv,
    lock,
    schema::{self, Tables},
    session::Session,
};
use crate::state::{
    Access, Amendment, HostedStore, Meta, Mode, OpenOptions, StateError, Verification, Write,
    engine::{Engine, stored_ledger},
    ledger::Ledger,
    worker::Keeper,
};

/// One transaction for the whole reading: it shows the state as it is now.
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// What messages call a database: without user and password.
pub(in crate::state) fn place(url: &SecretString) -> String {
    ConnectOptions::parse(url.expose_secret())
        .map_or_else(|_| UNREADABLE.to_owned(), |options| options.place)
}

/// Opens the state of one environment in a database.
pub(in crate::state) fn open(
    url: &SecretString,
    options: OpenOptions,
) -> Result<HostedStore, StateError> {
    let connect = ConnectOptions::parse(url.expose_secret())?;
    HostedStore::start(connect.place.clone(), move |_| {
        Ok(Box::new(OpenPostgres { engine: engine(connect, &options)? }))
    })
}

/// Called on the thread of the store.
fn engine(
    connect: ConnectOptions,
    options: &OpenOptions,
) -> Result<Engine<PostgresKv>, StateError> {
    let session = Session::open(connect, &options.holder)?;
    let place = session.place().to_owned();
    let mut kv = match options.access {
        Access::Read => for_reading(session, options)?,
        Access::Write => for_writing(session, options)?,
    };
    if let Some(ledger) = stored_ledger(&kv, &place, &options.environment)? {
        kv.compare(&ledger)?;
        kv.follow(&ledger);
        return Engine::new(kv, &place, ledger, options.key.as_ref());
    }
    if kv.has_rows()? {
        let what = format!("the environment {:?} has vanished from it", options.environment);
        return Err(StateError::damaged(&place, what));
    }
    if options.mode == Mode::MustExist || options.access == Access::Read {
        return Err(not_found(&place, options));
    }
    let ledger = Ledger::new(&options.environment, options.new_lineage, options.now);
    Engine::create(kv, &place, ledger, options.key.as_ref())
}

fn for_reading(session: Session, options: &OpenOptions) -> Result<PostgresKv, StateError> {
    session.batch(READ)?;
    let Some(Tables { version, .. }) = schema::find(&session)? else {
        return Err(not_found(session.place(), options));
    };
    if version < schema::VERSION {
        return Err(StateError::Unavailable {
            place: session.place().to_owned(),
            why: format!(
                "its tables are those of an older version ({version}, this one needs {}): \
                 `pushsync apply` brings them up to date",
                schema::VERSION
            ),
        });
    }
    Ok(PostgresKv::new(session, &options.environment, None))
}

fn for_writing(session: Session, options: &OpenOptions) -> Result<PostgresKv, StateError> {
    if session.is_replica {
        return Err(StateError::Unavailable {
            place: session.place().to_owned(),
            why: "it is a replica, and cannot be written to: name the primary server in the URL, \
                  or several with target_session_attrs=read-write"
                .to_owned(),
        });
    }
    if options.mode == Mode::MustExist && schema::find(&session)?.is_none() {
        return Err(not_found(session.place(), options));
    }
    let Tables { schema, .. } = schema::migrate(&session)?;
    let OpenOptions { environment, holder, lock_timeout, .. } = options;
    let number = lock::number(&schema, environment);
    lock::take(&session, number, environment, holder, *lock_timeout)?;
    Ok(PostgresKv::new(session, environment, Some(number)))
}

fn not_found(place: &str, options: &OpenOptions) -> StateError {
    StateError::NotFound { place: place.to_owned(), environment: options.environment.clone() }
}

/// An open state.
struct OpenPostgres {
    engine: Engine<PostgresKv>,
}

impl Keeper for OpenPostgres {
    type Backing = PostgresKv;

    fn engine(&self) -> &Engine<PostgresKv> {
        &self.engine
    }

    fn commit(&mut self, writes: &[Write]) -> Result<Meta, StateError> {
        // This says why nothing can be written, not only that an earlier commit failed.
        self.engine.backing().session.check()?;
        self.engine.commit(writes)
    }

    fn amend(&mut self, amendment: &Amendment) -> Result<Meta, StateError> {
        self.engine.backing().session.check()?;
        self.engine.amend(amendment)
    }

    fn verify(&self) -> Result<Verification, StateError> {
        self.engine.backing().forget();
        let mut found = self.engine.verify()?;
        match self.engine.backing().compare(&self.engine.ledger) {
            Ok(()) => {}
            Err(StateError::Damaged { what, .. }) => found.problems.push(what),
            Err(error) => return Err(error),
        }
        Ok(found)
    }

    /// The end of the session gives back the lock.
    fn close(self) {}

    fn abandon(self) {}
}
