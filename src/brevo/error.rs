use std::fmt;

use super::{BudgetReading, Hint, Operation, credentials::Identity};
use crate::model::{IdSource, Redactor, VisitorId};

/// What went wrong, and so how far the request came. It decides what may be repeated.
///
/// Brevo has no idempotency key: a POST that is not certainly without effect must not be sent
/// again unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request could not be built, so nothing was sent.
    NotBuilt {
        /// Why.
        why: String,
    },
    /// No connection: the name is unknown, nobody listens, TLS failed, or it took too long.
    NotConnected {
        /// Scheme, host and port.
        origin: String,
        /// Why.
        why: String,
    },
    /// There is no access token, so the request was not sent.
    NoToken {
        /// Where tokens come from.
        token_url: String,
        /// What became of the question for one: any kind but this one.
        cause: Box<ErrorKind>,
    },
    /// The request may have been sent, and no status came back.
    Lost {
        /// Why: the time was up, or the connection broke.
        why: String,
        /// Whether the time was up.
        timed_out: bool,
    },
    /// The API (or a gateway before it) answered with an error.
    Status {
        /// The HTTP status, 400 to 599 (or another that means no success).
        status: u16,
        /// `code` of the body, as sent: its case varies, and new ones appear.
        code: Option<String>,
        /// `message` of the body, or an excerpt of a body that is no JSON (an HTML page).
        message: Option<String>,
        /// Whether it is the API's own word that the message does not exist: a 404 for an id, whose body has the
        /// code `document_not_found`, or is an object without a code beside a `sib-request-id`.
        gone: bool,
    },
    /// A redirect. It is not followed: the key goes to the configured host only.
    Redirect {
        /// The HTTP status, 300 to 399.
        status: u16,
        /// Scheme and host that it points to, if it could be read.
        to: Option<String>,
    },
    /// A success whose body could not be used.
    Unreadable {
        /// The HTTP status, 200 to 299.
        status: u16,
        /// Why.
        why: String,
        /// The first words of the body.
        excerpt: Option<String>,
    },
}

impl ErrorKind {
    /// Changes each text that a server may have written.
    fn texts(&mut self, change: &dyn Fn(&mut String)) {
        match self {
            Self::NotBuilt { why }
            | Self::NotConnected { why, origin: _ }
            | Self::Lost { why, timed_out: _ } => change(why),
            Self::NoToken { cause, token_url: _ } => cause.texts(change),
            Self::Status { code, message, status: _, gone: _ } => {
                code.iter_mut().chain(message).for_each(change);
            }
            Self::Redirect { to, status: _ } => to.iter_mut().for_each(change),
            Self::Unreadable { why, excerpt, status: _ } => {
                change(why);
                excerpt.iter_mut().for_each(change);
            }
        }
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::NotBuilt { .. } | Self::NotConnected { .. } | Self::Lost { .. } => None,
            Self::NoToken { cause, .. } => cause.status(),
            Self::Status { status, .. }
            | Self::Redirect { status, .. }
            | Self::Unreadable { status, .. } => Some(*status),
        }
    }

    /// Code and message of an error that was answered.
    fn said(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::NoToken { cause, .. } => cause.said(),
            Self::Status { code, message, .. } => (code.as_deref(), message.as_deref()),
            _ => (None, None),
        }
    }
}

/// What happened: a lower-case fragment.
impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt { why } => write!(f, "not sent, {why}"),
            Self::NotConnected { origin, why } => write!(f, "no connection to {origin}: {why}"),
            Self::NoToken { token_url, cause } => {
                write!(f, "not sent, there is no access token: POST {token_url}: ")?;
                match &**cause {
                    Self::Redirect { status, to } => {
                        redirect(f, *status, to.as_deref())?;
                        f.write_str("; it is not followed, the secret goes to this URL only")
                    }
                    cause => cause.fmt(f),
                }
            }
            Self::Lost { why, .. } => write!(f, "sent, but the answer was lost: {why}"),
            Self::Status { status, code, message, .. } => {
                write!(f, "answered {status}")?;
                if let Some(code) = code {
                    write!(f, " {code}")?;
                }
                if let Some(message) = message {
                    write!(f, ": {message}")?;
                }
                Ok(())
            }
            Self::Redirect { status, to } => {
                redirect(f, *status, to.as_deref())?;
                f.write_str(
                    "; it is not followed, the key goes to the configured host only: correct the base URL",
                )
            }
            Self::Unreadable { status, why, excerpt } => {
                write!(f, "answered {status}, but {why}")?;
                if let Some(excerpt) = excerpt {
                    write!(f, ": {excerpt}")?;
                }
                Ok(())
            }
        }
    }
}

fn redirect(f: &mut fmt::Formatter<'_>, status: u16, to: Option<&str>) -> fmt::Result {
    write!(f, "answered {status}, a redirect")?;
    match to {
        Some(to) => write!(f, " to {to}"),
        None => Ok(()),
    }
}

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

    /// The same, of the question for a token: the request itself was not sent, and cost nothing.
    pub(super) fn without_token(mut self, token_url: String) -> Self {
        let cause = Box::new(self.inner.kind);
        self.inner.kind = ErrorKind::NoToken { token_url, cause };
        self.inner.budget = None;
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
        kind.texts(&redact);
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
        self.inner.kind.said().0
    }

    /// `message` of the answer's body; `error_description` of one about a token.
    pub fn message(&self) -> Option<&str> {
        self.inner.kind.said().1
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
            _ => None,
        }
    }
}

/// What happened, in one line: method, path template, what was answered, request id.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.inner.operation, self.inner.kind)?;
        match &self.inner.request_id {
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
