//! Mistakes in one value: quotes, and signs that mean something to YAML.

use super::{
    lines::{
        Field, closing, content, fields, indent, is_blank, is_language, is_name, key_of, quoted,
        shows, value_region,
    },
    slip::Slip,
};
use crate::{diagnostics::Code, manifest::yaml::surrogates};

/// The escapes of double quotes.
const ESCAPES: &str = "0abtnvfre \"/\\N_LPxuU\t";

/// Mistakes of one line. `inside`: brackets that were opened above are around it.
pub(super) fn find(all: &[&str], number: usize, inside: bool) -> Vec<Slip> {
    let line = all[number];
    let mut found = Vec::new();
    let mut at_once = fields(line, inside);
    // An element of a list, or a value below its key.
    if at_once.is_empty() && !inside {
        let start = line.len() - line.trim_start().len();
        let start = start + if line[start..].starts_with("- ") { 2 } else { 0 };
        at_once.push(Field { key: "", at: start, value: start, inside: false });
    }
    for field in at_once {
        let value = &line[field.value..];
        let slips: [Option<Slip>; 4] = match value.chars().next() {
            Some('"') => [
                escape(line, number, &field),
                unclosed(all, number, &field, '"'),
                inner(line, number, &field, '"').or_else(|| inner_below(all, number, &field, '"')),
                comment_hides_bracket(line, number, &field),
            ],
            Some('\'') => [
                None,
                unclosed(all, number, &field, '\''),
                inner(line, number, &field, '\'')
                    .or_else(|| inner_below(all, number, &field, '\'')),
                comment_hides_bracket(line, number, &field),
            ],
            _ => [comment(line, number, &field), sign(line, number, &field), None, None],
        };
        found.extend(slips.into_iter().flatten());
    }
    found.extend(goes_on(all, number));
    found.extend(interrupted(all, number));
    found
}

/// The line of a text without quotes that this one goes on with.
fn begun<'l>(all: &[&'l str], number: usize) -> Option<&'l str> {
    let above = all[..number].iter().rev().take(20).filter(|line| !is_blank(line));
    let begun = { above }.find(|line| indent(line) < indent(all[number]))?;
    let field = fields(begun, false).into_iter().next()?;
    let value = &begun[field.value..];
    let plain =
        !value.is_empty() && !value.starts_with(['"', '\'', '|', '>', '{', '[', '&', '*', '!']);
    (is_text(field.key) && plain).then_some(begun)
}

/// A colon in a later line of a text without quotes.
fn goes_on(all: &[&str], number: usize) -> Option<Slip> {
    let line = all[number];
    begun(all, number)?;
    let (at, _, message) = trigger(line.trim(), false)?;
    if key_of(line).is_some_and(is_name) {
        return None;
    }
    // Other blanks than those of an indentation are trimmed too.
    let at = line.len() - line.trim_start().len() + at;
    let help = "put the whole text in quotes, or write it below `text: |`, indented";
    let mended = format!("{}{}", &line[..at], &line[at + 1..]);
    Some(Slip::new(Code::NeedsQuotes, number, at, message).help(help).or(mended))
}

/// A comment between the lines of a text without quotes.
fn interrupted(all: &[&str], number: usize) -> Option<Slip> {
    begun(all, number)?;
    let at = number.checked_sub(1).filter(|at| all[*at].trim_start().starts_with('#'))?;
    let comment = all[at].trim();
    let message = "YAML takes this line for a comment, and the text ends before it";
    let help = "if it is part of the text, put the whole text in quotes, or write it below `text: |`, indented; if it is a comment, write it above the text";
    let slip = Slip::new(Code::CommentInText, at, indent(all[at]), message);
    Some(slip.long(comment.chars().count()).help(help).or(String::new()))
}

/// `text: "It's here"`, to be copied; in general words if it is long, or may hold an id.
pub(super) fn cure(field: &str, text: &str) -> String {
    let fits = shows(text) && !field.is_empty();
    let what = if is_text(field) || field.is_empty() { "text" } else { "value" };
    match fits {
        true => format!("put the {what} in quotes: `{field}: {}`", quoted(text)),
        false => format!("put the whole {what} in quotes"),
    }
}

const OR_BLOCK: &str = "or write it below `text: |`, indented";

/// The line with the value in other words.
fn with(line: &str, range: std::ops::Range<usize>, new: &str) -> String {
    format!("{}{new}{}", &line[..range.start], &line[range.end..])
}

/// A quote inside a text in such quotes.
fn inner(line: &str, number: usize, field: &Field<'_>, quote: char) -> Option<Slip> {
    let end = closing(&line[field.value..], quote)?;
    let range = value_region(line, field.value, field.inside);
    let written = &line[range.clone()];
    if end + 1 >= written.len() || written[end + 1..].trim_start().starts_with('#') {
        return None;
    }
    let text = content(written);
    let mended = quoted(text);
    let (message, other) = if text == written {
        let message = "the text goes on behind the quote that ends it";
        (message.to_owned(), String::new())
    } else if quote == '\'' {
        (inner_message(quote).to_owned(), ", or write the apostrophe twice: `''`".to_owned())
    } else {
        (inner_message(quote).to_owned(), ", or write `\\\"` inside it".to_owned())
    };
    let slip = Slip::new(Code::QuoteInQuotes, number, field.value + end, message);
    // JSON has no other quotes.
    let help = match line[..field.value].trim_end().ends_with("\":") {
        true => "write `\\\"` for each quote inside the text".to_owned(),
        false => format!("{}{other}", cure(field.key, text)),
    };
    Some(slip.help(help).or(with(line, range, &mended)))
}

