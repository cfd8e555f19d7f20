//! The rows of one message.

use std::{collections::HashSet, sync::Arc};

use minijinja::{Environment, Error};

use super::{
    failure::{OfMessage, Part},
    language_choice::LanguageChoice,
    message_text::{Form, MessageText},
    render::{RenderError, Renderer, Written},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{
        Message, Project, SourcePath, Undecided,
        template::{self, program::Program, scope::Scope},
    },
    model::{Language, number},
};

/// The message that is being resolved.
pub(super) struct MessageRows<'p> {
    pub(super) index: usize,
    pub(super) message: &'p Message,
    pub(super) renderer: Renderer,
    /// The one text, or the texts for each language, the fallback first.
    pub(super) texts: Vec<MessageText<'p>>,
    choice: Option<LanguageChoice<'p>>,
    /// The text that is asked for, whatever language a visitor has.
    asked_for: Option<usize>,
    pub(super) condition: Option<Program<'p>>,
    engine: &'p Environment<'p>,
    pub(super) written_condition: Written,
    pub(super) rows: std::ops::Range<usize>,
    /// Texts that may be in a language that nobody has: tried once there are no more rows.
    untried: std::ops::Range<usize>,
    /// A row that gets the message.
    any_row: Option<u32>,
    pub(super) whole: bool,
    pub(super) sent: usize,
    pub(super) failed: usize,
    /// Rows for which the condition is true, and that the share does not take.
    pub(super) not_in_share: usize,
    /// Rows of which nobody can say whether they belong to the share.
    pub(super) undecided: Vec<u32>,
    /// Room for the text that decides who belongs to the share.
    room: String,
    /// What fails for some rows.
    pub(super) failures: OfMessage,
    /// The paths of variables that no row has, where that was said.
    pub(super) unknown: HashSet<(Part, String)>,
}

/// What comes of one row.
pub(super) enum RowOutcome {
    /// A text, which of the message's texts it is, and the row.
    Delivery(Arc<str>, usize, u32),
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
        language: Option<&Language>,
    ) -> Result<Self, Box<Diagnostic>> {
        let broken = |error: &Error, code, at: &SourcePath| {
            Box::new(Diagnostic::error(code, template::message_of(error)).at(at.place()))
        };
        let scope = Scope { table: &message.table, vars: &project.vars };
        let texts = message.texts.all().map(|(language, text)| {
            let resolved = MessageText::new(language, text, &scope);
            resolved.map_err(|error| broken(&error, Code::TemplateSyntax, &text.source))
        });
        let texts = texts.collect::<Result<_, _>>()?;
        let condition = match &message.condition {
            None => None,
            Some(condition) => {
                let compiled = Program::condition(&condition.text, &scope);
                Some(compiled.map_err(|error| broken(&error, Code::BadWhere, &condition.source))?)
            }
        };
        let condition_text = message.condition.as_ref().map_or("", |condition| &condition.text);
        let all = 0..message.table.len();
        let rows = match visitor {
            None => all,
            Some(visitor) => message.table.find(visitor).map_or(0..0, |at| at..at + 1),
        };
        let untried = if visitor.is_none() { 0..message.texts.all().count() } else { 0..0 };
        Ok(Self {
            index,
            message,
            renderer: Renderer::new(message.table.clone(), project.vars.clone()),
            texts,
            choice: LanguageChoice::new(message),
            asked_for: language.and_then(|one| message.languages().position(|known| known == one)),
            condition,
            engine: &project.engine,
            written_condition: Written::of(condition_text),
            rows,
            untried,
            any_row: None,
            whole: visitor.is_none(),
            sent: 0,
            failed: 0,
            not_in_share: 0,
            undecided: Vec::new(),
            room: String::new(),
            failures: OfMessage::new(),
            unknown: HashSet::new(),
        })
    }

    pub(super) fn next(&mut self) -> RowOutcome {
        let Some(position) = self.rows.next() else { return self.try_unused() };
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
        let (at, group) = match (self.asked_for, &mut self.choice) {
            (Some(at), _) => (at, None),
            (None, None) => (0, None),
            (None, Some(choice)) => {
                let (at, group) = choice.choose(row);
                (at, Some(group))
            }
        };
        self.any_row = Some(row);
        let chosen = &mut self.texts[at];
        chosen.is_tried = true;
        let text = match &chosen.form {
            Form::Literal(text) => (*text).clone(),
            Form::Template { program, .. } => {
                match self.renderer.text(self.engine, program, chosen.written, row) {
                    Ok(text) => text,
                    Err(error) => return self.failed_text(error, at, row),
                }
            }
        };
        self.sent += 1;
        if let (Some(choice), Some(group)) = (&mut self.choice, group) {
            choice.count(group, row);
        }
        if chosen.lints.any() {
            let Renderer { table, vars, .. } = &self.renderer;
            let known = |name: &str| table.column(name).is_some() || vars.contains_key(name);
            for mut finding in chosen.lints.of_text(&text, &known) {
                finding.message = format!("{}, for {}", finding.message, self.who(row));
                self.texts[at].found(finding);
            }
        }
        self.texts[at].measure(&text);
        RowOutcome::Delivery(text, at, row)
    }

    /// Tries the texts in languages that nobody has: a variable that does not exist is missed only when somebody has
    /// the language, and then nothing can be planned.
    fn try_unused(&mut self) -> RowOutcome {
        while let (Some(at), Some(row)) = (self.untried.next(), self.any_row) {
            let chosen = &self.texts[at];
            let Form::Template { program, source } = &chosen.form else { continue };
            if chosen.is_tried {
                continue;
            }
            if let Err(RenderError::Template(error)) =
                self.renderer.text(self.engine, program, chosen.written, row)
            {
                let range = template::range_of(&error, source);
                if let Some(problem) = self.unknown_variable(&error, Part::Text(at), range) {
                    return RowOutcome::Problem(Box::new(problem));
                }
            }
        }
        RowOutcome::End
    }

    pub(super) fn warnings(&mut self) -> Vec<Diagnostic> {
        let mut warnings: Vec<_> = self.texts.iter_mut().flat_map(MessageText::warnings).collect();
        if let Some(choice) = self.choice.as_ref().filter(|_| self.whole)
            && let Some(warning) = choice.warning()
        {
            warnings.push(warning.at(self.message.texts.source().place()));
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
