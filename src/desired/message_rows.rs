//! The rows of one message.

use std::{cell::OnceCell, collections::HashSet, sync::Arc};

use minijinja::{Error, Expression, Template};

use super::{
    duplicates,
    render::{Renderer, Written},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{Body, Message, Project, template},
    model::Place,
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
    pub(super) condition: Option<Expression<'p, 'static>>,
    pub(super) written: Written,
    pub(super) written_condition: Written,
    pub(super) rows: std::ops::Range<usize>,
    pub(super) whole: bool,
    /// The length and the digest of a long text that all visitors get.
    pub(super) literal: OnceCell<Literal>,
    pub(super) sent: usize,
    pub(super) failed: usize,
    pub(super) more: usize,
    pub(super) last: Option<Place>,
    /// What was said once because it is the same for every row.
    pub(super) unknown: HashSet<String>,
    /// The paths of variables that no row has, where that was said.
    pub(super) told: HashSet<String>,
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
    Template { source: &'p str, template: Box<Template<'p, 'p>> },
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

    pub(super) fn next(&mut self) -> RowOutcome {
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

    pub(super) fn warnings(&self) -> Vec<Diagnostic> {
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
