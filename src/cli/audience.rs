//! Who is in an audience now.

use std::io::Write;

use serde::{Serialize, Serializer, ser::SerializeSeq};

use super::{
    args::{AudienceCommand, DataFormat},
    context::{Context, Needs},
    failure::{Failure, status},
};
use crate::{
    manifest::{LoadedAudience, Table},
    model::{VisitorId, printable},
};

pub(super) fn run(context: &Context, args: &AudienceCommand) -> Result<u8, Failure> {
    let AudienceCommand::Show { audience, count, format } = args;
    let LoadedAudience { table, is_declared, names, report, .. } =
        context.load_audience(audience, Needs::Audiences);
    context.output.report(&report);
    let Some(table) = table else {
        if is_declared || report.errors() > 0 {
            return Err(Failure::silent());
        }
        let names = names.iter().map(String::as_str);
        return Err(Failure::new(format!("there is no audience `{audience}`")).suggest(
            audience,
            names,
            "audiences are declared under `audiences:`",
        ));
    };
    let visitors = table.len() as u64;
    match (format, count) {
        (DataFormat::Json, _) => {
            let rows = (!count).then_some(Rows(&table));
            let columns = (!count).then(|| table.columns().collect());
            context.output.json(&Shown {
                format: "pushsync/audience/1",
                audience,
                visitors,
                columns,
                rows,
            })?;
        }
        (DataFormat::Text, true) => writeln!(context.output.out(), "{visitors}")?,
        (DataFormat::Text, false) => csv(context, &table)?,
    }
    Ok(status::DONE)
}

/// The rows as CSV, the visitor's id first.
fn csv(context: &Context, table: &Table) -> Result<(), Failure> {
    let mask = context.masks();
    let columns = columns_of(table);
    let mut out = csv::Writer::from_writer(context.output.out());
    out.write_field("visitor_id").map_err(unwritten)?;
    out.write_record(columns.iter().map(|(name, _)| printable(name).into_owned()))
        .map_err(unwritten)?;
    for position in 0..table.len() {
        let row = table.row(position);
        let id = table.visitor(row);
        if mask {
            let id = VisitorId::parse(id).map(|id| id.masked()).unwrap_or_default();
            out.write_field(id).map_err(unwritten)?;
        } else {
            out.write_field(id).map_err(unwritten)?;
        }
        for (_, column) in &columns {
            let cell = table.cell(row, *column);
            // What cannot be seen, or turns the direction of writing, is spelled out.
            if mask {
                out.write_field(&*printable(&context.output.masked(cell))).map_err(unwritten)?;
            } else {
                out.write_field(&*printable(cell)).map_err(unwritten)?;
            }
        }
        out.write_record(None::<&[u8]>).map_err(unwritten)?;
    }
    out.flush()?;
    Ok(())
}

fn unwritten(error: csv::Error) -> Failure {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        other => Failure::new(format!("could not write: {other:?}")),
    }
}

/// The columns beside the visitor's id, by name.
fn columns_of(table: &Table) -> Vec<(&str, usize)> {
    table.columns().filter_map(|name| Some((name, table.column(name)?))).collect()
}

/// The document of `--format json`. It is complete: visitors' ids are whole.
#[derive(Serialize)]
struct Shown<'a> {
    format: &'static str,
    audience: &'a str,
    visitors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Rows<'a>>,
}

/// Written one by one.
struct Rows<'a>(&'a Table);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(table) = self;
        let columns = columns_of(table);
        let mut rows = serializer.serialize_seq(Some(table.len()))?;
        for position in 0..table.len() {
            let row = table.row(position);
            let cells = columns.iter().map(|(name, column)| (*name, table.value(row, *column)));
            rows.serialize_element(&Row { visitor: table.visitor(row), cells: cells.collect() })?;
        }
        rows.end()
    }
}

#[derive(Serialize)]
struct Row<'a> {
    visitor: &'a str,
    /// `null` where a cell is empty.
    cells: std::collections::BTreeMap<&'a str, Option<minijinja::Value>>,
}
