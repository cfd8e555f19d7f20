//! What all parts of loading share.

use std::time::Duration;

use minijinja::Environment;

use super::{
    declared::Declared,
    duration,
    files_read::FilesRead,
    folder::ProjectFolder,
    locale::LocaleSetting,
    options::{DEFAULT_ENVIRONMENT, LoadOptions},
    source_path::SourcePath,
    template::{self, checks::Refusal, lints::Levels},
    variables::Interpolated,
    vars::Vars,
};
use crate::{
    diagnostics::{Code, Diagnostic, Sources},
    model::Sender,
};

/// The options, the files and the problems of one run.
pub(crate) struct Context<'a> {
    pub(crate) options: &'a LoadOptions<'a>,
    pub(crate) folder: &'a ProjectFolder,
    pub(crate) sources: Sources,
    pub(crate) problems: Vec<Diagnostic>,
    pub(crate) files_read: FilesRead,
}

impl<'a> Context<'a> {
    /// Of a run that begins.
    pub(super) fn new(options: &'a LoadOptions<'a>, folder: &'a ProjectFolder) -> Self {
        let files_read = FilesRead::new(folder.root(), options);
        let (sources, problems) = Default::default();
        Self { options, folder, sources, problems, files_read }
    }
}

impl Context<'_> {
    /// The environment, unless it is the one that is there without being declared.
    pub(crate) fn chosen(&self) -> Option<&str> {
        let name = self.options.environment.as_deref();
        name.filter(|name| *name != DEFAULT_ENVIRONMENT)
    }

    /// Whether enough problems were found to stop looking for more.
    pub(crate) fn is_full(&self) -> bool {
        self.problems.len() as u64 >= self.options.limits.problems
    }

    pub(crate) fn error(&mut self, code: Code, message: impl Into<String>, at: &SourcePath) {
        self.problems.push(Diagnostic::error(code, message).at(at.place()));
    }

    pub(crate) fn error_with(
        &mut self,
        code: Code,
        message: impl Into<String>,
        at: &SourcePath,
        help: Option<String>,
    ) {
        let mut problem = Diagnostic::error(code, message).at(at.place());
        problem.help = help;
        self.problems.push(problem);
    }

    /// `${NAME}` replaced, or a report.
    pub(crate) fn interpolated(&mut self, text: &str, at: &SourcePath) -> Option<Interpolated> {
        self.interpolated_with(text, at, self.options.env)
    }

    /// The same, with these values of variables.
    pub(crate) fn interpolated_with(
        &mut self,
        text: &str,
        at: &SourcePath,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Option<Interpolated> {
        match Interpolated::new(text, env) {
            Ok(text) => Some(text),
            Err(error) => {
                self.error_with(Code::EnvironmentVariable, error.to_string(), at, error.help());
                None
            }
        }
    }

    /// A timeout, or a report.
    pub(crate) fn timeout(&mut self, text: &str, at: &SourcePath) -> Option<Duration> {
        match duration::parse(text) {
            Ok(timeout) if !timeout.is_zero() => return Some(timeout),
            Ok(_) => self.error(Code::BadValue, "a timeout is at least 1s", at),
            Err(error) => self.error(Code::BadValue, error.to_string(), at),
        }
        None
    }

    /// Reports a template or condition that is refused.
    pub(crate) fn refuse(&mut self, code: Code, refusal: Refusal, source: &SourcePath, text: &str) {
        let Refusal { range, message, help, code: own } = refusal;
        let place = template::place_in(source, text, range);
        let code = match own {
            // In `where`, these are problems of the condition.
            Some(Code::TemplateError | Code::UndefinedVariable) if code == Code::BadWhere => code,
            own => own.unwrap_or(code),
        };
        self.problems.push(Diagnostic::error(code, message).at(place).help(help));
    }
}

/// What messages refer to.
pub(crate) struct World<'a> {
    pub(crate) senders: &'a Declared<Sender>,
    pub(crate) engine: &'a Environment<'static>,
    pub(crate) vars: &'a Vars,
    pub(crate) lints: Levels,
    pub(crate) locale: LocaleSetting,
}
