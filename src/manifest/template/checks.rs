//! What a template may say: nothing that makes a huge text out of a small one.
//!
//! The engine counts steps, but one step can double a text or repeat it a million times. So a value
//! that was put together may get a name (`set`), but may not be put together again; only numbers are
//! multiplied; and nothing is captured. Filters bound themselves: see [`super::bounds`].

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use minijinja::{
    Error,
    machinery::{
        Span, Token,
        ast::{BinOpKind, CallArg, Expr, Stmt},
        parse, parse_expr, tokenize,
    },
    syntax::SyntaxConfig,
};

use super::{
    expressions::{is_joint, is_list, is_number_with, outermost, parts, variable},
    scope::Scope,
    values::Kind,
};
use crate::diagnostics::Code;

/// A longer template is not a message.
const MAX_BYTES: usize = 64 << 10;
/// Tokens of one tag: the engine parses, runs and frees an expression on the stack.
const MAX_TOKENS: usize = 2000;
/// Tags of one text.
const MAX_TAGS: usize = 1000;
/// Branches of all conditions together: each lies inside the one before.
const MAX_BRANCHES: usize = 200;
/// Texts that one tag puts together.
const MAX_JOINTS: usize = 8;

/// The words that may begin a `{% … %}`.
const STATEMENTS: [&str; 8] = ["if", "elif", "else", "endif", "for", "endfor", "set", "endset"];

/// Why a template is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The part of the template to blame.
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: String,
    /// The kind of problem, if it is none of the place where the template stands.
    pub(crate) code: Option<Code>,
}

impl Refusal {
    fn new(range: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { range, message: message.into(), help: help.into(), code: None }
    }

    /// One with a code of its own.
    pub(super) fn coded(
        code: Code,
        range: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { code: Some(code), ..Self::new(range, message, help) }
    }
}

/// Where the text stands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// A text with tags in it.
    Text,
    /// An expression that stands alone.
    Expression,
}

impl Form {
    fn tokens(self, text: &str) -> impl Iterator<Item = (Token<'_>, Range<usize>)> {
        let alone = matches!(self, Self::Expression);
        // After an error there is nothing more: the engine reports it.
        tokenize(text, alone, SyntaxConfig::default())
            .map_while(Result::ok)
            .map(|(token, span)| (token, range(span)))
    }
}

fn range(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

/// Whether the engine may compile this: it does so on the stack.
pub(crate) fn fits(text: &str, form: Form) -> Result<(), Refusal> {
    if text.len() > MAX_BYTES {
        let message = format!("a template has at most 64 KiB, this one has {} bytes", text.len());
        return Err(Refusal::new(0..text.len(), message, "split it, or say `raw: true`"));
    }
    let (mut tags, mut branches, mut tokens) = (0, 0, 0);
    for (token, at) in form.tokens(text) {
        match token {
            Token::VariableStart | Token::BlockStart => {
                tags += 1;
                tokens = 0;
                continue;
            }
            Token::TemplateData(_) | Token::VariableEnd | Token::BlockEnd => continue,
            Token::Ident("elif") if tokens == 0 => branches += 1,
            _ => {}
        }
        tokens += 1;
        if branches > MAX_BRANCHES {
            let message = format!("a template has at most {MAX_BRANCHES} `elif`");
            let help = "put the texts into a column of the audience";
            return Err(Refusal::new(at, message, help));
        }
        if tokens > MAX_TOKENS {
            let message = format!("this has more than {MAX_TOKENS} words and signs");
            return Err(Refusal::new(at, message, "put lists of values into `vars`"));
        }
    }
    if tags > MAX_TAGS {
        let message = format!("a template has at most {MAX_TAGS} tags, this one has {tags}");
        let help = "split it into several messages";
        return Err(Refusal::new(0..text.len(), message, help));
    }
    Ok(())
}

/// A sign that is none of the language: behind an expression, the engine would not look at it.
pub(crate) fn unreadable(text: &str) -> Option<Error> {
    tokenize(text, true, SyntaxConfig::default()).find_map(Result::err)
}

/// Looks at a template that the engine could compile.
pub(crate) fn check(text: &str, form: Form, scope: Option<&Scope<'_>>) -> Result<(), Refusal> {
    let is_number = |name: &str| scope.and_then(|scope| scope.kind(name)) == Some(Kind::Number);
    // The engine could parse it, so it can be parsed again.
    let odd = |error: Error| Refusal::new(0..text.len(), error.to_string(), "write it plainer");
    match form {
        Form::Expression => check_shown(text, &[&parse_expr(text).map_err(odd)?], &is_number),
        Form::Text => {
            let template = parse(text, "text", SyntaxConfig::default()).map_err(odd)?;
            check_words(text)?;
            let statements = statements(&template);
            let joined = joined_names(&statements);
            let own: HashSet<&str> = statements.iter().flat_map(|one| locals(one)).collect();
            let numbers = |name: &str| !own.contains(name) && is_number(name);
            statements
                .iter()
                .try_for_each(|statement| check_statement(text, statement, &joined, &numbers))
        }
    }
}

/// That each `{% … %}` begins with a word that texts have.
fn check_words(text: &str) -> Result<(), Refusal> {
    let mut first = false;
    for (token, at) in Form::Text.tokens(text) {
        if let (true, Token::Ident(word)) = (first, &token)
            && !STATEMENTS.contains(word)
        {
            let message = format!("a text has no `{word}`");
            let help = "there is {{ … }}, {% if … %}, {% for … %} and {% set name = value %}";
            return Err(Refusal::new(at, message, help));
        }
        first = matches!(token, Token::BlockStart);
    }
    Ok(())
}

/// The names that a statement gives to values.
pub(super) fn locals<'t>(statement: &Stmt<'t>) -> Vec<&'t str> {
    let target = match statement {
        Stmt::Set(set) => &set.target,
        Stmt::ForLoop(each) => &each.target,
        _ => return Vec::new(),
    };
    parts(target).into_iter().filter_map(variable).collect()
}

