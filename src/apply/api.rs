//! The API as a run needs it: four calls for either kind, each with an answer or a [`Problem`].
//!
//! A seam, so that the promises of this room can be held against simulated servers.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use crate::model::{Content, IdSource, Kind, MessageId, Redactor, VisitorId};

/// A boxed future of an [`Api`].
pub type Call<'a, T> = Pin<Box<dyn Future<Output = Result<Reply<T>, Problem>> + Send + 'a>>;

/// The four calls.
pub trait Api: Send + Sync {
    /// POST: creates a message and answers with its id. Never repeated inside.
    fn create<'a>(
        &'a self,
        kind: Kind,
        visitor: &'a VisitorId,
        content: &'a Content,
    ) -> Call<'a, MessageId>;

    /// PUT: gives a message another text.
    fn update<'a>(&'a self, kind: Kind, id: &'a MessageId, text: &'a str) -> Call<'a, ()>;

    /// DELETE.
    fn delete<'a>(&'a self, kind: Kind, id: &'a MessageId) -> Call<'a, ()>;

    /// GET.
    fn get<'a>(&'a self, kind: Kind, id: &'a MessageId) -> Call<'a, Found>;
}

/// What GET tells of a message. Every field may be missing from an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Its text.
    pub text: Option<String>,
    /// The visitor who sees it.
    pub visitor: Option<String>,
    /// The agent who sent it.
    pub agent: Option<String>,
    /// Whether it is an automated message.
    pub is_pushed: Option<bool>,
    /// Whether a visitor wrote it.
    pub by_visitor: bool,
}

/// An answer, with what its headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply<T> {
    /// What was answered.
    pub value: T,
    /// `sib-request-id`.
    pub request_id: Option<String>,
    /// The rate-limit headers.
    pub budget: Option<Reading>,
}

/// The rate-limit headers of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Requests in one period, if told.
    pub limit: Option<u64>,
    /// Requests left in it.
    pub remaining: u64,
    /// Time until it ends.
    pub resets_in: Duration,
}

/// How far a request got that has no usable answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It could not even be built: it certainly took no effect, and never will.
    NotBuilt,
    /// No connection was made: it certainly took no effect.
    NotConnected,
    /// It may have been sent; whether it took effect is not known.
    Sent,
    /// It was answered with this status, and the answer could be read.
    Answered(u16),
    /// It was answered with a success that could not be read.
    Unreadable,
}

/// A request that did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How far it got.
    pub reach: Reach,
    /// Whether it says that the message is gone: a 404 that is the API's own, and not a page of
    /// somebody else at a wrong address.
    pub gone: bool,
    /// The API's word for it: `document_not_found`.
    pub code: Option<String>,
    /// What happened: a lower-case fragment.
    pub message: String,
    /// What to do now, if that is known.
    pub hint: Option<String>,
    /// `sib-request-id`.
    pub request_id: Option<String>,
    /// The rate-limit headers, if there was an answer that had them.
    pub budget: Option<Reading>,
}

impl Problem {
    /// The same with a visitor masked: a server may echo whose message it was.
    #[must_use]
    pub(crate) fn without(self, visitor: &VisitorId) -> Self {
        let redactor = Redactor::of([visitor as &dyn IdSource]);
        let redact = |text: String| redactor.redact(&text).into_owned();
        Self {
            code: self.code.map(redact),
            message: redact(self.message),
            hint: self.hint.map(redact),
            request_id: self.request_id.map(redact),
            ..self
        }
    }

    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self.reach {
            Reach::Answered(status) => Some(status),
            Reach::NotBuilt | Reach::NotConnected | Reach::Sent | Reach::Unreadable => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(id) = &self.request_id
            && !self.message.contains(id.as_str())
        {
            write!(f, " (sib-request-id {id})")?;
        }
        Ok(())
    }
}
