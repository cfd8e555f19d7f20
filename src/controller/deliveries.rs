//! How many deliveries the state has, by message and status.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::{
    model::DeliveryStatus,
    state::{StateError, Store, scan::RecordPages},
};

/// How many deliveries have each status.
pub type Statuses = BTreeMap<DeliveryStatus, u64>;

/// The deliveries of a state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// The lineage and the serial of the state that was counted; none if there is no state yet.
    pub of: Option<(Uuid, u64)>,
    /// By the key of the message.
    pub messages: BTreeMap<String, Statuses>,
}

impl DeliveryCounts {
    /// Reads all records and intents.
    ///
    /// # Errors
    ///
    /// If the state cannot be read.
    pub async fn of(store: &dyn Store) -> Result<Self, StateError> {
        let meta = store.meta().await?;
        let mut counts = Self { of: Some((meta.lineage, meta.serial)), ..Self::default() };
        let intents = store.intents().await?;
        let unknown: BTreeSet<_> = intents.iter().map(|intent| &intent.address).collect();
        let mut pages = RecordPages::all(store);
        while let Some(page) = pages.next().await? {
            for record in page.records()? {
                // One that is being sent again counts once.
                if !unknown.contains(&record.address) {
                    counts.add(record.address.key_str(), DeliveryStatus::of(&record));
                }
            }
        }
        for intent in &intents {
            counts.add(intent.address.key_str(), DeliveryStatus::Unknown);
        }
        Ok(counts)
    }

    fn add(&mut self, key: &str, status: DeliveryStatus) {
        if let Some(statuses) = self.messages.get_mut(key) {
            *statuses.entry(status).or_default() += 1;
        } else {
            self.messages.insert(key.to_owned(), Statuses::from([(status, 1)]));
        }
    }

    /// How many deliveries have each status.
    pub fn totals(&self) -> Statuses {
        DeliveryStatus::ALL.into_iter().map(|status| (status, self.with(status))).collect()
    }

    /// How many deliveries of all messages have this status.
    pub fn with(&self, status: DeliveryStatus) -> u64 {
        self.messages.values().filter_map(|statuses| statuses.get(&status)).sum()
    }
}
