//! `import`: messages that exist, one by one or many in a file.

use std::{collections::HashMap, sync::Arc};

use super::{
    audience::{CsvFormat, FileLines, MOST_BYTES, Reading, RowRules, Table, ids},
    context::Context,
    folder::unreadable,
    input_file::{FolderOf, InputFile},
    layers::Layer,
    lists::{key, required},
    project::Adoption,
    raw,
    source_path::SourcePath,
    suggest,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    files::{self, Ending},
    model::{Address, Key, MessageId, Source, VisitorId, number},
};

/// The column with the ids of messages.
const MESSAGE_COLUMN: &str = "message_id";
/// At most this number of problems of one file is reported one by one.
const ENOUGH: usize = 20;

/// Adoptions so far: no delivery and no message may be imported twice.
#[derive(Default)]
struct Adoptions {
    all: Vec<Adoption>,
    addresses: HashMap<Address, Source>,
    ids: HashMap<MessageId, Source>,
}

/// Checks all imports.
pub(crate) fn imports(
    cx: &mut Context<'_>,
    entries: &[Layer<'_, raw::Import>],
    folder_of: &FolderOf<'_>,
) -> Vec<Adoption> {
    let mut adoptions = Adoptions::default();
    for layer in entries {
        if cx.is_full() {
            break;
        }
        let raw::Import { to, id, key, file } = layer.raw;
        let (one, many) = (to.is_some() || id.is_some(), key.is_some() || file.is_some());
        match (one, many) {
            (true, true) => {
                let message = "this entry names one message, and a file of many";
                let help = "write { to: ADDRESS, id: ID } or { key: KEY, file: FILE }".to_owned();
                cx.error_with(Code::BadImport, message, &layer.at, Some(help));
            }
            (false, true) => _ = adoptions.of_file(cx, layer, folder_of),
            (_, false) => _ = adoptions.of_entry(cx, layer),
        }
    }
    adoptions.all
}

impl Adoptions {
    /// `{ to: ADDRESS, id: ID }`; `None` if it was reported.
    fn of_entry(&mut self, cx: &mut Context<'_>, layer: &Layer<'_, raw::Import>) -> Option<()> {
        let to = required(cx, layer, "to", layer.raw.to.as_ref());
        let id = required(cx, layer, "id", layer.raw.id.as_ref());
        let ((to, to_at), (id, id_at)) = (to?, id?);
        let address = match Address::parse(to) {
            Ok(address) => address,
            Err(error) => {
                cx.error(Code::BadImport, error.to_string(), &to_at);
                return None;
            }
        };
        if let Some(problem) = ids::problem(address.visitor().as_str()) {
            cx.problems.push(problem.at(to_at.place()));
            return None;
        }
        let id = match MessageId::parse(id) {
            Ok(id) => id,
            Err(error) => {
                cx.error(Code::BadImport, error.to_string(), &id_at);
                return None;
            }
        };
        let problems = self.add(address, id, (to_at.into(), id_at.into()), false);
        cx.problems.extend(problems);
        Some(())
    }

    /// `{ key: KEY, file: FILE }`; `None` if it was reported.
    fn of_file(
        &mut self,
        cx: &mut Context<'_>,
        layer: &Layer<'_, raw::Import>,
        folder_of: &FolderOf<'_>,
    ) -> Option<()> {
        let named = required(cx, layer, "key", layer.raw.key.as_ref());
        let file = required(cx, layer, "file", layer.raw.file.as_ref());
        let ((named, key_at), (file, file_at)) = (named?, file?);
        let key = key(cx, named, &key_at)?;
        let table = table(cx, file, &file_at, folder_of)?;
        let mut problems = Vec::new();
        let mut more = 0;
        for row in table.rows() {
            let found = self.of_row(&table, row, &key);
            match problems.len() < ENOUGH {
                true => problems.extend(found),
                false => more += found.len(),
            }
        }
        if more > 0 {
            let message = format!("{} more problems of this file", number(more as u64));
            problems.push(Diagnostic::error(Code::BadImport, message).at(file_at.place()));
        }
        cx.problems.extend(problems);
        Some(())
    }

    fn of_row(&mut self, table: &MessageTable, row: u32, key: &Key) -> Vec<Diagnostic> {
        let (visitor, id) = table.cells(row);
        let at = Source::new(table.table.place(row));
        let bad =
            |message: String| vec![Diagnostic::error(Code::BadImport, message).at(at.place())];
        // The table has checked the ids of visitors.
        let Ok(visitor) = VisitorId::parse(visitor) else { return Vec::new() };
        let address = Address::new(key, &visitor);
        match MessageId::parse(id) {
            Ok(id) => self.add(address, id, (at.clone(), at), true),
            Err(_) if id.trim().is_empty() => bad(format!(
                "`{MESSAGE_COLUMN}` is empty in this row: remove the row, or name the message"
            )),
            Err(error) => bad(error.to_string()),
        }
    }

    /// The problems, if the delivery or the message is imported already.
    fn add(
        &mut self,
        to: Address,
        id: MessageId,
        (to_at, id_at): (Source, Source),
        of_file: bool,
    ) -> Vec<Diagnostic> {
        let twice = [
            self.addresses.insert(to.clone(), to_at.clone()).map(|first| (first, &to_at)),
            self.ids.insert(id.clone(), id_at.clone()).map(|first| (first, &id_at)),
        ];
        let problems: Vec<_> = twice
            .into_iter()
            .flatten()
            .map(|(first, again)| {
                Diagnostic::error(Code::BadImport, "this is imported a second time")
                    .at(again.place())
                    .related(first.place(), "the first time is here")
            })
            .collect();
        if problems.is_empty() {
            self.all.push(Adoption { to, id, source: to_at, of_file });
        }
        problems
    }
}

/// A file of messages that exist.
struct MessageTable {
    table: Table,
    /// The column with the ids of messages.
    ids: usize,
}

impl MessageTable {
    fn rows(&self) -> impl Iterator<Item = u32> + use<> {
        0..u32::try_from(self.table.len()).unwrap_or(u32::MAX)
    }

    /// The visitor and the message of a row.
    fn cells(&self, row: u32) -> (&str, &str) {
        (self.table.visitor(row), self.table.cell(row, self.ids))
    }
}

/// Reads a file; `None` if it was reported.
fn table(
    cx: &mut Context<'_>,
    file: &str,
    at: &SourcePath,
    folder_of: &FolderOf<'_>,
) -> Option<MessageTable> {
    let InputFile { path, name } =
        InputFile::named(cx, folder_of, file, at, (Code::BadImport, "a CSV file"))?;
    cx.sources.add(name.clone(), Arc::new(FileLines::csv(path.clone(), Reading::default())));
    let read = files::read_unchanged(&path, MOST_BYTES, Ending::LineBreak)
        .map_err(|error| vec![unreadable(&name, &error).at(at.place())])
        .and_then(|bytes| {
            let format = (CsvFormat::FIXED, &RowRules::default());
            Table::from_csv(&name, bytes, format, &cx.options.limits)
        });
    let table = match read {
        Ok(table) => table,
        Err(problems) => {
            cx.problems.extend(problems);
            return None;
        }
    };
    cx.problems.extend(table.warning().cloned());
    let Some(ids) = table.column(MESSAGE_COLUMN) else {
        let near = suggest::nearest(MESSAGE_COLUMN, table.columns());
        let help = match near {
            Some(near) => format!("rename the column `{near}` to `{MESSAGE_COLUMN}`"),
            None => format!("its columns are `visitor_id` and `{MESSAGE_COLUMN}`"),
        };
        let message = format!("the file has no column `{MESSAGE_COLUMN}`");
        cx.error_with(Code::BadImport, message, at, Some(help));
        return None;
    };
    // It may have been cut: its visitors would get the message again.
    if table.is_empty() {
        let help = "fill it, or remove this entry: visitors of messages that are not imported get the message again";
        cx.error_with(Code::BadImport, "this file has no messages", at, Some(help.to_owned()));
        return None;
    }
    Some(MessageTable { table, ids })
}
