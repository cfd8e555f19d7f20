//! What a template means for the columns of its audience: names that exist, and values that can be compared.

use std::{collections::HashSet, ops::Range};

use minijinja::{
    machinery::{
        ast::{Expr, Stmt},
        parse, parse_expr,
    },
    syntax::SyntaxConfig,
};

use super::{
    checks::{Form, Refusal, locals, statements},
    expressions::{parts, variable},
    kinds::Kinds,
    names::{FILTERS, FUNCTIONS, TESTS},
    scope::Scope,
};
use crate::{diagnostics::Code, manifest::suggest};

/// The problems of a template that could be compiled. Without a scope, only its filters are looked at.
pub(crate) fn problems(text: &str, form: Form, scope: Option<Scope<'_>>) -> Vec<Refusal> {
    let mut found = Vec::new();
    match form {
        Form::Expression => {
            if let Ok(expr) = parse_expr(text) {
                look(text, &[&expr], HashSet::new(), scope, &mut found);
            }
        }
        Form::Text => {
            if let Ok(template) = parse(text, "text", SyntaxConfig::default()) {
                let statements = statements(&template);
                let locals = statements.iter().flat_map(|statement| locals(statement)).collect();
                let shown: Vec<_> = statements.iter().flat_map(|one| expressions(one)).collect();
                look(text, &shown, locals, scope, &mut found);
            }
        }
    }
    found
}

fn look<'t>(
    text: &'t str,
    shown: &[&Expr<'t>],
    locals: HashSet<&'t str>,
    scope: Option<Scope<'_>>,
    found: &mut Vec<Refusal>,
) {
    shown.iter().flat_map(|expr| parts(expr)).for_each(|part| names(part, text, found));
    if let Some(scope) = scope {
        let kinds = Kinds { text, scope, locals };
        shown.iter().for_each(|expr| kinds.check(expr, found));
    }
}

fn expressions<'s, 't>(statement: &'s Stmt<'t>) -> Vec<&'s Expr<'t>> {
    match statement {
        Stmt::EmitExpr(shown) => vec![&shown.expr],
        Stmt::IfCond(condition) => vec![&condition.expr],
        Stmt::ForLoop(each) => std::iter::once(&each.iter).chain(&each.filter_expr).collect(),
        Stmt::Set(set) => vec![&set.expr],
        _ => Vec::new(),
    }
}

/// Filters, tests and functions that do not exist.
fn names(part: &Expr<'_>, text: &str, found: &mut Vec<Refusal>) {
    let span = part.span();
    let whole = span.start_offset as usize..span.end_offset as usize;
    let (what, name, all): (_, _, &[&str]) = match part {
        Expr::Filter(filter) => ("filter", filter.name, FILTERS),
        Expr::Test(test) => ("test", test.name, TESTS),
        Expr::Call(call) => match variable(&call.expr) {
            Some(name) => ("function", name, FUNCTIONS),
            None => return,
        },
        _ => return,
    };
    if all.contains(&name) {
        return;
    }
    let mut message = format!("there is no {what} `{name}`");
    let usual = match name {
        "length_is" | "size" | "len" => Some("length"),
        "uppercase" | "upcase" | "toUpperCase" => Some("upper"),
        "lowercase" | "downcase" | "toLowerCase" => Some("lower"),
        "titlecase" => Some("title"),
        "strip" => Some("trim"),
        "number" | "integer" | "to_int" | "toint" => Some("int"),
        "fallback" | "or" => Some("default"),
        "strftime" | "dateformat" | "date_format" => Some("date"),
        "url_encode" | "urlescape" => Some("urlencode"),
        "concat" => Some("join"),
        _ => None,
    };
    let usual = usual.filter(|usual| all.contains(usual));
    let near = usual.or_else(|| suggest::nearest(name, all.iter().copied()));
    let list: Vec<_> = all.iter().filter(|name| name.starts_with(char::is_alphabetic)).collect();
    let list = list.iter().map(|name| **name).collect::<Vec<_>>().join(", ");
    let mut help = match near {
        Some(near) => format!("did you mean `{near}`? The {what}s are {list}"),
        None => format!("the {what}s are {list}"),
    };
    if what == "function" {
        help = match name {
            "now" | "today" | "date" | "random" => {
                message = format!("{message}: the same input always gives the same text");
                "templates have neither a clock nor randomness; use a column or a variable".into()
            }
            _ if FILTERS.contains(&name) => format!("`{name}` is a filter: write `VALUE | {name}`"),
            _ => help,
        };
    }
    found.push(Refusal::coded(Code::TemplateError, place(text, whole, name), message, help));
}

/// Where the name stands in an expression: filters and tests follow their value.
fn place(text: &str, whole: Range<usize>, name: &str) -> Range<usize> {
    let written = text.get(whole.clone()).unwrap_or_default();
    match written.rfind(name) {
        Some(at) => whole.start + at..whole.start + at + name.len(),
        None => whole,
    }
}
