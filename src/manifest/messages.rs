//! Messages, from their layers.

use std::sync::Arc;

use super::{
    audiences::Audiences,
    context::{Context, World},
    layers::Layers,
    project::Message,
    raw, recipients,
    senders::sender,
    source_path::SourcePath,
    suggest, texts,
    unions::NameOr,
    window::window,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::{Key, Kind, Sender, Spec, number},
};

/// One message; `None` if its texts cannot be rendered because of errors.
pub(crate) fn message(
    cx: &mut Context<'_>,
    world: &World<'_>,
    audiences: &mut Audiences,
    name: &str,
    layers: &Layers<'_, raw::Message>,
) -> Option<Message> {
    let source = layers.source()?.key();
    let key = Key::parse(name)
        .map_err(|error| {
            let help = match suggest::key(name) {
                Some(key) => format!("did you mean `{key}`?"),
                None => "choose a short name in these letters, such as `dark-mode`".to_owned(),
            };
            cx.error_with(Code::BadKey, error.to_string(), &source, Some(help));
        })
        .ok();
    let kind = layers.get("kind", |raw| raw.kind.as_ref());
    let sender = from(cx, world, layers, kind.as_ref().map(|(kind, at)| (**kind, at)));
    audiences.ask_for(name);
    let recipients = recipients::to(cx, world, audiences, layers);
    // Of a query that was left out, nobody knows the columns.
    let table = recipients.as_ref().map(|recipients| &*recipients.table);
    let table = table.filter(|table| !table.is_left_out());
    let texts = texts::texts(cx, world, layers, table);
    let window = window(cx, layers);
    let field = |name, get: fn(&raw::Message) -> Option<&bool>| layers.get(name, get);
    let spec = Spec {
        key: key?,
        kind: kind.map(|(kind, _)| *kind).unwrap_or_default(),
        sender: sender.unwrap_or_default(),
        window: window.unwrap_or_default(),
        protect: field("protect", |raw| raw.protect.as_ref()).map(|(protect, _)| *protect),
        on_missing: layers
            .get("on_missing", |raw| raw.on_missing.as_ref())
            .map(|(choice, _)| *choice)
            .unwrap_or_default(),
        on_unknown: layers
            .get("on_unknown", |raw| raw.on_unknown.as_ref())
            .map(|(choice, _)| *choice)
            .unwrap_or_default(),
        on_leave: layers
            .get("on_leave", |raw| raw.on_leave.as_ref())
            .map(|(choice, _)| *choice)
            .unwrap_or_default(),
        priority: layers
            .get("priority", |raw| raw.priority.as_ref())
            .map_or(0, |(priority, _)| *priority),
        source: source.into(),
    };
    let recipients::Recipients { table, condition, share, change } = recipients?;
    let texts = texts?;
    let message = Message { spec: Arc::new(spec), texts, table, condition, share, change };
    (!layers.faulty()).then_some(message)
}

/// That all messages together have few enough deliveries.
pub(crate) fn few_enough(cx: &mut Context<'_>, messages: &[Message]) {
    let most = cx.options.limits.deliveries;
    let all: u64 = messages.iter().map(|message| message.table.len() as u64).sum();
    if all > most {
        let found = format!("the messages have {} visitors together, before `where`", number(all),);
        let cure = "send fewer messages, or to smaller audiences";
        cx.problems.push(Diagnostic::limit("deliveries", most, found, cure));
    }
}

fn from(
    cx: &mut Context<'_>,
    world: &World<'_>,
    layers: &Layers<'_, raw::Message>,
    kind: Option<(Kind, &SourcePath)>,
) -> Option<Sender> {
    let (kind, kind_at) = match kind {
        Some((kind, at)) => (kind, Some(at)),
        None => (Kind::Pushed, None),
    };
    let Some((form, at)) = layers.get("from", |raw| raw.from.as_ref()) else {
        if kind == Kind::Agent {
            let message = "a message of kind agent needs a sender";
            layers.missing(cx, message, "add `from:` with an agent, or an e-mail address");
            return None;
        }
        return Some(Sender::Random);
    };
    let sender = match form {
        NameOr::Name(name) => match world.senders.known.get(name) {
            Some(sender) => sender.clone(),
            None => {
                if world.senders.lacks(name) {
                    let message = format!("there is no sender `{name}`");
                    let help = world.senders.help(name, "senders");
                    cx.error_with(Code::UnknownSender, message, &at, help);
                }
                return None;
            }
        },
        NameOr::Map(_) => {
            let mut inner = layers.inner("from", |raw| match raw.from.as_ref()? {
                NameOr::Map(map) => Some(&**map),
                NameOr::Name(_) => None,
            });
            // A name below is replaced, and so is all below it.
            for layer in &mut inner.0 {
                layer.faulty |= layers.faulty();
            }
            sender(cx, inner)?
        }
    };
    let why = match (kind, &sender) {
        (Kind::Agent, Sender::Group(_)) => {
            "a message of kind agent is from one agent, not from a group"
        }
        (Kind::Pushed, Sender::Helpdesk { .. }) => {
            "a pushed message cannot name its agent by e-mail address: that is for kind agent"
        }
        (Kind::Pushed, Sender::Agent { received_from: Some(_), .. }) => {
            "a pushed message has no `received_from`: that is for kind agent"
        }
        _ => return Some(sender),
    };
    let mut problem = Diagnostic::error(Code::SenderNotAllowed, why).at(at.place());
    if let Some(kind_at) = kind_at {
        problem = problem.related(kind_at.place(), "the kind is given here");
    }
    cx.problems.push(problem);
    None
}
