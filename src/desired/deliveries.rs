//! The stream of deliveries.

use jiff::Timestamp;

use super::{
    duplicates::Duplicates,
    failures::Failures,
    message_rows::{MessageRows, RowOutcome},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{Message, Project, UnknownVisitors},
    model::{Address, Delivery, Key, Language, VisitorId, WindowState},
};

/// The deliveries that should exist, in the order of their addresses, rendered one at a time.
///
/// After an error it goes on, so that all errors are found.
pub struct Deliveries<'p> {
    project: &'p Project,
    queue: std::vec::IntoIter<(usize, &'p Message)>,
    visitor: Option<String>,
    language: Option<Language>,
    current: Option<MessageRows<'p>>,
    duplicates: Duplicates,
    /// Only messages whose windows are open then can be duplicates.
    duplicates_at: Option<Timestamp>,
    /// Room for the text of an address.
    room: String,
    /// What all templates took so far.
    steps: u64,
    warnings: Vec<Diagnostic>,
    /// What fails for some rows: told at the end, each once.
    failures: Failures,
    told: std::vec::IntoIter<Diagnostic>,
    /// Whether it is good enough if visitors' ids were made without the secret, or a query was left out.
    only_checks: bool,
}

impl<'p> Deliveries<'p> {
    /// Those that should exist at that instant.
    pub fn new(project: &'p Project, at: Timestamp) -> Self {
        Self::of(project, |message| message.spec.window.state(at) == WindowState::Active)
    }

    /// The same, and those whose windows open later.
    pub fn from_now_on(project: &'p Project, at: Timestamp) -> Self {
        let all = Self::of(project, |message| {
            !matches!(message.spec.window.state(at), WindowState::Over(_))
        });
        // Two messages of which one follows the other may have one text.
        Self { duplicates_at: Some(at), ..all }.only(|_| true)
    }

    /// Those of all messages, whatever their windows.
    pub fn everything(project: &'p Project) -> Self {
        Self::of(project, |_| true)
    }

    /// The same for checks: also those of audiences of which nobody knows the visitors.
    pub(super) fn for_checks(project: &'p Project) -> Self {
        Self { only_checks: true, ..Self::everything(project) }
    }

    fn of(project: &'p Project, wanted: impl Fn(&Message) -> bool) -> Self {
        let messages = project.messages.iter().enumerate();
        let queue: Vec<_> = messages.filter(|(_, message)| wanted(message)).collect();
        Self {
            project,
            duplicates: Duplicates::new(&queue),
            duplicates_at: None,
            queue: queue.into_iter(),
            visitor: None,
            language: None,
            current: None,
            room: String::new(),
            steps: 0,
            warnings: Vec::new(),
            failures: Failures::default(),
            told: Vec::new().into_iter(),
            only_checks: false,
        }
    }

    /// Only those of messages with these keys.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&Key) -> bool) -> Self {
        let queue: Vec<_> = self.queue.filter(|(_, message)| wanted(&message.spec.key)).collect();
        let together = queue.iter().filter(|(_, message)| {
            self.duplicates_at.is_none_or(|at| message.spec.window.state(at) == WindowState::Active)
        });
        self.duplicates = Duplicates::new(&together.copied().collect::<Vec<_>>());
        self.queue = queue.into_iter();
        self
    }

    /// Only those for this visitor.
    #[must_use]
    pub fn for_visitor(mut self, visitor: &VisitorId) -> Self {
        self.visitor = Some(visitor.as_str().to_owned());
        self
    }

    /// All in this language, whatever languages the visitors have; of messages that have a text in it.
    #[must_use]
    pub fn all_in(mut self, language: &Language) -> Self {
        self.language = Some(language.clone());
        self
    }

    /// The warnings; complete once the stream has ended.
    pub fn take_warnings(&mut self) -> Vec<Diagnostic> {
        let mut warnings = std::mem::take(&mut self.warnings);
        warnings.extend(self.duplicates.warnings(&self.project.messages));
        warnings
    }
}

/// No delivery of a message is known: that is not the same as that it has none.
fn not_known(message: &Message, unknown: UnknownVisitors<'_>) -> Diagnostic {
    let key = &message.spec.key;
    let problem = match unknown {
        UnknownVisitors::QueryLeftOut => Diagnostic::error(
            Code::QueryLeftOut,
            format!("who gets `{key}` is not known: the query of its audience was left out"),
        )
        .help("run this where the query can run: a plan needs the rows of all audiences"),
        UnknownVisitors::NoSecret(variable) => Diagnostic::error(
            Code::VisitorSecret,
            format!("who gets `{key}` is not known: the environment variable {variable} is not set"),
        )
        .help(format!(
            "set {variable} where pushsync runs, to the secret that your website makes visitor ids with"
        )),
    };
    problem.at(message.spec.source.place())
}

impl Iterator for Deliveries<'_> {
    type Item = Result<Delivery, Diagnostic>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.current.is_none() {
                let Some((index, message)) = self.queue.next() else {
                    if self.told.len() == 0 {
                        self.told = self.failures.take().into_iter();
                    }
                    return self.told.next().map(Err);
                };
                if !self.only_checks
                    && let Some(unknown) = message.audience().unknown_visitors()
                {
                    return Some(Err(not_known(message, unknown)));
                }
                let (visitor, language) = (self.visitor.as_deref(), self.language.as_ref());
                match MessageRows::new(self.project, index, message, visitor, language) {
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
                    .texts
                    .source()
                    .place());
                self.current = None;
                self.queue = Vec::new().into_iter();
                return Some(Err(problem));
            }
            match step {
                RowOutcome::Delivery(text, at, row) => {
                    let visitor = current.renderer.table.visitor(row);
                    let from = &current.texts[at];
                    self.duplicates.note(current.index, visitor, || from.digest(&text));
                    let language = from.language.cloned();
                    let spec = current.message.spec.clone();
                    let address = Address::of(&spec.key, visitor, &mut self.room);
                    let Ok(address) = address else { continue };
                    return Some(Ok(Delivery { address, spec, text, language }));
                }
                RowOutcome::Problem(problem) => return Some(Err(*problem)),
                RowOutcome::Pass => {}
                RowOutcome::End => {
                    self.warnings.extend(current.warnings());
                    self.failures.add(current);
                    self.current = None;
                }
            }
        }
    }
}
