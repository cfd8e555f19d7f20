use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    command::StateCommand,
    confirm,
    decisions::{Decision, refuse},
    decisions_file, take_back, unknown,
};
use crate::{
    apply::{Claim, decision, resolution},
    cli::{
        args::ResolveArgs,
        environment,
        failure::{Failure, status},
    },
    model::{Address, Drift, Intent, Record, one_line},
    state::{Store, Write},
};

/// Records what became of creates whose answer was lost, or lists them.
pub(super) fn resolve(command: &StateCommand<'_>, args: &ResolveArgs) -> Result<u8, Failure> {
    let which = args.address.is_some() || args.all || args.key.is_some() || args.from.is_some();
    let decided = args.sent.is_some() || args.not_sent || args.again;
    if !which && !decided {
        return unknown::list(command);
    }
    if !which {
        return Err(Failure::new("which delivery is meant?")
            .help("name its ADDRESS, or --key KEY, or --all"));
    }
    if !decided && args.from.is_none() {
        return Err(Failure::new("what became of it is not said")
            .help("look into the visitor's chat in Brevo, then add --sent ID, or --not-sent"));
    }
    let store = command.open("state resolve")?;
    let intents = command.block_on(store.intents())?;
    let known: Vec<_> = intents.iter().map(|intent| intent.address.clone()).collect();
    command.context.output.masking().known().add(Arc::new(known));
    if args.again {
        return take_back::take_back(command, &*store, &intents, args);
    }
    let decisions = decisions(command, &*store, intents, args)?;
    let earlier = check(command, &*store, &decisions)?;
    let claims: Vec<_> = decisions
        .iter()
        .filter_map(|(intent, id)| Some(Claim { intent: intent.clone(), id: id.clone()? }))
        .collect();
    let texts = match claims.is_empty() || args.unchecked {
        true => BTreeMap::new(),
        false => confirm::texts(command, &store, claims)?,
    };
    record(command, &*store, decisions, earlier, &texts)
}

/// The decisions of the command line, or of the file.
fn decisions(
    command: &StateCommand<'_>,
    store: &dyn Store,
    intents: Vec<Intent>,
    args: &ResolveArgs,
) -> Result<Vec<Decision>, Failure> {
    if let Some(path) = &args.from {
        return decisions_file::read(command, store, &intents, path);
    }
    if let Some(text) = &args.address {
        let intent = unknown::find(command, store, &intents, text)?;
        return Ok(vec![(intent.clone(), args.sent.clone())]);
    }
    let named = |intent: &Intent| {
        args.key.as_ref().is_none_or(|key| intent.address.key_str() == key.as_str())
    };
    let decisions: Vec<_> =
        intents.into_iter().filter(named).map(|intent| (intent, None)).collect();
    if decisions.is_empty() {
        let of = args.key.as_ref().map(|key| format!(" of {key}")).unwrap_or_default();
        return Err(Failure::new(format!(
            "no delivery{of} is unknown: there is nothing to resolve"
        )));
    }
    Ok(decisions)
}

/// Refuses ids that other messages have. Returns the records of the messages that were to be replaced.
fn check(
    command: &StateCommand<'_>,
    store: &dyn Store,
    decisions: &[Decision],
) -> Result<Vec<Option<Record>>, Failure> {
    let (mut records, mut problems, mut ids) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (intent, id) in decisions {
        let record = command.block_on(store.record(&intent.address))?;
        let shown = command.shown(&intent.address);
        if let Some(id) = id {
            let name = one_line(id.as_str());
            if record.as_ref().is_some_and(|record| record.id == *id) {
                problems.push(format!(
                    "{shown}: {name} is the message that was to be replaced; give the id of the new one, or say that it was not sent"
                ));
            } else if let Some(holder) = command.block_on(store.address_of(id))? {
                let holder = command.shown(&holder);
                problems.push(format!("{shown}: message {name} is that of {holder} already"));
            } else if !ids.insert(id.clone()) {
                problems.push(format!("{shown}: message {name} is given to two deliveries"));
            }
        }
        records.push(record);
    }
    refuse(problems)?;
    Ok(records)
}

fn record(
    command: &StateCommand<'_>,
    store: &dyn Store,
    decisions: Vec<Decision>,
    earlier: Vec<Option<Record>>,
    texts: &BTreeMap<Address, String>,
) -> Result<u8, Failure> {
    let now = environment::now();
    let approvals = command.block_on(store.approvals())?.into_iter();
    let mut approvals: BTreeMap<_, _> =
        approvals.map(|approval| (approval.address.clone(), approval)).collect();
    let (mut writes, mut changes, mut said) = (Vec::new(), Vec::new(), Vec::new());
    for ((intent, id), earlier) in decisions.into_iter().zip(earlier) {
        let (address, shown) = (intent.address.clone(), command.shown(&intent.address));
        let there = texts.get(&address).filter(|there| ***there != *intent.content.text);
        said.push(match &id {
            Some(id) => format!("{shown} was sent, as message {}", one_line(id.as_str())),
            None => format!("{shown} was not sent; the next apply may send it"),
        });
        if there.is_some() {
            command.context.output.warning(&format!(
                "{shown}: the message has another text than the one that was sent: the next apply sends that one once more, and leaves what the API makes of it; if it is another message, take the decision back: {}",
                command.context.command("state resolve").arg(&shown).flag("--again")
            ));
        }
        let approval = approvals.remove(&address);
        changes.push(decision("resolve", &intent, id.clone(), earlier.as_ref(), approval));
        for write in resolution(intent, id, earlier, now) {
            writes.push(match (write, there) {
                (Write::Put(record), Some(there)) => {
                    let drift = Some(Drift::Text(there.clone()));
                    Write::Put(Box::new(Record { drift, ..*record }))
                }
                (write, _) => write,
            });
        }
    }
    command.commit_changes(store, "state resolve", writes, changes)?;
    said.iter().for_each(|said| command.note(said));
    Ok(status::DONE)
}
