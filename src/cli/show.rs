use std::io::Write;

use serde_json::json;

use super::{
    args::{DataFormat, ShowArgs},
    context::Context,
    failure::{Failure, status},
};
use crate::{
    desired::Deliveries,
    model::{one_line, printable},
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
    let mut deliveries = Deliveries::everything(&project).only(|key| *key == args.key);
    if let Some(visitor) = &args.visitor {
        deliveries = deliveries.for_visitor(visitor);
    }
    let delivery = match deliveries.next() {
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
    let (from, until) = (message.window.from, message.window.until);
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
    let mut err = context.output.err();
    if !context.output.is_quiet() {
        writeln!(
            err,
            "{} ({}, from {})",
            humanize::address(&delivery.address, mask),
            delivery.spec.kind,
            one_line(&delivery.spec.sender.to_string())
        )?;
        match (from, until) {
            (None, None) => {}
            (Some(from), None) => writeln!(err, "from {from} on")?,
            (None, Some(until)) => writeln!(err, "until {until}")?,
            (Some(from), Some(until)) => writeln!(err, "from {from} until {until}")?,
        }
        writeln!(err)?;
    }
    drop(err);
    writeln!(context.output.out(), "{}", printable(&delivery.text))?;
    Ok(status::DONE)
}
