//! Targets whose address is masked: they name the only delivery that looks like that.

use tokio::runtime::Handle;

use super::{args::Target, failure::Failure, masked_address};
use crate::{desired::Deliveries, manifest::Project, model::Address, state::Store};

/// The targets with whole addresses: those of the manifest or the state.
pub(super) fn whole(
    targets: &[Target],
    project: Option<&Project>,
    store: Option<&dyn Store>,
    runtime: &Handle,
) -> Result<Vec<Target>, Failure> {
    let whole = |target: &Target| match target {
        Target::Address(address) if masked_address::is_masked(address) => {
            one(address, project, store, runtime).map(Target::Address)
        }
        target => Ok(target.clone()),
    };
    targets.iter().map(whole).collect()
}

fn one(
    address: &Address,
    project: Option<&Project>,
    store: Option<&dyn Store>,
    runtime: &Handle,
) -> Result<Address, Failure> {
    let mut found = match store {
        Some(store) => masked_address::in_state(store, runtime, address)?,
        None => Default::default(),
    };
    if let Some(project) = project {
        let all = Deliveries::everything(project).only(|key| key.as_str() == address.key_str());
        for delivery in all.flatten() {
            // An id may have such a character.
            if delivery.address == *address {
                return Ok(delivery.address);
            }
            if masked_address::shows(address, &delivery.address) {
                found.insert(delivery.address);
            }
        }
    }
    if found.is_empty() {
        return Ok(address.clone());
    }
    masked_address::the_only_one(address, found)
        .map_err(|failure| failure.help("give whole addresses"))
}
