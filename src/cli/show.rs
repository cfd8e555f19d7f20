use std::io::Write;

use serde_json::json;

use super::{
    args::{DataFormat, ShowArgs},
    context::Context,
    failure::{Failure, status},
};
use crate::{
    desired::Deliveries,
    diagnostics::Diagnostic,
    manifest::{Message, Project},
    model::{Delivery, Key, VisitorId, printable},
    render::humanize,
};

pub(super) fn run(context: &Context, args: &ShowArgs) -> Result<u8, Failure> {
    let (project, mut report) = context.project()?;
    let Some(message) = project.message(&args.key) else {
        let keys = project.messages().map(|message| message.spec.key.as_str());
        return Err(Failure::new(format!("there is no message `{}`", args.key)).suggest(
            args.key.as_str(),
            keys,
            "",
        ));
    };
    let delivery = match &args.visitor {
        Some(visitor) => for_visitor(&project, &args.key, visitor),
        None => first(&project, message),
    };
    let delivery = match delivery {
        Some(Ok(delivery)) => delivery,
        Some(Err(problem)) => {
            report.extend([problem]);
            context.output.report(&report);
            return Err(Failure::silent());
        }
        None => {
            return Err(match &args.visitor {
                Some(visitor) => Failure::new(format!(
                    "`{}` is not for the visitor {}",
                    args.key,
                    visitor.masked()
                )),
                None => Failure::new(format!("`{}` has no visitors", args.key)),
            });
        }
    };
    let (from, until) = (message.spec.window.from, message.spec.window.until);
    if args.format == DataFormat::Json {
        context.output.json(&json!({
            "format": "pushsync/show/1",
            "address": delivery.address,
            "key": delivery.spec.key,
            "visitor": delivery.address.visitor(),
            "kind": delivery.spec.kind,
            "from": delivery.spec.sender,
            "active": { "from": from, "until": until },
            "text": delivery.text,
        }))?;
        return Ok(status::DONE);
    }
    let mask = context.masks();
    let named = project.senders.iter().find(|(_, sender)| **sender == delivery.spec.sender);
    let sender =
        named.map_or_else(|| delivery.spec.sender.to_string(), |(name, _)| name.to_owned());
    context.output.note(&format!(
        "{} ({}, from {})",
        humanize::address(&delivery.address, mask),
        delivery.spec.kind,
        sender
    ));
    let window = match (from, until) {
        (None, None) => None,
        (Some(from), None) => Some(format!("from {from} on")),
        (None, Some(until)) => Some(format!("until {until}")),
        (Some(from), Some(until)) => Some(format!("from {from} until {until}")),
    };
    if let Some(window) = window {
        context.output.note(&window);
    }
    if !context.output.writes_json() {
        context.output.note("");
    }
    writeln!(context.output.out(), "{}", printable(&delivery.text))?;
    Ok(status::DONE)
}

/// The delivery of a message to a visitor.
fn for_visitor(
    project: &Project,
    key: &Key,
    visitor: &VisitorId,
) -> Option<Result<Delivery, Diagnostic>> {
    Deliveries::everything(project).only(|other| other == key).for_visitor(visitor).next()
}

/// The first delivery of a message, in the order of its audience's file.
fn first(project: &Project, message: &Message) -> Option<Result<Delivery, Diagnostic>> {
    /// If `where` takes none of this many, the order of the file matters to nobody.
    const MOST: usize = 1000;
    let key = &message.spec.key;
    let visitors = message.audience().visitors_as_written().take(MOST);
    visitors
        .filter_map(|visitor| VisitorId::parse(visitor).ok())
        .find_map(|visitor| for_visitor(project, key, &visitor))
        .or_else(|| Deliveries::everything(project).only(|other| other == key).next())
}
