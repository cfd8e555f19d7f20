//! What a chat shows in another way than its author meant: warnings that can be turned off.

use std::ops::Range;

use minijinja::{
    machinery::{Token, tokenize},
    syntax::SyntaxConfig,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    diagnostics::{Code, Diagnostic, Severity},
    model::Place,
};

/// What a finding of a lint is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// Nothing.
    Off,
    /// A warning.
    #[default]
    Warn,
    /// An error.
    Error,
}

/// The lints, in the order of [`Levels`].
const LINTS: [Code; 4] =
    [Code::SingleBraces, Code::WrittenLineBreak, Code::HtmlInText, Code::BlankStart];

/// The level of each lint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Levels(pub(crate) [Level; LINTS.len()]);

/// Whether a name is that of a column or a variable.
pub(crate) type Known<'a> = &'a dyn Fn(&str) -> bool;

/// One finding.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) code: Code,
    pub(crate) severity: Severity,
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: &'static str,
}

impl Finding {
    /// The diagnostic.
    pub(crate) fn told(self, place: Place) -> Diagnostic {
        let Self { code, severity, range: _, message, help } = self;
        let warning = Diagnostic::warning(code, message).at(place).help(help);
        Diagnostic { severity, ..warning }
    }
}

impl Levels {
    fn severity(&self, lint: usize) -> Option<Severity> {
        match self.0[lint] {
            Level::Off => None,
            Level::Warn => Some(Severity::Warning),
            Level::Error => Some(Severity::Error),
        }
    }

    /// All of them off.
    pub(crate) fn none() -> Self {
        Self([Level::Off; LINTS.len()])
    }

    /// Whether any lint is left to look for.
    pub(crate) fn any(&self) -> bool {
        self.0.iter().any(|level| *level != Level::Off)
    }

    /// A lint that was found once is not looked for again.
    pub(crate) fn found(&mut self, code: Code) {
        for (lint, level) in LINTS.iter().zip(&mut self.0) {
            if *lint == code {
                *level = Level::Off;
            }
        }
    }

    /// What a text that is sent as it stands has in it, the first finding of each lint.
    pub(crate) fn of_text(&self, text: &str, known: Known<'_>) -> Vec<Finding> {
        let mut found = Vec::new();
        // Nearly no text has any sign that a lint looks for.
        let suspicious = text.starts_with(char::is_whitespace)
            || text.bytes().any(|byte| matches!(byte, b'{' | b'<' | b'&' | b'\\'));
        if !suspicious {
            return found;
        }
        for lint in 0..LINTS.len() {
            let Some(severity) = self.severity(lint) else { continue };
            let range = match lint {
                0 => single_braces(text, known),
                1 => written_line_break(text),
                2 => html(text),
                _ => blank_start(text),
            };
            if let Some(range) = range {
                found.push(finding(lint, severity, range, text));
            }
        }
        found
    }

    /// What the written parts of a template have in them, whichever of them a visitor gets.
    pub(crate) fn of_template(&self, text: &str, known: Known<'_>) -> Vec<Finding> {
        let mut found: Vec<Finding> = Vec::new();
        let mut levels = *self;
        // Only the text that comes of it shows how it begins.
        levels.0[3] = Level::Off;
        let mut written = false;
        let tokens = tokenize(text, false, SyntaxConfig::default()).map_while(Result::ok);
        for (token, span) in tokens {
            match token {
                Token::TemplateData(data) => {
                    let start = (data.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
                    for mut finding in levels.of_text(data, known) {
                        finding.range = finding.range.start + start..finding.range.end + start;
                        levels.found(finding.code);
                        found.push(finding);
                    }
                    // `{{ name }}}`
                    if written
                        && data.starts_with('}')
                        && let Some(severity) = levels.severity(0)
                    {
                        let message =
                            "a value has two braces on both sides, and this is a third".to_owned();
                        let help = "delete the third brace";
                        let range = start..start + 1;
                        levels.found(Code::SingleBraces);
                        found.push(Finding { code: LINTS[0], severity, range, message, help });
                    }
                }
                Token::VariableStart => {
                    let before = span.start_offset as usize;
                    if text[..before].ends_with('{')
                        && let Some(severity) = levels.severity(0)
                    {
                        let message =
                            "a value has two braces on both sides, and this is a third".to_owned();
                        let help = "delete the third brace";
                        let range = before - 1..before;
                        levels.found(Code::SingleBraces);
                        found.push(Finding { code: LINTS[0], severity, range, message, help });
                    }
                }
                _ => {}
            }
            written = matches!(token, Token::VariableEnd);
        }
        found
    }
}

fn finding(lint: usize, severity: Severity, range: Range<usize>, text: &str) -> Finding {
    let shown: String = text[range.clone()].chars().take(40).collect();
    let (message, help) = match lint {
        0 => (
            format!("`{shown}` is sent as it stands"),
            "a value has two braces on both sides: {{ name }}",
        ),
        1 => (
            format!("`{shown}` is sent as it stands, and is not a line break"),
            "break the line in a `|` block, or put the text in double quotes",
        ),
        2 => (
            format!("`{shown}` is sent as it stands: a chat shows no HTML"),
            "write plain text; a link is its address",
        ),
        _ => (
            "this text begins with a blank line".to_owned(),
            "delete the line; `{%-` and `-%}` take the blanks around a tag away",
        ),
    };
    Finding { code: LINTS[lint], severity, range, message, help }
}

/// `{name}`, `{First Name}`, `${name}`: a name in single braces.
fn single_braces(text: &str, known: Known<'_>) -> Option<Range<usize>> {
    let mut from = 0;
    while let Some(start) = text[from..].find('{').map(|at| from + at) {
        from = start + 1;
        let inner = &text[from..];
        let end =
            inner.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ' ' | '.' | '-')))?;
        let name = inner[..end].trim();
        let closed = inner[end..].starts_with('}') && !inner[end..].starts_with("}}");
        let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_') && name.len() <= 60;
        // With blanks inside, they may be those of a formula or a program.
        let is_meant = name.len() == end || known(name);
        if closed && is_name && is_meant && !text[..start].ends_with('{') {
            return Some(start..from + end + 1);
        }
    }
    None
}

