//! What an API may do to a text before it keeps it.

use std::{fmt::Write as _, str::FromStr};

use unicode_normalization::UnicodeNormalization as _;

/// One thing that the sandbox does to the text of each POST and PUT: it stores, answers and shows
/// the text that results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// White space at the start and the end goes.
    Trim,
    /// Each run of blanks becomes one blank; with a line break in it, one line break.
    Collapse,
    /// Line breaks become `\r\n`.
    Crlf,
    /// Line breaks become `<br>`.
    Br,
    /// Blanks become no-break spaces.
    Nbsp,
    /// Zero-width and other invisible characters go.
    Invisible,
    /// Unicode is composed.
    Nfc,
    /// Unicode is decomposed.
    Nfd,
    /// Unicode is composed, and lookalikes become one (`ﬁ` is `fi`).
    Nfkc,
    /// `& < > " '` become entities.
    Escape,
    /// Entities become characters.
    Unescape,
    /// Tags of HTML go.
    StripTags,
    /// URLs become links.
    Linkify,
    /// Quotes, dashes and dots become typographic ones.
    SmartQuotes,
    /// Emoji become codes: `:rocket:`.
    EmojiCodes,
    /// Emoji become entities: `&#x1f680;`.
    EmojiEntities,
    /// Emoji go.
    DropEmoji,
    /// Only this number of characters is kept.
    Truncate(usize),
}

/// The rules with their names. The number is an example.
const NAMES: [(&str, Rule); 18] = [
    ("trim", Rule::Trim),
    ("collapse", Rule::Collapse),
    ("crlf", Rule::Crlf),
    ("br", Rule::Br),
    ("nbsp", Rule::Nbsp),
    ("invisible", Rule::Invisible),
    ("nfc", Rule::Nfc),
    ("nfd", Rule::Nfd),
    ("nfkc", Rule::Nfkc),
    ("escape", Rule::Escape),
    ("unescape", Rule::Unescape),
    ("strip-tags", Rule::StripTags),
    ("linkify", Rule::Linkify),
    ("smart-quotes", Rule::SmartQuotes),
    ("emoji-codes", Rule::EmojiCodes),
    ("emoji-entities", Rule::EmojiEntities),
    ("drop-emoji", Rule::DropEmoji),
    ("truncate=40", Rule::Truncate(40)),
];

impl Rule {
    /// Each rule as it is written; that of `truncate` with an example of a number.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().map(|(name, _)| name)
    }

    /// What becomes of a text.
    pub fn apply(self, text: &str) -> String {
        let each = |change: fn(char) -> Option<&'static str>| replaced(text, change);
        match self {
            Self::Trim => text.trim().to_owned(),
            Self::Collapse => collapsed(text),
            Self::Crlf => text.replace("\r\n", "\n").replace('\n', "\r\n"),
            Self::Br => text.replace("\r\n", "\n").replace('\n', "<br>"),
            Self::Nbsp => text.replace(' ', "\u{a0}"),
            Self::Invisible => each(|c| invisible(c).then_some("")),
            Self::Nfc => text.nfc().collect(),
            Self::Nfd => text.nfd().collect(),
            Self::Nfkc => text.nfkc().collect(),
            Self::Escape => each(|c| ENTITIES.iter().find(|(of, _)| *of == c).map(|(_, to)| *to)),
            Self::Unescape => unescaped(text),
            Self::StripTags => without_tags(text),
            Self::Linkify => linkified(text),
            Self::SmartQuotes => smart(text),
            Self::EmojiCodes => emoji(text, |c, out| match NAMED.iter().find(|(of, _)| *of == c) {
                Some((_, name)) => write!(out, ":{name}:"),
                None => write!(out, ":u{:x}:", u32::from(c)),
            }),
            Self::EmojiEntities => emoji(text, |c, out| write!(out, "&#x{:x};", u32::from(c))),
            Self::DropEmoji => emoji(text, |_, _| Ok(())),
            Self::Truncate(most) => text.chars().take(most).collect(),
        }
    }
}

/// What becomes of a text under some rules, one after the other.
pub(super) fn normalised(rules: &[Rule], text: String) -> String {
    rules.iter().fold(text, |text, rule| rule.apply(&text))
}

/// Why a text is no [`Rule`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no rule is called {text:?}; the rules are {}", Rule::names().collect::<Vec<_>>().join(", "))]
pub struct ParseRuleError {
    text: String,
}

impl FromStr for Rule {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, ParseRuleError> {
        let written = text.trim();
        let rule = match written.strip_prefix("truncate=") {
            Some(most) => most.parse().ok().filter(|most| *most > 0).map(Self::Truncate),
            None => NAMES.iter().find(|(name, _)| *name == written).map(|(_, rule)| *rule),
        };
        rule.ok_or_else(|| ParseRuleError { text: text.to_owned() })
    }
}

