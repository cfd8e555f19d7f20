//! One text of a message, and what is found in it while it is rendered for visitors.

use std::{cell::OnceCell, sync::Arc};

use minijinja::Error;

use super::{duplicates, render::Written};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{
        Body, Text,
        template::{
            lints::{Finding, Levels},
            program::Program,
            scope::Scope,
        },
    },
    model::Language,
};

/// Texts with more characters are worth a warning: the API documents no limit, but another
/// client of the same chat has this one.
const LONG: usize = 5000;

/// A text of the message that is being resolved.
pub(super) struct MessageText<'p> {
    pub(super) language: Option<&'p Language>,
    pub(super) text: &'p Text,
    pub(super) form: Form<'p>,
    pub(super) written: Written,
    /// Whether it was rendered for a row.
    pub(super) is_tried: bool,
    /// The length and the digest of a long text that all visitors get.
    literal: OnceCell<Literal>,
    /// What is looked for in the texts, and what was found.
    pub(super) lints: Levels,
    lint: Vec<Finding>,
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

pub(super) enum Form<'p> {
    Literal(&'p Arc<str>),
    Template { source: &'p str, program: Box<Program<'p>> },
}

impl<'p> MessageText<'p> {
    pub(super) fn new(
        language: Option<&'p Language>,
        text: &'p Text,
        scope: &Scope<'_>,
    ) -> Result<Self, Error> {
        // It was compiled once when the project was loaded.
        let (form, written) = match &text.body {
            Body::Literal(text) => (Form::Literal(text), ""),
            Body::Template(source) => {
                let program = Box::new(Program::text(source, scope)?);
                (Form::Template { source, program }, &**source)
            }
        };
        Ok(Self {
            language,
            text,
            form,
            written: Written::of(written),
            is_tried: false,
            literal: OnceCell::new(),
            lints: text.lints,
            lint: Vec::new(),
            long: 0,
            longest: 0,
        })
    }

    /// Notes a finding in what a visitor gets.
    pub(super) fn found(&mut self, finding: Finding) {
        self.lints.found(finding.code);
        self.lint.push(finding);
    }

    /// Notes a text that is long.
    pub(super) fn measure(&mut self, text: &str) {
        if text.len() > LONG {
            let length = match &self.form {
                Form::Literal(text) => self.literal.get_or_init(|| Literal::of(text)).chars,
                Form::Template { .. } => text.chars().count(),
            };
            self.long += usize::from(length > LONG);
            self.longest = self.longest.max(length);
        }
    }

    /// What stands for a rendered text where texts are compared.
    pub(super) fn digest(&self, text: &str) -> u64 {
        self.literal.get().map_or_else(|| duplicates::digest(text), |literal| literal.digest)
    }

    pub(super) fn warnings(&mut self) -> Vec<Diagnostic> {
        let place = || self.text.source.place();
        let found = std::mem::take(&mut self.lint).into_iter();
        let mut warnings: Vec<_> = found.map(|finding| finding.told(place())).collect();
        if self.long > 0 {
            let message = match (&self.form, self.long) {
                (Form::Literal(_), _) | (_, 1) => {
                    format!("this text has {} characters, more than {LONG}", self.longest)
                }
                (Form::Template { .. }, count) => format!(
                    "this text has up to {} characters, more than {LONG} for {count} visitors",
                    self.longest
                ),
            };
            warnings.push(Diagnostic::warning(Code::TextTooLong, message).at(place()));
        }
        warnings
    }
}
