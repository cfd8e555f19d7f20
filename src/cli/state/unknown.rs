//! The unknown deliveries: how they are listed, and how one of them is named.

use std::io::Write as _;

use uuid::Uuid;

use super::command::StateCommand;
use crate::{
    cli::{
        failure::{Failure, status},
        masked_address,
    },
    model::{Address, Intent, one_line},
    render::humanize,
    state::Store,
};

/// The number of an unknown delivery. It stays the same while others are resolved: a number that is typed twice
/// never means another delivery.
fn number(lineage: Uuid, intent: &Intent) -> u32 {
    let Intent { address, at, run, .. } = intent;
    let named = format!("{lineage} {run} {at} {}", address.as_str());
    let hash = blake3::hash(named.as_bytes());
    let [a, b, c, d, ..] = *hash.as_bytes();
    100_000 + u32::from_be_bytes([a, b, c, d]) % 900_000
}

/// Prints all of them, with what to do.
pub(super) fn list(command: &StateCommand<'_>) -> Result<u8, Failure> {
    let store = command.read("state resolve")?;
    let lineage = command.block_on(store.meta())?.lineage;
    let intents = command.block_on(store.intents())?;
    drop(store);
    if intents.is_empty() {
        command.note("nothing is unknown: there is nothing to resolve");
        return Ok(status::DONE);
    }
    let mut out = command.context.output.out();
    for intent in &intents {
        let Intent { address, kind, content, at, trouble, request_id, .. } = intent;
        let trouble =
            trouble.as_deref().unwrap_or("the run that sent it did not live to see the answer");
        let request = request_id.as_ref().map(|id| format!(" (sib-request-id {id})"));
        let first = content.text.lines().next().unwrap_or_default();
        writeln!(
            out,
            "{}  {}  {kind}  sent {at:.0}",
            number(lineage, intent),
            command.shown(address)
        )?;
        writeln!(out, "        {}{}", one_line(trouble), one_line(&request.unwrap_or_default()))?;
        writeln!(out, "        {}", one_line(first))?;
    }
    drop(out);
    let resolve = || command.context.command("state resolve");
    command.note(&format!(
        "{}: look into each visitor's chat in Brevo, then say with the number from the list, or the address, what became of it",
        humanize::count(intents.len() as u64, "delivery is unknown", "deliveries are unknown")
    ));
    let example = number(lineage, &intents[0]).to_string();
    command.note(&format!(
        "  if the message is there: {}",
        resolve().arg(&example).option("--sent", "ID")
    ));
    command.note(&format!("  if it is not there: {}", resolve().arg(&example).flag("--not-sent")));
    Ok(status::DONE)
}

/// The unknown delivery that a text names: by its number, or its address, whole or masked.
pub(super) fn find<'i>(
    command: &StateCommand<'_>,
    store: &dyn Store,
    intents: &'i [Intent],
    text: &str,
) -> Result<&'i Intent, Failure> {
    let lineage = command.block_on(store.meta())?.lineage;
    let list = || format!("to see what is unknown: {}", command.context.command("state resolve"));
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let mut found = intents.iter().filter(|intent| number(lineage, intent).to_string() == text);
        return match (found.next(), found.next()) {
            (Some(intent), None) => Ok(intent),
            (None, _) => {
                Err(Failure::new(format!("no unknown delivery has the number {text}")).help(list()))
            }
            (Some(_), Some(_)) => {
                Err(Failure::new(format!("two unknown deliveries have the number {text}"))
                    .help("name it by its address"))
            }
        };
    }
    let address = Address::parse(text).map_err(|error| {
        // What is not an address may be a visitor's id.
        Failure::new(format!("the delivery is neither an address nor a number: {error}"))
            .help(list())
    })?;
    if let Some(intent) = intents.iter().find(|intent| intent.address == address) {
        return Ok(intent);
    }
    let near: Vec<_> =
        intents.iter().filter(|intent| masked_address::shows(&address, &intent.address)).collect();
    match near[..] {
        [] => {
            let shown = match masked_address::is_masked(&address) {
                true => one_line(address.as_str()),
                false => command.shown(&address),
            };
            Err(Failure::new(format!("{shown} is not unknown: there is nothing to resolve")))
        }
        [intent] => Ok(intent),
        _ => {
            let numbers: Vec<_> =
                near.iter().map(|intent| number(lineage, intent).to_string()).collect();
            Err(Failure::new(format!(
                "{} unknown deliveries look like {}: name one by its number, {}",
                near.len(),
                one_line(address.as_str()),
                numbers.join(", ")
            ))
            .help(list()))
        }
    }
}
