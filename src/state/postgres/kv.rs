//! The sorted bytes of one environment, as rows.

use std::{collections::BTreeMap, ops::Bound, slice};

use tokio_postgres::types::Type;

use super::{
    lock,
    read::RowReader,
    row_key::{NameRange, RowKey, SqlTable, TABLES},
    session::{Parameter, Session},
    write::{Writer, clamped, numbers},
};
use crate::{
    network::postgres::ConnectOptions,
    state::{
        LockHolder, OpenOptions, StateError,
        header::StateHeader,
        kv::{Changes, Kv, Visit},
    },
};

const READING: &str = "it was opened for reading: nothing can be written";

/// The rows of one environment.
pub(super) struct PostgresKv {
    session: Session,
    environment: String,
    reader: RowReader,
    /// `None` if it was opened for reading.
    writer: Option<Writer>,
    /// To ask who has the lock if the session is gone.
    connect: ConnectOptions,
    holder: LockHolder,
}

impl PostgresKv {
    /// With the number of its lock, the session may write.
    pub(super) fn new(
        session: Session,
        connect: ConnectOptions,
        options: &OpenOptions,
        lock: Option<i64>,
    ) -> Self {
        Self {
            session,
            environment: options.environment.clone(),
            connect,
            holder: options.holder.clone(),
            reader: RowReader::default(),
            writer: lock.map(|lock| Writer { lock, last_commit: None }),
        }
    }

    /// The next commit comes after the one with this header.
    pub(super) fn follow(&mut self, header: &StateHeader) {
        if let Some(writer) = &mut self.writer {
            writer.last_commit = Some(clamped(header.sequence));
        }
    }

    /// Compares the columns of the row of the environment, which are for people, with its header.
    pub(super) fn compare(&self, header: &StateHeader) -> Result<(), StateError> {
        let row = self.session.one(
            "SELECT lineage::text, serial, sequence, records, intents, runs \
             FROM pushsync_states WHERE environment = $1",
            &[(&self.environment, Type::TEXT)],
        )?;
        let lineage: &str = self.session.column(&row, 0)?;
        let mut same = lineage == header.meta.lineage.to_string();
        for (at, number) in (1..).zip(numbers(header)) {
            same &= self.session.column::<i64>(&row, at)? == number;
        }
        if same {
            return Ok(());
        }
        let what = format!(
            "the row of the environment {:?} in pushsync_states was changed by something else",
            self.environment
        );
        Err(StateError::damaged(self.session.location(), what))
    }

    /// Whether the environment has any row beside that in `pushsync_states`.
    pub(super) fn has_rows(&self) -> Result<bool, StateError> {
        let in_table =
            |SqlTable { name, .. }| format!("EXISTS (SELECT FROM {name} WHERE environment = $1)");
        let sql = format!("SELECT {}", TABLES.map(in_table).join(" OR "));
        let row = self.session.one(&sql, &[(&self.environment, Type::TEXT)])?;
        self.session.column(&row, 0)
    }
}

impl PostgresKv {
    /// See [`Kv::confirm_lock`].
    fn is_locked(&self) -> Result<(), StateError> {
        let Self { session, environment, writer, connect, holder, .. } = self;
        match writer {
            Some(writer) => lock::confirm(session, writer.lock, environment, connect, holder),
            None => Err(StateError::unavailable(session.location(), READING)),
        }
    }

    /// If the session of a writer is gone, this says who has the lock now.
    fn explained(&self, error: StateError) -> StateError {
        match (&self.writer, self.session.lost()) {
            (Some(_), Some(_)) => self.is_locked().err().unwrap_or(error),
            _ => error,
        }
    }
}

impl Kv for PostgresKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let key = key.to_vec();
        Ok(self.get_all(slice::from_ref(&key))?.pop().flatten())
    }

    fn get_all(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StateError> {
        let mut in_tables: BTreeMap<SqlTable, (Vec<&[u8]>, Vec<i64>)> = BTreeMap::new();
        let mut header = None;
        for (at, key) in (0..).zip(keys) {
            match RowKey::of(key) {
                Some(RowKey::Header) => header = Some(at),
                Some(RowKey::Row(table, name)) => {
                    let (names, numbers) = in_tables.entry(table).or_default();
                    names.push(name);
                    numbers.push(at);
                }
                None => {}
            }
        }
        let mut selects = Vec::new();
        let mut parameters: Vec<Parameter<'_>> = vec![(&self.environment, Type::TEXT)];
        if let Some(at) = &header {
            parameters.push((at, Type::INT8));
            selects.push(
                "SELECT $2 AS number, header FROM pushsync_states WHERE environment = $1"
                    .to_owned(),
            );
        }
        for (SqlTable { name, .. }, (names, numbers)) in &in_tables {
            let next = parameters.len() + 1;
            selects.push(format!(
                "SELECT number, value FROM unnest(${next}, ${}) AS wanted (name, number) \
                 JOIN {name} USING (name) WHERE environment = $1",
                next + 1
            ));
            parameters.push((names, Type::BYTEA_ARRAY));
            parameters.push((numbers, Type::INT8_ARRAY));
        }
        let mut found = vec![None; keys.len()];
        if selects.is_empty() {
            return Ok(found);
        }
        let rows = self.session.query(&selects.join(" UNION ALL "), &parameters);
        for row in rows.map_err(|error| self.explained(error))? {
            let at = usize::try_from(self.session.column::<i64>(&row, 0)?).unwrap_or(usize::MAX);
            if let Some(found) = found.get_mut(at) {
                *found = Some(self.session.column(&row, 1)?);
            }
        }
        Ok(found)
    }

    fn walk(
        &self,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        let mut ranges = NameRange::between(&from, &to);
        if backwards {
            ranges.reverse();
        }
        for range in ranges {
            let Self { session, environment, reader, .. } = self;
            if !reader.walk(session, environment, range, backwards, visit)? {
                break;
            }
        }
        Ok(())
    }

    fn write(&mut self, changes: &Changes) -> Result<(), StateError> {
        self.reader.forget();
        let Some(writer) = &mut self.writer else {
            return Err(StateError::unavailable(self.session.location(), READING));
        };
        let written = writer.commit(&self.session, &self.environment, changes);
        written.map_err(|error| self.explained(error))
    }

    /// Says why the session cannot be used any more, not only that an earlier commit failed.
    fn check_writable(&self) -> Result<(), StateError> {
        self.session.check().map_err(|error| self.explained(error))
    }

    fn confirm_lock(&mut self) -> Result<(), StateError> {
        self.is_locked()
    }

    fn verify(&self) -> Result<Vec<String>, StateError> {
        self.reader.forget();
        let header = StateHeader::stored(self, self.session.location(), &self.environment);
        // The engine finds a header that cannot be read.
        let Ok(Some(header)) = header else { return Ok(Vec::new()) };
        match self.compare(&header) {
            Ok(()) => Ok(Vec::new()),
            Err(StateError::Damaged { what, .. }) => Ok(vec![what]),
            Err(error) => Err(error),
        }
    }
}
