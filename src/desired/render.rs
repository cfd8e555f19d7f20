//! One text for one row.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use minijinja::{
    Error, ErrorKind, Expression, Template, Value,
    value::{Enumerator, Object},
};

use crate::manifest::{
    Table, Vars,
    template::{self, bounds},
};

/// No text needs more; a template that would make more is broken.
const MAX_BYTES: usize = 1 << 20;

/// What templates see: the row's columns, and below them the variables.
struct Row {
    table: Arc<Table>,
    /// One object is all rows, one after the other.
    row: Arc<AtomicU32>,
    vars: Arc<Vars>,
    /// In `where`, an empty cell is an empty text; in texts, it counts as missing.
    empty: bool,
}

impl Row {
    fn lookup(&self, name: &str) -> Option<Value> {
        let row = self.row.load(Ordering::Relaxed);
        let cell = self.table.column(name).map(|column| self.table.cell(row, column));
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
#[derive(Debug)]
pub(super) enum RenderError {
    Template(Error),
    TooLarge,
    Empty,
}

/// Renders texts, one after the other, of one table.
pub(super) struct Renderer {
    pub(super) table: Arc<Table>,
    pub(super) vars: Arc<Vars>,
    row: Arc<AtomicU32>,
    in_text: Value,
    in_condition: Value,
    buffer: Vec<u8>,
    /// What all texts and conditions took.
    steps: u64,
}

/// What a template or an expression looks like, for what it may take.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Written {
    bytes: usize,
    joins: bool,
}

impl Written {
    pub(super) fn of(text: &str) -> Self {
        Self { bytes: text.len(), joins: text.contains(['~', '+']) }
    }
}

impl Renderer {
    pub(super) fn new(table: Arc<Table>, vars: Arc<Vars>) -> Self {
        let row = Arc::new(AtomicU32::new(0));
        let context = |empty| {
            let (table, row, vars) = (table.clone(), row.clone(), vars.clone());
            Value::from_object(Row { table, row, vars, empty })
        };
        let (in_text, in_condition) = (context(false), context(true));
        Self { table, vars, row, in_text, in_condition, buffer: Vec::new(), steps: 0 }
    }

    /// The text for a row, without line breaks at its end.
    pub(super) fn text(
        &mut self,
        template: &Template<'_, '_>,
        written: Written,
        row: u32,
    ) -> Result<Arc<str>, RenderError> {
        self.row.store(row, Ordering::Relaxed);
        let context = self.in_text.clone();
        self.buffer.clear();
        bounds::start();
        let mut out = Capped { buffer: &mut self.buffer, full: false };
        let result = template.render_captured_to(context, &mut out);
        let full = out.full;
        let steps = match &result {
            Ok(captured) => captured.state().fuel_levels().map_or(0, |(consumed, _)| consumed),
            Err(error) if error.kind() == ErrorKind::OutOfFuel => template::FUEL,
            // It may have failed at the end. Few rows fail: after some, the others are not shown.
            Err(_) => template::FUEL / 100,
        };
        self.steps += bounds::cost(steps, written.bytes, written.joins, self.buffer.len());
        match result {
            _ if full => return Err(RenderError::TooLarge),
            Err(error) => return Err(RenderError::Template(error)),
            Ok(_) => {}
        }
        // The engine writes whole texts only.
        let text = std::str::from_utf8(&self.buffer).unwrap_or_default();
        finished(text)
    }

    /// Whether a row is meant.
    pub(super) fn matches(
        &mut self,
        condition: &Expression<'_, '_>,
        written: Written,
        row: u32,
    ) -> Result<bool, Error> {
        self.row.store(row, Ordering::Relaxed);
        bounds::start();
        let result = condition.eval(self.in_condition.clone());
        // An expression has no loops: no step is made twice, and most are written with three
        // characters or more.
        self.steps += bounds::cost(written.bytes as u64 / 3, 0, written.joins, 0);
        Ok(result?.is_true())
    }

    /// What was taken since this was asked last: about as many steps of the engine.
    pub(super) fn take_steps(&mut self) -> u64 {
        std::mem::take(&mut self.steps)
    }
}

/// Without line breaks at its end; it must say something.
fn finished(text: &str) -> Result<Arc<str>, RenderError> {
    let text = text.trim_end_matches(['\n', '\r']);
    if text.trim_start().is_empty() { Err(RenderError::Empty) } else { Ok(text.into()) }
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