/// The same, in a later line of the text.
fn inner_below(all: &[&str], number: usize, field: &Field<'_>, quote: char) -> Option<Slip> {
    if closing(&all[number][field.value..], quote).is_some() {
        return None;
    }
    let depth = indent(all[number]);
    for (below, line) in all.iter().enumerate().skip(number + 1).take(100) {
        if !line.trim().is_empty() && indent(line) <= depth {
            return None;
        }
        // As if the text began in this line.
        let as_begun = format!("{quote}{line}");
        let Some(end) = closing(&as_begun, quote).map(|end| end - 1) else { continue };
        let rest = line[end + 1..].trim_start();
        if rest.is_empty() || rest.starts_with(['#', '}', ']', ',']) {
            return None;
        }
        let last = line.trim_end().len();
        let last = if line[..last].ends_with(quote) { last - 1 } else { last };
        let doubled = if quote == '"' { "\\\"" } else { "''" };
        let mended = format!("{}{}", line[..last].replace(quote, doubled), &line[last..]);
        let help = match quote {
            '"' => "write `\\\"` inside it, or write the text below `text: |`, indented",
            _ => "write the apostrophe twice: `''`, or write the text below `text: |`, indented",
        };
        let message = inner_message(quote);
        return Some(Slip::new(Code::QuoteInQuotes, below, end, message).help(help).or(mended));
    }
    None
}

fn inner_message(quote: char) -> &'static str {
    match quote {
        '"' => "this quote ends the text, because the text is in double quotes",
        _ => "this apostrophe ends the text, because the text is in single quotes",
    }
}

/// A quote that is never closed, or only by one that begins another text.
fn unclosed(all: &[&str], number: usize, field: &Field<'_>, quote: char) -> Option<Slip> {
    let line = all[number];
    if closing(&line[field.value..], quote).is_some() {
        return None;
    }
    let range = value_region(line, field.value, field.inside);
    let text = &line[range.clone()][1..];
    let whole = line.trim_end().len();
    let message = format!("this `{quote}` is never closed");
    let help = match shows(text) && is_name(field.key) {
        true => format!("close it: `{}: {quote}{}{quote}`", field.key, text.trim_end()),
        false => format!("write the second `{quote}` where the text ends"),
    };
    let mut slip = Slip::new(Code::UnclosedQuote, number, field.value, message).help(help);
    for end in [range.end, whole] {
        slip = slip.or(with(line, end..end, &quote.to_string()));
    }
    // A text over several lines.
    for (more, next) in all.iter().enumerate().skip(number + 1).take(20) {
        let ends = next.trim_end().len();
        slip = slip.or_all(vec![(more, with(next, ends..ends, &quote.to_string()))]);
    }
    Some(slip)
}

/// A backslash that means nothing, or half of a character.
fn escape(line: &str, number: usize, field: &Field<'_>) -> Option<Slip> {
    let bytes = line.as_bytes();
    let mut wrong = Vec::new();
    let mut at = field.value + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        if bytes[at] == b'\\' {
            let next = line[at + 1..].chars().next();
            let digits = match next {
                Some('x') => 2,
                Some('u') => 4,
                Some('U') => 8,
                _ => 0,
            };
            let rest = line.get(at + 2..at + 2 + digits).unwrap_or("");
            let hex = rest.len() == digits && rest.bytes().all(|b| b.is_ascii_hexdigit());
            // At the end of a line, it joins two lines.
            if next.is_some_and(|c| !ESCAPES.contains(c) || !hex) {
                wrong.push(at);
            }
            at += 1 + next.map_or(1, char::len_utf8);
        } else {
            at += 1;
        }
    }
    let first = *wrong.first()?;
    let shown: String = line[first..].chars().take(2).collect();
    let mut mended = line.to_owned();
    for at in wrong.iter().rev() {
        mended.insert(*at, '\\');
    }
    let slip = Slip::new(
        Code::BadEscape,
        number,
        first,
        format!("`{shown}` means nothing in double quotes"),
    );
    let help = "write a backslash of the text twice (`\\\\`), or put the text in single quotes";
    Some(slip.long(2).help(help).or(mended))
}

/// Half of a character that JSON writes as two escapes.
pub(super) fn half(line: &str, number: usize) -> Option<Slip> {
    let at = surrogates::lone(line)?;
    let message = "this escape is half of a character: the other half is missing";
    let help = "write both halves (`\\ud83d\\ude00`), or the character itself";
    let mut mended = line.to_owned();
    while let Some(at) = surrogates::lone(&mended) {
        mended.replace_range(at..at + 6, "\\ufffd");
    }
    Some(Slip::new(Code::BadEscape, number, at, message).long(6).help(help).or(mended))
}

