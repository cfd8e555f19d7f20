use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::state::{StateError, Store, Write};

/// Commits the writes of many deliveries at once.
///
/// While one commit is being made durable, the writes of all others gather; they share the next
/// one. So the number of fsyncs is that of the commits, not that of the deliveries.
pub(super) struct GroupCommitter {
    queue: mpsc::UnboundedSender<Entry>,
    location: Arc<str>,
}

struct Entry {
    writes: Vec<Write>,
    done: oneshot::Sender<Result<(), Arc<StateError>>>,
}

impl GroupCommitter {
    /// Starts the committer, which ends when this is dropped. `along` says at each commit what
    /// it takes along.
    pub(super) fn start(
        store: Arc<dyn Store>,
        along: impl Fn() -> Vec<Write> + Send + 'static,
    ) -> Self {
        let (queue, mut entries) = mpsc::unbounded_channel::<Entry>();
        let location = store.location().into();
        tokio::spawn(async move {
            while let Some(first) = entries.recv().await {
                // Those whose answers have just come get the chance to come along.
                tokio::task::yield_now().await;
                // Before what was handed over: what is written last is what holds.
                let mut writes = along();
                let mut waiting = Vec::new();
                let mut next = Some(first);
                while let Some(Entry { writes: more, done }) = next {
                    writes.extend(more);
                    waiting.push(done);
                    next = entries.try_recv().ok();
                }
                let result = store.commit(writes).await.map(drop).map_err(Arc::new);
                for done in waiting {
                    // Nobody listens any more after a second Ctrl-C.
                    let _ = done.send(result.clone());
                }
            }
        });
        Self { queue, location }
    }

    /// Returns once `writes` are durable.
    pub(super) async fn commit(&self, writes: Vec<Write>) -> Result<(), Arc<StateError>> {
        let (done, answer) = oneshot::channel();
        let gone = || Arc::new(StateError::Failed { location: self.location.to_string() });
        self.queue.send(Entry { writes, done }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}
