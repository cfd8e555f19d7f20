//! `state rm` and `state mv`.

use super::command::StateCommand;
use crate::{
    cli::failure::{Failure, status},
    model::{Address, Record},
    state::Write,
};

pub(super) fn remove(command: &StateCommand<'_>, addresses: &[Address]) -> Result<u8, Failure> {
    let store = command.open("state rm")?;
    let mut named = Vec::new();
    for address in addresses {
        let address = command.find(&*store, address)?;
        command.record(&*store, &address)?;
        named.push(address);
    }
    let addresses = named;
    let writes = addresses.iter().cloned().map(Write::Remove).collect();
    let changes = addresses.iter().map(|address| (address.clone(), "forget")).collect();
    command.commit(&*store, "state rm", writes, changes)?;
    for address in &addresses {
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
    let old_shown = command.shown(old);
    if old.visitor_str() != new.visitor_str() {
        return Err(Failure::new("the visitor differs, and a message cannot change hands").help(
            format!(
                "only the key may change: {}",
                command
                    .context
                    .command("state mv")
                    .arg(&old_shown)
                    .arg(command.shown(&old.with_key(&new.key())))
            ),
        ));
    }
    let store = command.open("state mv")?;
    let old = &command.find(&*store, old)?;
    let new = &old.with_key(&new.key());
    let record = command.record(&*store, old)?;
    if command.block_on(store.record(new))?.is_some() || command.is_unknown(&*store, new)? {
        return Err(Failure::new(format!("the state has {} already", command.shown(new))).help(
            format!(
                "to let go of that one first: {}",
                command.context.command("state rm").arg(command.shown(new))
            ),
        ));
    }
    let record = Record { address: new.clone(), ..record };
    let writes = vec![Write::Remove(old.clone()), Write::Put(Box::new(record))];
    command.commit(&*store, "state mv", writes, vec![(new.clone(), "move")])?;
    command.note(&format!("{} is {} now", command.shown(old), command.shown(new)));
    Ok(status::DONE)
}
