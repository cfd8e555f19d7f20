//! Rows whose text or condition fails.

use minijinja::{Error, ErrorKind};

use super::{
    message_rows::{MessageRows, RowOutcome},
    render::RenderError,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{Table, suggest, template},
    model::VisitorId,
};

/// Rows that fail are reported one by one up to this number, for each message.
const ENOUGH: usize = 5;

impl MessageRows<'_> {
    pub(super) fn failed_condition(&mut self, error: &Error, row: u32) -> RowOutcome {
        let Some(condition) = &self.message.condition else { return RowOutcome::Pass };
        let ends = error.kind() == ErrorKind::OutOfFuel || template::is_same_for_all(error.kind());
        if !ends && self.is_more() {
            return RowOutcome::Pass;
        }
        let range = template::range_of(error, &condition.text);
        let place = template::place_in(&condition.source, &condition.text, range);
        let message = match template::undefined_name(error) {
            Some(name) => format!("`{name}` has no value"),
            None => template::message_of(error),
        };
        if error.kind() == ErrorKind::OutOfFuel {
            return self.give_up(Diagnostic::error(Code::BadWhere, message).at(place));
        }
        if template::is_same_for_all(error.kind()) {
            return self.report_once(Diagnostic::error(Code::BadWhere, message).at(place));
        }
        let message = format!("{message}, for {}", self.who(row));
        self.report(Diagnostic::error(Code::BadWhere, message).at(place), row)
    }

    pub(super) fn failed_text(&mut self, error: RenderError, source: &str, row: u32) -> RowOutcome {
        let at = &self.message.text.source;
        let one_of_many = match &error {
            RenderError::Empty => self.is_more(),
            RenderError::TooLarge => false,
            RenderError::Template(error) => self.is_one_of_many(error),
        };
        if one_of_many {
            return RowOutcome::Pass;
        }
        let who = self.who(row);
        let error = match error {
            RenderError::Empty => {
                let message = format!("this text is empty for {who}");
                return self
                    .report(Diagnostic::error(Code::EmptyText, message).at(at.place()), row);
            }
            RenderError::TooLarge => {
                let message = format!("this text grows beyond 1 MiB for {who}");
                let problem = Diagnostic::error(Code::TemplateError, message).at(at.place());
                return self.give_up(problem);
            }
            RenderError::Template(error) => error,
        };
        let place = template::place_in(at, source, template::range_of(&error, source));
        let Some(path) = template::undefined_name(&error) else {
            let message = match error.kind() {
                ErrorKind::OutOfFuel => {
                    let message = format!("this text takes too many steps for {who}");
                    return self.give_up(Diagnostic::error(Code::TemplateError, message).at(place));
                }
                _ => template::message_of(&error),
            };
            if template::is_same_for_all(error.kind()) {
                return self.report_once(Diagnostic::error(Code::TemplateError, message).at(place));
            }
            let message = format!("{message}, for {who}");
            return self.report(Diagnostic::error(Code::TemplateError, message).at(place), row);
        };
        let name = path.split(['.', '[']).next().unwrap_or(path);
        let table: &Table = &self.renderer.table;
        let cure =
            format!("for a value that may be missing, write {{{{ {path} | default(\"…\") }}}}");
        if table.column(name).is_some() {
            let message = format!("`{path}` has no value for {who}");
            let problem = Diagnostic::error(Code::UndefinedVariable, message).at(place).help(cure);
            return self.report(problem, row);
        }
        let vars = &self.renderer.vars;
        let names = table.columns().chain(vars.keys().map(String::as_str));
        let known = vars.contains_key(name);
        let message = match (name, known) {
            ("visitor_id", _) => {
                "`visitor_id` is not a variable: anyone who reads it can open the chat".to_owned()
            }
            (_, true) => format!("`{path}` has no value"),
            (_, false) => format!("there is no variable `{name}`"),
        };
        let near = suggest::nearest(name, names.clone()).filter(|_| !known && name != "visitor_id");
        let help = match (near, suggest::list(names)) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(list)) => format!("there is {list}; {cure}"),
            (None, None) => cure,
        };
        let mut problem = Diagnostic::error(Code::UndefinedVariable, message).at(place);
        problem.help = Some(help).filter(|_| name != "visitor_id");
        self.told.insert(path.to_owned());
        self.report_once(problem)
    }

    /// Whether a row's failure is only counted: to find its place takes time.
    fn is_one_of_many(&mut self, error: &Error) -> bool {
        let ends = error.kind() == ErrorKind::OutOfFuel || template::is_same_for_all(error.kind());
        let of_the_row = match template::undefined_name(error) {
            None => !ends,
            Some(path) => {
                let name = path.split(['.', '[']).next().unwrap_or(path);
                if self.renderer.table.column(name).is_none() && self.told.contains(path) {
                    return true;
                }
                self.renderer.table.column(name).is_some()
            }
        };
        of_the_row && self.is_more()
    }

    /// Whether enough failures were shown; then this one is counted.
    fn is_more(&mut self) -> bool {
        let more = self.failed >= ENOUGH;
        if more {
            self.failed += 1;
            self.more += 1;
        }
        more
    }

    /// For what takes long to fail: the other rows are not tried.
    fn give_up(&mut self, problem: Diagnostic) -> RowOutcome {
        self.rows = 0..0;
        self.failed += 1;
        RowOutcome::Problem(Box::new(problem))
    }

    /// For what fails for every row alike.
    fn report_once(&mut self, problem: Diagnostic) -> RowOutcome {
        if !self.unknown.insert(problem.message.clone()) {
            return RowOutcome::Pass;
        }
        RowOutcome::Problem(Box::new(problem))
    }

    /// `audiences/beta.csv:7 (visitor kZMv…xvg)`
    fn who(&self, row: u32) -> String {
        let table = &self.renderer.table;
        let id = VisitorId::parse(table.visitor(row)).map(|id| id.masked()).unwrap_or_default();
        if table.is_csv() {
            let place = table.place(row);
            format!("{}:{} (visitor {id})", place.file, place.line)
        } else {
            format!("the visitor {id}")
        }
    }

    fn report(&mut self, mut problem: Diagnostic, row: u32) -> RowOutcome {
        self.failed += 1;
        self.last.clone_from(&problem.place);
        if self.renderer.table.is_csv() {
            problem = problem.related(self.renderer.table.place(row), "this is the row");
        }
        RowOutcome::Problem(Box::new(problem))
    }
}
