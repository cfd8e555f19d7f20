use std::fmt;

use super::{BudgetReading, Hint, Operation, key::KeyProblem};
use crate::{
    model::{IdSource, Redactor, VisitorId},
    network::ErrorKind,
};

/// A request that did not succeed.
///
/// Its texts are one line each, without control characters, and hold neither the key nor a whole
/// visitor id, whatever the server wrote.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    operation: Operation,
    kind: ErrorKind,
    request_id: Option<String>,
    budget: Option<BudgetReading>,
    key: Option<KeyProblem>,
}

impl Error {
    /// An error without an answer: of the client, or of what stands in for it.
    pub fn new(operation: Operation, kind: ErrorKind) -> Self {
        Self {
            inner: Box::new(Inner { operation, kind, request_id: None, budget: None, key: None }),
        }
    }

    /// The same, with what the answer's headers said.
    #[must_use]
    pub fn with_answer(
        mut self,
        request_id: Option<String>,
        budget: Option<BudgetReading>,
    ) -> Self {
        self.inner.request_id = request_id;
        self.inner.budget = budget;
        self
    }

    pub(super) fn with_key(mut self, key: Option<KeyProblem>) -> Self {
        self.inner.key = key;
        self
    }

    /// The same with this visitor masked: a server may echo whose message it was.
    #[must_use]
    pub(crate) fn masking(mut self, visitor: &VisitorId) -> Self {
        let redactor = Redactor::of([visitor as &dyn IdSource]);
        let redact = |text: &mut String| *text = redactor.redact(text).into_owned();
        let Inner { kind, request_id, .. } = &mut *self.inner;
        kind.each_text(redact);
        request_id.iter_mut().for_each(redact);
        self
    }

    /// The operation: its method, and its path without the id.
    pub fn operation(&self) -> Operation {
        self.inner.operation
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.inner.kind
    }

    /// `sib-request-id` of the answer: Brevo's support asks for it.
    pub fn request_id(&self) -> Option<&str> {
        self.inner.request_id.as_deref()
    }

    /// The budget as the answer told it.
    pub fn budget(&self) -> Option<BudgetReading> {
        self.inner.budget
    }

    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.inner.kind.status()
    }

    /// `code` of the answer's body, as sent.
    pub fn code(&self) -> Option<&str> {
        match &self.inner.kind {
            ErrorKind::Status { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// `message` of the answer's body.
    pub fn message(&self) -> Option<&str> {
        match &self.inner.kind {
            ErrorKind::Status { message, .. } => message.as_deref(),
            _ => None,
        }
    }

    /// Whether the API itself said that the message does not exist. Any other 404 is that of a gateway or of a wrong
    /// base URL, and says nothing of the message.
    pub fn is_gone(&self) -> bool {
        matches!(self.inner.kind, ErrorKind::Status { gone: true, .. })
    }

    /// What to do now, if the answer tells.
    pub fn hint(&self) -> Option<Hint> {
        let Inner { kind, budget, key, .. } = &*self.inner;
        let ErrorKind::Status { status, message, .. } = kind else { return None };
        let message = message.as_deref().unwrap_or_default();
        let is_message = self.inner.operation.has_id();
        Hint::of(*status, message, is_message, self.is_gone(), *budget, *key)
    }
}

/// What happened, in one line: method, path template, what was answered, request id.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { operation, kind, request_id, .. } = &*self.inner;
        write!(f, "{operation}: {kind}")?;
        if let ErrorKind::Redirect { .. } = kind {
            f.write_str(", the key goes to the configured host only: correct the base URL")?;
        }
        match request_id {
            Some(id) => write!(f, " (request id {id})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { operation, kind, request_id, budget, key: _ } = &*self.inner;
        f.debug_struct("Error")
            .field("operation", operation)
            .field("kind", kind)
            .field("request_id", request_id)
            .field("budget", budget)
            .finish()
    }
}

impl std::error::Error for Error {}
