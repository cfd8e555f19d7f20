//! `state rm` and `state mv`.

use std::collections::BTreeSet;

use super::command::StateCommand;
use crate::{
    cli::failure::{Failure, status},
    model::{Address, Record},
    state::Write,
};

pub(super) fn remove(command: &StateCommand<'_>, addresses: &[Address]) -> Result<u8, Failure> {
    let store = command.open("state rm")?;
    let approvals = command.block_on(store.approvals())?;
    let agreed = |address: &Address| approvals.iter().any(|one| one.address == *address);
    let (mut named, mut not_sent) = (Vec::new(), BTreeSet::new());
    for address in addresses {
        let address = command.find(&*store, address)?;
        match command.record(&*store, &address) {
            Ok(_) => {}
            // Somebody agreed to send it, and thinks otherwise.
            Err(_) if agreed(&address) && !command.is_unknown(&*store, &address)? => {
                not_sent.insert(address.clone());
            }
            Err(failure) => return Err(failure),
        }
        named.push(address);
    }
    let addresses = named;
    // What somebody agreed to was about the delivery as the state knew it.
    let forget =
        |address: &Address| [Write::Remove(address.clone()), Write::Withdraw(address.clone())];
    let writes = addresses.iter().flat_map(forget).collect();
    let changes = addresses.iter().map(|address| (address.clone(), "forget")).collect();
    command.commit(&*store, "state rm", writes, changes)?;
    for address in &addresses {
        if not_sent.contains(address) {
            command.note(&format!(
                "nobody has agreed to {} any more; it was not sent, and is reviewed again",
                command.shown(address)
            ));
            continue;
        }
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
    let writes = vec![
        Write::Remove(old.clone()),
        Write::Withdraw(old.clone()),
        Write::Put(Box::new(record)),
    ];
    command.commit(&*store, "state mv", writes, vec![(new.clone(), "move")])?;
    command.note(&format!("{} is {} now", command.shown(old), command.shown(new)));
    Ok(status::DONE)
}