/// All statements, each before those inside it.
pub(super) fn statements<'s, 't>(template: &'s Stmt<'t>) -> Vec<&'s Stmt<'t>> {
    let mut found = Vec::new();
    let mut next = vec![template];
    while let Some(statement) = next.pop() {
        found.push(statement);
        let inside: [&[Stmt<'t>]; 2] = match statement {
            Stmt::Template(template) => [&template.children, &[]],
            Stmt::ForLoop(each) => [&each.body, &each.else_body],
            Stmt::IfCond(condition) => [&condition.true_body, &condition.false_body],
            _ => [&[], &[]],
        };
        next.extend(inside.into_iter().flatten().rev());
    }
    found
}

/// The names whose values were put together, or come from such a value.
fn joined_names<'t>(statements: &[&Stmt<'t>]) -> HashSet<&'t str> {
    // Which names come from values that mention a name.
    let mut makes: HashMap<&str, Vec<&'t str>> = HashMap::new();
    let mut new: Vec<&'t str> = Vec::new();
    for statement in statements {
        let (target, value, own) = match statement {
            Stmt::Set(set) => (&set.target, &set.expr, None),
            // `loop` knows the values before and after the current one.
            Stmt::ForLoop(each) => (&each.target, &each.iter, Some("loop")),
            _ => continue,
        };
        let names = parts(target).into_iter().filter_map(variable).chain(own);
        let value = parts(value);
        if value.iter().any(|part| is_joint(part)) {
            new.extend(names);
            continue;
        }
        for name in names {
            for mentioned in value.iter().filter_map(|part| variable(part)) {
                makes.entry(mentioned).or_default().push(name);
            }
        }
    }
    let mut joined = HashSet::new();
    while let Some(name) = new.pop() {
        if joined.insert(name) {
            new.extend(makes.remove(name).unwrap_or_default());
        }
    }
    joined
}

fn check_statement(
    text: &str,
    statement: &Stmt<'_>,
    joined: &HashSet<&str>,
    numbers: &dyn Fn(&str) -> bool,
) -> Result<(), Refusal> {
    let capture = |span: Span| {
        let start = span.start_offset as usize;
        let message = "`set` gives one name to one value here";
        Refusal::new(start..start + "set".len(), message, "write {% set name = value %}")
    };
    match statement {
        Stmt::EmitExpr(shown) => check_shown(text, &[&shown.expr], numbers),
        Stmt::IfCond(condition) => check_shown(text, &[&condition.expr], numbers),
        Stmt::ForLoop(each) => {
            let shown: Vec<_> = std::iter::once(&each.iter).chain(&each.filter_expr).collect();
            if each.recursive {
                let end = shown.iter().map(|expr| range(expr.span()).end).max().unwrap_or(0);
                let at = find(text, end, "recursive");
                return Err(Refusal::new(
                    at,
                    "a loop cannot call itself",
                    "write the inner loop out",
                ));
            }
            check_bound(text, &each.iter, true, joined)?;
            check_shown(text, &shown, numbers)
        }
        Stmt::Set(set) => {
            if variable(&set.target).is_none() {
                return Err(capture(set.span()));
            }
            check_bound(text, &set.expr, false, joined)?;
            check_shown(text, &[&set.expr], numbers)
        }
        Stmt::SetBlock(block) => Err(capture(block.span())),
        _ => Ok(()),
    }
}

