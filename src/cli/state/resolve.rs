use super::command::StateCommand;
use crate::{
    apply::resolution,
    cli::{
        environment,
        failure::{Failure, status},
    },
    model::{Address, MessageId},
};

/// Records what became of a create whose answer was lost.
pub(super) fn resolve(
    command: &StateCommand<'_>,
    address: &Address,
    sent: Option<MessageId>,
) -> Result<u8, Failure> {
    let store = command.open("state resolve")?;
    let shown = command.shown(address);
    let intents = command.block_on(store.intents())?;
    let Some(intent) = intents.into_iter().find(|intent| intent.address == *address) else {
        return Err(Failure::new(format!("{shown} is not unknown: there is nothing to resolve")));
    };
    let earlier = command.block_on(store.record(address))?;
    let id = sent;
    if let (Some(id), Some(record)) = (&id, &earlier)
        && record.id == *id
    {
        return Err(Failure::new(format!("{id} is the message that was to be replaced"))
            .help("give the id of the new one, or --not-sent"));
    }
    let said = match &id {
        Some(id) => format!("{shown} was sent, as message {id}"),
        None => format!("{shown} was not sent; the next apply may send it"),
    };
    let writes = resolution(intent, id, earlier, environment::now());
    command.commit(&*store, "state resolve", writes, vec![(address.clone(), "resolve")])?;
    command.note(&said);
    Ok(status::DONE)
}
