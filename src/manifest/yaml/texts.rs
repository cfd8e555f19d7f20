//! Texts and conditions that mean to YAML something else than to their author.

use std::{cell::OnceCell, collections::HashSet};

use saphyr_parser::ScalarStyle;

use super::{
    syntax::{self, quoted, shows, texts_of_line, value_region},
    text_fields::Field,
    tree::{Mark, Node, Tree, What, places::Places},
    values::{Value, ValueId, Values},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::{
        comments,
        source_file::{MOST_SHOWN, SourceFile},
    },
    model::{Language, Place},
};

/// Whether all texts and conditions certainly mean what is written.
pub(super) fn are_plain(text: &str, values: &Values<'_>, fields: &[Field<'_>]) -> bool {
    let as_written = |field: &Field<'_>| {
        !matches!(values.get(field.value), Value::Null | Value::List(_) | Value::Map(_))
    };
    let bytes = text.as_bytes();
    let begins = |at: &usize| at.checked_sub(1).is_none_or(|at| bytes[at].is_ascii_whitespace());
    let comment = |at: usize| {
        let start = memchr::memrchr2(b'\n', b'\r', &bytes[..at]).map_or(0, |at| at + 1);
        let alone = bytes[start..at].iter().all(u8::is_ascii_whitespace);
        !alone || bytes.get(at + 1).is_some_and(|next| !next.is_ascii_whitespace())
    };
    fields.iter().all(as_written)
        && !memchr::memchr_iter(b'#', bytes).filter(begins).any(comment)
        && memchr::memchr2_iter(b'&', b'!', bytes).find(begins).is_none()
        && !["“", "„", "«", "‘", "‚"].iter().any(|quote| text.contains(&format!(": {quote}")))
}

/// A problem of a value.
pub(super) struct Found {
    /// The value that is not to be used; `None` if there is none.
    pub(super) value: Option<ValueId>,
    pub(super) diagnostic: Diagnostic,
}

/// Looks at each text and each condition as it is written.
pub(super) fn check(
    file: &SourceFile,
    values: &Values<'_>,
    places: &Places,
    fields: &[Field<'_>],
) -> Vec<Found> {
    let Ok(tree) = file.tree() else { return without_places(file) };
    let used = OnceCell::new();
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for field in fields.iter().copied() {
        let (key, value) = (field.key, field.value);
        if found.len() as u64 >= file.limits().problems {
            break;
        }
        let cx = Written { file, tree, values, places, field, aliases: &used };
        let diagnostic = match values.get(value) {
            Value::Null => Some(cx.nothing(key, value)),
            Value::List(_) | Value::Map(_) => cx.properties(key).or_else(|| cx.collection(value)),
            _ => cx.scalar(key, value),
        };
        let Some(diagnostic) = diagnostic else { continue };
        // An alias says again what is wrong at its anchor.
        if seen.insert(diagnostic.place.clone()) {
            // Nothing is what a field that is left out is, too.
            let value = (*values.get(value) != Value::Null).then_some(value);
            found.push(Found { value, diagnostic });
        }
    }
    found
}

/// The same for a file of which only `serde_yaml` can make something: line by line.
fn without_places(file: &SourceFile) -> Vec<Found> {
    let mut found = Vec::new();
    let lines = (1..).map_while(|number| Some((number, file.line_text(number)?)));
    let mut languages = None;
    for (number, line) in lines {
        if found.len() as u64 >= file.limits().problems {
            break;
        }
        for (name, at) in texts_of_line(line, &mut languages) {
            let region = value_region(line, at, line[..at].contains('{'));
            let text = &line[region];
            let column = u32::try_from(line[..at].chars().count() + 1).unwrap_or(u32::MAX);
            let length = u32::try_from(text.chars().count()).unwrap_or(1);
            let quoted = text.starts_with(['"', '\'', '|', '>']);
            let (code, message) = if text.starts_with("!!str ") {
                continue;
            } else if text.starts_with(['!', '&']) {
                let message = "YAML takes the beginning of this text for a tag or an anchor";
                (Code::NeedsQuotes, message)
            } else if !quoted && (text.contains(" #") || text.contains("\t#")) {
                (Code::CommentInText, "YAML takes a part of this text for a comment")
            } else {
                continue;
            };
            let help = match shows(text) {
                true => format!("put the text in quotes: `{name}: {}`", syntax::quoted(text)),
                false => "put the whole text in quotes".to_owned(),
            };
            let place = file.place_at(number, column, length);
            let diagnostic = Diagnostic::error(code, message).at(place).help(help);
            found.push(Found { value: None, diagnostic });
        }
    }
    found
}

/// `{ text: Hello, world }`: `name` is taken for the field behind the one of this key.
pub(super) fn comma(
    file: &SourceFile,
    places: &Places,
    key: ValueId,
    field: &str,
    name: &str,
) -> Option<Diagnostic> {
    let span = places.span(key);
    let line = file.line_text(span.end.line)?;
    let end = file.offset(span.end);
    let colon = end + line[end..].find(':')? + 1;
    let value = colon + (line[colon..].len() - line[colon..].trim_start().len());
    let region = &line[value_region(line, value, true)];
    if !region.contains(',') || region.starts_with(['"', '\'']) {
        return None;
    }
    let message = format!(
        "a text with a comma needs quotes inside brackets: YAML takes `{name}` for the next field"
    );
    let help = match shows(region) {
        true => format!("put the text in quotes: `{field}: {}`", quoted(region)),
        false => "put the whole text in quotes".to_owned(),
    };
    Some(Diagnostic::error(Code::NeedsQuotes, message).help(help))
}

#[derive(Clone, Copy)]
struct Written<'a> {
    file: &'a SourceFile,
    tree: &'a Tree,
    values: &'a Values<'a>,
    places: &'a Places,
    field: Field<'a>,
    aliases: &'a OnceCell<HashSet<&'a str>>,
}

