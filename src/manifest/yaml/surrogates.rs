//! Characters that JSON writes as two escapes: `"\ud83d\ude00"` is one emoji.
//!
//! YAML's parsers refuse each half. So the halves are given to them as escapes of the same length that stand for private
//! characters, which the file does not have; and what they read is put together afterwards. No place moves.

use std::borrow::Cow;

/// The private characters that stand for halves begin here: 2,048 for lower-case escapes, and 2,048 for those with a `D`.
const PRIVATE: u32 = 0xE000;

/// Whether a text has escapes of halves, and none of the characters that would stand for them.
fn is_needed(text: &str) -> bool {
    let bytes = text.as_bytes();
    let escapes = || text.match_indices("\\u").map(|(at, _)| at).filter(|at| is_half(bytes, *at));
    // `\uDb` could not be told from `\uDB` afterwards.
    let mixed = |at: usize| {
        bytes[at + 3].is_ascii_alphabetic()
            && bytes[at + 2].is_ascii_uppercase() != bytes[at + 3].is_ascii_uppercase()
    };
    escapes().next().is_some()
        && !escapes().any(mixed)
        && !text.contains(is_private)
        && !has_private_escape(text)
}

fn has_private_escape(text: &str) -> bool {
    text.match_indices("\\u")
        .any(|(at, _)| text.as_bytes().get(at + 2).is_some_and(|byte| matches!(byte, b'e' | b'E')))
}

fn is_private(c: char) -> bool {
    (PRIVATE..PRIVATE + 0x1000).contains(&u32::from(c))
}

/// Whether `\ud800` to `\udfff` stands here.
fn is_half(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at..at + 6), Some([b'\\', b'u', b'd' | b'D', second, rest @ ..])
        if matches!(second, b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F') && rest.iter().all(u8::is_ascii_hexdigit))
}

/// What the parsers get instead of a file.
pub(crate) fn hidden(text: &str) -> Cow<'_, str> {
    if !is_needed(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, _) in text.match_indices("\\u") {
        if at < from || !is_half(bytes, at) {
            continue;
        }
        out.push_str(&text[from..at + 2]);
        // 8 to F become 0 to 7, or 8 to F if the first digit is a capital.
        let second = char::from(bytes[at + 3]).to_digit(16).unwrap_or(8);
        let capital = bytes[at + 2] == b'D';
        let second = second - 8 + if capital { 8 } else { 0 };
        out.push('e');
        out.extend(char::from_digit(second, 16));
        from = at + 4;
    }
    out.push_str(&text[from..]);
    Cow::Owned(out)
}

/// What a scalar of a file means whose halves were hidden. A half without the other one stays.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    let escape = |text: &str, at: usize| {
        matches!(text.as_bytes().get(at..at + 6), Some([b'\\', b'u', b'e', rest @ ..])
            if rest.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.contains(is_private) && !text.match_indices("\\u").any(|(at, _)| escape(text, at)) {
        return Cow::Borrowed(text);
    }
    let half = |c: char| {
        let value = u32::from(c).wrapping_sub(PRIVATE);
        (value < 0x1000).then_some(value % 0x800)
    };
    let mut out = String::with_capacity(text.len());
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().and_then(|(_, next)| half(*next));
        match (half(c), next) {
            (Some(high @ 0..0x400), Some(low @ 0x400..)) => {
                out.extend(char::from_u32(0x10000 + (high << 10) + (low - 0x400)));
                chars.next();
            }
            // Outside double quotes, an escape is text.
            (None, _) if c == '\\' && escape(text, at) => {
                let second = char::from(text.as_bytes()[at + 3]).to_digit(16).unwrap_or(0);
                let digit = char::from_digit(second % 8 + 8, 16).unwrap_or('8');
                let digits = ['d', digit];
                out.push_str("\\u");
                match second < 8 {
                    true => out.extend(digits),
                    false => out.extend(digits.iter().map(char::to_ascii_uppercase)),
                }
                for _ in 0..3 {
                    chars.next();
                }
            }
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Whether a scalar that [`shown`] made has half a character.
pub(crate) fn has_half(text: &str) -> bool {
    text.contains(is_private)
}

/// Where a line has an escape of half a character without the other half.
pub(crate) fn lone(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    let is_low =
        |at: usize| is_half(bytes, at) && matches!(bytes[at + 3], b'c'..=b'f' | b'C'..=b'F');
    let mut at = 0;
    while let Some(found) = line[at..].find("\\u").map(|found| at + found) {
        at = found + 2;
        if !is_half(bytes, found) {
            continue;
        }
        if is_low(found) || !is_low(found + 6) {
            return Some(found);
        }
        at = found + 12;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_halves_are_one_character_and_text_stays_as_it_is() {
        let file = r#"a: "\ud83d\uDE00 \uD83D\ude00", b: \uDBAb \udbab"#;
        let hidden = hidden(file);
        assert_eq!(hidden.len(), file.len(), "no place moves");
        assert!(!hidden.contains("\\ud") && !hidden.contains("\\uD"), "{hidden}");
        assert_eq!(shown(r"\ue03d\uee00"), r"\ud83d\uDE00", "text that looks like escapes");
        assert_eq!(shown("\u{e03d}\u{ee00}!"), "\u{1f600}!");
        assert_eq!(shown("\u{e03d}!"), "\u{e03d}!");
        assert_eq!(lone(r"\ud83d\ude00 \ud83d x"), Some(13));
        assert_eq!(lone(r"\ud83d\ude00"), None);
        assert!(hidden_is_left(r#"a: "\uDb00""#), "its case would be lost");
        assert!(hidden_is_left("a: \"\\ud83d\u{e000}\""), "the private character is in use");
    }

    fn hidden_is_left(text: &str) -> bool {
        matches!(hidden(text), Cow::Borrowed(_))
    }
}
