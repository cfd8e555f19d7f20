//! Lines of YAML that may be broken: their fields, and where the values of these begin and end.

use std::ops::Range;

use crate::{
    manifest::{comments, suspects},
    model::{Language, mask::likely_ids},
};

/// A key, a colon, and where the value begins. In bytes of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'l> {
    pub(super) key: &'l str,
    pub(super) at: usize,
    pub(super) value: usize,
    /// Whether brackets are around it.
    pub(super) inside: bool,
}

/// Of a longer value in brackets, the end is not looked for.
const MOST_VALUE: usize = 10_000;
/// Longer keys are texts.
const MOST_KEY: usize = 128;

/// How deep a line is indented, in bytes.
pub(super) fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Whether a line has nothing to say.
pub(super) fn is_blank(line: &str) -> bool {
    let rest = line.trim();
    rest.is_empty() || rest.starts_with('#')
}

/// Whether a character looks like a blank, and is none to YAML.
pub(super) fn is_odd_blank(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{1680}' | '\u{180e}' | '\u{2000}'
            ..='\u{200d}' | '\u{202f}' | '\u{205f}' | '\u{2060}' | '\u{3000}' | '\u{feff}'
    )
}

/// Whether a field of this name exists.
pub(in crate::manifest::yaml) fn is_known(name: &str) -> bool {
    suspects::is_field(name)
}

/// Whether a key may be the language of a text: `en`, `pt-BR`. `at-home` is a key.
pub(in crate::manifest::yaml) fn is_language(name: &str) -> bool {
    let mut parts = name.split('-');
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    parts.next().is_some_and(|first| first.len() == 2)
        && parts.all(|part| matches!((part.len(), digits(part)), (2 | 4, false) | (3, true)))
        && !is_known(name)
        && Language::parse(name).is_ok_and(|language| language.as_str() == name)
}

/// Whether a field of this name may exist.
pub(super) fn is_name(name: &str) -> bool {
    is_known(name) || is_language(name)
}

/// The fields of a line. `inside`: brackets that were opened in a line above are around it.
pub(super) fn fields(line: &str, inside: bool) -> Vec<Field<'_>> {
    let mut found = Vec::new();
    let mut at = indent(line);
    // `- key: value`
    while line[at..].starts_with("- ") || line[at..].starts_with("? ") {
        at += 2;
        at += indent(&line[at..]);
    }
    let mut depth = usize::from(inside);
    let mut entry = true;
    while at < line.len() {
        let rest = &line[at..];
        if entry {
            entry = false;
            if let Some((key, length)) = key(rest, depth > 0) {
                let value =
                    at + length + (rest[length..].len() - rest[length..].trim_start().len());
                found.push(Field { key, at, value, inside: depth > 0 });
                at = value;
                // The value of a block mapping is all of the rest.
                if depth == 0 && !line[at..].starts_with(['{', '[']) {
                    break;
                }
                continue;
            }
        }
        let mut chars = rest.chars();
        let next = chars.next().unwrap_or(' ');
        match next {
            '{' | '[' => (depth, entry) = (depth + 1, true),
            '}' | ']' => depth = depth.saturating_sub(1),
            ',' => entry = depth > 0,
            '"' | '\'' if starts_value(&line[..at]) => {
                at += closing(rest, next).map_or(1, |end| end + 1);
                continue;
            }
            '#' if line[..at].ends_with([' ', '\t']) => break,
            _ => {}
        }
        at += next.len_utf8();
        if entry {
            at += line[at..].len() - line[at..].trim_start().len();
        }
    }
    found
}

/// The texts and conditions of a line: the name of the field, and where its value begins. `languages` is how deep the
/// last `text:` is indented, if it has nothing behind it.
pub(in crate::manifest::yaml) fn texts_of_line<'l>(
    line: &'l str,
    languages: &mut Option<usize>,
) -> Vec<(&'l str, usize)> {
    let all = fields(line, false);
    let below = !is_blank(line) && languages.is_some_and(|depth| indent(line) > depth);
    if !is_blank(line) && !below {
        *languages = None;
    }
    let mut in_text = below;
    let mut found = Vec::new();
    for field in all {
        let nothing = line[field.value..].trim_start();
        match field.key {
            "text" if nothing.is_empty() => *languages = Some(indent(line)),
            "text" => in_text = nothing.starts_with('{'),
            _ => {}
        }
        if matches!(field.key, "text" | "where") || (in_text && is_language(field.key)) {
            found.push((field.key, field.value));
        }
    }
    found
}

/// The key that a line begins with.
pub(super) fn key_of(line: &str) -> Option<&str> {
    let rest = line.trim_start().trim_start_matches("- ");
    key(rest, false).map(|(key, _)| key)
}

