//! `state rm` and `state mv`.

use super::command::StateCommand;
use crate::{
    cli::failure::{Failure, status},
    model::{Address, Record},
    state::Write,
};

pub(super) fn remove(command: &StateCommand<'_>, addresses: &[Address]) -> Result<u8, Failure> {
    let store = command.open("state rm")?;
    for address in addresses {
        command.record(&*store, address)?;
    }
    let writes = addresses.iter().cloned().map(Write::Remove).collect();
    let changes = addresses.iter().map(|address| (address.clone(), "forget")).collect();
    command.commit(&*store, "state rm", writes, changes)?;
    for address in addresses {
        command.note(&format!(
            "forgot {}; the message stays where it is, and if the manifest wants it, the next apply sends it again",
            command.shown(address)
        ));
    }
    Ok(status::DONE)
}

pub(super) fn rename(
    command: &StateCommand<'_>,
    old: &Address,
    new: &Address,
) -> Result<u8, Failure> {
    if old.visitor_str() != new.visitor_str() {
        return Err(Failure::new("the visitor differs, and a message cannot change hands")
            .help("only the key may change: pushsync state mv OLDKEY@VISITOR NEWKEY@VISITOR"));
    }
    let store = command.open("state mv")?;
    let record = command.record(&*store, old)?;
    if command.block_on(store.record(new))?.is_some() || command.is_unknown(&*store, new)? {
        return Err(Failure::new(format!("the state has {} already", command.shown(new)))
            .help("to let go of that one first: pushsync state rm ADDRESS"));
    }
    let record = Record { address: new.clone(), ..record };
    let writes = vec![Write::Remove(old.clone()), Write::Put(Box::new(record))];
    command.commit(&*store, "state mv", writes, vec![(new.clone(), "move")])?;
    command.note(&format!("{} is {} now", command.shown(old), command.shown(new)));
    Ok(status::DONE)
}