/// Where a word or sign first stands from an offset on.
fn find(text: &str, from: usize, wanted: &str) -> Range<usize> {
    match text.get(from..).and_then(|rest| rest.find(wanted)) {
        Some(at) => from + at..from + at + wanted.len(),
        None => 0..text.len(),
    }
}

/// A value that gets a name exists already, or is put together of such: no lists of others.
fn check_bound(
    text: &str,
    value: &Expr<'_>,
    loops: bool,
    joined: &HashSet<&str>,
) -> Result<(), Refusal> {
    let parts = parts(value);
    let joint = parts.iter().find(|part| is_joint(part));
    if let (true, Some(joint)) = (loops, joint) {
        let help = "for numbers, put `|int` or `|float` behind both sides";
        let at = sign(text, joint);
        return Err(Refusal::new(at, "a loop goes over a value that exists already", help));
    }
    let outermost = if loops { outermost(value) } else { Vec::new() };
    for part in &parts {
        let at = || range(part.span());
        if is_list(part) && !outermost.iter().any(|list| std::ptr::eq(*list, *part)) {
            let help = "name the values apart, or put the list into `vars`";
            return Err(Refusal::new(at(), "a list of other values cannot get a name", help));
        }
        if !loops && matches!(part, Expr::Slice(_)) {
            let help = "take the part where it is used";
            return Err(Refusal::new(at(), "a part of a list cannot get a name", help));
        }
    }
    let again = |part: &&&Expr<'_>| variable(part).is_some_and(|name| joined.contains(name));
    if let (Some(_), Some(part)) = (joint, parts.iter().find(again)) {
        let message = "a value that was put together cannot be put together again";
        let help = "show the parts one after the other: {{ a }}{{ b }}";
        return Err(Refusal::new(range(part.span()), message, help));
    }
    Ok(())
}

/// What one tag shows or compares may be put together, but not from many parts; and only numbers are
/// multiplied: `"x" * 100000000` is a text of 100 MB.
fn check_shown(
    text: &str,
    shown: &[&Expr<'_>],
    numbers: &dyn Fn(&str) -> bool,
) -> Result<(), Refusal> {
    let parts: Vec<_> = shown.iter().flat_map(|expr| parts(expr)).collect();
    let mut joints: Vec<_> =
        parts.iter().filter(|part| is_joint(part)).map(|part| sign(text, part)).collect();
    joints.sort_unstable_by_key(|at| at.start);
    // One value may stand in a list a thousand times.
    if let Some(first) = joints.first()
        && parts.iter().any(|part| is_list(part))
    {
        let help = "use `|join` for lists";
        return Err(Refusal::new(first.clone(), "lists cannot be put together", help));
    }
    if let Some(one) = joints.get(MAX_JOINTS) {
        let message = format!("more than {MAX_JOINTS} parts are put together here");
        let help = "show them one after the other: {{ a }}{{ b }}";
        return Err(Refusal::new(one.clone(), message, help));
    }
    for part in parts {
        let args: &[CallArg<'_>] = match part {
            Expr::BinOp(two)
                if matches!(two.op, BinOpKind::Mul) && !is_number_with(part, numbers) =>
            {
                let help = "put `|int` or `|float` behind both sides: \
                            {{ price|float * seats|int }}";
                let at = sign(text, part);
                return Err(Refusal::new(at, "only numbers can be multiplied", help));
            }
            Expr::Filter(filter) => &filter.args,
            Expr::Test(test) => &test.args,
            Expr::Call(call) => &call.args,
            _ => continue,
        };
        for arg in args {
            if let CallArg::PosSplat(list) | CallArg::KwargSplat(list) = arg {
                let message = "a list cannot stand for arguments";
                let at = range(list.span());
                return Err(Refusal::new(at, message, "write the arguments out"));
            }
        }
    }
    Ok(())
}

/// The place of the sign of an operation: it follows the left side, brackets and blanks.
fn sign(text: &str, operation: &Expr<'_>) -> Range<usize> {
    let Expr::BinOp(two) = operation else { return range(operation.span()) };
    let sign = match two.op {
        BinOpKind::Concat => "~",
        BinOpKind::Add => "+",
        _ => "*",
    };
    find(text, range(two.left.span()).end, sign)
}