/// Whether a quote that follows this begins a value.
fn starts_value(before: &str) -> bool {
    let trimmed = before.trim_end();
    trimmed.is_empty()
        || trimmed.ends_with(['{', '[', ',', ':'])
        || (trimmed.ends_with('-') && trimmed.trim_start() == "-")
}

/// A key at the beginning of `rest`, without quotes, and where what follows the colon begins.
fn key(rest: &str, inside: bool) -> Option<(&str, usize)> {
    let (key, end) = match rest.chars().next()? {
        quote @ ('"' | '\'') => {
            let end = closing(rest, quote)?;
            (&rest[1..end], end + 1)
        }
        '#' | '&' | '*' | '!' | '|' | '>' | '%' | '@' | '`' | '{' | '[' => return None,
        _ => {
            let ends = |(at, c): (usize, char)| {
                let follows = rest[at + c.len_utf8()..].chars().next();
                let colon = c == ':' && follows.is_none_or(|c| c.is_whitespace());
                (colon || (inside && matches!(c, ',' | '}' | ']' | '{' | '['))).then_some(at)
            };
            let end = rest.char_indices().find_map(ends)?;
            (rest[..end].trim_end(), end)
        }
    };
    let after = rest[end..].trim_start();
    let colon = rest.len() - after.len();
    let quoted = end > 0 && rest[..end].ends_with(['"', '\'']);
    let follows = after.strip_prefix(':')?.chars().next();
    let good = follows.is_none_or(char::is_whitespace) || (inside && quoted);
    (good && !key.is_empty() && key.len() <= MOST_KEY).then_some((key, colon + 1))
}

/// Where the quote is that closes the one at the beginning of `text`.
pub(super) fn closing(text: &str, quote: char) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == '"' => at += 1,
            b'\'' if quote == '\'' && bytes.get(at + 1) == Some(&b'\'') => at += 1,
            byte if char::from(byte) == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Where the value that begins here ends, as somebody means it who forgets the quotes.
pub(in crate::manifest::yaml) fn value_region(
    line: &str,
    value: usize,
    inside: bool,
) -> Range<usize> {
    let mut end = line.trim_end().len().max(value);
    if inside {
        let mut depth = 0_u32;
        for (at, c) in line[value..end].char_indices().take(MOST_VALUE) {
            let ends = match c {
                '{' | '[' => {
                    depth += 1;
                    false
                }
                '}' | ']' if depth == 0 => true,
                '}' | ']' => {
                    depth -= 1;
                    false
                }
                ',' => {
                    let next = key(line[value + at + 1..].trim_start(), true);
                    next.is_some_and(|(name, _)| is_name(name))
                }
                _ => false,
            };
            if ends {
                end = value + at;
                break;
            }
        }
        end = value + line[value..end].trim_end_matches([' ', '\t', ',']).len();
    }
    value..end
}

/// The text of a value, without the quotes around it if it has some.
pub(super) fn content(written: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = written.strip_prefix(quote) {
            // `"Hello" there` begins with a quote that belongs to the text.
            let word_ends = closing(written, quote).is_some_and(|end| {
                end > 1
                    && end + 1 < written.len()
                    && written[end + 1..].starts_with([' ', ',', '.', '!', '?'])
            });
            return match inner.strip_suffix(quote) {
                _ if word_ends => written,
                Some(inner) => inner,
                None => inner,
            };
        }
    }
    written
}

/// A text in the quotes that need the fewest changes.
pub(in crate::manifest::yaml) fn quoted(text: &str) -> String {
    if !text.contains(['"', '\\']) {
        format!("\"{text}\"")
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Whether a text may stand in a message: it is short, and nothing in it looks like the id of a visitor.
pub(in crate::manifest::yaml) fn shows(text: &str) -> bool {
    text.chars().count() <= 60
        && !text.chars().any(char::is_control)
        && likely_ids(text).is_empty()
        && comments::hidden(text).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(line: &str, inside: bool) -> Vec<(&str, &str)> {
        let all = fields(line, inside).into_iter();
        all.map(|field| (field.key, &line[value_region(line, field.value, field.inside)])).collect()
    }

    #[test]
    fn fields_are_found_and_their_values_end_where_they_were_meant_to() {
        assert_eq!(keys("  text: Note: x", false), [("text", "Note: x")]);
        assert_eq!(keys("  - from: a", false), [("from", "a")]);
        assert_eq!(keys("\"text\": b", false), [("text", "b")]);
        assert_eq!(keys("text:b", false), []);
        assert_eq!(
            keys("note: { to: beta, text: {{ x }} is, here }", false)[1..],
            [("to", "beta"), ("text", "{{ x }} is, here")]
        );
        assert_eq!(keys("to: b, text: 'It's' }", true), [("to", "b"), ("text", "'It's'")]);
        assert_eq!(keys("a: { text: [x] done }, b: { text: x }", false)[1], ("text", "[x] done"));
    }
}
