//! Senders, from their layers.

use super::{context::Context, layers::Layers, raw, source_path::SourcePath};
use crate::{diagnostics::Code, model::Sender};

/// A sender as written; `None` if it was reported.
pub(crate) fn sender(cx: &mut Context<'_>, mut layers: Layers<'_, raw::Sender>) -> Option<Sender> {
    layers.one_form(|raw| {
        u8::from(raw.group.is_some())
            | u8::from(raw.agent.is_some()) << 1
            | u8::from(raw.email.is_some()) << 2
    });
    let field = |name, get: fn(&raw::Sender) -> Option<&String>| layers.get(name, get);
    let group = field("group", |raw| raw.group.as_ref());
    let agent = field("agent", |raw| raw.agent.as_ref());
    let email = field("email", |raw| raw.email.as_ref());
    let name = field("name", |raw| raw.name.as_ref());
    let mark = field("received_from", |raw| raw.received_from.as_ref());
    let before = cx.problems.len();
    for (text, at) in [&group, &agent, &email, &name, &mark].into_iter().flatten() {
        if text.trim().is_empty() {
            cx.error(Code::BadSender, "this is empty", at);
        } else if text.chars().any(char::is_control) {
            cx.error(Code::BadSender, "this has a control character", at);
        }
    }
    for (id, at) in [&group, &agent].into_iter().flatten() {
        if !id.trim().is_empty() && id.contains(char::is_whitespace) {
            cx.error(Code::BadSender, "an id has no white space", at);
        }
    }
    let at = layers.source()?.clone();
    let one = "a sender is { group: ID }, { agent: ID }, or { email, name, received_from }";
    if layers.faulty() {
        return None;
    }
    let chosen: Vec<_> = [&group, &agent, &email].into_iter().flatten().collect();
    if let [_, (_, second), ..] = chosen[..] {
        let message = if group.is_some() && agent.is_some() {
            "a sender has a group or an agent, not both"
        } else {
            "a sender has a group, an agent, or an e-mail address: only one of them"
        };
        cx.error_with(Code::BadSender, message, &second.key(), Some(one.into()));
        return None;
    }
    let stray = |cx: &mut Context<'_>, field: &Option<(&String, SourcePath)>, what: &str| {
        if let Some((_, at)) = field {
            cx.error_with(Code::BadSender, what, &at.key(), Some(one.into()));
        }
    };
    let sender = if let Some((id, _)) = group {
        stray(cx, &name, "a group has no `name` here");
        stray(cx, &mark, "a group has no `received_from`: that is for an agent's own messages");
        Sender::Group(id.clone())
    } else if let Some((id, _)) = agent {
        stray(cx, &name, "`name` goes with `email`, not with `agent`");
        let received_from = mark.map(|(mark, _)| mark.clone());
        Sender::Agent { id: id.clone(), received_from }
    } else if let Some((email, email_at)) = email {
        if !email.contains('@') && !email.trim().is_empty() {
            cx.error(Code::BadSender, "this is not an e-mail address", &email_at);
        }
        let (Some((name, _)), Some((mark, _))) = (&name, &mark) else {
            let missing = if name.is_none() { "name" } else { "received_from" };
            let message = format!("with `email`, a sender also needs `{missing}`");
            cx.error(Code::MissingField, message, &email_at.key());
            return None;
        };
        Sender::Helpdesk {
            email: email.clone(),
            name: (*name).clone(),
            received_from: (*mark).clone(),
        }
    } else {
        cx.error_with(Code::BadSender, "this names no sender", &at.key(), Some(one.into()));
        return None;
    };
    (cx.problems.len() == before).then_some(sender)
}
