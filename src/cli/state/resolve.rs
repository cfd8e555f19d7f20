use super::Desk;
use crate::{
    cli::{
        failure::{Failure, status},
        surroundings,
    },
    model::{Address, MessageId},
    state::{Intent, Record, Superseded, Write},
};

/// Says what became of a create whose answer was lost.
pub(super) fn resolve(
    desk: &Desk<'_>,
    address: &Address,
    sent: Option<String>,
) -> Result<u8, Failure> {
    let store = desk.open("state resolve")?;
    let shown = desk.shown(address);
    let intents = desk.wait(store.intents())?;
    let Some(intent) = intents.into_iter().find(|intent| intent.address == *address) else {
        return Err(Failure::new(format!("{shown} is not unknown: there is nothing to resolve")));
    };
    let mut writes = vec![Write::Settle(address.clone())];
    let said = match sent {
        Some(id) => {
            let id = MessageId::new(id);
            let earlier = desk.wait(store.record(address))?;
            if earlier.as_ref().is_some_and(|record| record.id == id) {
                return Err(Failure::new(format!("{id} is the message that was to be replaced"))
                    .help("give the id of the new one, or --not-sent"));
            }
            writes.push(Write::Put(Box::new(found(intent, id.clone(), earlier))));
            format!("{shown} was sent, as message {id}")
        }
        None => format!("{shown} was not sent; the next apply may send it"),
    };
    desk.commit(&*store, "state resolve", writes, vec![(address.clone(), "resolve")])?;
    desk.context.output.note(&said);
    Ok(status::DONE)
}

/// The record that an answer would have made.
fn found(intent: Intent, id: MessageId, earlier: Option<Record>) -> Record {
    let Intent { address, kind, content, protect, at, run: _, trouble: _, request_id: _ } = intent;
    Record {
        address,
        kind,
        id,
        content,
        protect,
        created_at: at,
        updated_at: at,
        verified_at: surroundings::now(),
        drift: None,
        // An interrupted replace goes on: the old message is still to be deleted.
        superseded: earlier.map(|old| Superseded { id: old.id, kind: old.kind }),
    }
}
