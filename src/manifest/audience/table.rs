use std::{borrow::Cow, collections::HashMap, fmt, sync::Arc};

use minijinja::Value;
use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::{
    VISITOR_COLUMN,
    columns::{ColumnType, Types},
    ids::{self, IdKind},
    rows::{DerivedFrom, Rows},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{source_path::SourcePath, suggest},
    model::{self, IdSource, Place, SecretFingerprint, mask::masked, number as digits},
};

/// Up to this number, names are found sooner without an index.
const FEW: usize = 16;
/// At most this number of visitors who come twice is told one by one.
const ENOUGH_TWICE: usize = 20;

/// Visitors with their columns, as compact as a million rows need it.
///
/// A row is named by its number in the file, from 0.
pub struct Table {
    columns: Vec<Arc<str>>,
    /// Where each column is, by its name.
    places: HashMap<Arc<str>, usize>,
    /// The declared types, if there are any.
    types: Vec<Option<ColumnType>>,
    visitor: usize,
    rows: Rows,
    /// The rows in the order of visitors' ids.
    order: Vec<u32>,
    origin: Origin,
    /// What is odd about its file, and no error.
    warning: Option<Box<Diagnostic>>,
}

/// Why it is not known who belongs to an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownVisitors<'t> {
    /// A query says it, and was left out.
    QueryLeftOut,
    /// Their ids are made with the secret in this environment variable, which is not set.
    NoSecret(&'t str),
}

pub(super) enum Origin {
    /// The file, and the line of each row.
    Csv { file: Arc<str>, lines: Vec<u32> },
    /// The list of ids.
    List(SourcePath),
    /// A query: the place of its SELECT.
    Query { at: Place },
    /// A query that was left out: who belongs to the audience is not known, nor which columns it has.
    LeftOut(SourcePath),
}

impl Table {
    /// How many visitors there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The columns beside the visitor's id.
    pub fn columns(&self) -> impl Iterator<Item = &str> + Clone {
        let names = self.columns.iter().enumerate();
        names.filter(|(at, _)| *at != self.visitor).map(|(_, name)| &**name)
    }

