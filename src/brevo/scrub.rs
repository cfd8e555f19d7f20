//! Makes text from a server fit to be shown.

use std::borrow::Cow;

use serde_json::Value;

use crate::model::{
    IdSource, KnownIds, Redactor, VisitorId, is_hostile,
    mask::{likely_ids, masked, merged, replaced},
};

/// Removes secrets, visitor ids and control characters from text of a server, and shortens it.
///
/// A server may echo anything, including the key and the visitor's id.
pub(super) struct Scrub<'a> {
    /// Texts that must never appear.
    pub(super) secrets: Vec<&'a str>,
    /// The visitor of this request, who is masked.
    pub(super) visitor: Option<&'a VisitorId>,
    /// All other known visitors, who are masked too.
    pub(super) known: &'a KnownIds,
}

impl Scrub<'_> {
    /// The text as one line of at most `max` characters, with all known ids masked.
    pub(super) fn clean(&self, text: &str, max: usize) -> String {
        one_line(&self.hide(text), max)
    }

    /// Like [`Self::clean`], and also masks words that look like an id. For messages, which may hold any visitor's id.
    pub(super) fn message(&self, text: &str, max: usize) -> String {
        let text = self.hide(text);
        one_line(&replaced(&text, &likely_ids(&text)), max)
    }

    /// Like [`Self::clean`] for text that is not shown: it masks only this request's visitor, which is faster.
    pub(super) fn unshown(&self, text: &str, max: usize) -> String {
        one_line(&self.own(self.secret(text)), max)
    }

    /// The part of a body that may be shown: all of JSON, with its visitors masked; nothing of broken JSON, because
    /// its visitors cannot be found; the first words of an HTML page or any other text.
    pub(super) fn excerpt(&self, body: &[u8], max: usize) -> String {
        match serde_json::from_slice::<Value>(body) {
            Ok(mut value) => {
                mask_visitors(&mut value, false);
                self.message(&value.to_string(), max)
            }
            Err(_) if matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) => String::new(),
            Err(_) => self.words(&String::from_utf8_lossy(body), max),
        }
    }

    fn words(&self, text: &str, max: usize) -> String {
        // Secrets are hidden before the text is cut: half a key is still too much.
        let text = self.hide(text);
        let mut end = text.len().min(16 * 1024);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.message(&without_tags(&text[..end]), max)
    }

    fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let text = self.own(self.secret(text));
        let spans = self.known.redactor().spans(&text);
        match spans.is_empty() {
            true => text,
            false => Cow::Owned(replaced(&text, &merged(spans)).into_owned()),
        }
    }

    fn secret<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for secret in &self.secrets {
            if text.contains(secret) {
                text = Cow::Owned(replace(&text, secret, "[hidden]"));
            }
        }
        text
    }

    fn own<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        let Some(visitor) = self.visitor else { return text };
        match Redactor::of([visitor as &dyn IdSource]).redact(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(text) => Cow::Owned(text),
        }
    }
}

/// Masks all values of fields whose name says visitor or user, at any depth.
fn mask_visitors(value: &mut Value, visitors: bool) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| mask_visitors(item, visitors)),
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = name.to_ascii_lowercase();
                mask_visitors(field, visitors || name.contains("visitor") || name.contains("user"));
            }
        }
        Value::String(id) if visitors => *id = masked(id),
        Value::Number(_) if visitors => *value = "…".into(),
        _ => {}
    }
}

/// Replaces every occurrence of a needle. A needle of fewer than eight characters (a sandbox's key may be `x`) is
/// replaced only as a whole word: otherwise it would tear words apart and hide nothing.
fn replace(text: &str, needle: &str, by: &str) -> String {
    const SHORT: usize = 8;
    if needle.is_empty() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = None;
    while let Some(at) = rest.find(needle) {
        let (head, tail) = (&rest[..at], &rest[at + needle.len()..]);
        let previous = head.chars().next_back().or(before);
        let alone = !previous.is_some_and(char::is_alphanumeric)
            && !tail.chars().next().is_some_and(char::is_alphanumeric);
        out.push_str(head);
        out.push_str(if alone || needle.len() >= SHORT { by } else { needle });
        before = needle.chars().next_back();
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// Makes one line: control characters, separators of lines and paragraphs, and invisible or direction-changing
/// characters become spaces, and each run of spaces becomes one. Longer text is cut, with an ellipsis.
fn one_line(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(4 * max));
    let mut length = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() || is_hostile(c) {
            gap = length > 0;
            continue;
        }
        if length + usize::from(gap) >= max {
            out.push('…');
            break;
        }
        if std::mem::take(&mut gap) {
            out.push(' ');
            length += 1;
        }
        out.push(c);
        length += 1;
    }
    out
}

