//! Who gets a message: its `to`, with `where`.

use std::sync::Arc;

use super::{
    audience::Table,
    audiences::{Audience, Audiences, read},
    context::{Context, World},
    layers::Layers,
    project::Condition,
    raw,
    share::Share,
    source_path::SourcePath,
    suggest,
    template::{
        self,
        checks::{self, Form},
        meaning, mistakes,
        scope::{ROW, Scope},
    },
    unions::NameOr,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::ChangeLimit,
};

/// The rows, and which of them.
pub(crate) struct Recipients {
    pub(crate) table: Arc<Table>,
    pub(crate) condition: Option<Condition>,
    pub(crate) share: Option<Share>,
    /// How far the number of deliveries may change.
    pub(crate) change: Option<ChangeLimit>,
}

impl Recipients {
    fn all(table: Arc<Table>) -> Self {
        Self { table, condition: None, share: None, change: None }
    }
}

/// `None` if it was reported.
pub(crate) fn to(
    cx: &mut Context<'_>,
    world: &World<'_>,
    audiences: &mut Audiences,
    layers: &Layers<'_, raw::Message>,
) -> Option<Recipients> {
    let Some((form, at)) = layers.get("to", |raw| raw.to.as_ref()) else {
        let help = "add `to:` with an audience, or with { visitor: ID }";
        layers.missing(cx, "this message has no `to`", help);
        return None;
    };
    if let NameOr::Name(name) = form {
        let table = audiences.table(cx, name, &at)?;
        let change = audiences.expected_change(name);
        return Some(Recipients { change, ..Recipients::all(table) });
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
    let of_part = [
        ("where", condition.as_ref().map(|(_, at)| at.clone())),
        ("percent", inner.get("percent", |raw| raw.percent.as_ref()).map(|(_, at)| at)),
        ("salt", inner.get("salt", |raw| raw.salt.as_ref()).map(|(_, at)| at)),
        ("by", inner.get("by", |raw| raw.by.as_ref()).map(|(_, at)| at)),
    ];
    let part = of_part.into_iter().find_map(|(name, at)| Some((name, at?)));
    if let (None, Some((name, at))) = (&audience, part) {
        cx.error(Code::BadRecipients, format!("`{name}` goes with `audience`"), &at.key());
        return None;
    }
    if let Some((id, id_at)) = visitor {
        let audience = Audience::list(vec![id.clone()], id_at);
        return Some(Recipients::all(read(cx, &audience)?));
    }
    if let Some((ids, ids_at)) = visitors {
        let audience = Audience::list(ids.clone(), ids_at);
        return Some(Recipients::all(read(cx, &audience)?));
    }
    let (name, name_at) = audience?;
    let table = audiences.table(cx, name, &name_at);
    let condition = match condition {
        None => None,
        Some((text, condition_at)) => {
            Some(check_condition(cx, world, table.as_deref(), text, condition_at)?)
        }
    };
    let table = table?;
    let share = Share::of(cx, &inner, &table)?;
    let change = audiences.expected_change(name);
    Some(Recipients { table, condition, share, change })
}

fn check_condition(
    cx: &mut Context<'_>,
    world: &World<'_>,
    table: Option<&Table>,
    text: &str,
    source: SourcePath,
) -> Option<Condition> {
    if let Err(refusal) = checks::fits(text, Form::Expression) {
        cx.refuse(Code::BadWhere, refusal, &source, text);
        return None;
    }
    let left_out = table.is_some_and(Table::is_left_out);
    let scope = table.filter(|_| !left_out).map(|table| Scope { table, vars: world.vars });
    let compiled = match checks::unreadable(text) {
        Some(error) => Err(error),
        None => world.engine.compile_expression_owned(text.to_owned()),
    };
    let expression = match compiled {
        Ok(expression) => expression,
        Err(error) => {
            let refusal = mistakes::refusal(&error, text, Form::Expression, scope.as_ref());
            cx.refuse(Code::BadWhere, refusal, &source, text);
            return None;
        }
    };
    if let Err(refusal) = checks::check(text, Form::Expression, scope.as_ref()) {
        cx.refuse(Code::BadWhere, refusal, &source, text);
        return None;
    }
    let table = table?;
    if left_out {
        // Nobody knows which columns there are.
        let found = meaning::problems(text, Form::Expression, None);
        let sound = found.is_empty();
        for refusal in found {
            cx.refuse(Code::BadWhere, refusal, &source, text);
        }
        return sound.then(|| Condition { text: text.into(), source });
    }
    let found = meaning::problems(text, Form::Expression, scope);
    let refused = !found.is_empty();
    let said: Vec<String> = found.iter().map(|refusal| refusal.message.clone()).collect();
    for refusal in found {
        cx.refuse(Code::BadWhere, refusal, &source, text);
    }
    let mut unknown: Vec<String> = expression
        .undeclared_variables(false)
        .into_iter()
        .filter(|name| table.column(name).is_none() && !world.vars.contains_key(name))
        .filter(|name| world.engine.globals().all(|(global, _)| global != name))
        .filter(|name| name != ROW)
        .filter(|name| !said.iter().any(|said| said.contains(&format!("`{name}-"))))
        .filter(|name| !said.iter().any(|said| said.contains(&format!("`{name}`"))))
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
    (unknown.is_empty() && !refused).then(|| Condition { text: text.into(), source })
}
