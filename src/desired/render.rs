//! One text for one row.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use minijinja::{
    Environment, Error, ErrorKind, Value,
    value::{Enumerator, Object},
};

use crate::manifest::{
    Table, Vars,
    template::{self, bounds, program::Program, scope::ROW},
};

/// What templates see: the row's columns, and below them the variables.
struct Row {
    table: Arc<Table>,
    /// One object is all rows, one after the other.
    row: Arc<AtomicU32>,
    vars: Arc<Vars>,
    /// In `where`, an empty cell is an empty text; in texts, it counts as missing.
    empty: bool,
    /// The cells alone, for `row["…"]`.
    cells: Option<Value>,
}

impl Row {
    fn lookup(&self, name: &str) -> Option<Value> {
        let row = self.row.load(Ordering::Relaxed);
        let Some(column) = self.table.column(name) else {
            let var = self.vars.get(name).cloned();
            return var.or_else(|| (name == ROW).then(|| self.cells.clone()).flatten());
        };
        let cell = self.table.value(row, column).or_else(|| self.vars.get(name).cloned());
        // Of typed cells, an empty one is missing everywhere.
        let is_text = self.table.column_type(column).is_none();
        cell.or_else(|| (self.empty && is_text).then(|| Value::from("")))
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
    buffer: String,
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
            let context = |vars, cells| {
                let (table, row) = (table.clone(), row.clone());
                Value::from_object(Row { table, row, vars, empty, cells })
            };
            let cells = context(Arc::default(), None);
            context(vars.clone(), Some(cells))
        };
        let (in_text, in_condition) = (context(false), context(true));
        Self { table, vars, row, in_text, in_condition, buffer: String::new(), steps: 0 }
    }

    /// The text for a row, without line breaks at its end.
    pub(super) fn text(
        &mut self,
        engine: &Environment<'_>,
        program: &Program<'_>,
        written: Written,
        row: u32,
    ) -> Result<Arc<str>, RenderError> {
        self.row.store(row, Ordering::Relaxed);
        self.buffer.clear();
        bounds::start();
        let result = program.render(engine, self.in_text.clone(), &mut self.buffer);
        let steps = match &result {
            Ok(steps) => *steps,
            Err(error) if error.kind() == ErrorKind::OutOfFuel => template::FUEL,
            // It may have failed at the end.
            Err(_) => program.most_steps().unwrap_or(template::FUEL / 100),
        };
        self.steps += bounds::cost(steps, written.bytes, written.joins, self.buffer.len());
        match result {
            _ if bounds::is_full() => Err(RenderError::TooLarge),
            Err(error) => Err(RenderError::Template(error)),
            Ok(_) => finished(&self.buffer),
        }
    }

    /// Whether a row is meant.
    pub(super) fn matches(
        &mut self,
        engine: &Environment<'_>,
        condition: &Program<'_>,
        written: Written,
        row: u32,
    ) -> Result<bool, Error> {
        self.row.store(row, Ordering::Relaxed);
        bounds::start();
        let result = condition.eval(engine, self.in_condition.clone());
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
