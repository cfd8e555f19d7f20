//! Compares the events with what the state has.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{Finding, Sightings, findings, matching};
use crate::{
    model::{Address, Intent, MessageId},
    state::{StateError, Store},
};

/// What the state knows of messages that events tell of.
#[derive(Debug, Default)]
struct Known {
    /// Those of records, and those that are still to be deleted.
    now: HashSet<MessageId>,
    /// Those that the history names, with the deliveries and the runs.
    earlier: HashMap<MessageId, Vec<(Address, Option<Uuid>)>>,
}

impl Known {
    /// Reads it. The history is long, so it is only read if there is anything to look for.
    async fn read(store: &dyn Store, ids: HashSet<MessageId>) -> Result<Self, StateError> {
        let mut known = Self::default();
        if ids.is_empty() {
            return Ok(known);
        }
        for run in store.runs(usize::MAX).await? {
            for change in run.changes {
                if let Some(id) = change.id.filter(|id| ids.contains(id)) {
                    // Somebody has decided about it: whatever the decision was, no event repeats it.
                    let by = change.decided.is_none().then_some(run.id);
                    known.earlier.entry(id).or_default().push((change.address, by));
                }
            }
        }
        for id in ids {
            if store.address_of(&id).await?.is_some() {
                known.now.insert(id);
            }
        }
        Ok(known)
    }

    /// Whether a message is known otherwise than as the one that this create made: a run that was killed may have
    /// noted the answer in the history, and not in a record.
    fn has(&self, intent: &Intent, id: &MessageId) -> bool {
        let is_other = |(address, run): &(Address, Option<Uuid>)| {
            *address != intent.address || *run != Some(intent.run)
        };
        self.now.contains(id)
            || self.earlier.get(id).is_some_and(|found| found.iter().any(is_other))
    }
}

/// What the events say of each of these unknown deliveries of a state.
///
/// # Errors
///
/// If the state cannot be read.
pub async fn find(
    store: &dyn Store,
    intents: &[Intent],
    sightings: &Sightings,
) -> Result<Vec<Finding>, StateError> {
    let ids = matching::candidates(intents, sightings);
    let known = Known::read(store, ids.into_iter().collect()).await?;
    Ok(findings(intents, sightings, |intent, id| known.has(intent, id)))
}
