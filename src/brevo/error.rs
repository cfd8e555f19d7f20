use std::fmt;

use super::{BudgetReading, Hint, Operation, credentials::Identity};
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
    identity: Identity,
}

impl Error {
    /// An error without an answer: of the client, or of what stands in for it.
    pub fn new(operation: Operation, kind: ErrorKind) -> Self {
        let identity = Identity::Key(None);
        Self {
            inner: Box::new(Inner { operation, kind, request_id: None, budget: None, identity }),
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

    pub(super) fn with_identity(mut self, identity: Identity) -> Self {
        self.inner.identity = identity;
        self
    }

    /// The same, of the question for a token: the request itself was not sent, and cost nothing. Only the pause that
    /// the server of tokens asks for counts.
    pub(super) fn without_token(mut self, token_url: String) -> Self {
        let cause = Box::new(self.inner.kind);
        self.inner.kind = ErrorKind::NoToken { token_url, cause };
        let retry_after = self.inner.budget.and_then(|told| told.retry_after);
        self.inner.budget = retry_after
            .map(|pause| BudgetReading { retry_after: Some(pause), ..BudgetReading::default() });
        self
    }

    /// The same for another operation.
    pub(super) fn of_operation(&self, operation: Operation) -> Self {
        let mut error = self.clone();
        error.inner.operation = operation;
        error
    }

    /// The same with this visitor masked: a server may echo whose message it was.
    #[must_use]
    pub(crate) fn masking(mut self, visitor: &VisitorId) -> Self {
        let redactor = Redactor::of([visitor as &dyn IdSource]);
        let redact = |text: &mut String| *text = redactor.redact(text).into_owned();
        let Inner { kind, request_id, .. } = &mut *self.inner;
        kind.each_text(&redact);
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

    /// `code` of the answer's body, as sent; `error` of one about a token.
    pub fn code(&self) -> Option<&str> {
        said(&self.inner.kind).0
    }

    /// `message` of the answer's body; `error_description` of one about a token.
    pub fn message(&self) -> Option<&str> {
        said(&self.inner.kind).1
    }

    /// Whether the API refused the access token, so that another one may help. It has been thrown away, and the
    /// request took no effect.
    pub fn renews_token(&self) -> bool {
        self.status() == Some(401)
            && matches!(self.inner.kind, ErrorKind::Status { .. })
            && matches!(self.inner.identity, Identity::Client(_))
            && self.hint() != Some(Hint::UnrecognisedIp)
    }

    /// Whether the API itself said that the message does not exist. Any other 404 is that of a gateway or of a wrong
    /// base URL, and says nothing of the message.
    pub fn is_gone(&self) -> bool {
        matches!(self.inner.kind, ErrorKind::Status { gone: true, .. })
    }

    /// What to do now, if the answer tells.
    pub fn hint(&self) -> Option<Hint> {
        let Inner { kind, budget, identity, operation, .. } = &*self.inner;
        let said = self.message().unwrap_or_default();
        match kind {
            ErrorKind::NoToken { cause, .. } => Some(match **cause {
                ErrorKind::NotConnected { .. } | ErrorKind::Lost { .. } => Hint::TokenLater,
                ErrorKind::Status { status, .. } => {
                    Hint::without_token(status, self.code().unwrap_or_default(), said, *identity)
                }
                _ => Hint::NoTokenEndpoint,
            }),
            ErrorKind::Status { status, .. } => {
                Hint::of(*status, said, self.is_gone(), *budget, *identity, *operation)
            }
            ErrorKind::NotConnected { .. } => Some(Hint::Unreachable),
            _ => None,
        }
    }
}

/// Code and message of an error that was answered.
fn said(kind: &ErrorKind) -> (Option<&str>, Option<&str>) {
    match kind {
        ErrorKind::NoToken { cause, .. } => said(cause),
        ErrorKind::Status { code, message, .. } => (code.as_deref(), message.as_deref()),
        _ => (None, None),
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
        let Inner { operation, kind, request_id, budget, identity: _ } = &*self.inner;
        f.debug_struct("Error")
            .field("operation", operation)
            .field("kind", kind)
            .field("request_id", request_id)
            .field("budget", budget)
            .finish()
    }
}

impl std::error::Error for Error {}
