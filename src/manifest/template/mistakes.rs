//! What is usually meant by a template that is not one: habits of other languages.

use std::ops::Range;

use minijinja::Error;

use super::{
    checks::{Form, Refusal},
    engine::{message_of, range_of},
    scope::Scope,
};

/// Signs of other languages, what stands in their place, in the order in which they are looked for.
const SIGNS: [(&str, &str); 13] = [
    ("===", "for equal, write `==`"),
    ("!==", "for not equal, write `!=`"),
    ("<>", "for not equal, write `!=`"),
    ("=>", "for greater or equal, write `>=`"),
    ("=<", "for less or equal, write `<=`"),
    ("&&", "write `and`"),
    ("||", "write `or`; for a value that may be missing, write `NAME | default('…')`"),
    ("??", "for a value that may be missing, write `NAME | default('…')`"),
    ("?.", "write a dot alone; for a value that may be missing, write `NAME | default('…')`"),
    ("$", "a column is written without `$`"),
    ("?", "for one of two values, write `A if CONDITION else B`"),
    ("!", "write `not`"),
    ("&", "write `and`; to join texts, write `~`"),
];
/// Quotes that word processors make.
const CURLY: [char; 8] = ['“', '”', '„', '«', '»', '‘', '’', '‚'];

/// A template that the engine cannot read: where, why, and what was probably meant.
pub(crate) fn refusal(error: &Error, text: &str, form: Form, scope: Option<&Scope<'_>>) -> Refusal {
    let range = range_of(error, text);
    let message = message_of(error);
    let part = match form {
        Form::Expression => 0..text.len(),
        Form::Text => tag_around(text, &range),
    };
    let meant = meant(text, &part, &range, &message, form, scope);
    let (at, message, help) = match meant {
        Some((at, message, help)) => (at, message.unwrap_or(plain(&message_of(error))), help),
        None => {
            let help = match form {
                Form::Text => "if the braces are part of the text, say `raw: true`",
                Form::Expression => "an expression is one like `plan == 'pro' and seats|int >= 5`",
            };
            (range, plain(&message), help.to_owned())
        }
    };
    Refusal { range: at, message, help, code: None }
}

/// The engine's words, without those of its inside.
fn plain(message: &str) -> String {
    message
        .replace("end of variable block", "`}}`")
        .replace("end of block", "`%}`")
        .replace("identifier", "a name")
}

type Meant = (Range<usize>, Option<String>, String);

