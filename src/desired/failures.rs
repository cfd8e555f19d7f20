//! Rows whose text or condition fails: each problem is told once, with the number of its rows.

use std::{ops::Range, sync::Arc};

use minijinja::{Error, ErrorKind};

use super::{
    failure::{Failed, Failure, Part},
    message_rows::{MessageRows, RowOutcome},
    message_text::{Form, MessageText},
    render::RenderError,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{Table, suggest, template},
    model::{VisitorId, number},
};

/// Kinds of problems of one message: more of them are one.
const MOST_KINDS: usize = 50;
/// At most this number of other messages is named with a problem.
const MOST_RELATED: usize = 5;

/// One problem of the whole project, with the rows of all messages that have it.
struct Gathered {
    failure: Failure,
    table: Arc<Table>,
    problem: Diagnostic,
    others: usize,
    rows: Vec<u32>,
}

/// The problems of all messages; an empty column that several messages use is one.
#[derive(Default)]
pub(super) struct Failures(Vec<Gathered>);

impl Failures {
    /// Adds those of a message that is done.
    pub(super) fn add(&mut self, message: &mut MessageRows<'_>) {
        let mut failed: Vec<_> = std::mem::take(&mut message.failures).into_iter().collect();
        failed.sort_by_key(|((part, _), failed)| (*part, failed.range.start));
        for ((part, failure), failed) in failed {
            let Failed { code, range, help, rows } = failed;
            let place = message.place_of(part, range);
            let table = &message.renderer.table;
            let same = |known: &&mut Gathered| {
                matches!(failure, Failure::Empty(_))
                    && known.failure == failure
                    && Arc::ptr_eq(&known.table, table)
            };
            if let Some(known) = self.0.iter_mut().find(same) {
                known.rows.extend(rows);
                known.others += 1;
                if known.others <= MOST_RELATED {
                    let why = format!("`{}` uses it here", message.message.spec.key);
                    known.problem.related.push(crate::diagnostics::Related { place, message: why });
                }
                continue;
            }
            let mut problem = Diagnostic::error(code, String::new()).at(place);
            problem.help = help;
            let table = table.clone();
            self.0.push(Gathered { failure, table, problem, others: 0, rows });
        }
        if let Some(by) = message.message.share.as_ref().and_then(|share| share.by.as_ref())
            && !message.undecided.is_empty()
        {
            let problem = Diagnostic::error(Code::BadRecipients, String::new())
                .at(by.source.place())
                .help("fill the cells, or leave these rows out with `where`: without a value, nobody can say who belongs to the share");
            let (failure, table) =
                (Failure::Empty(by.name.as_ref().into()), &message.renderer.table);
            let rows = std::mem::take(&mut message.undecided);
            self.0.push(Gathered { failure, table: table.clone(), problem, others: 0, rows });
        }
    }

    /// The problems, once all messages are done.
    pub(super) fn take(&mut self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.0).into_iter().map(Gathered::told).collect()
    }
}

impl Gathered {
    fn told(self) -> Diagnostic {
        let Self { failure, table, mut problem, others, mut rows } = self;
        rows.sort_unstable();
        rows.dedup();
        let count = rows.len() as u64;
        let first = rows.first().copied().unwrap_or_default();
        let place = table.place(first);
        let whom = match (table.in_row(first), count) {
            (Some(row), 1) => row,
            (Some(row), _) => format!("in {} rows, first {row}", number(count)),
            (None, _) => {
                let id = VisitorId::parse(table.visitor(first)).map(|id| id.masked());
                let id = id.unwrap_or_default();
                match count {
                    1 => format!("for the visitor {id}"),
                    _ => format!("for {} visitors, {id} among them", number(count)),
                }
            }
        };
        problem.message = match failure {
            Failure::Empty(name) => format!("`{name}` is empty {whom}"),
            Failure::Piece { message, .. } => format!("{message}, {whom}"),
            Failure::NoText => format!("this text is empty {whom}"),
            Failure::Others => format!("this fails for other reasons too, {whom}"),
        };
        if others > MOST_RELATED {
            let more = others - MOST_RELATED;
            problem.message = format!("{}; {more} more messages use it", problem.message);
        }
        if table.is_csv() {
            let words = if count == 1 { "this is the row" } else { "this is the first row" };
            let related = crate::diagnostics::Related { place, message: words.to_owned() };
            problem.related.insert(0, related);
        }
        problem
    }
}

