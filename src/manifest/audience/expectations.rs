//! What `expect:` of an audience says of its rows, as tests of data do.

use std::collections::HashSet;

use jiff::civil::Date;
use minijinja::Value;

use super::{columns::ColumnType, table::Table};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{
        context::Context,
        layers::Layers,
        raw,
        source_path::SourcePath,
        suggest,
        template::values::{Day, truth_in_words},
        unions::CellRule,
    },
    model::{ChangeLimit, number},
};

/// At most this number of different cells is told.
const MOST_TOLD: usize = 3;
/// At most this number of accepted values is told.
const MOST_VALUES: usize = 6;
/// At most this part of a cell is told.
const MOST_CHARS: usize = 30;

/// What must hold of an audience.
#[derive(Debug, Default)]
pub(crate) struct Expectations {
    rows: Option<(RowCount, SourcePath)>,
    change: Option<ChangeLimit>,
    columns: Vec<(String, CellRule, SourcePath)>,
}

/// How many rows there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RowCount {
    least: u64,
    most: Option<u64>,
}

impl RowCount {
    /// Parses `100..5000`, `100..`, `..5000` or `500`; what is wrong if it is none of them.
    fn parse(text: &str) -> Result<Self, &'static str> {
        const FORMS: &str = "it is not a number of rows";
        let count = |text: &str| {
            let text = text.trim();
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<u64>().ok()).flatten().ok_or(FORMS)
        };
        let Some((least, most)) = text.split_once("..") else {
            let exactly = count(text)?;
            return Ok(Self { least: exactly, most: Some(exactly) });
        };
        let range = match (least.trim(), most.trim()) {
            ("", "") => return Err("it has neither a least nor a largest number"),
            (least, "") => Self { least: count(least)?, most: None },
            ("", most) => Self { least: 0, most: Some(count(most)?) },
            (least, most) => Self { least: count(least)?, most: Some(count(most)?) },
        };
        match range.most {
            Some(most) if most < range.least => Err("its end is smaller than its beginning"),
            _ => Ok(range),
        }
    }

    fn admits(self, rows: u64) -> bool {
        self.least <= rows && self.most.is_none_or(|most| rows <= most)
    }

    /// `from 100 to 5,000`
    fn words(self) -> String {
        match (self.least, self.most) {
            (least, Some(most)) if least == most => format!("exactly {}", number(least)),
            (0, Some(most)) => format!("at most {}", number(most)),
            (least, None) => format!("at least {}", number(least)),
            (least, Some(most)) => format!("from {} to {}", number(least), number(most)),
        }
    }
}

impl Expectations {
    /// From their declaration; those of an environment are laid over the rest. What cannot be understood is
    /// reported.
    pub(crate) fn declared(cx: &mut Context<'_>, layers: &Layers<'_, raw::Audience>) -> Self {
        let layers = layers.inner("expect", |raw| raw.expect.as_ref());
        let rows =
            layers.get("rows", |raw| raw.rows.as_ref()).and_then(
                |(text, at)| match RowCount::parse(text) {
                    Ok(rows) => Some((rows, at)),
                    Err(why) => {
                        let message = format!("{text:?} cannot be used: {why}");
                        let help = "write `100..5000`, `100..`, `..5000` or `500`".to_owned();
                        cx.error_with(Code::BadValue, message, &at, Some(help));
                        None
                    }
                },
            );
        let change = layers.get("change", |raw| raw.change.as_ref()).and_then(|(text, at)| {
            let limit = ChangeLimit::parse(&text.0);
            if limit.is_none() {
                let message = format!("{:?} is neither a count nor a share", text.0);
                let help = "write a count such as 50, or a share such as 20%".to_owned();
                cx.error_with(Code::BadValue, message, &at, Some(help));
            }
            limit
        });
        let mut columns: Vec<(String, CellRule, SourcePath)> = Vec::new();
        for layer in &layers.inner("columns", |raw| raw.columns.as_ref()).0 {
            for (name, rule) in &layer.raw.0 {
                let at = layer.at.child(&**name);
                columns.retain(|(known, ..)| known != name);
                if matches!(rule, CellRule::OneOf(values) if values.is_empty()) {
                    let help = "list the values that cells may have, or write `required`";
                    let message = format!("the list of `{name}` has no values");
                    cx.error_with(Code::BadValue, message, &at, Some(help.to_owned()));
                    continue;
                }
                columns.push((name.clone(), rule.clone(), at));
            }
        }
        Self { rows, change, columns }
    }

