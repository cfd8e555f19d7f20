//! The words and signs of a template, read as the engine reads them.

use std::ops::Range;

/// What stands between `{{` and `}}`, or between `{%` and `%}`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tag<'t> {
    /// Whether it is `{% … %}`.
    pub(super) statement: bool,
    pub(super) tokens: Vec<Token<'t>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind,
    /// As it is written.
    pub(super) text: &'t str,
    pub(super) range: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Number,
    Quoted,
    Sign,
}

/// All tags of a text up to where it is no template any more, and whether it is one.
pub(super) fn tags(text: &str) -> (Vec<Tag<'_>>, bool) {
    let mut tags = Vec::new();
    let whole = read(text, &mut tags).is_some();
    (tags, whole)
}

/// The tokens of an expression that stands alone.
pub(super) fn expression(text: &str) -> (Vec<Tag<'_>>, bool) {
    let mut tags = Vec::new();
    let whole = tag(text, 0, "", &mut tags).is_some();
    (tags, whole)
}

fn read<'t>(text: &'t str, tags: &mut Vec<Tag<'t>>) -> Option<()> {
    let mut at = 0;
    while let Some(found) = text[at..].find('{') {
        at += found + 1;
        match text.as_bytes().get(at) {
            Some(b'#') => at += text[at..].find("#}")? + 2,
            Some(b'%') if raw_tag(&text[at + 1..], "raw").is_some() => at = after_raw(text, at)?,
            Some(b'%') => at = tag(text, at + 1, "%}", tags)?,
            Some(b'{') => at = tag(text, at + 1, "}}", tags)?,
            _ => {}
        }
    }
    Some(())
}

/// The length of `raw %}`, if that is what comes.
fn raw_tag(text: &str, name: &str) -> Option<usize> {
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text).trim_ascii_start();
    let rest = rest.strip_prefix(name)?.trim_ascii_start();
    let rest = rest.strip_prefix(['-', '+']).unwrap_or(rest).strip_prefix("%}")?;
    Some(text.len() - rest.len())
}

/// Where a raw block ends that begins at the `%` at `at`.
fn after_raw(text: &str, at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at += text[at..].find("{%")? + 2;
        if let Some(length) = raw_tag(&text[at..], "endraw") {
            return Some(at + length);
        }
    }
}

/// Reads a tag whose inside begins at `at`, and answers with where it ends.
fn tag<'t>(text: &'t str, mut at: usize, end: &str, tags: &mut Vec<Tag<'t>>) -> Option<usize> {
    tags.push(Tag { statement: end == "%}", tokens: Vec::new() });
    let tokens = &mut tags.last_mut()?.tokens;
    let mut open = 0_i32;
    // `{{-` and `{%+` say what becomes of the white space before.
    if !end.is_empty() && text[at..].starts_with(['-', '+']) {
        at += 1;
    }
    loop {
        at = text.len() - text[at..].trim_ascii_start().len();
        let rest = &text[at..];
        let stripped = rest.strip_prefix(['-', '+']).unwrap_or(rest);
        if end.is_empty() && rest.is_empty() {
            break;
        }
        if !end.is_empty() && open == 0 {
            if rest.starts_with(end) {
                at += end.len();
                break;
            }
            if stripped.starts_with(end) {
                at += 1 + end.len();
                break;
            }
        }
        let after_dot = text[..at].ends_with('.');
        let (kind, length) = token(rest, after_dot)?;
        match (kind, &rest[..length]) {
            (Kind::Sign, "(" | "[" | "{") => open += 1,
            (Kind::Sign, ")" | "]" | "}") => open -= 1,
            _ => {}
        }
        tokens.push(Token { kind, text: &rest[..length], range: at..at + length });
        at += length;
    }
    Some(at)
}

/// The kind and the length of the first token.
fn token(rest: &str, after_dot: bool) -> Option<(Kind, usize)> {
    let bytes = rest.as_bytes();
    let first = *bytes.first()?;
    Some(match first {
        b'"' | b'\'' => {
            let mut escaped = false;
            let end = bytes[1..].iter().position(|byte| {
                let ends = !escaped && *byte == first;
                escaped = !escaped && *byte == b'\\';
                ends
            })?;
            (Kind::Quoted, end + 2)
        }
        b'0'..=b'9' => (Kind::Number, number(bytes, after_dot)),
        b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
            let word = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
            (Kind::Word, bytes.iter().take_while(word).count())
        }
        _ => match bytes.get(..2) {
            Some(b"//" | b"**" | b"==" | b"!=" | b">=" | b"<=") => (Kind::Sign, 2),
            _ if b"+-*/%.,:~|=><()[]{}".contains(&first) => (Kind::Sign, 1),
            _ => return None,
        },
    })
}

fn number(bytes: &[u8], after_dot: bool) -> usize {
    let digits = |from: usize| {
        let digit = |byte: &&u8| byte.is_ascii_digit() || **byte == b'_';
        bytes[from..].iter().take_while(digit).count()
    };
    if let [b'0', b'b' | b'B' | b'o' | b'O' | b'x' | b'X', ..] = bytes {
        return bytes.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    }
    let mut length = digits(0);
    let begins_exponent = |at: usize| {
        matches!(bytes.get(at), Some(b'e' | b'E'))
            && matches!(bytes.get(at + 1), Some(b'+' | b'-' | b'0'..=b'9'))
    };
    if bytes.get(length) == Some(&b'.') && !after_dot {
        let next = bytes.get(length + 1);
        let attribute = next.is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
        if !attribute || begins_exponent(length + 1) {
            length += 1;
            length += digits(length);
        }
    }
    if begins_exponent(length) {
        length += 2;
        length += digits(length);
    }
    length
}
