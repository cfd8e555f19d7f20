//! What a template may say: only what cannot make a small text into a huge one.
//!
//! The engine counts steps, but one step can double a text or repeat it a million times. So what
//! is put together may get a name (`set`), but is not put together again, a product must be one
//! of numbers, and nothing is captured. Filters bound themselves: see [`super::bounds`].

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use super::tokens::{self, Kind, Tag, Token};

/// A template beyond that is no message.
const MAX_BYTES: usize = 64 << 10;
/// Tokens of one tag: an expression is parsed, run and freed with a stack.
const MAX_TOKENS: usize = 2000;
/// Tags of one text.
const MAX_TAGS: usize = 1000;
/// Branches of all conditions together: each lies inside the one before.
const MAX_BRANCHES: usize = 200;
/// Texts that one tag puts together.
const MAX_JOINTS: usize = 8;

/// Filters whose value is a number, or an error.
const NUMERIC: [&str; 6] = ["int", "float", "length", "count", "abs", "round"];

/// Why a template is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The part that it is about.
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: String,
}

impl Refusal {
    fn new(range: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { range, message: message.into(), help: help.into() }
    }

    fn at(token: &Token<'_>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(token.range.clone(), message, help)
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
    fn tags(self, text: &str) -> (Vec<Tag<'_>>, bool) {
        match self {
            Self::Text => tokens::tags(text),
            Self::Expression => tokens::expression(text),
        }
    }
}

/// Whether the engine may compile this: it does so on the stack.
pub(crate) fn fits(text: &str, form: Form) -> Result<(), Refusal> {
    let all = 0..text.len();
    if text.len() > MAX_BYTES {
        let message = format!("a template has at most 64 KiB, this one has {} bytes", text.len());
        return Err(Refusal::new(all, message, "split it, or say `raw: true`"));
    }
    let (tags, _) = form.tags(text);
    if tags.len() > MAX_TAGS {
        let message =
            format!("a template has at most {MAX_TAGS} tags, this one has {}", tags.len());
        return Err(Refusal::new(all, message, "split it into several messages"));
    }
    let mut branches =
        tags.iter().filter_map(|tag| tag.tokens.first().filter(|t| is_word(t, "elif")));
    if let Some(one) = branches.nth(MAX_BRANCHES) {
        let message = format!("a template has at most {MAX_BRANCHES} `elif`");
        return Err(Refusal::at(one, message, "put the texts into a column of the audience"));
    }
    match tags.iter().find_map(|tag| tag.tokens.get(MAX_TOKENS)) {
        None => Ok(()),
        Some(token) => {
            let message = format!("this has more than {MAX_TOKENS} words and signs");
            Err(Refusal::at(token, message, "put lists of values into `vars`"))
        }
    }
}

/// Looks at a template that the engine could compile.
pub(crate) fn check(text: &str, form: Form) -> Result<(), Refusal> {
    let (tags, whole) = form.tags(text);
    if !whole {
        // The engine could, so this is only for what nobody thought of.
        let message = "this template cannot be understood";
        return Err(Refusal::new(0..text.len(), message, "write it plainer"));
    }
    let joined = joined_names(&tags);
    tags.iter().try_for_each(|tag| check_tag(tag, &joined))
}

/// The names whose values were put together, or come from such a value.
fn joined_names<'t>(tags: &[Tag<'t>]) -> HashSet<&'t str> {
    // Which names come from values that mention a word.
    let mut makes: HashMap<&str, Vec<&'t str>> = HashMap::new();
    let mut new: Vec<&'t str> = Vec::new();
    for tag in tags.iter().filter(|tag| tag.statement) {
        let (names, value) = match tag.tokens.first().map(|first| first.text) {
            Some("set") => (tag.tokens.get(1..2), tag.tokens.get(3..)),
            Some("for") => {
                let at = tag.tokens.iter().position(|token| is_word(token, "in"));
                (at.and_then(|at| tag.tokens.get(1..at)), at.map(|at| &tag.tokens[at..]))
            }
            _ => continue,
        };
        let value = value.unwrap_or_default();
        let words = names.into_iter().flatten().filter(|name| name.kind == Kind::Word);
        let names = words.map(|name| name.text);
        if has_joint(value) {
            new.extend(names);
            continue;
        }
        for name in names {
            for word in value.iter().filter(|token| token.kind == Kind::Word) {
                makes.entry(word.text).or_default().push(name);
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

/// The first of these names in an expression.
fn mentions<'a, 't>(tokens: &'a [Token<'t>], names: &HashSet<&'t str>) -> Option<&'a Token<'t>> {
    tokens.iter().find(|token| token.kind == Kind::Word && names.contains(token.text))
}

/// Whether something is put together here.
fn has_joint(tokens: &[Token<'_>]) -> bool {
    (0..tokens.len()).any(|at| is_joint(tokens, at))
}

fn is_joint(tokens: &[Token<'_>], at: usize) -> bool {
    is_sign(&tokens[at], "~") || (is_sign(&tokens[at], "+") && !is_numeric(tokens, at))
}

fn check_tag(tag: &Tag<'_>, joined: &HashSet<&str>) -> Result<(), Refusal> {
    let tokens = &tag.tokens[..];
    let Some(first) = tokens.first() else { return Ok(()) };
    let word = if tag.statement { first.text } else { "" };
    let bound = match word {
        "" | "if" | "elif" | "else" | "endif" | "endfor" => None,
        "for" => {
            let start = tokens.iter().position(|t| is_word(t, "in")).map_or(1, |at| at + 1);
            if let Some(last) =
                tokens[start..].iter().skip(1).last().filter(|t| is_word(t, "recursive"))
            {
                let help = "write the inner loop out";
                return Err(Refusal::at(last, "a loop cannot call itself", help));
            }
            Some((&tokens[start..], true))
        }
        "set" => {
            let (Some(name), Some(sign)) = (tokens.get(1), tokens.get(2)) else {
                return Err(no_capture(first));
            };
            if name.kind != Kind::Word || !is_sign(sign, "=") {
                return Err(no_capture(first));
            }
            Some((&tokens[3..], false))
        }
        other => {
            let message = format!("a text has no `{other}`");
            let help = "there is {{ … }}, {% if … %}, {% for … %} and {% set name = value %}";
            return Err(Refusal::at(first, message, help));
        }
    };
    if let Some((value, loops)) = bound {
        check_bound(value, loops)?;
        if has_joint(value)
            && let Some(token) = mentions(value, joined)
        {
            let message = "what was put together once cannot be put together again";
            let help = "show the parts one after the other: {{ a }}{{ b }}";
            return Err(Refusal::at(token, message, help));
        }
    }
    check_joints(tokens)?;
    check_products(tokens)
}

fn no_capture(at: &Token<'_>) -> Refusal {
    let message = "`set` gives one name to one value here";
    Refusal::at(at, message, "write {% set name = value %}")
}

/// A value that gets a name exists already, or is put together of such: no lists of others.
fn check_bound(tokens: &[Token<'_>], loops: bool) -> Result<(), Refusal> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        if token.kind != Kind::Sign {
            continue;
        }
        match token.text {
            "~" | "+" if loops && is_joint(tokens, at) => {
                let help = "for numbers, put `|int` or `|float` behind both sides";
                return Err(Refusal::at(token, "a loop goes over what is there already", help));
            }
            "," if depth == 0 => {
                let help = if loops { "write the list in brackets" } else { "name them apart" };
                return Err(Refusal::at(token, "several values cannot get a name", help));
            }
            "(" | "[" | "{" => {
                let outermost = loops && depth == 0;
                if is_literal(tokens, at) && !outermost && !is_constant(tokens, at) {
                    let help = "name the values apart, or put the list into `vars`";
                    return Err(Refusal::at(
                        token,
                        "a list of other values cannot get a name",
                        help,
                    ));
                }
                if token.text == "[" && !is_literal(tokens, at) && !loops && is_slice(tokens, at) {
                    let help = "take the part where it is used";
                    return Err(Refusal::at(token, "a part of a list cannot get a name", help));
                }
                depth += 1;
            }
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// What is shown or compared may be put together, but not from many parts.
fn check_joints(tokens: &[Token<'_>]) -> Result<(), Refusal> {
    let mut joints = (0..tokens.len()).filter(|at| is_joint(tokens, *at));
    let list = |at: &usize| {
        let opens = tokens[*at].kind == Kind::Sign && matches!(tokens[*at].text, "(" | "[" | "{");
        opens && is_literal(tokens, *at) && !is_constant(tokens, *at)
    };
    // One value may stand in a list a thousand times.
    if let Some(first) = joints.clone().next()
        && (0..tokens.len()).any(|at| list(&at))
    {
        let help = "use `|join` for lists";
        return Err(Refusal::at(&tokens[first], "lists cannot be put together", help));
    }
    match joints.nth(MAX_JOINTS) {
        None => Ok(()),
        Some(at) => Err(Refusal::at(
            &tokens[at],
            format!("more than {MAX_JOINTS} parts are put together here"),
            "show them one after the other: {{ a }}{{ b }}",
        )),
    }
}

/// `"x" * 100000000` is a text of 100 MB.
fn check_products(tokens: &[Token<'_>]) -> Result<(), Refusal> {
    for (at, token) in tokens.iter().enumerate() {
        let splat = at == 0 || matches!(tokens[at - 1].text, "(" | ",");
        if is_sign(token, "*") && !splat && !is_numeric(tokens, at) {
            let help = "put `|int` or `|float` behind both sides: {{ price|float * seats|int }}";
            return Err(Refusal::at(token, "only numbers can be multiplied", help));
        }
        if splat && (is_sign(token, "*") || is_sign(token, "**")) {
            let help = "write the arguments out";
            return Err(Refusal::at(token, "a list cannot stand for arguments", help));
        }
    }
    Ok(())
}

fn is_word(token: &Token<'_>, text: &str) -> bool {
    token.kind == Kind::Word && token.text == text
}

fn is_sign(token: &Token<'_>, text: &str) -> bool {
    token.kind == Kind::Sign && token.text == text
}

/// Whether the operator at `at` stands between two numbers, whatever the values are.
fn is_numeric(tokens: &[Token<'_>], at: usize) -> bool {
    ends_in_number(&tokens[..at]) && begins_with_number(&tokens[at + 1..])
}

/// `… 3`, `… |int`, `… |round(2)`, `… (a - b)`.
fn ends_in_number(tokens: &[Token<'_>]) -> bool {
    let Some((last, before)) = tokens.split_last() else { return false };
    let previous = before.last();
    match last.kind {
        Kind::Number => !previous.is_some_and(|token| is_sign(token, ".")),
        Kind::Word => {
            previous.is_some_and(|token| is_sign(token, "|")) && NUMERIC.contains(&last.text)
        }
        Kind::Sign if last.text == ")" => {
            let Some(open) = opening(tokens) else { return false };
            let inside = &tokens[open + 1..tokens.len() - 1];
            if is_literal(tokens, open) {
                return is_calculation(inside);
            }
            // `|int("…")` may be that text.
            let plain = inside.iter().all(|t| t.kind == Kind::Number || is_sign(t, "-"));
            plain && tokens[open - 1].kind == Kind::Word && ends_in_number(&tokens[..open])
        }
        _ => false,
    }
}

/// The operand that begins here, with its attributes and filters, is a number.
fn begins_with_number(tokens: &[Token<'_>]) -> bool {
    let mut at = tokens.iter().take_while(|token| is_sign(token, "-")).count();
    let Some(first) = tokens.get(at) else { return false };
    if first.kind == Kind::Sign {
        match closing(tokens, at) {
            Some(close) => at = close,
            None => return false,
        }
    }
    at += 1;
    loop {
        match tokens.get(at) {
            Some(sign) if is_sign(sign, ".") || is_sign(sign, "|") => at += 2,
            Some(sign) if is_sign(sign, "(") || is_sign(sign, "[") => match closing(tokens, at) {
                Some(close) => at = close + 1,
                None => return false,
            },
            _ => break,
        }
    }
    tokens.get(..at).is_some_and(ends_in_number)
}

/// The place of the bracket that closes the one at `at`.
fn closing(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate().skip(at) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.checked_sub(1)?;
            }
            _ => {}
        }
        if depth == 0 {
            return (place > at).then_some(place);
        }
    }
    None
}

/// The place of the bracket that the last token closes.
fn opening(tokens: &[Token<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate().rev() {
        match token.text {
            ")" | "]" | "}" => depth += 1,
            "(" | "[" | "{" => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(place);
                }
            }
            _ => {}
        }
    }
    None
}

/// What stands in parentheses is a calculation and nothing else.
fn is_calculation(tokens: &[Token<'_>]) -> bool {
    let mut depth = 0_usize;
    let mut calculates = ends_in_number(tokens) && begins_with_number(tokens);
    for token in tokens {
        match (token.kind, token.text) {
            (Kind::Sign, "(" | "[" | "{") => depth += 1,
            (Kind::Sign, ")" | "]" | "}") => depth = depth.saturating_sub(1),
            (Kind::Sign, "," | "~" | "=" | "==" | "!=" | "<" | ">" | "<=" | ">=") if depth == 0 => {
                return false;
            }
            (Kind::Word, "if" | "else" | "and" | "or" | "not" | "in" | "is") if depth == 0 => {
                return false;
            }
            (Kind::Sign, "-" | "/" | "//" | "%" | "**") if depth == 0 => calculates = true,
            _ => {}
        }
    }
    calculates
}

/// Whether a bracket begins a list, a mapping or a group, and not an index or arguments.
fn is_literal(tokens: &[Token<'_>], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| &tokens[before]) else { return true };
    match before.kind {
        Kind::Word => {
            let keywords = ["in", "if", "else", "and", "or", "not", "is", "elif", "set"];
            let attribute = at >= 2 && matches!(tokens[at - 2].text, "." | "|");
            keywords.contains(&before.text) && !attribute
        }
        Kind::Number | Kind::Quoted => false,
        Kind::Sign => tokens[at].text == "{" || !matches!(before.text, ")" | "]" | "}"),
    }
}

/// Whether a list holds nothing but what is written there, or groups one value.
fn is_constant(tokens: &[Token<'_>], at: usize) -> bool {
    let Some(close) = closing(tokens, at) else { return false };
    let inside = &tokens[at + 1..close];
    let literals = inside.iter().all(|token| token.kind != Kind::Word);
    // A comma would make a tuple of what is in parentheses.
    let group = tokens[at].text == "(" && !inside.iter().any(|token| token.text == ",");
    literals || group
}

fn is_slice(tokens: &[Token<'_>], at: usize) -> bool {
    let end = closing(tokens, at).unwrap_or(tokens.len());
    tokens[at..end].iter().any(|token| token.text == ":")
}