/// A comment that cuts a text inside brackets, and the bracket with it.
fn comment(line: &str, number: usize, field: &Field<'_>) -> Option<Slip> {
    if !field.inside {
        return None;
    }
    let range = value_region(line, field.value, true);
    let written = &line[range.clone()];
    let at = match written.starts_with('#') {
        true => 0,
        false => written.find(" #").or_else(|| written.find("\t#"))? + 1,
    };
    let slip = Slip::new(
        Code::CommentInText,
        number,
        range.start + at,
        "YAML takes the rest of this line for a comment, and the bracket with it",
    );
    let length = written[at..].chars().count();
    Some(slip.long(length).help(cure(field.key, written)).or(with(line, range, &quoted(written))))
}

/// `{ text: "Hello" # a comment }`
fn comment_hides_bracket(line: &str, number: usize, field: &Field<'_>) -> Option<Slip> {
    let quote = line[field.value..].chars().next()?;
    let end = field.value + closing(&line[field.value..], quote)? + 1;
    let rest = line[end..].trim_start();
    if !field.inside || !rest.starts_with('#') {
        return None;
    }
    let at = line.len() - rest.len();
    let closers: String = rest.chars().filter(|c| matches!(c, '}' | ']')).collect();
    let slip = Slip::new(
        Code::UnclosedBracket,
        number,
        at,
        "the comment goes on to the end of the line, and the bracket is part of it",
    );
    let help = "write the comment behind the bracket, or on a line of its own";
    let changed = format!("{} {closers}", line[..end].trim_end());
    Some(slip.long(rest.chars().count()).help(help).or(changed))
}

/// A text without quotes that begins with a sign of YAML, or has one inside.
fn sign(line: &str, number: usize, field: &Field<'_>) -> Option<Slip> {
    let range = value_region(line, field.value, field.inside);
    let written = &line[range.clone()];
    let (at, length, message) = trigger(written, is_text(field.key))?;
    // A list or a mapping in place of a text is one only where a text belongs.
    let slip = Slip::new(Code::NeedsQuotes, number, range.start + at, message).long(length);
    let text = content(written);
    let curly = written.starts_with(['“', '„', '”', '‘', '‚', '«']);
    let note = if curly { "curly quotes mean nothing to YAML; " } else { "" };
    let text = if curly { bare(text) } else { text };
    let help = match is_text(field.key) && !field.inside {
        true => format!("{note}{}, {OR_BLOCK}", cure(field.key, text)),
        false => format!("{note}{}", cure(field.key, text)),
    };
    Some(slip.help(help).or(with(line, range, &quoted(text))))
}

/// A text without the curly quotes around it.
pub(super) fn bare(text: &str) -> &str {
    text.trim_matches(['“', '„', '”', '‘', '’', '‚', '«', '»', '‟', '‛'])
}

/// Whether a field holds words for people, or a condition.
fn is_text(key: &str) -> bool {
    matches!(key, "text" | "where") || is_language(key)
}

/// Where a text needs quotes, in bytes; how long that is, and why.
fn trigger(written: &str, is_text: bool) -> Option<(usize, usize, String)> {
    let first = written.chars().next()?;
    let second = written[first.len_utf8()..].chars().next();
    let begins = |what: &str| {
        let sign = if first == '`' { "a backquote".to_owned() } else { format!("`{first}`") };
        let message =
            format!("a text that begins with {sign} needs quotes: YAML takes it for {what}");
        Some((0, 1, message))
    };
    match (first, second) {
        ('{', Some('{' | '%' | '#')) => {
            let sign: String = written.chars().take(2).collect();
            let message = format!(
                "a text that begins with `{sign}` needs quotes: YAML takes the `{{` for the beginning of a mapping"
            );
            return Some((0, 2, message));
        }
        ('{', _) if is_text => return begins("the beginning of a mapping"),
        ('[', _) if is_text => return begins("the beginning of a list"),
        ('{' | '[', _) => return None,
        ('@' | '`', _) => return begins("a sign that is reserved"),
        ('%', _) => return begins("a directive"),
        ('*', _) => return begins("an alias, the name of another value"),
        ('&', _) => return begins("an anchor, a name for this value"),
        ('!', _) => return begins("a tag"),
        ('|', Some(c)) if !"0123456789+-".contains(c) => return begins("the beginning of a block"),
        ('>', Some(c)) if !"0123456789+-".contains(c) => return begins("the beginning of a block"),
        ('-', None | Some(' ')) => return begins("the beginning of a list"),
        ('?', None | Some(' ')) => return begins("the beginning of a key"),
        (':', None | Some(' ')) | (',' | ']' | '}', _) => return begins("a sign of its own"),
        _ => {}
    }
    let at = written
        .find(": ")
        .or_else(|| written.find(":\t"))
        .or_else(|| written.ends_with(':').then(|| written.len() - 1))?;
    let message = "a text with a colon and a blank in it needs quotes: YAML takes what stands before the colon for a key";
    Some((at, 1, message.to_owned()))
}
