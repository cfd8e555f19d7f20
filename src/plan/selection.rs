use std::collections::BTreeSet;

use crate::model::{Address, Key};

/// Which deliveries a plan is about (`--target`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// All deliveries of these messages.
    pub keys: BTreeSet<Key>,
    /// These deliveries.
    pub addresses: BTreeSet<Address>,
}

impl Selection {
    /// Whether nothing is left out.
    pub fn is_all(&self) -> bool {
        self.keys.is_empty() && self.addresses.is_empty()
    }

    /// Whether the plan is about this delivery.
    pub fn contains(&self, address: &Address) -> bool {
        self.is_all()
            || self.addresses.contains(address)
            || (!self.keys.is_empty() && self.keys.contains(&address.key()))
    }
}
