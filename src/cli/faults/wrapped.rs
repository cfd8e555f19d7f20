use std::{
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    apply::api::{Api, Call},
    brevo::Message,
    model::{Address, Content, Intent, Kind, MessageId, Record, VisitorId},
    state::{Amendment, Answer, Meta, Page, Run, StateError, Store, Verification, Write},
};

/// Counts down to its moment.
#[derive(Clone)]
struct Fuse(Arc<AtomicU64>);

impl Fuse {
    /// Whether so many have passed; then it stays so.
    fn is_out(&self) -> bool {
        let left = self.0.load(Ordering::SeqCst);
        if left > 1 {
            self.0.store(left - 1, Ordering::SeqCst);
        }
        left == 1
    }

    fn burn(&self) {
        if self.0.fetch_sub(1, Ordering::SeqCst) == 1 {
            // No destructor runs, as after SIGKILL.
            std::process::abort();
        }
    }
}

/// `moment` is `WHAT:COUNT`; what makes no sense never comes.
pub(super) fn wrap(
    moment: &str,
    store: Arc<dyn Store>,
    api: Arc<dyn Api>,
) -> (Arc<dyn Store>, Arc<dyn Api>) {
    let (what, count) = moment.split_once(':').unwrap_or((moment, "1"));
    let fuse = |name: &str| {
        let count = if what == name { count.parse().unwrap_or(0) } else { 0 };
        Fuse(Arc::new(AtomicU64::new(count)))
    };
    (
        Arc::new(Mortal {
            inner: store,
            commit: fuse("commit"),
            lose: fuse("lose"),
            mute: fuse("mute"),
        }),
        Arc::new(MortalApi { inner: api, request: fuse("request"), answer: fuse("answer") }),
    )
}

/// Dies right after a commit is durable, or is lost after some of them.
struct Mortal {
    inner: Arc<dyn Store>,
    commit: Fuse,
    lose: Fuse,
    mute: Fuse,
}

impl Store for Mortal {
    fn place(&self) -> &str {
        self.inner.place()
    }

    fn meta(&self) -> Answer<'_, Meta> {
        self.inner.meta()
    }

    fn page(&self, from: Bound<&str>, to: Bound<&str>, limit: usize) -> Answer<'_, Page> {
        self.inner.page(from, to, limit)
    }

    fn record<'a>(&'a self, address: &'a Address) -> Answer<'a, Option<Record>> {
        self.inner.record(address)
    }

    fn intents(&self) -> Answer<'_, Vec<Intent>> {
        self.inner.intents()
    }

    fn runs(&self, limit: usize) -> Answer<'_, Vec<Run>> {
        self.inner.runs(limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Answer<'_, Meta> {
        Box::pin(async move {
            let lost = || StateError::Unavailable {
                place: self.place().to_owned(),
                why: "the connection was lost, on request".to_owned(),
            };
            if self.lose.is_out() {
                return Err(lost());
            }
            let result = self.inner.commit(writes).await;
            if self.mute.is_out() {
                return Err(lost());
            }
            self.commit.burn();
            result
        })
    }

    fn amend(&self, amendment: Amendment) -> Answer<'_, Meta> {
        self.inner.amend(amendment)
    }

    fn verify(&self) -> Answer<'_, Verification> {
        self.inner.verify()
    }
}

/// Dies right before a request leaves, or right after its answer came.
struct MortalApi {
    inner: Arc<dyn Api>,
    request: Fuse,
    answer: Fuse,
}

impl MortalApi {
    fn around<'a, T: Send + 'a>(&'a self, call: Call<'a, T>) -> Call<'a, T> {
        Box::pin(async move {
            self.request.burn();
            let result = call.await;
            self.answer.burn();
            result
        })
    }
}

impl Api for MortalApi {
    fn create<'a>(
        &'a self,
        kind: Kind,
        visitor: &'a VisitorId,
        content: &'a Content,
    ) -> Call<'a, Message> {
        self.around(self.inner.create(kind, visitor, content))
    }

    fn update<'a>(&'a self, kind: Kind, id: &'a MessageId, text: &'a str) -> Call<'a, Message> {
        self.around(self.inner.update(kind, id, text))
    }

    fn delete<'a>(&'a self, kind: Kind, id: &'a MessageId) -> Call<'a, ()> {
        self.around(self.inner.delete(kind, id))
    }

    fn get<'a>(&'a self, kind: Kind, id: &'a MessageId) -> Call<'a, Message> {
        self.around(self.inner.get(kind, id))
    }
}
