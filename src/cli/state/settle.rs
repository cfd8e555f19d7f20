//! `state settle`: unknown deliveries are settled by events of Brevo in a file.

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
    path::Path,
    sync::Arc,
};

use serde_json::json;

use super::command::StateCommand;
use crate::{
    apply::{self, Proof, Settled},
    cli::{
        args::{Bounds, DataFormat},
        context::Needs,
        failure::{Failure, status},
        questions::{self, Questions},
    },
    controller::webhooks::{self, Finding, Sightings},
    files,
    model::one_line,
    render::humanize,
    state::Store,
};

/// More than the events of years.
const MOST_BYTES: u64 = 1 << 30;

/// Settles what the events of a file prove and the API confirms.
pub(super) fn settle(
    command: &StateCommand<'_>,
    file: &Path,
    format: DataFormat,
) -> Result<u8, Failure> {
    // Stdin may take its time: nobody else has to wait for it.
    let sightings = read(command, file)?;
    let store = command.open("state settle")?;
    let intents = command.block_on(store.intents())?;
    if intents.is_empty() {
        if let DataFormat::Json = format {
            let nothing = json!({ "format": "pushsync/settle/1", "settled": [], "unknown": [] });
            command.context.output.json(&nothing)?;
        }
        command.note("nothing is unknown: there is nothing to settle");
        return Ok(status::DONE);
    }
    let known: Vec<_> = intents.iter().map(|intent| intent.address.clone()).collect();
    command.context.output.masking().known().add(Arc::new(known));
    let found = command.runtime.block_on(webhooks::find(&*store, &intents, &sightings))?;
    let (mut why, mut proofs) = (BTreeMap::new(), Vec::new());
    for Finding { intent, proof } in found {
        match proof {
            Ok(proof) => proofs.push(proof),
            Err(unsettled) => _ = why.insert(intent.address, unsettled.to_string()),
        }
    }
    let settled = confirm(command, &store, proofs)?;
    let Settled { settled, refused, unanswered, remaining, requests: _, stopped: _, .. } = settled;
    let failed = !unanswered.is_empty();
    why.extend(refused.into_iter().map(|(address, _, reason)| (address, reason)));
    why.extend(unanswered);
    let settled: BTreeMap<_, _> = settled.into_iter().collect();
    let unasked = "the API was not asked about its message".to_owned();
    let still: Vec<_> = intents
        .iter()
        .filter(|intent| !settled.contains_key(&intent.address))
        .map(|intent| (&intent.address, why.get(&intent.address).unwrap_or(&unasked)))
        .collect();
    match format {
        DataFormat::Json => command.context.output.json(&json!({
            "format": "pushsync/settle/1",
            "settled": settled.iter().map(|(address, id)| json!({ "address": address, "id": id })).collect::<Vec<_>>(),
            "unknown": still.iter().map(|(address, why)| json!({ "address": address, "why": why })).collect::<Vec<_>>(),
        }))?,
        DataFormat::Text => {
            let mut out = command.context.output.out();
            for (address, id) in &settled {
                let (shown, id) = (command.shown(address), one_line(id.as_str()));
                writeln!(out, "{shown}: settled, it is message {id}")?;
            }
            for (address, why) in &still {
                writeln!(out, "{}: still unknown: {}", command.shown(address), one_line(why))?;
            }
        }
    }
    let left = still.len() as u64;
    command.note(&format!(
        "{} settled, {} unknown",
        humanize::count(settled.len() as u64, "delivery is", "deliveries are"),
        match left {
            0 => "none is".to_owned(),
            left => humanize::count(left, "is still", "are still"),
        }
    ));
    if remaining > 0 {
        command.note("the API could not be asked about all messages now: run it again later");
        return Ok(status::STOPPED);
    }
    if left > 0 {
        let resolve = command.context.command("state resolve");
        command.context.output.hint(&format!("to say what became of the others: {resolve}"));
    }
    Ok(if failed { status::FAILED } else { status::DONE })
}

/// What the events say, line by line. A line that cannot be read is told, and the others count.
fn read(command: &StateCommand<'_>, path: &Path) -> Result<Sightings, Failure> {
    let is_stdin = path == Path::new("-");
    let name = if is_stdin { "stdin".to_owned() } else { path.display().to_string() };
    let bytes = if is_stdin {
        let mut bytes = Vec::new();
        io::stdin().lock().take(MOST_BYTES).read_to_end(&mut bytes).map(|_| bytes)
    } else {
        files::read_given(path, MOST_BYTES)
    };
    let bytes = bytes.map_err(|error| Failure::new(format!("could not read {name}: {error}")))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut sightings = Sightings::default();
    for (line, event) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let event = event.trim_ascii();
        if event.is_empty() {
            continue;
        }
        match webhooks::read(event) {
            Ok(event) => event.into_iter().for_each(|sighting| _ = sightings.add(sighting)),
            Err(error) => {
                command.context.output.warning(&format!("{name}:{line}: {error}"));
            }
        }
    }
    Ok(sightings)
}

/// Asks the API about each message.
fn confirm(
    command: &StateCommand<'_>,
    store: &Arc<dyn Store>,
    proofs: Vec<Proof>,
) -> Result<Settled, Failure> {
    if proofs.is_empty() {
        return Ok(Settled::default());
    }
    let context = command.context;
    let loaded = context.load_for(Needs::Files);
    let Some(settings) = loaded.settings() else {
        context.output.report(&loaded.report);
        return Err(Failure::silent());
    };
    let questions = Questions {
        settings,
        state: &command.state,
        store,
        bounds: &Bounds::default(),
        command: "state settle",
    };
    let settled = questions::ask(context, &command.runtime, &questions, |session| {
        apply::settle(proofs, session)
    })?;
    if let Some(fatal) = &settled.fatal
        && settled.settled.is_empty()
    {
        return Err(fatal.into());
    }
    Ok(settled)
}
