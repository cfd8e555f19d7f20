//! The rows of one message.

use std::{cell::OnceCell, collections::HashSet, sync::Arc};

use minijinja::{Environment, Error};

use super::{
    duplicates,
    failure::OfMessage,
    render::{Renderer, Written},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{
        Body, Message, Project, Undecided,
        template::{
            self,
            lints::{Finding, Levels},
            program::Program,
            scope::Scope,
        },
    },
    model::number,
};

/// Texts with more characters are worth a warning: the API documents no limit, but another
/// client of the same chat has this one.
const LONG: usize = 5000;

/// The message that is being resolved.
pub(super) struct MessageRows<'p> {
    pub(super) index: usize,
    pub(super) message: &'p Message,
    pub(super) renderer: Renderer,
    pub(super) text: Form<'p>,
    pub(super) condition: Option<Program<'p>>,
    engine: &'p Environment<'p>,
    pub(super) written: Written,
    pub(super) written_condition: Written,
    pub(super) rows: std::ops::Range<usize>,
    pub(super) whole: bool,
    /// The length and the digest of a long text that all visitors get.
    pub(super) literal: OnceCell<Literal>,
    pub(super) sent: usize,
    pub(super) failed: usize,
    /// Rows for which the condition is true, and that the share does not take.
    pub(super) not_in_share: usize,
    /// Rows of which nobody can say whether they belong to the share.
    pub(super) undecided: Vec<u32>,
    /// Room for the text that decides who belongs to the share.
    room: String,
    /// What is looked for in the texts, and what was found.
    lints: Levels,
    lint: Vec<Finding>,
    /// What fails for some rows.
    pub(super) failures: OfMessage,
    /// The paths of variables that no row has, where that was said.
    pub(super) unknown: HashSet<String>,
    pub(super) long: usize,
    pub(super) longest: usize,
}

pub(super) struct Literal {
    pub(super) chars: usize,
    pub(super) digest: u64,
}

impl Literal {
    fn of(text: &str) -> Self {
        Self { chars: text.chars().count(), digest: duplicates::digest(text) }
    }
}

pub(super) enum Form<'p> {
    Literal(&'p Arc<str>),
    Template { source: &'p str, program: Box<Program<'p>> },
}

/// What comes of one row.
pub(super) enum RowOutcome {
    Delivery(Arc<str>, u32),
    Problem(Box<Diagnostic>),
    Pass,
    End,
}

impl<'p> MessageRows<'p> {
    pub(super) fn new(
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
        let scope = Scope { table: &message.table, vars: &project.vars };
        // Both were compiled once when the project was loaded.
        let text = match &message.text.body {
            Body::Literal(text) => Form::Literal(text),
            Body::Template(source) => {
                let program = Program::text(source, &scope);
                let program = program.map_err(|error| broken(&error, Code::TemplateSyntax))?;
                Form::Template { source, program: Box::new(program) }
            }
        };
        let condition = match &message.condition {
            None => None,
            Some(condition) => {
                let compiled = Program::condition(&condition.text, &scope);
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
            engine: &project.engine,
            written: Written::of(written),
            written_condition: Written::of(condition_text),
            rows,
            whole: visitor.is_none(),
            literal: OnceCell::new(),
            sent: 0,
            failed: 0,
            not_in_share: 0,
            undecided: Vec::new(),
            room: String::new(),
            lints: message.text.lints,
            lint: Vec::new(),
            failures: OfMessage::new(),
            unknown: HashSet::new(),
            long: 0,
            longest: 0,
        })
    }

    pub(super) fn next(&mut self) -> RowOutcome {
        let Some(position) = self.rows.next() else { return RowOutcome::End };
        let row = self.renderer.table.row(position);
        if let Some(condition) = &self.condition {
            match self.renderer.matches(self.engine, condition, self.written_condition, row) {
                Ok(true) => {}
                Ok(false) => return RowOutcome::Pass,
                Err(error) => return self.failed_condition(&error, row),
            }
        }
        if let Some(share) = &self.message.share {
            let (table, key) = (&self.renderer.table, self.message.spec.key.as_str());
            match share.takes(table, row, key, &mut self.room) {
                Ok(true) => {}
                Ok(false) => {
                    self.not_in_share += 1;
                    return RowOutcome::Pass;
                }
                Err(Undecided) => {
                    self.failed += 1;
                    self.undecided.push(row);
                    return RowOutcome::Pass;
                }
            }
        }
        let text = match &self.text {
            Form::Literal(text) => (*text).clone(),
            Form::Template { program, source } => {
                match self.renderer.text(self.engine, program, self.written, row) {
                    Ok(text) => text,
                    Err(error) => return self.failed_text(error, source, row),
                }
            }
        };
        self.sent += 1;
        if self.lints.any() {
            let Renderer { table, vars, .. } = &self.renderer;
            let known = |name: &str| table.column(name).is_some() || vars.contains_key(name);
            for mut finding in self.lints.of_text(&text, &known) {
                self.lints.found(finding.code);
                finding.message = format!("{}, for {}", finding.message, self.who(row));
                self.lint.push(finding);
            }
        }
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

    pub(super) fn warnings(&mut self) -> Vec<Diagnostic> {
        let place = || self.message.text.source.place();
        let found = std::mem::take(&mut self.lint).into_iter();
        let mut warnings: Vec<_> = found.map(|finding| finding.told(place())).collect();
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
        let nobody = self.whole
            && self.sent == 0
            && self.failed == 0
            && self.unknown.is_empty()
            && !self.message.table.is_empty();
        if let Some(share) = &self.message.share
            && nobody
            && self.not_in_share > 0
            && share.percent() > 0
        {
            let of = number(self.not_in_share as u64);
            let message = format!("{} percent of these {of} visitors is nobody", share.percent());
            let warning = Diagnostic::warning(Code::EmptyAudience, message);
            warnings.push(warning.at(share.source.place()));
        }
        if let Some(condition) = &self.message.condition
            && nobody
            && self.not_in_share == 0
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