    /// A column by its name, in whichever form the letters of the name are composed.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        let composed = composed(name);
        let name = &*composed;
        let at = match self.columns.len() {
            0..=FEW => self.columns.iter().position(|column| **column == *name)?,
            _ => *self.places.get(name)?,
        };
        (at != self.visitor).then_some(at)
    }

    /// The type that is declared for a column.
    pub(crate) fn column_type(&self, column: usize) -> Option<ColumnType> {
        self.types.get(column).copied().flatten()
    }

    /// The value of a cell; `None` if it is empty.
    pub(crate) fn value(&self, row: u32, column: usize) -> Option<Value> {
        let cell = self.cell(row, column);
        match self.column_type(column) {
            _ if cell.is_empty() => None,
            // The cells were checked.
            Some(declared) if !cell.trim().is_empty() => declared.value(cell),
            Some(_) => None,
            None => Some(Value::from(cell)),
        }
    }

    /// What stands for an empty cell of a column in advice.
    pub(crate) fn empty_default(&self, column: &str) -> Option<&'static str> {
        Some(match self.column(column).and_then(|column| self.column_type(column)) {
            Some(ColumnType::Integer | ColumnType::Number) => "0",
            Some(ColumnType::Boolean) => "false",
            Some(ColumnType::Date) => return None,
            Some(ColumnType::Text) | None => "'there'",
        })
    }

    /// What is odd about its file, and no error.
    pub(crate) fn warning(&self) -> Option<&Diagnostic> {
        self.warning.as_deref()
    }

    pub(super) fn with_warning(self, warning: Option<Diagnostic>) -> Self {
        Self { warning: warning.map(Box::new), ..self }
    }

    /// Gives types to columns whose cells were checked.
    pub(super) fn with_inferred(self, types: Vec<Option<ColumnType>>) -> Self {
        Self { types, ..self }
    }

    /// Gives types to columns, in place of those that they have. A cell that does not fit is a problem.
    pub(crate) fn with_types(mut self, types: &Types) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        self.types.resize(self.columns.len(), None);
        for (name, declared, source) in types {
            let Some(column) = self.column(name) else {
                let message = match self.is_visitor_column(name) {
                    true => "the visitor's id has no type".to_owned(),
                    false => format!("the audience has no column `{name}`"),
                };
                let mut problem =
                    Diagnostic::error(Code::UnknownColumn, message).at(source.key().place());
                problem.help = suggest::among(name, self.columns());
                problems.push(problem);
                continue;
            };
            self.types[column] = Some(*declared);
            problems.extend(self.unfit(column, *declared, source));
        }
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }

    /// The cells of a column that do not fit its type, told as one problem.
    fn unfit(
        &self,
        column: usize,
        declared: ColumnType,
        source: &SourcePath,
    ) -> Option<Diagnostic> {
        let rows = 0..u32::try_from(self.order.len()).unwrap_or(u32::MAX);
        let is_unfit = |row: &u32| {
            let cell = self.cell(*row, column);
            !cell.trim().is_empty() && declared.value(cell).is_none()
        };
        let mut unfit = rows.filter(is_unfit);
        let first = unfit.next()?;
        let count = 1 + unfit.count();
        let name = &self.columns[column];
        let place = self.place(first);
        // What a file of the project has may be shown; what a database has may not.
        let shown: String = self.cell(first, column).chars().take(30).collect();
        let is = match self.is_queried() {
            true => format!("a cell of `{name}`"),
            false => format!("`{name}` is `{shown}`"),
        };
        let more = match count {
            1 => String::new(),
            2 => ", and 1 more cell does not fit".to_owned(),
            _ => format!(", and {} more cells do not fit", model::number(count as u64 - 1)),
        };
        let whole = format!(
            "{is} {}, {}{more}",
            self.in_row(first).unwrap_or_default(),
            declared.why_unfit(self.cell(first, column))
        );
        let problem = Diagnostic::error(Code::BadCell, whole).at(place);
        let why = format!("the column is declared `{}` here", declared.name());
        Some(problem.related(source.place(), why).help(declared.cure(self.cell(first, column))))
    }

    /// The row at `position` in the order of visitors' ids.
    pub(crate) fn row(&self, position: usize) -> u32 {
        self.order[position]
    }

    pub(crate) fn cell(&self, row: u32, column: usize) -> &str {
        let at = row as usize * self.columns.len() + column;
        let end = |at: usize| self.rows.ends.get(at).map_or(0, |end| *end as usize);
        let start = at.checked_sub(1).map_or(0, end);
        self.rows.cells.get(start..end(at)).unwrap_or_default()
    }

    /// A visitor's id, checked when the table was made.
    pub(crate) fn visitor(&self, row: u32) -> &str {
        self.cell(row, self.visitor)
    }

    /// Why nobody knows who belongs to it; `None` if it is known.
    pub fn unknown_visitors(&self) -> Option<UnknownVisitors<'_>> {
        match &self.rows.derived {
            _ if self.is_left_out() => Some(UnknownVisitors::QueryLeftOut),
            Some(DerivedFrom { variable, secret: None, .. }) => {
                Some(UnknownVisitors::NoSecret(variable))
            }
            _ => None,
        }
    }

    /// The secret that the visitors' ids were made with, if they were.
    pub fn secret(&self) -> Option<SecretFingerprint> {
        self.rows.derived.as_ref()?.secret
    }

    /// The environment variable that holds that secret.
    pub fn secret_variable(&self) -> Option<&str> {
        Some(&self.rows.derived.as_ref()?.variable)
    }

    /// What the column that ids are read from identifies.
    fn id_kind(&self) -> IdKind {
        match self.rows.derived {
            None => IdKind::Visitor,
            Some(_) => IdKind::User,
        }
    }

    /// The id as it is written in a row: the visitor's, or what it was made from.
    fn written_id(&self, row: u32) -> &str {
        let column = self.rows.derived.as_ref().map_or(self.visitor, |derived| derived.column);
        self.cell(row, column)
    }

    /// Whether the visitors' ids are known by this name: they are no column for templates.
    pub(crate) fn is_visitor_column(&self, name: &str) -> bool {
        let written = self.rows.derived.is_none().then(|| self.columns.get(self.visitor)).flatten();
        name == VISITOR_COLUMN || written.is_some_and(|column| composed(name) == **column)
    }

    /// The visitors in the order of their ids.
    pub fn visitors(&self) -> impl Iterator<Item = &str> {
        self.order.iter().map(|row| self.visitor(*row))
    }

    /// Its visitors in the order in which they are written.
    pub fn visitors_as_written(&self) -> impl Iterator<Item = &str> {
        (0..self.len() as u32).map(|row| self.visitor(row))
    }

    /// The position of `visitor` in the order of ids.
    pub(crate) fn find(&self, visitor: &str) -> Option<usize> {
        self.order.binary_search_by(|row| self.visitor(*row).cmp(visitor)).ok()
    }

    /// Where a row is written.
    pub(crate) fn place(&self, row: u32) -> Place {
        match &self.origin {
            Origin::Csv { file, lines } => {
                let line = lines.get(row as usize).copied().unwrap_or(1);
                Place { file: file.clone(), line, column: 1, length: 1 }
            }
            Origin::List(source) => source.child(row as usize).place(),
            Origin::Query { at } => at.clone(),
            Origin::LeftOut(source) => source.place(),
        }
    }

    /// In which row something is, in words; `None` where rows have no numbers.
    pub(crate) fn in_row(&self, row: u32) -> Option<String> {
        match &self.origin {
            Origin::Csv { .. } => Some(format!("in row {}", self.place(row).line)),
            Origin::Query { .. } => {
                let number = model::number(u64::from(row) + 1);
                Some(format!("in row {number} of the query's answer"))
            }
            Origin::List(_) | Origin::LeftOut(_) => None,
        }
    }

    /// The audience of a query that was left out.
    pub(crate) fn left_out(source: SourcePath) -> Self {
        Self {
            columns: Vec::new(),
            places: HashMap::new(),
            types: Vec::new(),
            visitor: 0,
            rows: Rows::default(),
            order: Vec::new(),
            origin: Origin::LeftOut(source),
            warning: None,
        }
    }

    /// Whether nobody knows its rows and columns: they are not none.
    pub(crate) fn is_left_out(&self) -> bool {
        matches!(self.origin, Origin::LeftOut(_))
    }

    /// Whether the rows are those of a query, whether or not it ran.
    pub(crate) fn is_queried(&self) -> bool {
        matches!(self.origin, Origin::Query { .. } | Origin::LeftOut(_))
    }

    /// Whether it is a list of ids, without columns.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.origin, Origin::List(_))
    }

    /// Whether the rows are those of a CSV file.
    pub(crate) fn is_csv(&self) -> bool {
        matches!(self.origin, Origin::Csv { .. })
    }

    /// A list of ids; `source` is the list.
    pub(crate) fn from_list(ids: &[String], source: SourcePath) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let mut rows = Rows::default();
        for (at, id) in ids.iter().enumerate() {
            if let Some(problem) = ids::problem(id) {
                problems.push(problem.at(source.child(at).place()));
            }
            rows.cells.push_str(id);
            rows.ends.push(u32::try_from(rows.cells.len()).unwrap_or(u32::MAX));
        }
        Self::sorted(vec![VISITOR_COLUMN.into()], 0, rows, Origin::List(source), problems)
    }

    /// The problem of a visitor in two rows of a query's answer.
    fn twice_in_answer(&self, mut problem: Diagnostic, first: u32, row: u32) -> Diagnostic {
        let first = digits(u64::from(first) + 1);
        let words = self.in_row(row).unwrap_or_default();
        problem.message =
            format!("{}, {words}; the first time was in row {first}", problem.message);
        let written = self.rows.derived.as_ref().map_or(self.visitor, |derived| derived.column);
        let name = &self.columns[written];
        problem.help(format!(
            "a visitor has one row: SELECT DISTINCT ON ({name}) … ORDER BY {name}, …"
        ))
    }

    /// Brings the rows in the order of their ids, and finds ids that come twice.
    pub(super) fn sorted(
        columns: Vec<Arc<str>>,
        visitor: usize,
        rows: Rows,
        origin: Origin,
        mut problems: Vec<Diagnostic>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let columns: Vec<Arc<str>> = columns
            .into_iter()
            .map(|name| match composed(&name) {
                Cow::Borrowed(_) => name,
                Cow::Owned(composed) => composed.into(),
            })
            .collect();
        let places = columns.iter().enumerate().map(|(at, name)| (name.clone(), at)).collect();
        let count = u32::try_from(rows.ends.len() / columns.len().max(1)).unwrap_or(u32::MAX);
        let (types, order) = Default::default();
        let mut table =
            Self { columns, places, types, visitor, rows, order, origin, warning: None };
        let mut order: Vec<u32> = (0..count).collect();
        let ids = || (0..count).map(|row| table.visitor(row).as_bytes());
        let first = ids().next().unwrap_or_default();
        let common = ids().fold(first.len(), |common, id| in_common(&first[..common], id));
        // Nearly all ids differ in the bytes after their common start: no other memory is read.
        order.sort_by_cached_key(|row| {
            let id = table.visitor(*row);
            (number(&id.as_bytes()[common..]), id)
        });
        let same = |a: &u32, b: &u32| table.visitor(*a) == table.visitor(*b);
        let again = order
            .chunk_by(same)
            .filter(|rows| rows.len() > 1 && table.id_kind().is_id(table.written_id(rows[0])));
        let mut again = again.flat_map(|rows| rows[1..].iter().map(|row| (rows[0], *row)));
        for (first, row) in again.by_ref().take(ENOUGH_TWICE) {
            let id = masked(table.written_id(row));
            let place = table.place(row);
            let first_place = table.place(first);
            problems.push(if table.written_id(row) == table.written_id(first) {
                let who = match table.id_kind() {
                    IdKind::Visitor => "visitor",
                    IdKind::User => "user",
                };
                let message = format!("the {who} {id} is here a second time");
                let problem = Diagnostic::error(Code::DuplicateVisitor, message).at(place);
                match &table.origin {
                    Origin::Query { .. } => table.twice_in_answer(problem, first, row),
                    _ => problem.related(first_place, "the first time is here"),
                }
            } else {
                let message = format!("the user {id} has the same visitor id as another one");
                let problem = Diagnostic::error(Code::DuplicateVisitor, message).at(place);
                problem
                    .related(first_place, "the other user is here")
                    .help("choose a larger `length` for the ids")
            });
        }
        if let Some((_, row)) = again.next() {
            let more = 1 + again.count() as u64;
            let rows = match (table.id_kind(), more) {
                (IdKind::Visitor, 1) => "visitor is",
                (IdKind::Visitor, _) => "visitors are",
                (IdKind::User, 1) => "user is",
                (IdKind::User, _) => "users are",
            };
            let message = format!("{} more {rows} here a second time", digits(more));
            problems.push(Diagnostic::error(Code::DuplicateVisitor, message).at(table.place(row)));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        table.order = order;
        Ok(table)
    }
}

/// A name with its letters composed (NFC): `é` as one character, however it is written.
pub(super) fn composed(name: &str) -> Cow<'_, str> {
    if name.is_ascii() || is_nfc(name) { name.into() } else { name.nfc().collect() }
}

fn in_common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

/// The first eight bytes as a number of the same order.
fn number(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    let some = bytes.len().min(first.len());
    first[..some].copy_from_slice(&bytes[..some]);
    u64::from_be_bytes(first)
}

impl IdSource for Table {
    fn ids(&self, found: &mut dyn FnMut(&str)) {
        self.visitors().for_each(found);
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} rows, columns {:?})", self.order.len(), self.columns)
    }
}
