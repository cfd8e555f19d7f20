//! Masked addresses, as pushsync prints them where others read along: `welcome@kZMv…xvg`.

use std::collections::BTreeSet;

use tokio::runtime::Handle;

use super::failure::Failure;
use crate::{
    model::{Address, one_line},
    state::{StateError, Store, scan::RecordPages},
};

/// Whether it looks like one.
pub(super) fn is_masked(address: &Address) -> bool {
    address.visitor_str().contains('…')
}

/// Whether this is how `whole` is shown.
pub(super) fn shows(address: &Address, whole: &Address) -> bool {
    address.key_str() == whole.key_str() && address.as_str() == one_line(&whole.masked())
}

/// The deliveries of a state, unknown ones too, that a masked address may name.
pub(super) fn in_state(
    store: &dyn Store,
    runtime: &Handle,
    address: &Address,
) -> Result<BTreeSet<Address>, StateError> {
    let mut found = BTreeSet::new();
    if !is_masked(address) {
        return Ok(found);
    }
    for intent in runtime.block_on(store.intents())? {
        found.extend(Some(intent.address).filter(|whole| shows(address, whole)));
    }
    let mut pages = RecordPages::of(store, &address.key());
    while let Some(page) = runtime.block_on(pages.next())? {
        let addresses = page.records()?.into_iter().map(|record| record.address);
        found.extend(addresses.filter(|whole| shows(address, whole)));
    }
    Ok(found)
}

/// The address that is meant, if it is the only one.
pub(super) fn the_only_one(
    address: &Address,
    found: BTreeSet<Address>,
) -> Result<Address, Failure> {
    let count = found.len();
    let mut found = found.into_iter();
    match (found.next(), count) {
        (Some(only), 1) => Ok(only),
        _ => Err(Failure::new(format!(
            "{count} deliveries look like {}: it is not clear which of them is meant",
            one_line(address.as_str())
        ))),
    }
}
