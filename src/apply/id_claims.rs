use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    model::{Address, MessageId},
    state::{StateError, Store},
};

/// The ids that deliveries under way have got and that are not in the state yet.
///
/// The state refuses an id that another delivery has, and with it the commit of all that share it. So an id is asked
/// for before it is recorded. Two deliveries that get the same id at once do not see each other in the state: the
/// first one claims it.
pub(super) struct IdClaims {
    store: Arc<dyn Store>,
    under_way: UnderWay,
}

type UnderWay = Arc<Mutex<HashMap<MessageId, Address>>>;

/// An id that a delivery has claimed, until this is dropped: then the state has it, or nobody.
pub(super) struct IdClaim {
    id: MessageId,
    under_way: UnderWay,
}

impl IdClaims {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, under_way: UnderWay::default() }
    }

    /// Claims an id for a delivery, or answers with the one that has it. A delivery that `replaces` its message
    /// cannot have the new one under the id of the old one, which is to be deleted.
    pub(super) async fn claim(
        &self,
        id: &MessageId,
        address: &Address,
        replaces: bool,
    ) -> Result<Result<IdClaim, Address>, StateError> {
        match lock(&self.under_way).entry(id.clone()) {
            Entry::Occupied(other) if other.get() != address => {
                return Ok(Err(other.get().clone()));
            }
            Entry::Occupied(_) => {}
            Entry::Vacant(free) => _ = free.insert(address.clone()),
        }
        let claim = IdClaim { id: id.clone(), under_way: Arc::clone(&self.under_way) };
        Ok(match self.store.address_of(id).await? {
            Some(holder) if replaces || holder != *address => Err(holder),
            _ => Ok(claim),
        })
    }
}

impl Drop for IdClaim {
    fn drop(&mut self) {
        lock(&self.under_way).remove(&self.id);
    }
}

fn lock(under_way: &UnderWay) -> MutexGuard<'_, HashMap<MessageId, Address>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}
