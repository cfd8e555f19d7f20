//! Opening a state, and what its thread does with it.

use super::{
    connect_options::Target,
    kv::Rows,
    lock,
    schema::{self, Found},
    session::Session,
};
use crate::state::{
    Access, Amendment, Meta, Mode, OpenOptions, StateError, Verification, Write,
    engine::{Engine, stored_ledger},
    ledger::Ledger,
    worker::Keeper,
};

/// One transaction for as long as the state is looked at: it is shown as it is now.
const LOOK: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// An open state.
pub(super) struct OpenStore {
    engine: Engine<Rows>,
}

/// Opens the state of one environment. Called on the thread that will use it.
pub(super) fn open(target: Target, options: &OpenOptions) -> Result<OpenStore, StateError> {
    let session = Session::open(target, &options.holder)?;
    let rows = match options.access {
        Access::Read => to_look(session, options)?,
        Access::Write => to_write(session, options)?,
    };
    let place = rows.session.place().to_owned();
    let engine = match stored_ledger(&rows, &place, &options.environment)? {
        Some(ledger) => {
            rows.compare(&ledger)?;
            Engine::new(rows, &place, ledger, options.key.as_ref())?
        }
        None if rows.any()? => {
            let what = format!("the environment {:?} has vanished from it", options.environment);
            return Err(StateError::damaged(&place, what));
        }
        None if options.mode == Mode::MustExist || options.access == Access::Read => {
            return Err(not_found(&place, options));
        }
        None => {
            let ledger = Ledger::new(&options.environment, options.new_lineage, options.now);
            Engine::create(rows, &place, ledger, options.key.as_ref())?
        }
    };
    Ok(OpenStore { engine })
}

fn to_look(session: Session, options: &OpenOptions) -> Result<Rows, StateError> {
    session.batch(LOOK)?;
    match schema::find(&session)? {
        None => Err(not_found(session.place(), options)),
        Some(Found { version, .. }) if version < schema::known() => Err(StateError::Unavailable {
            place: session.place().to_owned(),
            why: format!(
                "its tables are those of an older version ({version}, this one needs {}): \
                 `pushsync apply` brings them up to date",
                schema::known()
            ),
        }),
        Some(_) => Ok(Rows::new(session, &options.environment, None)),
    }
}

fn to_write(session: Session, options: &OpenOptions) -> Result<Rows, StateError> {
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
    let Found { schema, .. } = schema::migrate(&session)?;
    let number = lock::number(&schema, &options.environment);
    let OpenOptions { environment, holder, lock_timeout, .. } = options;
    lock::take(&session, number, environment, holder, *lock_timeout)?;
    Ok(Rows::new(session, environment, Some(number)))
}

fn not_found(place: &str, options: &OpenOptions) -> StateError {
    StateError::NotFound { place: place.to_owned(), environment: options.environment.clone() }
}

impl Keeper for OpenStore {
    type Backing = Rows;

    fn engine(&self) -> &Engine<Rows> {
        &self.engine
    }

    fn commit(&mut self, writes: &[Write]) -> Result<Meta, StateError> {
        // Why nothing can be written says more than that an earlier commit failed.
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

    /// The session gives back what others wait for.
    fn close(self) {
        drop(self);
    }

    fn abandon(self) {
        drop(self);
    }
}