/// Removes tags, and the contents of scripts and styles.
fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(4096));
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let name: String = rest[1..].chars().take(6).collect::<String>().to_ascii_lowercase();
        let end = ["script", "style"]
            .iter()
            .find(|tag| name.starts_with(**tag))
            .and_then(|tag| {
                // `to_ascii_lowercase` does not move any byte.
                rest.to_ascii_lowercase().find(&format!("</{tag}"))
            })
            .unwrap_or(0);
        match rest[end..].find('>') {
            Some(close) => rest = &rest[end + close + 1..],
            None => return out,
        }
        out.push(' ');
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrub<'a>(secrets: &[&'a str], visitor: Option<&'a VisitorId>) -> Scrub<'a> {
        let known = Box::leak(Box::default());
        Scrub { secrets: secrets.to_vec(), visitor, known }
    }

    #[test]
    fn secrets_and_visitor_ids_do_not_survive() {
        let visitor = VisitorId::parse("kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg").expect("valid");
        let clean = scrub(&["xkeysib-secret"], Some(&visitor))
            .clean("key xkeysib-secretxkeysib-secret of kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg!", 200);
        assert_eq!(clean, "key [hidden][hidden] of kZMv…xvg!");
    }

    #[test]
    fn a_key_of_one_letter_does_not_tear_words_apart() {
        assert_eq!(
            scrub(&["x"], None).clean("exact x, (x) xx", 99),
            "exact [hidden], ([hidden]) xx"
        );
    }

    #[test]
    fn text_becomes_one_short_line_without_control_characters() {
        let scrub = scrub(&[], None);
        assert_eq!(scrub.clean("\u{1b}[31mred\r\n\u{202e}abc\u{0}", 99), "[31mred abc");
        assert_eq!(scrub.clean("  abc  ", 3), "abc");
        assert_eq!(scrub.clean("abcd", 3), "abc…");
        assert_eq!(scrub.clean("ab cd", 3), "ab…");
        assert_eq!(scrub.clean("", 3), "");
    }

    #[test]
    fn only_the_words_of_an_html_page_stay() {
        let page = "<html><head><title>502 Bad Gateway</title><STYLE>a{}</STYLE><script>if(a>b){}\
                    </script></head><body><h1>502</h1>nginx</body></html>";
        let excerpt = |body: &str| scrub(&[], None).excerpt(body.as_bytes(), 99);
        assert_eq!(excerpt(page), "502 Bad Gateway 502 nginx");
        assert_eq!(excerpt("a < b"), "a");
        assert_eq!(excerpt("<é<script>é"), "é");
    }

    #[test]
    fn everything_of_json_but_the_visitors_stays() {
        let excerpt = |body: &str| scrub(&[], None).excerpt(body.as_bytes(), 99);
        assert_eq!(
            excerpt(r#"{"a":[{"visitorId":"kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg"}],"b":"c"}"#),
            r#"{"a":[{"visitorId":"kZMv…xvg"}],"b":"c"}"#
        );
        assert_eq!(excerpt(r#"{"visitorId":"a b"}"#), r#"{"visitorId":"…"}"#);
        assert_eq!(excerpt(r#" {"visitorId":"kZMvWhf8npAu3H6q"#), "");
    }

    proptest::proptest! {
        #[test]
        fn no_text_brings_a_secret_or_a_control_character_through(
            parts in proptest::collection::vec(
                proptest::prop_oneof![
                    proptest::prelude::Just("xkeysib-0123".to_owned()),
                    proptest::prelude::Just("kZMvWhf8npAu".to_owned()),
                    proptest::prelude::Just("</script><style".to_owned()),
                    ".{0,4}",
                    "[<>{}\\[\\]\"a-z\u{0}-\u{1f}\u{200b}]{0,6}",
                ],
                0..12,
            ),
            max in 0_usize..60,
        ) {
            let visitor = VisitorId::parse("kZMvWhf8npAu").expect("valid");
            let scrub = scrub(&["xkeysib-0123"], Some(&visitor));
            let text = parts.concat();
            for shown in [scrub.clean(&text, max), scrub.excerpt(text.as_bytes(), max)] {
                proptest::prop_assert!(!shown.contains("xkeysib-0123"), "{shown}");
                proptest::prop_assert!(!shown.contains("kZMvWhf8npAu"), "{shown}");
                proptest::prop_assert!(!shown.chars().any(char::is_control), "{shown:?}");
                proptest::prop_assert!(shown.chars().count() <= max + 1, "{shown:?}");
            }
        }
    }
}
