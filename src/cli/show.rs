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
    manifest::{Message, Project, suggest},
    model::{Delivery, Key, Language, VisitorId, printable},
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
    let language = match &args.locale {
        None => None,
        Some(asked) => Some(text_in(message, asked)?),
    };
    let delivery = match &args.visitor {
        Some(visitor) => for_visitor(&project, &args.key, visitor),
        None => first(&project, message, language),
    };
    if let (Some(visitor), Some(language), Some(Ok(delivery))) =
        (&args.visitor, language, &delivery)
        && let Some(own) = delivery.language.as_ref().filter(|own| *own != language)
    {
        let whom = visitor.masked();
        return Err(Failure::new(format!(
            "the visitor {whom} gets `{}` in {own}, not in {language}",
            args.key
        ))
        .help("leave out --visitor to see the text for another visitor, or --locale"));
    }
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
    // Nobody has the language that was asked for.
    let nobody = language.is_some_and(|language| {
        let own = for_visitor(&project, &args.key, &delivery.address.visitor());
        !own.is_some_and(|own| own.is_ok_and(|own| own.language.as_ref() == Some(language)))
    });
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
            "locale": delivery.language,
            "text": delivery.text,
        }))?;
        return Ok(status::DONE);
    }
    let mask = context.masks();
    let named = project.senders.iter().find(|(_, sender)| **sender == delivery.spec.sender);
    let sender =
        named.map_or_else(|| delivery.spec.sender.to_string(), |(name, _)| name.to_owned());
    context.output.note(&format!(
        "{} ({}, from {sender}{})",
        humanize::address(&delivery.address, mask),
        delivery.spec.kind,
        delivery.language.as_ref().map(|language| format!(", in {language}")).unwrap_or_default()
    ));
    if nobody {
        context
            .output
            .note("no visitor gets this text: it is shown for a visitor with another language");
    }
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

/// The language of the text that a visitor with this one gets, if it is not only the fallback.
fn text_in<'m>(message: &'m Message, asked: &Language) -> Result<&'m Language, Failure> {
    let key = &message.spec.key;
    let known: Vec<&Language> = message.languages().collect();
    let text = asked.chain().find_map(|tag| known.iter().find(|known| known.as_str() == tag));
    if let Some(language) = text {
        return Ok(language);
    }
    let Some(fallback) = known.first() else {
        let failure = Failure::new(format!("`{key}` has one text for all languages"));
        return Err(failure.help("leave out --locale"));
    };
    let mut tags: Vec<_> = known.iter().map(|language| language.as_str()).collect();
    tags.sort_unstable();
    let failure = Failure::new(format!(
        "`{key}` has no text in {asked}: a visitor with it gets the fallback {fallback}"
    ));
    Err(failure.help(format!("its languages are {}", suggest::list(tags).unwrap_or_default())))
}

/// The first delivery of a message, in the order of its audience's file. If nobody gets the text that is asked for, it is
/// shown for a visitor with another language.
fn first(
    project: &Project,
    message: &Message,
    language: Option<&Language>,
) -> Option<Result<Delivery, Diagnostic>> {
    /// If `where` takes none of this many, the order of the file matters to nobody.
    const MOST: usize = 1000;
    let key = &message.spec.key;
    let visitors = message.audience().visitors_as_written().take(MOST);
    let all = || Deliveries::everything(project).only(|other| other == key);
    let fits = |found: &Result<Delivery, Diagnostic>| match (found, language) {
        (Ok(delivery), Some(language)) => delivery.language.as_ref() == Some(language),
        _ => true,
    };
    visitors
        .filter_map(|visitor| VisitorId::parse(visitor).ok())
        .find_map(|visitor| for_visitor(project, key, &visitor).filter(fits))
        .or_else(|| all().find(fits))
        .or_else(|| language.and_then(|language| all().all_in(language).next()))
}