/// The names of all aliases that a text may have.
fn aliases(text: &str) -> HashSet<&str> {
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}');
    let names = memchr::memchr_iter(b'*', text.as_bytes()).map(|at| &text[at + 1..]);
    names.filter_map(|rest| rest.split(ends).next()).filter(|name| name.len() <= 100).collect()
}

impl Written<'_> {
    fn node(&self, value: ValueId) -> Option<&Node> {
        let node = self.places.node(value)?;
        Some(self.tree.node(self.tree.resolve(node)))
    }

    fn cure(&self, text: &str) -> String {
        match shows(text) {
            true => format!(
                "if it is part of the text, put the text in quotes: `{}: {}`; a comment has a line of its own",
                self.field.name,
                quoted(text)
            ),
            false => "if it is part of the text, put the whole text in quotes; a comment has a line of its own".to_owned(),
        }
    }

    /// That a comment, which begins at this character of a line, was probably meant as text.
    fn comment(&self, number: u32, column: usize, comment: &str, text: &str) -> Diagnostic {
        let line = self.file.line_text(number).unwrap_or_default();
        let short = line.len() <= MOST_SHOWN && comments::hidden(line).is_none();
        let what = match shows(comment) && short {
            true => format!("`{comment}`"),
            false => "the rest of this line, from the `#` on,".to_owned(),
        };
        let place = self.place(number, column, comment.chars().count());
        Diagnostic::error(Code::CommentInText, format!("YAML takes {what} for a comment"))
            .at(place)
            .help(self.cure(text))
    }

    fn place(&self, line: u32, column: usize, length: usize) -> Place {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.file.place_at(line, number(column + 1), number(length.max(1)))
    }

    /// What stands behind the colon of a key: the number of the line, the line, and where that begins in bytes and in
    /// characters.
    fn behind(&self, key: ValueId) -> Option<(u32, &str, usize, usize)> {
        let span = self.places.span(key);
        let line = self.file.line_text(span.end.line)?;
        let end = self.file.offset(span.end);
        let colon = end + line[end..].find(':')? + 1;
        let value = colon + (line[colon..].len() - line[colon..].trim_start().len());
        let column = span.end.column as usize + line[end..value].chars().count();
        Some((span.end.line, line, value, column))
    }

    /// Whether a colon follows a key.
    fn has_colon(&self, key: ValueId) -> bool {
        let end = self.places.span(key).end;
        let Some(line) = self.file.line_text(end.line) else { return true };
        line[self.file.offset(end)..].trim_start().starts_with(':')
    }

    /// `text:` with nothing behind it, or nothing that counts.
    fn nothing(&self, key: ValueId, value: ValueId) -> Diagnostic {
        let code = if self.field.is_text { Code::EmptyText } else { Code::BadWhere };
        let what = if self.field.is_text { "text" } else { "condition" };
        let place = self.file.place_of(self.places.span(key));
        if let Some(((before, language), (behind, name))) = self.field.before
            && !self.has_colon(key)
            && let Some(found) = comma(self.file, self.places, before, language, name)
        {
            return found.at(self.file.place_of(self.places.span(behind)));
        }
        if let Some((number, line, at, column)) = self.behind(key) {
            let rest = line[at..].trim_end();
            if rest.starts_with('#') {
                return self.comment(number, column, rest, rest);
            }
            let what = match rest.chars().next() {
                Some('&') => Some("an anchor, a name for this value"),
                Some('!') => Some("a tag"),
                _ => None,
            };
            if let Some(what) = what {
                let region = &line[value_region(line, at, true)];
                return self.sign(number, column, region, what);
            }
        }
        let written = self.values.text(value).unwrap_or_default();
        let (message, help) = match written {
            "" => (
                format!("`{}:` has no {what}", self.field.name),
                match self.field.is_text {
                    true => format!(
                        "write the text behind it, or indented below `{}: |`",
                        self.field.name
                    ),
                    false => "write a condition behind it, or remove it".to_owned(),
                },
            ),
            _ => (
                format!("`{written}` without quotes stands for nothing: there is no {what}"),
                "put it in quotes if it is meant as it stands".to_owned(),
            ),
        };
        Diagnostic::error(code, message).at(place).help(help)
    }

    /// A list or a mapping whose bracket was meant as a sign of the text.
    fn collection(&self, value: ValueId) -> Option<Diagnostic> {
        let node = self.node(value)?;
        let (line, column) = (node.span.start.line, node.span.start.column as usize);
        let text = self.file.line_text(line)?;
        let start = self.file.offset(node.span.start);
        let Some(sign) = text[start..].chars().next().filter(|c| matches!(c, '{' | '[')) else {
            let first = self.values.entries(value).first();
            if let Some((key, nothing)) = first
                && let Some(name) = self.values.text(*key)
                && Language::parse(name).is_ok()
            {
                let field = Field { key: *key, value: *nothing, name, ..self.field };
                return Some(Written { field, ..*self }.nothing(*key, *nothing));
            }
            let found = match self.values.get(value) {
                Value::List(_) => "a list",
                _ => "a mapping",
            };
            let help = match self.values.get(value) {
                Value::Map(_) if self.field.name == "text" => {
                    "if it is a text, put it in quotes, or write it below `|`, indented; a text for each language stands \
                     behind its tag: `en: …`"
                }
                _ => "if it is a text, put it in quotes, or write it below `|`, indented",
            };
            let message = format!("expected a text, found {found}");
            let place = self.file.place_of(node.span);
            return Some(Diagnostic::error(Code::WrongType, message).at(place).help(help));
        };
        let region = &text[value_region(text, start, true)];
        let what = if sign == '{' { "mapping" } else { "list" };
        Some(self.sign(line, column, region, &format!("the beginning of a {what}")))
    }

    fn sign(&self, line: u32, column: usize, text: &str, what: &str) -> Diagnostic {
        let sign = text.chars().next().unwrap_or('"');
        let tag = text.split([' ', '\t']).next().unwrap_or_default();
        let is_tag = tag.len() > 1 && tag[1..].starts_with(|c: char| c.is_alphabetic() || c == '<');
        let (code, message) = match sign {
            '!' if is_tag => (Code::YamlTag, format!("the tag `{tag}` means nothing here")),
            _ => (
                Code::NeedsQuotes,
                format!("a text that begins with `{sign}` needs quotes: YAML takes it for {what}"),
            ),
        };
        let help = match shows(text) {
            true => format!("put the text in quotes: `{}: {}`", self.field.name, quoted(text)),
            false => "put the whole text in quotes".to_owned(),
        };
        let help = match code {
            Code::YamlTag => format!("if it is part of the text, {help}"),
            _ => help,
        };
        let place = self.place(line, column, text.chars().count());
        Diagnostic::error(code, message).at(place).help(help)
    }

    fn scalar(&self, key: ValueId, value: ValueId) -> Option<Diagnostic> {
        if let Some(found) = self.properties(key) {
            return Some(found);
        }
        let node = self.node(value)?;
        let What::Scalar { style: ScalarStyle::Plain, value: text } = &node.what else {
            return None;
        };
        let (start, end) = (node.span.start, node.span.end);
        // The span may have blank lines at its end.
        let lines = (start.line..=end.line).rev();
        let (number, meant, column) = { lines }.find_map(|number| {
            let (meant, column) = self.file.part_of_line(number, node.span)?;
            let meant = meant.split(" #").next()?.trim_end();
            (!meant.is_empty()).then_some((number, meant, column as usize))
        })?;
        let line = self.file.line_text(number)?;
        let begins = u32::try_from(column).unwrap_or(u32::MAX);
        let from = self.file.offset(Mark { line: number, column: begins }) + meant.len();
        let rest = line.get(from..)?;
        let comment = rest.trim_start();
        if comment.starts_with('#') && comment.len() < rest.len() {
            let before = &rest[..rest.len() - comment.len()];
            let column = column + meant.chars().count() + before.chars().count();
            let text = format!("{text}{rest}");
            return Some(self.comment(number, column, comment.trim_end(), text.trim_end()));
        }
        // `#1` in a line of its own, indented as the next line of the text would be.
        let next = self.file.line_text(number + 1)?;
        let inner = next.trim_start();
        let indent = next.len() - inner.len();
        let goes_on = inner.starts_with('#')
            && !inner.trim_start_matches('#').is_empty()
            && !inner.trim_start_matches('#').starts_with([' ', '!', '-', '=', '\t'])
            && rest.trim().is_empty()
            && indent > self.places.span(key).start.column as usize;
        if goes_on {
            let text = format!("{text} {}", inner.trim_end());
            return Some(self.comment(number + 1, indent, inner.trim_end(), &text));
        }
        self.curly(node, text)
    }

    /// `&amp Hello`, `! Hello`: a word that YAML passes over.
    fn properties(&self, key: ValueId) -> Option<Diagnostic> {
        let (number, line, at, column) = self.behind(key)?;
        let rest = &line[at..];
        let word = rest.split([' ', '\t', ',', '}']).next().unwrap_or_default();
        let what = if let Some(name) = word.strip_prefix('&') {
            let used = self.aliases.get_or_init(|| aliases(self.file.text()));
            if !name.is_empty() && used.contains(name) {
                return None;
            }
            "an anchor, a name for this value"
        } else if word.starts_with('!') && !word.starts_with("!!str") {
            "a tag"
        } else {
            return None;
        };
        let inside = line.len() > MOST_SHOWN || line[..at].contains('{');
        let region = &line[value_region(line, at, inside)];
        Some(self.sign(number, column, region, what))
    }

    /// Curly quotes around a whole text.
    fn curly(&self, node: &Node, text: &str) -> Option<Diagnostic> {
        const PAIRS: [(char, &str); 5] =
            [('“', "”"), ('„', "“”"), ('‘', "’"), ('‚', "‘’"), ('«', "»")];
        let first = text.chars().next()?;
        let (_, ends) = PAIRS.iter().find(|(opens, _)| *opens == first)?;
        let inner = &text[first.len_utf8()..];
        let last = inner.chars().next_back()?;
        let inner = &inner[..inner.len() - last.len_utf8()];
        let quote = |c: char| PAIRS.iter().any(|(opens, ends)| c == *opens || ends.contains(c));
        if !ends.contains(last) || inner.contains(quote) {
            return None;
        }
        let message = format!(
            "the quotes {first} and {last} are part of the {}: only \" and ' mean something to YAML",
            if self.field.is_text { "text" } else { "condition" }
        );
        let help = match shows(inner) {
            true => format!(
                "if they should not be sent, write `{}: {}`; if they should, put straight quotes around the whole",
                self.field.name,
                quoted(inner)
            ),
            false => "if they should not be sent, write straight quotes in their place".to_owned(),
        };
        let place = self.file.place_of(node.span);
        Some(Diagnostic::warning(Code::CurlyQuotes, message).at(place).help(help))
    }
}
