//! One text for one row.

use std::{fmt, io, sync::Arc};

use minijinja::{
    Error, Expression, Template, Value,
    value::{Enumerator, Object},
};

use crate::manifest::{Table, Vars, template::bounds};

/// No text needs more; a template that would make more is broken.
const MAX_BYTES: usize = 1 << 20;

/// What templates see: the row's columns, and below them the variables.
struct Row {
    table: Arc<Table>,
    row: u32,
    vars: Arc<Vars>,
    /// In `where`, an empty cell is an empty text; in texts, it is as good as no cell.
    empty: bool,
}

impl Row {
    fn lookup(&self, name: &str) -> Option<Value> {
        let cell = self.table.column(name).map(|column| self.table.cell(self.row, column));
        match cell {
            Some(cell) if !cell.is_empty() => Some(Value::from(cell)),
            other => {
                let var = self.vars.get(name).cloned();
                var.or_else(|| other.filter(|_| self.empty).map(Value::from))
            }
        }
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Cells may be personal.
        f.write_str("the row")
    }
}

impl Object for Row {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.lookup(key.as_str()?).map(bounds::looked_up)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.lookup(key).map(bounds::looked_up)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let columns = self.table.columns().map(Value::from);
        let names: Vec<Value> = columns.chain(self.vars.keys().map(Value::from)).collect();
        Enumerator::Iter(Box::new(names.into_iter()))
    }
}

/// Why a text could not be rendered.
pub(super) enum Trouble {
    Template(Error),
    TooLarge,
    Empty,
}

/// Renders texts, one after the other, of one table.
pub(super) struct Renderer {
    pub(super) table: Arc<Table>,
    pub(super) vars: Arc<Vars>,
    buffer: Vec<u8>,
}

impl Renderer {
    pub(super) fn new(table: Arc<Table>, vars: Arc<Vars>) -> Self {
        Self { table, vars, buffer: Vec::new() }
    }

    fn row(&self, row: u32, empty: bool) -> Value {
        let (table, vars) = (self.table.clone(), self.vars.clone());
        Value::from_object(Row { table, row, vars, empty })
    }

    /// The text for a row, without line breaks at its end.
    pub(super) fn text(
        &mut self,
        template: &Template<'_, '_>,
        row: u32,
    ) -> Result<Arc<str>, Trouble> {
        let context = self.row(row, false);
        self.buffer.clear();
        bounds::start();
        let mut out = Capped { buffer: &mut self.buffer, full: false };
        let result = template.render_captured_to(context, &mut out);
        let full = out.full;
        match result {
            _ if full => return Err(Trouble::TooLarge),
            Err(error) => return Err(Trouble::Template(error)),
            Ok(_) => {}
        }
        // The engine writes whole texts only.
        let text = std::str::from_utf8(&self.buffer).unwrap_or_default();
        let text = text.trim_end_matches(['\n', '\r']);
        if text.trim().is_empty() { Err(Trouble::Empty) } else { Ok(text.into()) }
    }

    /// Whether a row is meant.
    pub(super) fn matches(&self, condition: &Expression<'_, '_>, row: u32) -> Result<bool, Error> {
        bounds::start();
        Ok(condition.eval(self.row(row, true))?.is_true())
    }
}

struct Capped<'a> {
    buffer: &'a mut Vec<u8>,
    full: bool,
}

impl io::Write for Capped<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() + bytes.len() > MAX_BYTES {
            self.full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