    /// Whether nothing is expected of the rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_none() && self.columns.is_empty()
    }

    /// How far the number of a message's deliveries may differ from that in the state.
    pub(crate) fn change(&self) -> Option<ChangeLimit> {
        self.change
    }

    /// What does not hold of these rows.
    pub(crate) fn check(&self, table: &Table) -> Vec<Diagnostic> {
        if table.is_left_out() {
            return Vec::new();
        }
        let rows = self.rows.iter().filter_map(|(expected, at)| {
            let rows = table.len() as u64;
            (!expected.admits(rows)).then(|| wrong_count(*expected, rows, at, table))
        });
        let columns = self.columns.iter().flat_map(|(name, rule, at)| match table.column(name) {
            // An id that is missing is an error in any case.
            None if table.is_visitor_column(name) && matches!(rule, CellRule::Required) => {
                Vec::new()
            }
            None => vec![unknown_column(name, at, table)],
            Some(column) => match Cells::new(table, column, name, at, rule) {
                Ok(cells) => cells.check().into_iter().collect(),
                Err(problems) => problems,
            },
        });
        rows.chain(columns).collect()
    }
}

fn wrong_count(expected: RowCount, rows: u64, at: &SourcePath, table: &Table) -> Diagnostic {
    let found = match rows {
        0 => "no visitors".to_owned(),
        1 => "1 visitor".to_owned(),
        more => format!("{} visitors", number(more)),
    };
    let message = format!("the audience has {found}, and {} are expected", expected.words());
    let help = if rows < expected.least {
        "check whether rows are missing; if not, correct `rows`, or let it through once with --allow-change KEY"
    } else {
        "check whether rows are there that do not belong to it; if not, correct `rows`, or let it through once with --allow-change KEY"
    };
    let problem = Diagnostic::error(Code::ExpectationFailed, message).at(at.place()).help(help);
    match rows {
        0 => problem,
        _ if table.is_queried() => problem.related(table.place(0), "the query is here"),
        _ => problem.related(table.place(0), "the rows begin here"),
    }
}

fn unknown_column(name: &str, at: &SourcePath, table: &Table) -> Diagnostic {
    let message = match table.is_visitor_column(name) {
        true => "nothing can be expected of the visitors' ids but that they are there".to_owned(),
        false => format!("the audience has no column `{name}`"),
    };
    let mut problem = Diagnostic::error(Code::UnknownColumn, message).at(at.key().place());
    if !table.is_visitor_column(name) {
        problem.help = suggest::among(name, table.columns());
    }
    problem
}

/// The cells of a column, and what is expected of them.
struct Cells<'t> {
    table: &'t Table,
    column: usize,
    name: &'t str,
    at: &'t SourcePath,
    rule: &'t CellRule,
    accepted: Accepted<'t>,
}

impl<'t> Cells<'t> {
    fn new(
        table: &'t Table,
        column: usize,
        name: &'t str,
        at: &'t SourcePath,
        rule: &'t CellRule,
    ) -> Result<Self, Vec<Diagnostic>> {
        let declared = table.column_type(column);
        let mut accepted = Accepted::none(declared);
        let mut problems = Vec::new();
        let values: &[String] = match rule {
            CellRule::Required => &[],
            CellRule::OneOf(values) => values,
        };
        for (index, text) in values.iter().enumerate() {
            if accepted.add(text).is_none() {
                let expected = declared.map_or("a text", ColumnType::expected);
                let kind = declared.map_or("text", ColumnType::name);
                let message = format!("{text:?} is not {expected}");
                let help = format!("the column `{name}` has the type `{kind}`");
                let problem = Diagnostic::error(Code::BadValue, message).help(help);
                problems.push(problem.at(at.child(index).place()));
            }
        }
        let cells = Self { table, column, name, at, rule, accepted };
        if problems.is_empty() { Ok(cells) } else { Err(problems) }
    }

    /// All cells that are not as expected, told as one problem.
    fn check(&self) -> Option<Diagnostic> {
        let rows = 0..u32::try_from(self.table.len()).unwrap_or(u32::MAX);
        let mut first = None;
        let mut count = 0;
        let mut told: Vec<(&str, u64)> = Vec::new();
        for row in rows {
            let cell = self.table.cell(row, self.column);
            if self.is_as_expected(cell) {
                continue;
            }
            first = first.or(Some(row));
            count += 1;
            match told.iter().position(|(known, _)| *known == cell) {
                Some(at) => told[at].1 += 1,
                None if told.len() < MOST_TOLD => told.push((cell, 1)),
                None => {}
            }
        }
        let first = first?;
        let problem = match self.rule {
            CellRule::Required => self.missing(count, first),
            CellRule::OneOf(values) => self.not_accepted(count, first, &told, values),
        };
        let why = match self.rule {
            CellRule::Required => "no cell of the column may be missing",
            CellRule::OneOf(_) => "these values are expected",
        };
        Some(problem.at(self.table.place(first)).related(self.at.place(), why))
    }

    fn is_as_expected(&self, cell: &str) -> bool {
        match self.rule {
            CellRule::Required => !cell.trim().is_empty(),
            CellRule::OneOf(_) => cell.is_empty() || self.accepted.has(cell),
        }
    }

