//! Reads an export back.

use std::io::{BufRead, Read};

use serde::de::DeserializeOwned;

use crate::state::{Meta, StateError, Store, Write, codec::newer, keys};

use super::format::{Counts, End, Header, Line, NAME, VERSION, version};

/// No line is longer: a record is a text and some ids, a run is some changes.
const MAX_LINE: u64 = 256 << 20;

/// Reads an export back into an empty state, and answers with its counts.
///
/// The whole export is read and checked first, then written in one commit: after an error or a
/// crash the state is still empty. The state takes over lineage, time of creation, intents, approvals and
/// history. Its serial becomes the export's plus one, so that no plan made of the exported state
/// is carried out unseen on the restored one.
///
/// # Errors
///
/// [`StateError::NotEmpty`], [`StateError::OtherEnvironment`], [`StateError::Newer`],
/// [`StateError::BadExport`] with the line, and those of the store.
pub async fn import(
    from: &mut (dyn BufRead + Send),
    store: &dyn Store,
) -> Result<Counts, StateError> {
    let environment = store.meta().await?.environment;
    import_of(from, store, &environment).await
}

/// The same without the approvals that the export has: what was carried out since is not known.
///
/// # Errors
///
/// As [`import`].
pub async fn import_without_approvals(
    from: &mut (dyn BufRead + Send),
    store: &dyn Store,
) -> Result<Counts, StateError> {
    let environment = store.meta().await?.environment;
    write(from, store, &environment, |write| !matches!(write, Write::Approve(_))).await
}

/// The same, for an export of this environment, whatever the environment of the store.
///
/// # Errors
///
/// As [`import`].
pub async fn import_of(
    from: &mut (dyn BufRead + Send),
    store: &dyn Store,
    environment: &str,
) -> Result<Counts, StateError> {
    write(from, store, environment, |_| true).await
}

/// Reads everything, and writes what is `wanted` of it.
async fn write(
    from: &mut (dyn BufRead + Send),
    store: &dyn Store,
    environment: &str,
    wanted: fn(&Write) -> bool,
) -> Result<Counts, StateError> {
    let meta = store.meta().await?;
    let intents = store.intents().await?.len() as u64;
    let Meta { records, approvals, .. } = meta;
    if records > 0 || intents > 0 || approvals > 0 {
        let location = store.location().to_owned();
        return Err(StateError::NotEmpty { location, records, intents, approvals });
    }
    let (header, mut writes) = read(from)?;
    writes.retain(wanted);
    StateError::check_environment("in the export", &header.environment, environment)?;
    writes.insert(
        0,
        Write::Restore {
            lineage: header.lineage,
            serial: header.serial,
            created_at: header.created_at,
            api: header.api,
            secrets: header.secrets,
        },
    );
    store.commit(writes).await?;
    Ok(header.counts)
}

fn read(from: &mut (dyn BufRead + Send)) -> Result<(Header, Vec<Write>), StateError> {
    let mut lines = Lines { from, hasher: blake3::Hasher::new(), number: 0, buffer: Vec::new() };
    if !lines.next()? {
        return Err(lines.bad("the export is empty"));
    }
    let header = lines.header()?;
    let mut writes = Vec::new();
    let mut counts = Counts::default();
    // The section and the name of the line before: they only rise.
    let mut last: Option<(u8, Vec<u8>)> = None;
    loop {
        let before = lines.hasher.clone();
        if !lines.next()? {
            return Err(lines.bad("the export ends here, before its last line: it was cut off"));
        }
        let (here, write) = match lines.parse()? {
            Line::Record(record) => {
                counts.records += 1;
                ((0, record.address.as_str().as_bytes().to_vec()), Write::Put(record))
            }
            Line::Intent(intent) => {
                counts.intents += 1;
                ((1, intent.address.as_str().as_bytes().to_vec()), Write::Intend(intent))
            }
            Line::Approval(approval) => {
                counts.approvals += 1;
                ((2, approval.address.as_str().as_bytes().to_vec()), Write::Approve(approval))
            }
            Line::Run(run) => {
                counts.runs += 1;
                ((3, keys::run_name(&run)), Write::Run(run))
            }
            // The name of a part begins with that of its run.
            Line::Part(part) => ((3, keys::part_name(&part)), Write::RunPart(part)),
            Line::End(end) => {
                lines.end(&end, counts, header.counts, &before)?;
                return Ok((header, writes));
            }
        };
        if last.as_ref().is_some_and(|last| *last == here) {
            return Err(lines.bad("it has the same name as the line before"));
        }
        if last.as_ref().is_some_and(|last| *last > here) {
            return Err(lines.bad("it is out of order: lines are sorted by kind and name"));
        }
        last = Some(here);
        writes.push(write);
    }
}

struct Lines<'a> {
    from: &'a mut (dyn BufRead + Send),
    hasher: blake3::Hasher,
    number: u64,
    buffer: Vec<u8>,
}

impl Lines<'_> {
    /// Reads the next line; `false` at the end.
    fn next(&mut self) -> Result<bool, StateError> {
        self.number += 1;
        self.buffer.clear();
        let read = self.from.take(MAX_LINE).read_until(b'\n', &mut self.buffer);
        read.map_err(|error| self.bad(format!("could not read it: {error}")))?;
        self.hasher.update(&self.buffer);
        if self.buffer.last().is_some_and(|byte| *byte != b'\n') {
            return Err(self.bad("the line does not end: the export was cut off"));
        }
        Ok(!self.buffer.is_empty())
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, StateError> {
        // The parser's own words could quote a visitor's id.
        serde_json::from_slice(&self.buffer).map_err(|error| {
            self.bad(format!("it is not a line of an export (see column {})", error.column()))
        })
    }

    fn header(&self) -> Result<Header, StateError> {
        match version(&self.buffer, NAME) {
            None => Err(self.bad(format!("it is not an export: it does not start with {NAME}…"))),
            Some(version) if version > VERSION => Err(newer("in the export", version)),
            Some(_) => self.parse(),
        }
    }

    fn end(
        &mut self,
        end: &End,
        found: Counts,
        announced: Counts,
        before: &blake3::Hasher,
    ) -> Result<(), StateError> {
        if found != announced || found != end.counts {
            return Err(self.bad(format!(
                "there are {} records, {} intents, {} approvals and {} runs before it, but {}, {}, {} and {} were \
                 exported",
                found.records,
                found.intents,
                found.approvals,
                found.runs,
                announced.records,
                announced.intents,
                announced.approvals,
                announced.runs
            )));
        }
        if before.finalize().to_hex().as_str() != end.checksum {
            return Err(self.bad("the lines before it are not the ones that were exported"));
        }
        if self.next()? {
            return Err(self.bad("there is something after the last line"));
        }
        Ok(())
    }

    fn bad(&self, what: impl Into<String>) -> StateError {
        StateError::BadExport { line: self.number, what: what.into() }
    }
}
