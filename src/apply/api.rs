//! The API as a run needs it: four calls for either kind of message, in the types of
//! [`crate::brevo`].
//!
//! A seam, so that the promises of this room can be held against simulated servers.

use std::{future::Future, pin::Pin};

use crate::{
    brevo::{Answer, Client, Error, Message},
    model::{Content, Kind, MessageId, VisitorId},
};

/// A boxed future of an [`Api`].
pub type Call<'a, T> = Pin<Box<dyn Future<Output = Result<Answer<T>, Error>> + Send + 'a>>;

/// The four calls. Each sends one request and never repeats it.
pub trait Api: Send + Sync {
    /// POST: creates a message.
    fn create<'a>(
        &'a self,
        kind: Kind,
        visitor: &'a VisitorId,
        content: &'a Content,
    ) -> Call<'a, Message>;

    /// PUT: gives a message another text.
    fn update<'a>(&'a self, kind: Kind, id: &'a MessageId, text: &'a str) -> Call<'a, Message>;

    /// DELETE.
    fn delete<'a>(&'a self, kind: Kind, id: &'a MessageId) -> Call<'a, ()>;

    /// GET.
    fn get<'a>(&'a self, kind: Kind, id: &'a MessageId) -> Call<'a, Message>;
}

impl Api for Client {
    fn create<'a>(
        &'a self,
        kind: Kind,
        visitor: &'a VisitorId,
        content: &'a Content,
    ) -> Call<'a, Message> {
        Box::pin(self.send(kind, visitor, content))
    }

    fn update<'a>(&'a self, kind: Kind, id: &'a MessageId, text: &'a str) -> Call<'a, Message> {
        Box::pin(Self::update(self, kind, id, text))
    }

    fn delete<'a>(&'a self, kind: Kind, id: &'a MessageId) -> Call<'a, ()> {
        Box::pin(Self::delete(self, kind, id))
    }

    fn get<'a>(&'a self, kind: Kind, id: &'a MessageId) -> Call<'a, Message> {
        Box::pin(Self::get(self, kind, id))
    }
}
