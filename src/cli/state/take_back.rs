//! `state resolve --again`: a decision is taken back, and the delivery is unknown as before.

use std::collections::BTreeMap;

use super::command::StateCommand;
use crate::{
    cli::{
        args::ResolveArgs,
        failure::{Failure, status},
        masked_address,
    },
    model::{Address, Intent, MessageId, Record, Superseded},
    state::{Decided, RunChange, Store, Write},
};

/// The last thing that the history says of a delivery.
struct Last {
    change: RunChange,
    at: jiff::Timestamp,
}

pub(super) fn take_back(
    command: &StateCommand<'_>,
    store: &dyn Store,
    intents: &[Intent],
    args: &ResolveArgs,
) -> Result<u8, Failure> {
    let mut last = last_changes(command, store)?;
    let addresses: Vec<Address> = match &args.address {
        Some(text) => vec![find(&last, text, command)?],
        None => {
            last.retain(|address, last| {
                let named = args.key.as_ref().is_none_or(|key| address.key_str() == key.as_str());
                named && last.change.decided.is_some()
            });
            last.keys().cloned().collect()
        }
    };
    let (mut writes, mut changes) = (Vec::new(), Vec::new());
    for address in addresses {
        match take_back_one(command, store, intents, &address, last.get(&address)) {
            Ok(more) => {
                writes.extend(more);
                changes.push((address, "resolve again"));
            }
            Err(failure) if args.address.is_some() => return Err(failure),
            Err(_) => {}
        }
    }
    if changes.is_empty() {
        return Err(Failure::new("there is no decision that could be taken back"));
    }
    let said: Vec<_> = changes.iter().map(|(address, _)| command.shown(address)).collect();
    command.commit(store, "state resolve", writes, changes)?;
    for shown in said {
        command.note(&format!("{shown} is unknown again, and nothing is sent for it"));
    }
    Ok(status::DONE)
}

/// What the history says last of each delivery. A refresh only asks.
fn last_changes(
    command: &StateCommand<'_>,
    store: &dyn Store,
) -> Result<BTreeMap<Address, Last>, Failure> {
    let mut last = BTreeMap::new();
    for run in command.block_on(store.runs(usize::MAX))? {
        let at = run.started_at;
        for change in run.changes.into_iter().rev().filter(|change| change.action != "refresh") {
            last.entry(change.address.clone()).or_insert(Last { change, at });
        }
    }
    Ok(last)
}

/// The delivery that an address names, whole or masked.
fn find(
    last: &BTreeMap<Address, Last>,
    text: &str,
    command: &StateCommand<'_>,
) -> Result<Address, Failure> {
    let address = Address::parse(text.trim()).map_err(|error| {
        Failure::new(format!("the delivery is not an address: {error}"))
            .help("a decision that was made is taken back by the address")
    })?;
    let near: Vec<_> =
        last.keys().filter(|whole| masked_address::shows(&address, whole)).cloned().collect();
    if last.contains_key(&address) || near.is_empty() {
        return Ok(address);
    }
    masked_address::the_only_one(&address, near.into_iter().collect()).map_err(|failure| {
        let history = command.context.command("state history").arg(address.key_str());
        failure.help(format!("on a terminal, this shows whole addresses: {history}"))
    })
}

/// The writes that make a delivery unknown again.
fn take_back_one(
    command: &StateCommand<'_>,
    store: &dyn Store,
    intents: &[Intent],
    address: &Address,
    last: Option<&Last>,
) -> Result<Vec<Write>, Failure> {
    let shown = command.shown(address);
    if intents.iter().any(|intent| intent.address == *address) {
        return Err(Failure::new(format!("{shown} is unknown: there is no decision to take back")));
    }
    let Some(Last { change, at }) = last else {
        return Err(Failure::new(format!("nobody has decided anything about {shown}")));
    };
    let record = command.block_on(store.record(address))?;
    let (Some(decided), true) = (&change.decided, is_as_decided(change, record.as_ref())) else {
        return Err(Failure::new(format!(
            "no decision about {shown} can be taken back: something has followed since ({}, {at:.0})",
            change.action
        ))
        .help(format!(
            "look at what the state has: {}",
            command.context.command("state show").arg(&shown)
        )));
    };
    let Decided { intent, earlier, approval } = &**decided;
    let mut writes = vec![Write::Intend(Box::new(intent.clone()))];
    match (&change.id, earlier) {
        (Some(_), Some(earlier)) => writes.push(Write::Put(Box::new(earlier.clone()))),
        (Some(_), None) => writes.push(Write::Remove(address.clone())),
        (None, _) => {}
    }
    // The record may have ended what somebody had agreed to.
    writes.extend(approval.iter().map(|approval| Write::Approve(Box::new(approval.clone()))));
    Ok(writes)
}

/// Whether the state has what the decision made of it: no request has left for it since.
fn is_as_decided(change: &RunChange, now: Option<&Record>) -> bool {
    let Some(Decided { intent, earlier, approval: _ }) = change.decided.as_deref() else {
        return false;
    };
    let as_it_was = |now: &Record, id: &MessageId, text: &str, old: Option<&Superseded>| {
        now.id == *id
            && *now.content.text == *text
            && now.intent.is_none()
            && now.superseded.as_ref() == old
    };
    match (&change.id, earlier, now) {
        (Some(id), earlier, Some(now)) => {
            let old = earlier.as_ref().map(|e| Superseded { id: e.id.clone(), kind: e.kind });
            as_it_was(now, id, &intent.content.text, old.as_ref())
        }
        (None, Some(earlier), Some(now)) => {
            as_it_was(now, &earlier.id, &earlier.content.text, earlier.superseded.as_ref())
        }
        (None, None, None) => true,
        _ => false,
    }
}