impl MessageRows<'_> {
    pub(super) fn failed_condition(&mut self, error: &Error, row: u32) -> RowOutcome {
        let Some(condition) = &self.message.condition else { return RowOutcome::Pass };
        let range = template::range_of(error, &condition.text);
        if error.kind() == ErrorKind::OutOfFuel || template::is_same_for_all(error.kind()) {
            let place = template::place_in(&condition.source, &condition.text, range);
            let message = template::message_of(error);
            let problem = Diagnostic::error(Code::BadWhere, message).at(place);
            return self.give_up(problem);
        }
        self.note(error, Part::Condition, range, row)
    }

    /// `text` is the place of the text among those of the message.
    pub(super) fn failed_text(&mut self, error: RenderError, text: usize, row: u32) -> RowOutcome {
        let MessageText { text: failed, form, .. } = &self.texts[text];
        let (at, part) = (&failed.source, Part::Text(text));
        let source = match form {
            Form::Template { source, .. } => *source,
            Form::Literal(_) => "",
        };
        let error = match error {
            RenderError::Empty => {
                self.record(part, Failure::NoText, Code::EmptyText, 0..source.len(), None, row);
                return RowOutcome::Pass;
            }
            RenderError::TooLarge => {
                let message = format!("this text grows beyond 1 MiB for {}", self.who(row));
                let problem = Diagnostic::error(Code::TemplateError, message).at(at.place());
                return self.give_up(problem);
            }
            RenderError::Template(error) => error,
        };
        let range = template::range_of(&error, source);
        if error.kind() == ErrorKind::OutOfFuel || template::is_same_for_all(error.kind()) {
            let place = template::place_in(at, source, range);
            let message = match error.kind() {
                ErrorKind::OutOfFuel => {
                    format!("this text takes too many steps for {}", self.who(row))
                }
                _ => template::message_of(&error),
            };
            return self.give_up(Diagnostic::error(Code::TemplateError, message).at(place));
        }
        self.note(&error, part, range, row)
    }

    /// Remembers what failed for a row.
    fn note(&mut self, error: &Error, part: Part, range: Range<usize>, row: u32) -> RowOutcome {
        let Some(path) = template::undefined_name(error) else {
            let message = template::message_of(error);
            let (code, help) = template::cure_of(error).unzip();
            let code = match code.unwrap_or(Code::TemplateError) {
                Code::TemplateError if part == Part::Condition => Code::BadWhere,
                code => code,
            };
            let failure = Failure::Piece { code, range: range.clone(), message };
            self.record(part, failure, code, range, help, row);
            return RowOutcome::Pass;
        };
        if let Some(column) = self.column_of(path) {
            let failure = Failure::Empty(column.to_owned());
            let help = cure_of_empty(&self.renderer.table, column, path);
            let code = match part {
                Part::Condition => Code::BadWhere,
                Part::Text(_) => Code::UndefinedVariable,
            };
            self.record(part, failure, code, range, Some(help), row);
            return RowOutcome::Pass;
        }
        match self.unknown_variable(error, part, range) {
            Some(problem) => RowOutcome::Problem(Box::new(problem)),
            None => RowOutcome::Pass,
        }
    }

    /// The column that a path names. A part of a text is missing whatever the cell has.
    fn column_of<'a>(&self, path: &'a str) -> Option<&'a str> {
        let table: &Table = &self.renderer.table;
        let column = template::column_of(path).filter(|name| table.column(name).is_some());
        column.filter(|column| path.ends_with(['\'', '"', ']']) || path.ends_with(*column))
    }

    /// That no row has a variable: said once for each.
    pub(super) fn unknown_variable(
        &mut self,
        error: &Error,
        part: Part,
        range: Range<usize>,
    ) -> Option<Diagnostic> {
        let path = template::undefined_name(error)?;
        if self.column_of(path).is_some() || !self.unknown.insert((part, path.to_owned())) {
            return None;
        }
        Some(self.no_variable(path).at(self.place_of(part, range)))
    }

    /// A variable that no row has.
    fn no_variable(&self, path: &str) -> Diagnostic {
        let cure =
            format!("for a value that may be missing, write {{{{ {path} | default(\"…\") }}}}");
        let name = path.split(['.', '[']).next().unwrap_or(path);
        let vars = &self.renderer.vars;
        let names = self.renderer.table.columns().chain(vars.keys().map(String::as_str));
        let known = vars.contains_key(name);
        let is_id = self.renderer.table.is_visitor_column(name);
        let message = match (name, known) {
            _ if is_id => {
                format!("`{name}` is not a variable: anyone who reads it can open the chat")
            }
            (_, true) => format!("`{path}` has no value"),
            (_, false) => format!("there is no variable `{name}`"),
        };
        let near = suggest::nearest(name, names.clone()).filter(|_| !known && !is_id);
        let help = match (near, suggest::list(names)) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(list)) => format!("there is {list}; {cure}"),
            (None, None) => cure,
        };
        let mut problem = Diagnostic::error(Code::UndefinedVariable, message);
        problem.help = Some(help).filter(|_| !is_id);
        problem
    }

    fn record(
        &mut self,
        part: Part,
        failure: Failure,
        code: Code,
        range: Range<usize>,
        help: Option<String>,
        row: u32,
    ) {
        self.failed += 1;
        let failure = (part, failure);
        let many = self.failures.len() >= MOST_KINDS && !self.failures.contains_key(&failure);
        let failure = if many { (failure.0, Failure::Others) } else { failure };
        let new = || Failed { code, range, help, rows: Vec::new() };
        self.failures.entry(failure).or_insert_with(new).rows.push(row);
    }

    /// Where a part of the text or of the condition is.
    fn place_of(&self, part: Part, range: Range<usize>) -> crate::model::Place {
        let text = match (part, &self.message.condition) {
            (Part::Condition, Some(condition)) => {
                return template::place_in(&condition.source, &condition.text, range);
            }
            (Part::Condition, None) => 0,
            (Part::Text(text), _) => text,
        };
        let MessageText { text, form, .. } = &self.texts[text];
        match form {
            Form::Template { source, .. } if range != (0..source.len()) => {
                template::place_in(&text.source, source, range)
            }
            _ => text.source.place(),
        }
    }

    /// For what takes long to fail, or fails for every row: the others are not tried.
    fn give_up(&mut self, problem: Diagnostic) -> RowOutcome {
        self.rows = 0..0;
        self.failed += 1;
        RowOutcome::Problem(Box::new(problem))
    }

    /// `audiences/beta.csv:7 (visitor kZMv…xvg)`
    pub(super) fn who(&self, row: u32) -> String {
        let table = &self.renderer.table;
        let id = VisitorId::parse(table.visitor(row)).map(|id| id.masked()).unwrap_or_default();
        if table.is_csv() {
            let place = table.place(row);
            format!("{}:{} (visitor {id})", place.file, place.line)
        } else {
            format!("the visitor {id}")
        }
    }
}

/// What to do about an empty cell.
fn cure_of_empty(table: &Table, column: &str, path: &str) -> String {
    let Some(other) = table.empty_default(column) else {
        return format!(
            "fill the cells, or ask for the value first: `{path} is defined and …`, \
             {{% if {path} %}}"
        );
    };
    format!(
        "fill the cells, name a value for the empty ones: `{path} | default({other})`, or leave the rows out: \
         `where: \"{path} is defined\"`"
    )
}
