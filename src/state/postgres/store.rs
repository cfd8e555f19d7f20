//! Opening a state.

use super::{
    lock,
    rows::Rows,
    schema::{self, Found},
    session::Session,
    target::Target,
};
use crate::state::{Access, Mode, OpenOptions, StateError, engine::Engine, header::StateHeader};

/// One transaction for as long as the state is looked at: it is shown as it is now.
const LOOK: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Opens the state of one environment. Called on the thread that will use it.
pub(super) fn open(target: Target, options: &OpenOptions) -> Result<Engine<Rows>, StateError> {
    let session = Session::open(target, &options.holder)?;
    let rows = match options.access {
        Access::Read => to_look(session, options)?,
        Access::Write => to_write(session, options)?,
    };
    let place = rows.session.place().to_owned();
    match StateHeader::stored(&rows, &place, &options.environment)? {
        Some(header) => {
            rows.compare(&header)?;
            Engine::new(rows, &place, header, options.key.as_ref())
        }
        None if rows.any()? => {
            let what = format!("the environment {:?} has vanished from it", options.environment);
            Err(StateError::damaged(&place, what))
        }
        None if options.mode == Mode::MustExist || options.access == Access::Read => {
            Err(not_found(&place, options))
        }
        None => {
            let header = StateHeader::new(&options.environment, options.new_lineage, options.now);
            Engine::create(rows, &place, header, options.key.as_ref())
        }
    }
}

fn to_look(session: Session, options: &OpenOptions) -> Result<Rows, StateError> {
    session.batch(LOOK)?;
    match schema::find(&session)? {
        None => Err(not_found(session.place(), options)),
        Some(Found { version, .. }) if version < schema::known() => Err(StateError::Unavailable {
            location: session.place().to_owned(),
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
            location: session.place().to_owned(),
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
    StateError::NotFound { location: place.to_owned(), environment: options.environment.clone() }
}
