//! Messages, from what is written to what can be resolved.

use std::sync::Arc;

use jiff::Timestamp;
use minijinja::Environment;

use super::{
    audience::Table,
    layers::Layers,
    project::{Body, Condition, Message, Text, Vars},
    raw,
    resolve::{Audience, Audiences, Context, Declared, read, sender},
    source::SourcePath,
    suggest,
    template::{
        self,
        checks::{self, Form, Refusal},
    },
    unions::NameOr,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::{Key, Kind, Sender, Spec, Window, number},
};

/// What messages refer to.
pub(crate) struct World<'a> {
    pub(crate) senders: &'a Declared<Sender>,
    pub(crate) engine: &'a Environment<'static>,
    pub(crate) vars: &'a Vars,
}

/// One message; `None` if so much is wrong with it that its texts cannot be rendered.
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
            let help = suggestion(name).map(|key| format!("did you mean `{key}`?"));
            cx.error_with(Code::BadKey, error.to_string(), &source, help);
        })
        .ok();
    let kind = layers.get("kind", |raw| raw.kind.as_ref());
    let sender = from(cx, world, layers, kind.as_ref().map(|(kind, at)| (**kind, at)));
    let recipients = to(cx, world, audiences, layers);
    let text = text(cx, world, layers);
    let window = window(cx, layers);
    let field = |name, get: fn(&raw::Message) -> Option<&bool>| layers.get(name, get);
    let spec = Spec {
        key: key?,
        kind: kind.map(|(kind, _)| *kind).unwrap_or_default(),
        sender: sender.unwrap_or_default(),
        protect: field("protect", |raw| raw.protect.as_ref()).map(|(protect, _)| *protect),
        on_missing: layers
            .get("on_missing", |raw| raw.on_missing.as_ref())
            .map(|(choice, _)| *choice)
            .unwrap_or_default(),
        on_unknown: layers
            .get("on_unknown", |raw| raw.on_unknown.as_ref())
            .map(|(choice, _)| *choice)
            .unwrap_or_default(),
        priority: layers
            .get("priority", |raw| raw.priority.as_ref())
            .map_or(0, |(priority, _)| *priority),
        source: source.into(),
    };
    let (table, condition) = recipients?;
    let message = Message {
        spec: Arc::new(spec),
        window: window.unwrap_or_default(),
        text: text?,
        table,
        condition,
    };
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

