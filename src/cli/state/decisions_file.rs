//! Decisions about unknown deliveries, in a CSV file: `address,id`.

use std::{
    collections::BTreeSet,
    io::{self, Read as _},
    path::Path,
};

use csv::{ReaderBuilder, Trim};

use super::{
    command::StateCommand,
    decisions::{Decision, refuse},
    unknown,
};
use crate::{
    cli::failure::Failure,
    files,
    model::{Intent, MessageId},
    state::Store,
};

/// More than all addresses and ids of a state.
const MOST_BYTES: u64 = 1 << 30;

/// Reads the decisions: all of them, or none if a line is wrong.
pub(super) fn read(
    command: &StateCommand<'_>,
    store: &dyn Store,
    intents: &[Intent],
    path: &Path,
) -> Result<Vec<Decision>, Failure> {
    let name = if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() };
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().take(MOST_BYTES).read_to_end(&mut bytes).map(|_| bytes)
    } else {
        files::read_given(path, MOST_BYTES)
    };
    let bytes = bytes.map_err(|error| Failure::new(format!("could not read {name}: {error}")))?;
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes));
    let (mut decisions, mut problems, mut named) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (n, row) in reader.records().enumerate() {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                // Its words may hold what stands there.
                let line = error.position().map_or(0, csv::Position::line);
                problems.push(format!("{name}:{line}: the line is not UTF-8"));
                continue;
            }
        };
        let line = row.position().map_or(0, csv::Position::line);
        let at = format!("{name}:{line}");
        let cells: Vec<&str> = row.iter().collect();
        let &[address, id] = &cells[..] else {
            problems.push(format!(
                "{at}: a line has two columns, address and id, and this one has {}",
                cells.len()
            ));
            continue;
        };
        if n == 0 && (address, id) == ("address", "id") {
            continue;
        }
        let id = match id {
            "" => None,
            id => match MessageId::parse(id) {
                Ok(id) => Some(id),
                Err(error) => {
                    problems.push(format!("{at}: {error}"));
                    continue;
                }
            },
        };
        match unknown::find(command, store, intents, address) {
            Ok(intent) if named.insert(intent.address.clone()) => {
                decisions.push((intent.clone(), id));
            }
            Ok(intent) => {
                let shown = command.shown(&intent.address);
                problems.push(format!("{at}: {shown} is named a second time"));
            }
            Err(failure) => problems.push(format!("{at}: {failure}")),
        }
    }
    refuse(problems)?;
    if decisions.is_empty() {
        return Err(Failure::new(format!("{name} names no delivery")));
    }
    Ok(decisions)
}
