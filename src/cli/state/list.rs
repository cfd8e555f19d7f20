use std::io::{self, Write};

use serde_json::{Value, json};

use super::command::StateCommand;
use crate::{
    cli::{
        args::{DataFormat, Target},
        failure::{Failure, status},
        spool::Spool,
        targets,
    },
    model::{
        Address, DeliveryStatus, Drift, Intent, Record, TextDigest, TextThere, one_line, printable,
    },
    render::humanize,
    state::Records,
};

fn record_json(record: &Record) -> Value {
    json!({
        "address": record.address,
        "key": record.address.key(),
        "visitor": record.address.visitor(),
        "kind": record.kind,
        "id": record.id,
        "status": DeliveryStatus::of(record),
        "text": record.content.text,
        "answered_text": record.answered_text,
        "from": record.content.from,
        "protect": record.protect,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "verified_at": record.verified_at,
        "text_there": match &record.drift {
            Some(Drift::Text(text)) => Some(text),
            _ => None,
        },
        "replaces": record.superseded,
        "intent": record.intent,
    })
}

fn intent_json(intent: &Intent) -> Value {
    json!({
        "address": intent.address,
        "key": intent.address.key(),
        "visitor": intent.address.visitor(),
        "kind": intent.kind,
        "id": null,
        "status": "unknown",
        "text": intent.content.text,
        "from": intent.content.from,
        "sent_at": intent.at,
        "trouble": intent.trouble,
        "request_id": intent.request_id,
    })
}

pub(super) fn list(
    command: &StateCommand<'_>,
    targets: &[Target],
    format: DataFormat,
) -> Result<u8, Failure> {
    let store = command.read("state list")?;
    let runtime = command.runtime.handle();
    let selection = Target::selection(&targets::whole(targets, None, Some(&*store), runtime)?);
    let meta = command.block_on(store.meta())?;
    let mut unknown = command.block_on(store.intents())?;
    unknown.retain(|intent| selection.contains(&intent.address));
    let records = Records::new(&*store, command.runtime.handle().clone());
    let secret = command.context.state_key(&command.state)?.is_some();
    let mut out = Spool::new(secret);
    let mut documents = Vec::new();
    let mut shown = 0_u64;
    for located in records {
        let record = located?.record.decode().map_err(crate::state::StateError::from)?;
        if !selection.contains(&record.address) {
            continue;
        }
        shown += 1;
        if format == DataFormat::Json {
            documents.push(record_json(&record));
        } else {
            writeln!(
                out,
                "{}  {}  {}  {}  {:.0}",
                command.shown(&record.address),
                record.kind,
                one_line(record.id.as_str()),
                DeliveryStatus::of(&record),
                record.updated_at
            )?;
        }
    }
    shown += unknown.len() as u64;
    if format == DataFormat::Json {
        documents.extend(unknown.iter().map(intent_json));
        drop(store);
        command.context.output.json(&json!({
            "format": "pushsync/state-list/1",
            "environment": command.state.environment(),
            "lineage": meta.lineage,
            "serial": meta.serial,
            "api": meta.api,
            "deliveries": documents,
        }))?;
        return Ok(status::DONE);
    }
    for intent in &unknown {
        writeln!(
            out,
            "{}  {}  ?  unknown  {:.0}",
            command.shown(&intent.address),
            intent.kind,
            intent.at
        )?;
    }
    drop(store);
    out.print(&mut command.context.output.out())?;
    let at = meta.api.map(|api| format!(", at the API at {api}")).unwrap_or_default();
    let count = humanize::count(shown, "delivery", "deliveries");
    command.note(&format!("{count}{at}"));
    Ok(status::DONE)
}

pub(super) fn show(
    command: &StateCommand<'_>,
    address: &Address,
    format: DataFormat,
) -> Result<u8, Failure> {
    let store = command.read("state show")?;
    let address = &command.find(&*store, address)?;
    let intents = command.block_on(store.intents())?;
    let unknown = intents.iter().find(|intent| intent.address == *address);
    let record = command.block_on(store.record(address))?;
    let mut document = match (&record, unknown) {
        (_, Some(intent)) => intent_json(intent),
        (Some(record), None) => record_json(record),
        (None, None) => {
            // This fails with the reason.
            command.record(&*store, address)?;
            return Ok(status::FAILED);
        }
    };
    document["api"] = json!(command.block_on(store.meta())?.api);
    drop(store);
    if format == DataFormat::Json {
        command.context.output.json(&document)?;
        return Ok(status::DONE);
    }
    let mut out = command.context.output.out();
    writeln!(out, "{}", command.shown(address))?;
    let hidden = ["address", "key", "visitor", "text", "answered_text", "from"];
    let from = unknown.map(|intent| &intent.content.from);
    if let Some(from) = from.or(record.as_ref().map(|record| &record.content.from)) {
        writeln!(out, "  {:<12} {}", "from", one_line(&from.to_string()))?;
    }
    for (name, value) in document.as_object().into_iter().flatten() {
        if hidden.contains(&name.as_str()) || value.is_null() {
            continue;
        }
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        writeln!(out, "  {:<12} {}", name.replace('_', " "), one_line(&value))?;
    }
    if let Some(text) = document["text"].as_str() {
        write_text(&mut out, text)?;
    }
    match record.filter(|_| unknown.is_none()).and_then(|record| record.answered_text) {
        Some(TextThere::Whole(text)) => {
            writeln!(out, "\n  the API answered with this text:")?;
            write_text(&mut out, &text)?;
        }
        Some(TextThere::Digest(TextDigest { bytes, .. })) => {
            let bytes = humanize::count(bytes, "byte", "bytes");
            writeln!(out, "\n  the API answered with a text of {bytes}")?;
        }
        None => {}
    }
    Ok(status::DONE)
}

fn write_text(out: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(out)?;
    printable(text).lines().try_for_each(|line| writeln!(out, "    {line}"))
}
