use std::{
    cell::OnceCell,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use minijinja::{Error, ErrorKind, Expression, Template};

use super::{
    duplicates::{self, Duplicates},
    render::{RenderError, Renderer, Written},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{Body, Message, Project, Table, limits, suggest, template},
    model::{Address, Delivery, Key, Place, VisitorId, WindowState},
};

/// Rows that fail are reported one by one up to this number, for each message.
const ENOUGH: usize = 5;
/// Texts with more characters are worth a warning: the API documents no limit, but another
/// client of the same chat has this one.
const LONG: usize = 5000;

/// The deliveries that should exist, in the order of their addresses, rendered one at a time.
///
/// After an error it goes on, so that all errors are found.
pub struct Deliveries<'p> {
    project: &'p Project,
    queue: std::vec::IntoIter<(usize, &'p Message)>,
    visitor: Option<String>,
    current: Option<Current<'p>>,
    duplicates: Duplicates,
    /// Room for the text of an address.
    room: String,
    /// What all templates took so far.
    steps: u64,
    warnings: Vec<Diagnostic>,
}

impl<'p> Deliveries<'p> {
    /// Those that should exist at that instant.
    pub fn new(project: &'p Project, at: Timestamp) -> Self {
        Self::of(project, |message| message.window.state(at) == WindowState::Active)
    }

    /// Those of all messages, whatever their windows.
    pub fn everything(project: &'p Project) -> Self {
        Self::of(project, |_| true)
    }

    fn of(project: &'p Project, wanted: impl Fn(&Message) -> bool) -> Self {
        let messages = project.messages.iter().enumerate();
        let queue: Vec<_> = messages.filter(|(_, message)| wanted(message)).collect();
        Self {
            project,
            duplicates: Duplicates::new(&queue),
            queue: queue.into_iter(),
            visitor: None,
            current: None,
            room: String::new(),
            steps: 0,
            warnings: Vec::new(),
        }
    }

    /// Only those of messages with these keys.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&Key) -> bool) -> Self {
        let queue: Vec<_> = self.queue.filter(|(_, message)| wanted(&message.spec.key)).collect();
        self.duplicates = Duplicates::new(&queue);
        self.queue = queue.into_iter();
        self
    }

    /// Only those for this visitor.
    #[must_use]
    pub fn for_visitor(mut self, visitor: &VisitorId) -> Self {
        self.visitor = Some(visitor.as_str().to_owned());
        self
    }

    /// What is worth a warning; complete once the stream has ended.
    pub fn take_warnings(&mut self) -> Vec<Diagnostic> {
        let mut warnings = std::mem::take(&mut self.warnings);
        warnings.extend(self.duplicates.warnings(&self.project.messages));
        warnings
    }
}

impl Iterator for Deliveries<'_> {
    type Item = Result<Delivery, Diagnostic>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.current.is_none() {
                let (index, message) = self.queue.next()?;
                match Current::new(self.project, index, message, self.visitor.as_deref()) {
                    Ok(current) => self.current = Some(current),
                    Err(problem) => return Some(Err(*problem)),
                }
            }
            let current = self.current.as_mut()?;
            let step = current.next();
            self.steps = self.steps.saturating_add(current.renderer.take_steps());
            let most = self.project.limits.template_steps;
            if self.steps > most {
                let found = "the templates up to this one take too many steps for all visitors";
                let cure = "make the templates plainer, or send to smaller audiences";
                let problem = Diagnostic::limit("template-steps", most, found, cure).at(current
                    .message
                    .text
                    .source
                    .place());
                self.current = None;
                self.queue = Vec::new().into_iter();
                return Some(Err(problem));
            }
            match step {
                RowOutcome::Delivery(text, row) => {
                    let visitor = current.renderer.table.visitor(row);
                    let literal = current.literal.get();
                    self.duplicates.note(current.index, visitor, || match literal {
                        Some(literal) => literal.digest,
                        None => duplicates::digest(&text),
                    });
                    let spec = current.message.spec.clone();
                    let address = Address::of(&spec.key, visitor, &mut self.room);
                    let Ok(address) = address else { continue };
                    return Some(Ok(Delivery { address, spec, text }));
                }
                RowOutcome::Problem(problem) => return Some(Err(*problem)),
                RowOutcome::Pass => {}
                RowOutcome::End => {
                    self.warnings.extend(current.warnings());
                    self.current = None;
                }
            }
        }
    }
}

/// The message that is being resolved.
struct Current<'p> {
    index: usize,
    message: &'p Message,
    renderer: Renderer,
    text: Form<'p>,
    condition: Option<Expression<'p, 'static>>,
    written: Written,
    written_condition: Written,
    rows: std::ops::Range<usize>,
    whole: bool,
    /// Of a long text that all visitors get, what is found by reading it whole.
    literal: OnceCell<Literal>,
    sent: usize,
    failed: usize,
    more: usize,
    last: Option<Place>,
    /// What was said once because it is the same for every row.
    unknown: HashSet<String>,
    /// The paths of variables that no row has, where that was said.
    told: HashSet<String>,
    long: usize,
    longest: usize,
}

struct Literal {
    chars: usize,
    digest: u64,
}

impl Literal {
    fn of(text: &str) -> Self {
        Self { chars: text.chars().count(), digest: duplicates::digest(text) }
    }
}