/// A backslash and an `n` behind words, and not in the path of a file.
fn written_line_break(text: &str) -> Option<Range<usize>> {
    let is_path = |at: usize| {
        let word = text[..at].rsplit(char::is_whitespace).next().unwrap_or_default();
        let rest = text[at + 2..].split(char::is_whitespace).next().unwrap_or_default();
        word.ends_with('\\')
            || word.contains(":\\")
            || word.ends_with(':') && word.len() == 2
            || word.starts_with("\\\\")
            || (word.contains('\\') && !word.contains("\\n"))
            || rest.starts_with('\\') && !rest.starts_with("\\n")
    };
    text.match_indices("\\n").map(|(at, _)| at).find(|at| !is_path(*at)).map(|at| at..at + 2)
}

/// The elements that people write in texts.
const ELEMENTS: [&str; 28] = [
    "a", "b", "i", "u", "s", "p", "br", "hr", "em", "strong", "small", "big", "del", "sub", "sup",
    "ul", "ol", "li", "h1", "h2", "h3", "div", "span", "img", "font", "table", "center", "mark",
];

/// `<b>`, `</p>`, `<br/>`, `<a href="…">`, `&nbsp;`
fn html(text: &str) -> Option<Range<usize>> {
    for (start, _) in text.match_indices('<') {
        let rest = &text[start + 1..];
        let name = rest.trim_start_matches('/');
        let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
        let known = ELEMENTS.iter().any(|element| element.eq_ignore_ascii_case(&name[..end]));
        let next = name[end..].starts_with(['>', '/', ' ', '\n']);
        if known
            && next
            && let Some(close) = rest.char_indices().take(300).find(|(_, c)| *c == '>')
        {
            return Some(start..start + 1 + close.0 + 1);
        }
    }
    let entities = ["&nbsp;", "&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
    let found =
        entities.iter().filter_map(|entity| Some((text.find(entity)?, entity.len()))).min()?;
    Some(found.0..found.0 + found.1)
}

/// The blank lines that a text begins with.
fn blank_start(text: &str) -> Option<Range<usize>> {
    let blank = text.len() - text.trim_start().len();
    let lines = text[..blank].rfind('\n')?;
    Some(0..lines + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<&'static str> {
        Levels::default()
            .of_text(text, &|name| name == "name")
            .iter()
            .map(|finding| finding.code.as_str())
            .collect()
    }

    #[test]
    fn what_a_chat_shows_as_it_stands_is_found() {
        for (text, code) in [
            ("Hi {name}", "single-braces"),
            ("Hi {First Name}!", "single-braces"),
            ("Hi ${größe}", "single-braces"),
            ("Hi { name }", "single-braces"),
            ("Hello\\nthere", "written-line-break"),
            ("Hello,\\n\\nbye", "written-line-break"),
            ("a <b>bold</b> word", "html-in-text"),
            ("one<BR/>two", "html-in-text"),
            ("<a href=\"https://acme.example\">here</a>", "html-in-text"),
            ("50&nbsp;%", "html-in-text"),
            ("\n\nHi", "blank-start"),
            ("  \nHi", "blank-start"),
        ] {
            assert_eq!(codes(text), [code], "{text:?}");
        }
    }

    #[test]
    fn what_people_rightly_write_passes() {
        for text in [
            "I <3 you",
            "a { b } c",
            "a < b > c",
            "{ }",
            "{}",
            "f(x) = {1, 2}",
            "{\"a\": 1}",
            "C:\\new\\names",
            "\\\\server\\new",
            "x <- y",
            "  Hi",
            "Tom & Jerry",
            "<https://acme.example>",
            "{{ x }}",
            "<name>",
        ] {
            assert!(codes(text).is_empty(), "{text:?}: {:?}", codes(text));
        }
    }
}