const ENTITIES: [(char, &str); 5] =
    [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#39;")];

/// Some emoji that have a code of their own in chats.
const NAMED: [(char, &str); 8] = [
    ('\u{1f680}', "rocket"),
    ('\u{1f44b}', "wave"),
    ('\u{1f44d}', "thumbsup"),
    ('\u{1f389}', "tada"),
    ('\u{1f600}', "grinning"),
    ('\u{1f642}', "slightly_smiling_face"),
    ('\u{2728}', "sparkles"),
    ('\u{2764}', "heart"),
];

fn invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

fn is_emoji(c: char) -> bool {
    matches!(c, '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}')
}

fn replaced(text: &str, change: fn(char) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match change(c) {
            Some(other) => out.push_str(other),
            None => out.push(c),
        }
    }
    out
}

fn emoji(text: &str, write: fn(char, &mut String) -> std::fmt::Result) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_emoji(c) {
            // Writing to a String does not fail.
            let _ = write(c, &mut out);
        } else {
            out.push(c);
        }
    }
    out
}

fn collapsed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(char::is_whitespace) {
        let (before, run) = rest.split_at(start);
        let end = run.find(|c: char| !c.is_whitespace()).unwrap_or(run.len());
        out.push_str(before);
        out.push(if run[..end].contains('\n') { '\n' } else { ' ' });
        rest = &run[end..];
    }
    out + rest
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let entity = from.split_once(';').and_then(|(entity, after)| {
            let known = ENTITIES.iter().find(|(_, to)| to.strip_suffix(';') == Some(entity));
            let number = || {
                let digits = entity.strip_prefix("&#")?;
                match digits.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok(),
                    None => digits.parse().ok(),
                }
            };
            let c = known.map(|(c, _)| *c).or_else(|| char::from_u32(number()?))?;
            Some((c, after))
        });
        match entity {
            Some((c, after)) => {
                out.push(c);
                rest = after;
            }
            None => {
                out.push('&');
                rest = &from[1..];
            }
        }
    }
    out + rest
}

fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let tag = from[1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!".contains(c));
        match from.find('>').filter(|_| tag) {
            Some(end) => rest = &from[end + 1..],
            None => {
                out.push('<');
                rest = &from[1..];
            }
        }
    }
    out + rest
}

fn linkified(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        let url = word.trim_end();
        if url.starts_with("https://") || url.starts_with("http://") {
            let _ = write!(out, "<a href=\"{url}\">{url}</a>{}", &word[url.len()..]);
        } else {
            out.push_str(word);
        }
    }
    out
}

fn smart(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.replace("...", "…").replace("--", "–").chars() {
        let opens = before.is_whitespace() || before == '(';
        out.push(match (c, opens) {
            ('"', true) => '“',
            ('"', false) => '”',
            ('\'', true) => '‘',
            ('\'', false) => '’',
            (other, _) => other,
        });
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_does_what_its_name_says() {
        for (rule, text, becomes) in [
            ("trim", " \n a b\t", "a b"),
            ("collapse", "a  b \n\n c ", "a b\nc "),
            ("crlf", "a\nb\r\nc", "a\r\nb\r\nc"),
            ("br", "a\nb", "a<br>b"),
            ("nbsp", "a b", "a\u{a0}b"),
            ("invisible", "a\u{200b}b\u{feff}", "ab"),
            ("nfc", "e\u{301}", "é"),
            ("nfd", "é", "e\u{301}"),
            ("nfkc", "ﬁx ①", "fix 1"),
            ("escape", "<b> & \"c\" 'd'", "&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;"),
            ("unescape", "&lt;b&gt; &amp;amp; &#x41;&#66; &c; &", "<b> &amp; AB &c; &"),
            ("strip-tags", "<b>a</b> 1 < 2 <br/>c <", "a 1 < 2 c <"),
            (
                "linkify",
                "see https://a.b/c now",
                "see <a href=\"https://a.b/c\">https://a.b/c</a> now",
            ),
            ("smart-quotes", "\"it's\" a -- b...", "“it’s” a – b…"),
            ("emoji-codes", "go \u{1f680}\u{1f995}", "go :rocket::u1f995:"),
            ("emoji-entities", "go \u{1f680}", "go &#x1f680;"),
            ("drop-emoji", "go \u{1f680}!", "go !"),
            ("truncate=3", "äöüß", "äöü"),
        ] {
            let parsed: Rule = rule.parse().expect("a rule");
            assert_eq!(parsed.apply(text), becomes, "{rule}");
        }
    }

    #[test]
    fn rules_are_applied_in_the_order_given() {
        let rules = |names: &str| -> Vec<Rule> {
            names.split(',').map(|name| name.parse().expect("a rule")).collect()
        };
        assert_eq!(normalised(&rules("escape,truncate=2"), "<a>".to_owned()), "&l");
        assert_eq!(normalised(&rules("truncate=2, escape"), "<a>".to_owned()), "&lt;a");
    }

    #[test]
    fn a_wrong_rule_is_told_with_all_right_ones() {
        for wrong in ["", "Trim", "truncate", "truncate=", "truncate=0", "truncate=-1", "trims"] {
            let error = wrong.parse::<Rule>().expect_err("not a rule").to_string();
            assert!(error.contains(&format!("{wrong:?}")), "{error}");
            assert!(Rule::names().all(|name| error.contains(name)), "{error}");
        }
        for name in Rule::names() {
            assert!(name.parse::<Rule>().is_ok(), "{name}");
        }
    }
}
