use std::sync::Arc;

use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::tempo::Tempo;
use crate::state::{StateError, Store, Write};

/// Commits the writes of many deliveries at once.
///
/// While one commit is being made durable, the writes of everybody else gather; they share the
/// next one. So the number of fsyncs is that of the commits, not that of the deliveries.
#[derive(Clone)]
pub(super) struct Journal {
    queue: mpsc::UnboundedSender<Entry>,
    place: Arc<str>,
}

struct Entry {
    writes: Vec<Write>,
    done: oneshot::Sender<Result<(), Arc<StateError>>>,
}

/// As many writes as one commit takes: a bound on memory and on one round trip.
const MOST_WRITES: usize = 4096;

/// So many turns of the others in a row that brought no writes mean that there are no more to come.
const IDLE_TURNS: usize = 2;

impl Journal {
    /// Starts the committer; it ends when the last clone of the journal is dropped. `along` is
    /// asked at each commit for what it takes along.
    pub(super) fn start(
        store: Arc<dyn Store>,
        tempo: Arc<Tempo>,
        along: impl Fn() -> Vec<Write> + Send + 'static,
    ) -> Self {
        let (queue, mut entries) = mpsc::unbounded_channel::<Entry>();
        let place = store.location().into();
        tokio::spawn(async move {
            while let Some(first) = entries.recv().await {
                let mut writes = first.writes;
                let mut waiting = vec![first.done];
                // Whoever is about to commit gets the chance to come along. No clock is needed for
                // that: as long as their turns bring more, the processor has other work to do, and
                // each of them waits here after it has brought something.
                let mut idle = 0;
                while idle < IDLE_TURNS && writes.len() < MOST_WRITES {
                    tokio::task::yield_now().await;
                    idle += 1;
                    while writes.len() < MOST_WRITES
                        && let Ok(mut entry) = entries.try_recv()
                    {
                        writes.append(&mut entry.writes);
                        waiting.push(entry.done);
                        idle = 0;
                    }
                }
                // Before what was handed over: what it says last is what holds.
                writes.splice(0..0, along());
                let begun = Instant::now();
                let result = store.commit(writes).await.map(drop).map_err(Arc::new);
                tempo.committed(begun.elapsed());
                for done in waiting {
                    // Nobody listens any more after a second Ctrl-C.
                    let _ = done.send(result.clone());
                }
            }
        });
        Self { queue, place }
    }

    /// Returns once `writes` are durable.
    pub(super) async fn commit(&self, writes: Vec<Write>) -> Result<(), Arc<StateError>> {
        let (done, answer) = oneshot::channel();
        let gone = || Arc::new(StateError::Failed { location: self.place.to_string() });
        self.queue.send(Entry { writes, done }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}