/// The key that a name was probably meant to be.
pub(crate) fn suggestion(name: &str) -> Option<String> {
    // What follows an `@` is a visitor's.
    let name = name.split('@').next().unwrap_or_default();
    let lower = name.trim().to_lowercase();
    let fixed: String = lower
        .chars()
        .map(|c| if matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-') { c } else { '-' })
        .collect();
    let fixed: String = fixed.trim_matches(['.', '_', '-']).chars().take(128).collect();
    Key::parse(&fixed).is_ok().then_some(fixed)
}

fn missing(cx: &mut Context<'_>, layers: &Layers<'_, raw::Message>, message: &str, help: &str) {
    if let (Some(source), false) = (layers.source(), layers.faulty()) {
        cx.error_with(Code::MissingField, message, &source.key(), Some(help.to_owned()));
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
            missing(cx, layers, message, "add `from:` with an agent, or an e-mail address");
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

type Recipients = (Arc<Table>, Option<Condition>);

fn to(
    cx: &mut Context<'_>,
    world: &World<'_>,
    audiences: &mut Audiences,
    layers: &Layers<'_, raw::Message>,
) -> Option<Recipients> {
    let Some((form, at)) = layers.get("to", |raw| raw.to.as_ref()) else {
        let help = "add `to:` with an audience, or with { visitor: ID }";
        missing(cx, layers, "this message has no `to`", help);
        return None;
    };
    if let NameOr::Name(name) = form {
        return Some((audiences.table(cx, name, &at)?, None));
    }
    let mut inner = layers.inner("to", |raw| match raw.to.as_ref()? {
        NameOr::Map(map) => Some(&**map),
        NameOr::Name(_) => None,
    });
    inner.one_form(|raw| {
        u8::from(raw.visitor.is_some())
            | u8::from(raw.visitors.is_some()) << 1
            | u8::from(raw.audience.is_some()) << 2
    });
    let visitor = inner.get("visitor", |raw| raw.visitor.as_ref());
    let visitors = inner.get("visitors", |raw| raw.visitors.as_ref());
    let audience = inner.get("audience", |raw| raw.audience.as_ref());
    let condition = inner.get("where", |raw| raw.condition.as_ref());
    let forms = [
        visitor.as_ref().map(|(_, at)| at.clone()),
        visitors.as_ref().map(|(_, at)| at.clone()),
        audience.as_ref().map(|(_, at)| at.clone()),
    ];
    let mut forms = forms.into_iter().flatten();
    match (forms.next(), forms.next()) {
        (None, _) => {
            if !layers.faulty() {
                let message =
                    "`to` is an audience's name, { visitor }, { visitors }, or { audience, where }";
                cx.error(Code::BadRecipients, message, &at.key());
            }
            return None;
        }
        (_, Some(second)) => {
            let message = "`to` has a visitor, visitors, or an audience: only one of them";
            cx.error(Code::BadRecipients, message, &second.key());
            return None;
        }
        (Some(_), None) => {}
    }
    if let (None, Some((_, at))) = (&audience, &condition) {
        cx.error(Code::BadRecipients, "`where` goes with `audience`", &at.key());
        return None;
    }
    if let Some((id, id_at)) = visitor {
        let audience = Audience::List { ids: vec![id.clone()], at: id_at };
        return Some((read(cx, &audience)?, None));
    }
    if let Some((ids, ids_at)) = visitors {
        let audience = Audience::List { ids: ids.clone(), at: ids_at };
        return Some((read(cx, &audience)?, None));
    }
    let (name, name_at) = audience?;
    let table = audiences.table(cx, name, &name_at);
    let condition = match condition {
        None => None,
        Some((text, condition_at)) => {
            let columns = table.as_deref();
            Some(check_condition(cx, world, columns, text, condition_at)?)
        }
    };
    Some((table?, condition))
}

fn check_condition(
    cx: &mut Context<'_>,
    world: &World<'_>,
    table: Option<&Table>,
    text: &str,
    source: SourcePath,
) -> Option<Condition> {
    if let Err(refusal) = checks::fits(text, Form::Expression) {
        refuse(cx, Code::BadWhere, refusal, &source, text);
        return None;
    }
    let expression = match world.engine.compile_expression_owned(text.to_owned()) {
        Ok(expression) => expression,
        Err(error) => {
            let place = template::place_in(&source, text, template::range_of(&error, text));
            let message = template::message_of(&error);
            cx.problems.push(Diagnostic::error(Code::BadWhere, message).at(place));
            return None;
        }
    };
    if let Err(refusal) = checks::check(text, Form::Expression) {
        refuse(cx, Code::BadWhere, refusal, &source, text);
        return None;
    }
    let table = table?;
    let mut unknown: Vec<String> = expression
        .undeclared_variables(false)
        .into_iter()
        .filter(|name| table.column(name).is_none() && !world.vars.contains_key(name))
        .filter(|name| world.engine.globals().all(|(global, _)| global != name))
        .collect();
    unknown.sort();
    for name in &unknown {
        let start = text.find(name.as_str()).unwrap_or(0);
        let place = template::place_in(&source, text, start..(start + name.len()).min(text.len()));
        let names: Vec<&str> =
            table.columns().chain(world.vars.keys().map(String::as_str)).collect();
        let mut problem =
            Diagnostic::error(Code::BadWhere, format!("there is no column `{name}`")).at(place);
        problem.help = match suggest::nearest(name, names.iter().copied()) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None => suggest::list(table.columns()).map(|list| format!("the columns are {list}")),
        };
        cx.problems.push(problem);
    }
    unknown.is_empty().then(|| Condition { text: text.into(), source })
}

fn text(
    cx: &mut Context<'_>,
    world: &World<'_>,
    layers: &Layers<'_, raw::Message>,
) -> Option<Text> {
    let Some((text, source)) = layers.get("text", |raw| raw.text.as_ref()) else {
        missing(cx, layers, "this message has no `text`", "add `text:`");
        return None;
    };
    let trimmed = text.trim_end_matches(['\n', '\r']);
    if trimmed.trim().is_empty() {
        cx.error(Code::EmptyText, "this text is empty", &source);
        return None;
    }
    let raw = layers.get("raw", |raw| raw.raw.as_ref()).is_some_and(|(raw, _)| *raw);
    if raw || !template::is_template(trimmed) {
        return Some(Text { body: Body::Literal(trimmed.into()), source });
    }
    if let Err(refusal) = checks::fits(text, Form::Text) {
        refuse(cx, Code::TemplateSyntax, refusal, &source, text);
        return None;
    }
    if let Err(error) = world.engine.template_from_named_str("text", text) {
        let place = template::place_in(&source, text, template::range_of(&error, text));
        let problem = Diagnostic::error(Code::TemplateSyntax, template::message_of(&error));
        let help = "if the braces are part of the text, say `raw: true`";
        cx.problems.push(problem.at(place).help(help));
        return None;
    }
    if let Err(refusal) = checks::check(text, Form::Text) {
        refuse(cx, Code::TemplateSyntax, refusal, &source, text);
        return None;
    }
    Some(Text { body: Body::Template(text.as_str().into()), source })
}

fn refuse(cx: &mut Context<'_>, code: Code, refusal: Refusal, source: &SourcePath, text: &str) {
    let Refusal { range, message, help } = refusal;
    let place = template::place_in(source, text, range);
    cx.problems.push(Diagnostic::error(code, message).at(place).help(help));
}

fn window(cx: &mut Context<'_>, layers: &Layers<'_, raw::Message>) -> Option<Window> {
    let active = layers.inner("active", |raw| raw.active.as_ref());
    let from = active.get("from", |raw| raw.from.as_ref());
    let until = active.get("until", |raw| raw.until.as_ref());
    let mut good = true;
    let mut instant = |field: &Option<(&String, SourcePath)>| {
        let (text, at) = field.as_ref()?;
        match text.parse::<Timestamp>() {
            Ok(instant) => Some(instant),
            Err(_) => {
                good = false;
                let message = format!("{text:?} is no instant");
                let help = "write a date, a time and an offset: 2026-12-01T09:00:00Z".to_owned();
                cx.error_with(Code::BadValue, message, at, Some(help));
                None
            }
        }
    };
    let window = Window { from: instant(&from), until: instant(&until) };
    if let (Some(start), Some(end)) = (window.from, window.until)
        && start >= end
    {
        if let (Some((_, from_at)), Some((_, until_at))) = (from, &until) {
            let problem = Diagnostic::error(Code::BadWindow, "this window ends before it starts")
                .at(until_at.place())
                .related(from_at.place(), "it starts here");
            cx.problems.push(problem);
        }
        return None;
    }
    if let (Some(end), Some((_, at))) = (window.until, &until)
        && cx.options.now >= end
    {
        let problem = Diagnostic::warning(Code::WindowPassed, "this message's window has passed");
        cx.problems
            .push(problem.at(at.place()).help("delete the message, or give it a new window"));
    }
    good.then_some(window)
}