    /// Where the first of these cells is.
    fn first(&self, count: u64, row: u32) -> String {
        let first = if count > 1 { "the first " } else { "" };
        self.table.in_row(row).map(|row| format!(", {first}{row}")).unwrap_or_default()
    }

    fn missing(&self, count: u64, first: u32) -> Diagnostic {
        let (name, rows) = (self.name, number(self.table.len() as u64));
        let message = format!(
            "{} of {rows} cells of `{name}` {} missing, and `{name}` is required{}",
            number(count),
            if count == 1 { "is" } else { "are" },
            self.first(count, first)
        );
        let help = "fill the cells, remove the rows, or take `required` away";
        Diagnostic::error(Code::ExpectationFailed, message).help(help)
    }

    fn not_accepted(
        &self,
        count: u64,
        first: u32,
        told: &[(&str, u64)],
        values: &[String],
    ) -> Diagnostic {
        let (name, rows) = (self.name, number(self.table.len() as u64));
        let are = if count == 1 { "is" } else { "are" };
        let mut found: Vec<String> = told
            .iter()
            .map(|(cell, count)| match count {
                1 => shown(cell),
                count => format!("{} ({} times)", shown(cell), number(*count)),
            })
            .collect();
        let others = count - told.iter().map(|(_, count)| count).sum::<u64>();
        if others > 0 {
            found.push(format!("and {} others", number(others)));
        }
        let mut accepted: Vec<String> =
            values.iter().take(MOST_VALUES).map(|value| shown(value)).collect();
        if values.len() > MOST_VALUES {
            accepted.push(format!("and {} more", values.len() - MOST_VALUES));
        }
        // What a database has in its cells is not shown.
        let found = match self.table.is_queried() {
            true => String::new(),
            false => format!(": {}", found.join(", ")),
        };
        let message = format!(
            "{} of {rows} cells of `{name}` {are} not among the values that are expected ({}){found}{}",
            number(count),
            accepted.join(", "),
            self.first(count, first),
        );
        let is_text = matches!(self.accepted, Accepted::Texts(_));
        let near =
            told.first().filter(|_| is_text && !self.table.is_queried()).and_then(|(cell, _)| {
                let values = || values.iter().map(String::as_str);
                let same =
                    values().find(|value| value.to_lowercase() == cell.trim().to_lowercase());
                same.or_else(|| suggest::nearest(cell, values()))
            });
        let help = match near {
            Some(near) => format!(
                "did you mean {}? Otherwise correct the cells, or add the value to the list",
                shown(near)
            ),
            None => "correct the cells, or add the value to the list".to_owned(),
        };
        Diagnostic::error(Code::ExpectationFailed, message).help(help)
    }
}

/// The values that cells may have, of the type of their column.
enum Accepted<'t> {
    Texts(HashSet<&'t str>),
    Truths(Vec<bool>),
    Days(Vec<Date>),
    Numbers(ColumnType, Vec<Value>),
}

impl<'t> Accepted<'t> {
    fn none(declared: Option<ColumnType>) -> Self {
        match declared {
            None | Some(ColumnType::Text) => Self::Texts(HashSet::new()),
            Some(ColumnType::Boolean) => Self::Truths(Vec::new()),
            Some(ColumnType::Date) => Self::Days(Vec::new()),
            Some(kind @ (ColumnType::Integer | ColumnType::Number)) => {
                Self::Numbers(kind, Vec::new())
            }
        }
    }

    /// Adds a value; `None` if it does not fit the type.
    fn add(&mut self, text: &'t str) -> Option<()> {
        match self {
            Self::Texts(texts) => _ = texts.insert(text),
            Self::Truths(truths) => truths.push(truth_in_words(text)?),
            Self::Days(days) => days.push(Day::parse(text)?.at.date()),
            Self::Numbers(kind, numbers) => numbers.push(kind.value(text)?),
        }
        Some(())
    }

    /// Whether a cell has one of them. A blank cell of a column with a type has no value.
    fn has(&self, cell: &str) -> bool {
        let blank = cell.trim().is_empty();
        match self {
            Self::Texts(texts) => texts.contains(cell),
            Self::Truths(truths) => {
                blank || truth_in_words(cell).is_some_and(|truth| truths.contains(&truth))
            }
            Self::Days(days) => {
                blank || Day::parse(cell).is_some_and(|day| days.contains(&day.at.date()))
            }
            Self::Numbers(kind, numbers) => {
                blank || kind.value(cell).is_some_and(|value| numbers.contains(&value))
            }
        }
    }
}

/// The beginning of a cell.
fn shown(cell: &str) -> String {
    let mut start: String = cell.chars().take(MOST_CHARS).collect();
    if start.len() < cell.len() {
        start.push('…');
    }
    format!("`{start}`")
}