enum Form<'p> {
    Literal(&'p Arc<str>),
    Template { source: &'p str, template: Box<Template<'p, 'p>> },
}

enum RowOutcome {
    Delivery(Arc<str>, u32),
    Problem(Box<Diagnostic>),
    Pass,
    End,
}

impl<'p> Current<'p> {
    fn new(
        project: &'p Project,
        index: usize,
        message: &'p Message,
        visitor: Option<&str>,
    ) -> Result<Self, Box<Diagnostic>> {
        let broken = |error: &Error, code| {
            Box::new(
                Diagnostic::error(code, template::message_of(error))
                    .at(message.text.source.place()),
            )
        };
        // Both were compiled once when the project was loaded.
        let text = match &message.text.body {
            Body::Literal(text) => Form::Literal(text),
            Body::Template(source) => {
                let template = project.engine.template_from_named_str("text", source);
                let template = template.map_err(|error| broken(&error, Code::TemplateSyntax))?;
                Form::Template { source, template: Box::new(template) }
            }
        };
        let condition = match &message.condition {
            None => None,
            Some(condition) => {
                let compiled = project.engine.compile_expression_owned(condition.text.to_string());
                Some(compiled.map_err(|error| broken(&error, Code::BadWhere))?)
            }
        };
        let written = match &message.text.body {
            Body::Literal(_) => "",
            Body::Template(source) => source,
        };
        let condition_text = message.condition.as_ref().map_or("", |condition| &condition.text);
        let all = 0..message.table.len();
        let rows = match visitor {
            None => all,
            Some(visitor) => message.table.find(visitor).map_or(0..0, |at| at..at + 1),
        };
        Ok(Self {
            index,
            message,
            renderer: Renderer::new(message.table.clone(), project.vars.clone()),
            text,
            condition,
            written: Written::of(written),
            written_condition: Written::of(condition_text),
            rows,
            whole: visitor.is_none(),
            literal: OnceCell::new(),
            sent: 0,
            failed: 0,
            more: 0,
            last: None,
            unknown: HashSet::new(),
            told: HashSet::new(),
            long: 0,
            longest: 0,
        })
    }

    fn next(&mut self) -> RowOutcome {
        let Some(position) = self.rows.next() else {
            if self.more == 0 {
                return RowOutcome::End;
            }
            let more = std::mem::take(&mut self.more);
            let rows = if more == 1 { "row fails" } else { "rows fail" };
            let message = format!("{more} more {rows}");
            let problem = Diagnostic::error(Code::TemplateError, message);
            let place = self.last.take().unwrap_or_else(|| self.message.text.source.place());
            return RowOutcome::Problem(Box::new(problem.at(place)));
        };
        let row = self.renderer.table.row(position);
        if let Some(condition) = &self.condition {
            match self.renderer.matches(condition, self.written_condition, row) {
                Ok(true) => {}
                Ok(false) => return RowOutcome::Pass,
                Err(error) => return self.failed_condition(&error, row),
            }
        }
        let text = match &self.text {
            Form::Literal(text) => (*text).clone(),
            Form::Template { template, source } => {
                match self.renderer.text(template, self.written, row) {
                    Ok(text) => text,
                    Err(error) => return self.failed_text(error, source, row),
                }
            }
        };
        self.sent += 1;
        if text.len() > LONG {
            let length = match &self.text {
                Form::Literal(text) => self.literal.get_or_init(|| Literal::of(text)).chars,
                Form::Template { .. } => text.chars().count(),
            };
            self.long += usize::from(length > LONG);
            self.longest = self.longest.max(length);
        }
        RowOutcome::Delivery(text, row)
    }

    fn failed_condition(&mut self, error: &Error, row: u32) -> RowOutcome {
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

    fn failed_text(&mut self, error: RenderError, source: &str, row: u32) -> RowOutcome {
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
                "`visitor_id` is no variable: whoever reads it can open the chat".to_owned()
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

    fn warnings(&self) -> Vec<Diagnostic> {
        let mut warnings = Vec::new();
        if self.long > 0 {
            let message = match (&self.text, self.long) {
                (Form::Literal(_), _) | (_, 1) => {
                    format!("this text has {} characters, more than {LONG}", self.longest)
                }
                (Form::Template { .. }, count) => format!(
                    "this text has up to {} characters, more than {LONG} for {count} visitors",
                    self.longest
                ),
            };
            let warning = Diagnostic::warning(Code::TextTooLong, message);
            warnings.push(warning.at(self.message.text.source.place()));
        }
        if let Some(condition) = &self.message.condition
            && self.whole
            && self.sent == 0
            && self.failed == 0
            && self.unknown.is_empty()
            && !self.message.table.is_empty()
        {
            let warning = Diagnostic::warning(
                Code::EmptyAudience,
                "no visitor of the audience is meant by this",
            );
            warnings.push(warning.at(condition.source.place()));
        }
        warnings
    }
}

/// Everything that can be said of a project without state and network: renders all texts, in
/// and out of their windows, and reads the audiences that no message uses.
///
/// After `most` problems, no more are looked for.
pub fn check(project: &Project, most: u64) -> Vec<Diagnostic> {
    let enough = usize::try_from(most).unwrap_or(usize::MAX);
    let mut deliveries = Deliveries::everything(project);
    let problems = deliveries.by_ref().filter_map(Result::err);
    let mut found: Vec<Diagnostic> = problems.take(enough).collect();
    found.extend(deliveries.take_warnings());
    let mut seen = HashMap::new();
    for audience in &project.unused {
        if found.len() >= enough {
            break;
        }
        found.extend(audience.check(&mut seen));
    }
    limits::shorten(&mut found, most);
    found
}