fn meant(
    text: &str,
    part: &Range<usize>,
    at: &Range<usize>,
    message: &str,
    form: Form,
    scope: Option<&Scope<'_>>,
) -> Option<Meant> {
    let inner = text.get(part.clone())?;
    let code = without_texts(inner);
    let here = |from: usize, length: usize| part.start + from..part.start + from + length;
    if let Some((from, quote)) = code.char_indices().find(|(_, c)| CURLY.contains(c)) {
        let said = format!("`{quote}` is not a quote here");
        let help = "write straight quotes: \"…\" or '…'".to_owned();
        return Some((here(from, quote.len_utf8()), Some(said), help));
    }
    if let Some(found) = unclosed(text, part, message, form) {
        return Some(found);
    }
    let word = code.trim_start_matches(['{', '%', '-', ' ']).split_whitespace();
    let words: Vec<&str> = word.take(2).collect();
    if matches!(form, Form::Text) {
        match words.as_slice() {
            ["else", "if"] => {
                let from = code.find("else").unwrap_or(0);
                let help = "write {% elif … %}".to_owned();
                return Some((here(from, 4), Some("`else if` is two words".to_owned()), help));
            }
            [word @ ("elseif" | "elsif" | "elif:"), ..] => {
                let from = code.find(word).unwrap_or(0);
                return Some((here(from, word.len()), None, "write {% elif … %}".to_owned()));
            }
            [word @ ("end" | "fi"), ..] => {
                let from = code.find(word).unwrap_or(0);
                let help = "write {% endif %} or {% endfor %}".to_owned();
                return Some((here(from, word.len()), None, help));
            }
            [name, ..]
                if inner.starts_with("{%") && scope.is_some_and(|s| s.kind(name).is_some()) =>
            {
                let from = code.find(name).unwrap_or(0);
                let said = format!("`{name}` does not begin a tag");
                let help = format!("to write a value, use two braces: {{{{ {name} }}}}");
                return Some((here(from, name.len()), Some(said), help));
            }
            _ => {}
        }
    }
    for (sign, help) in SIGNS {
        let Some(from) = code.find(sign) else { continue };
        // `!=` is a sign of this language.
        if sign == "!" && code[from..].starts_with("!=") {
            continue;
        }
        let said = format!("there is no `{sign}` here");
        return Some((here(from, sign.len()), Some(said), help.to_owned()));
    }
    if let Some(from) = single_equals(&code) {
        let said = "`=` gives a name to a value, and compares nothing".to_owned();
        return Some((here(from, 1), Some(said), "to compare, write `==`".to_owned()));
    }
    if let Some(from) = code.find(':').filter(|from| code[..*from].contains('|')) {
        let filter = code[..from].rsplit('|').next().unwrap_or_default().trim();
        let said = "a filter has its values in brackets".to_owned();
        let value = inner[from + 1..].trim_end_matches(['}', '%', '-']).trim();
        return Some((here(from, 1), Some(said), format!("write `{filter}({value})`")));
    }
    if message.contains("string") && find_word(&code, "is").is_some() {
        return Some((at.clone(), None, "to compare with a text, write `==`".to_owned()));
    }
    if matches!(form, Form::Expression) && (code.contains("{{") || code.contains("{%")) {
        let said = "an expression has no braces around it".to_owned();
        return Some((part.clone(), Some(said), "write it alone: plan == 'pro'".to_owned()));
    }
    if let Some(word @ ("endif" | "endfor")) = message.strip_prefix("unknown statement ") {
        let open = open_block(text.get(..at.start)?)?;
        let tag = text.get(open.clone())?;
        let kind = tag.trim_start_matches(['{', '%', '-', ' ']).split_whitespace().next()?;
        let said = format!("`{word}` stands where `{tag}` is not closed yet");
        return Some((at.clone(), Some(said), format!("close it first: {{% end{kind} %}}")));
    }
    for (word, right) in [("AND", "and"), ("OR", "or"), ("NOT", "not"), ("IN", "in"), ("IS", "is")]
    {
        if let Some(from) = find_word(&code, word) {
            let help = format!("write `{right}` in small letters");
            return Some((here(from, word.len()), None, help));
        }
    }
    for (word, help) in [
        ("then", "after `{% if … %}` follows the text, without `then`"),
        ("contains", "write `'part' in NAME`"),
        ("equals", "write `==`"),
        ("LIKE", "write `'part' in NAME`"),
        ("like", "write `'part' in NAME`"),
        ("between", "write `5 <= NAME and NAME <= 10`"),
    ] {
        if let Some(from) = find_word(&code, word) {
            return Some((here(from, word.len()), None, help.to_owned()));
        }
    }
    two_words(inner, part, at, scope)
}

/// A tag or a block that has no end.
fn unclosed(text: &str, part: &Range<usize>, message: &str, form: Form) -> Option<Meant> {
    if matches!(form, Form::Expression) {
        let code = text.matches('\'').count() % 2 + text.matches('"').count() % 2;
        let said = "a text in this expression has no closing quote".to_owned();
        let help = "put a quote behind the text: 'pro'".to_owned();
        return (code > 0 && message.contains("end of string")).then_some((
            0..text.len(),
            Some(said),
            help,
        ));
    }
    let inner = text.get(part.clone())?;
    let shown = |start: &str| start.chars().take(30).collect::<String>();
    if message.contains("end of input")
        && let Some(open) = open_block(text)
    {
        let tag = text.get(open.clone())?;
        let word = tag.trim_start_matches(['{', '%', '-', ' ']).split_whitespace().next()?;
        let said = format!("`{}` is never closed", shown(tag));
        return Some((open, Some(said), format!("close it with {{% end{word} %}}")));
    }
    if inner.starts_with("{{") && !inner.ends_with("}}") {
        let said = "these braces are never closed".to_owned();
        let help = "a value is written in two braces on both sides: {{ name }}; \
                    if the braces are part of the text, say `raw: true`";
        return Some((part.clone(), Some(said), help.to_owned()));
    }
    if inner.starts_with("{%") && !inner.ends_with("%}") {
        let said = "this tag is never closed".to_owned();
        let help = "a tag ends in `%}`: {% if plan == 'pro' %}";
        return Some((part.clone(), Some(said), help.to_owned()));
    }
    None
}

