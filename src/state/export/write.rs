//! Writes an export.

use std::io::{self, Write};

use serde::Serialize;

use crate::{
    model::Approval,
    state::{Digest, RunPart, StateError, Store, header::Tally, keys::Table, scan::RecordPages},
};

use super::format::{CHANGES, Counts, End, Header, Line, NAME, VERSION};

/// Writes the whole state, and answers with its counts. The records are checked as
/// [`crate::state::scan::Records`] checks them: after an error, throw the output away.
///
/// # Errors
///
/// Those of the store; [`StateError::Changed`]; [`StateError::Output`] if `out` cannot be written.
pub async fn export(store: &dyn Store, out: &mut (dyn Write + Send)) -> Result<Counts, StateError> {
    let before = store.meta().await?.serial;
    let approvals = store.approvals().await?;
    write(store, before, approvals, out).await
}

/// The same without the approvals, for a backup: by the time it is read back, nobody knows which of them have been
/// carried out since, and a message would be sent twice that nobody agreed to again.
///
/// # Errors
///
/// As [`export`].
pub async fn without_approvals(
    store: &dyn Store,
    out: &mut (dyn Write + Send),
) -> Result<Counts, StateError> {
    let before = store.meta().await?.serial;
    write(store, before, Vec::new(), out).await
}

async fn write(
    store: &dyn Store,
    before: u64,
    approvals: Vec<Approval>,
    out: &mut (dyn Write + Send),
) -> Result<Counts, StateError> {
    let meta = store.meta().await?;
    let intents = store.intents().await?;
    let mut runs = store.runs(usize::MAX).await?;
    runs.reverse();
    let counts = Counts {
        records: meta.records,
        intents: intents.len() as u64,
        approvals: approvals.len() as u64,
        runs: runs.len() as u64,
    };
    let mut lines = Lines { out, hasher: blake3::Hasher::new(), buffer: Vec::new() };
    lines.write(&Header {
        format: format!("{NAME}{VERSION}"),
        environment: meta.environment.clone(),
        lineage: meta.lineage,
        serial: meta.serial,
        created_at: meta.created_at,
        api: meta.api,
        secrets: meta.secrets,
        counts,
        digest: meta.digest,
    })?;
    let mut tally = Tally::default();
    let mut pages = RecordPages::all(store);
    while let Some(page) = pages.next().await? {
        tally.count += page.len() as u64;
        tally.digest = Digest(tally.digest.0.wrapping_add(page.digest.0));
        for record in page.records()? {
            lines.write(&Line::Record(Box::new(record)))?;
        }
    }
    for intent in intents {
        lines.write(&Line::Intent(Box::new(intent)))?;
    }
    for approval in approvals {
        lines.write(&Line::Approval(Box::new(approval)))?;
    }
    for mut run in runs {
        let changes = std::mem::take(&mut run.changes);
        let (id, number) = (run.id, run.number);
        let mut chunks = changes.chunks(CHANGES);
        run.changes = chunks.next().unwrap_or_default().to_vec();
        lines.write(&Line::Run(Box::new(run)))?;
        for (part, changes) in (1..).zip(chunks) {
            let changes = changes.to_vec();
            lines.write(&Line::Part(Box::new(RunPart { id, number, part, changes })))?;
        }
    }
    if store.meta().await?.serial != before {
        return Err(StateError::Changed { location: store.location().to_owned() });
    }
    let expected = Tally { count: meta.records, digest: meta.digest };
    if let Some(what) = expected.mismatch(Table::Records, tally) {
        return Err(StateError::damaged(store.location(), what));
    }
    let checksum = lines.hasher.finalize().to_hex().to_string();
    lines.write(&Line::End(End { counts, checksum }))?;
    lines.out.flush().map_err(StateError::Output)?;
    Ok(counts)
}

struct Lines<'a> {
    out: &'a mut (dyn Write + Send),
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
}

impl Lines<'_> {
    fn write(&mut self, line: &impl Serialize) -> Result<(), StateError> {
        self.buffer.clear();
        serde_json::to_writer(&mut self.buffer, line)
            .map_err(|error| StateError::Output(io::Error::other(error)))?;
        self.buffer.push(b'\n');
        self.hasher.update(&self.buffer);
        self.out.write_all(&self.buffer).map_err(StateError::Output)
    }
}
