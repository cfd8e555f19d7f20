use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::{
    apply::api::{Api, Call},
    brevo::Message,
    model::{Content, Kind, MessageId, VisitorId},
    state::{Meta, StateError, Store, StoreFuture, Wrapped, Wrapper, Write},
};

/// Counts down to a moment.
struct Countdown(AtomicU64);

impl Countdown {
    /// Counts one down, and returns whether the moment has come; after that it stays so.
    fn has_come(&self) -> bool {
        let left = self.0.load(Ordering::SeqCst);
        if left > 1 {
            self.0.store(left - 1, Ordering::SeqCst);
        }
        left == 1
    }

    /// Counts one down, and crashes if the moment has come.
    fn crash_if_due(&self) {
        if self.0.fetch_sub(1, Ordering::SeqCst) == 1 {
            // No destructor runs, like after SIGKILL.
            std::process::abort();
        }
    }
}

/// `moment` is `EVENT:COUNT`; a moment that makes no sense never comes.
pub(super) fn wrap(
    moment: &str,
    store: Arc<dyn Store>,
    api: Arc<dyn Api>,
) -> (Arc<dyn Store>, Arc<dyn Api>) {
    let (event, count) = moment.split_once(':').unwrap_or((moment, "1"));
    let countdown = |name: &str| {
        let count = if event == name { count.parse().unwrap_or(0) } else { 0 };
        Countdown(AtomicU64::new(count))
    };
    (
        Arc::new(Wrapped(CrashingStore {
            inner: store,
            commit: countdown("commit"),
            lose: countdown("lose"),
            mute: countdown("mute"),
        })),
        Arc::new(CrashingApi {
            inner: api,
            request: countdown("request"),
            answer: countdown("answer"),
        }),
    )
}

/// Crashes right after a commit is durable, or fails from some commit on.
struct CrashingStore {
    inner: Arc<dyn Store>,
    commit: Countdown,
    lose: Countdown,
    mute: Countdown,
}

impl Wrapper for CrashingStore {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }

    fn commit(&self, writes: Vec<Write>) -> StoreFuture<'_, Meta> {
        Box::pin(async move {
            let lost = || StateError::Unavailable {
                location: self.inner.location().to_owned(),
                why: "the connection was lost, on request".to_owned(),
            };
            if self.lose.has_come() {
                return Err(lost());
            }
            let result = self.inner.commit(writes).await;
            if self.mute.has_come() {
                return Err(lost());
            }
            self.commit.crash_if_due();
            result
        })
    }
}

/// Crashes right before a request leaves, or right after its answer came.
struct CrashingApi {
    inner: Arc<dyn Api>,
    request: Countdown,
    answer: Countdown,
}

impl CrashingApi {
    fn around<'a, T: Send + 'a>(&'a self, call: Call<'a, T>) -> Call<'a, T> {
        Box::pin(async move {
            self.request.crash_if_due();
            let result = call.await;
            self.answer.crash_if_due();
            result
        })
    }
}

impl Api for CrashingApi {
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