/// The last block that was begun and not ended.
fn open_block(text: &str) -> Option<Range<usize>> {
    let mut open: Vec<(Range<usize>, &str)> = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find("{%").map(|at| from + at) {
        let end = text[start..].find("%}").map_or(text.len(), |end| start + end + 2);
        let word =
            text[start..end].trim_start_matches(['{', '%', '-', ' ']).split_whitespace().next();
        match word {
            Some(word @ ("if" | "for")) => open.push((start..end, word)),
            Some("endif" | "endfor") => _ = open.pop(),
            _ => {}
        }
        from = end;
    }
    open.pop().map(|(range, _)| range)
}

/// Two names beside each other: a column with a blank in its name, or a text without quotes.
fn two_words(
    inner: &str,
    part: &Range<usize>,
    at: &Range<usize>,
    scope: Option<&Scope<'_>>,
) -> Option<Meant> {
    let plain = inner.trim_matches(['{', '}', '%', '-', ' ']);
    let column = scope?.names().find(|name| {
        name.contains(|c: char| !c.is_alphanumeric() && c != '_') && plain.contains(name)
    });
    if let Some(name) = column {
        let from = part.start + inner.find(name)?;
        let said = format!("the name `{name}` cannot stand alone, with a sign or a blank in it");
        let help = format!("write row[\"{name}\"]");
        return Some((from..from + name.len(), Some(said), help));
    }
    let before = inner.get(..at.start.checked_sub(part.start)?)?;
    if at.end >= part.end {
        return None;
    }
    let joins = before.trim_end().ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let next = inner.get(at.start - part.start..)?;
    (joins && next.starts_with(|c: char| c.is_alphanumeric())).then(|| {
        let help = "put texts in quotes; a column whose name has a blank is row[\"First Name\"]";
        (at.clone(), None, help.to_owned())
    })
}

/// The tag that a place is in or behind.
fn tag_around(text: &str, at: &Range<usize>) -> Range<usize> {
    let until = (at.start + 2).min(text.len());
    let until = (until..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let before = &text[..until];
    let start = before.rfind("{{").max(before.rfind("{%")).unwrap_or(0);
    let close = if text[start..].starts_with("{%") { "%}" } else { "}}" };
    let line = text[start..].find('\n').map_or(text.len(), |end| start + end);
    let end = text[start..].find(close).map(|end| start + end + close.len());
    // A tag that is never closed ends with its line, or where the next begins.
    let first = text[start..].chars().next().map_or(0, char::len_utf8);
    let next = text[start + first..].find("{{").map(|at| start + first + at);
    match end {
        Some(end) if next.is_none_or(|next| next >= end || next == start + 1) => start..end,
        _ => start..line,
    }
}

/// The code with blanks in place of quoted texts.
fn without_texts(code: &str) -> String {
    let mut quote = None;
    let blank = |c: char| " ".repeat(c.len_utf8());
    code.chars()
        .map(|c| match quote {
            Some(open) => {
                if c == open {
                    quote = None;
                }
                blank(c)
            }
            None if matches!(c, '"' | '\'') => {
                quote = Some(c);
                blank(c)
            }
            None => c.to_string(),
        })
        .collect()
}

fn single_equals(code: &str) -> Option<usize> {
    if code.trim_start_matches(['{', '%', '-', ' ']).starts_with("set ") {
        return None;
    }
    let bytes = code.as_bytes();
    let depth = |at: usize| {
        let opened = code[..at].matches('(').count();
        opened > code[..at].matches(')').count()
    };
    let alone = |at: &usize| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        !matches!(before, Some(b'=' | b'!' | b'<' | b'>')) && bytes.get(at + 1) != Some(&b'=')
    };
    code.match_indices('=').map(|(at, _)| at).find(|at| alone(at) && !depth(*at))
}

fn find_word(code: &str, word: &str) -> Option<usize> {
    let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(word).map(|(at, _)| at).find(|at| {
        !is_letter(code[..*at].chars().next_back())
            && !is_letter(code[at + word.len()..].chars().next())
    })
}
