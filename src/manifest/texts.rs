//! The texts of a message: one, or one for each language.

use std::collections::BTreeMap;

use super::{
    audience::Table,
    context::{Context, World},
    languages::language,
    layers::Layers,
    locale::{Locale, LocaleSetting},
    project::{Body, Text, Texts, Translations},
    raw,
    source_path::SourcePath,
    suggest,
    template::{
        self,
        checks::{self, Form},
        lints::{Finding, Levels},
        meaning, mistakes,
        scope::Scope,
    },
    unions::Texts as Raw,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::Language,
};

/// `None` if there are errors, which were reported. `table` is that of its audience, if it could be read.
pub(crate) fn texts(
    cx: &mut Context<'_>,
    world: &World<'_>,
    layers: &Layers<'_, raw::Message>,
    table: Option<&Table>,
) -> Option<Texts> {
    let Some((last, source)) = layers.get("text", |raw| raw.text.as_ref()) else {
        // One with nothing behind it is told already.
        if !layers.0.iter().any(|layer| layer.at.child("text").is_written()) {
            layers.missing(cx, "this message has no `text`", "add `text:`");
        }
        return None;
    };
    let check = Check { world, layers, table };
    if let Raw::One(text) = last {
        return Some(Texts::One(check.text(cx, text, source)?));
    }
    let (written, bad) = by_language(cx, layers);
    if written.is_empty() && !bad && !layers.faulty() {
        let help = "write a text, or one for each language: `en: …`".to_owned();
        cx.error_with(Code::EmptyText, "there is no text below this", &source.key(), Some(help));
    }
    let count = written.len();
    let all: Vec<(Language, Text)> = written
        .into_iter()
        .filter_map(|(language, (text, at))| Some((language, check.text(cx, text, at)?)))
        .collect();
    let complete = all.len() == count && !bad && !layers.faulty();
    let locale = match &world.locale {
        LocaleSetting::Known(locale) => locale,
        LocaleSetting::Broken => return None,
        LocaleSetting::Absent => {
            let message =
                "there is a text for each language, and nothing says which one a visitor gets";
            let help = "add `locale: { column: lang, fallback: en }` to pushsync.yaml: the column with each visitor's language, and the language for all others";
            cx.error_with(Code::MissingField, message, &source.key(), Some(help.to_owned()));
            return None;
        }
    };
    let has_column = table.is_none_or(|table| has_column(cx, locale, layers, table));
    let (fallback, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(language, _)| *language == locale.fallback.0);
    let Some(fallback) = fallback.into_iter().next() else {
        if complete && count > 0 {
            let language = &locale.fallback.0;
            let message = format!("there is no text in `{language}`, the fallback");
            let help =
                format!("add `{language}: …`, for visitors whose language is not among these");
            let problem = Diagnostic::error(Code::MissingField, message).at(source.key().place());
            let named = locale.fallback.1.place();
            cx.problems.push(problem.related(named, "the fallback is named here").help(help));
        }
        return None;
    };
    let column = locale.column.0.as_str().into();
    (complete && has_column)
        .then(|| Texts::ByLanguage(Translations { column, fallback, others, source: source.key() }))
}

/// Texts by their languages, each with its place.
type ByLanguage<'a> = BTreeMap<Language, (&'a str, SourcePath)>;

/// The texts for each language, those of an environment laid over the others; and whether something is wrong with
/// the languages.
fn by_language<'a>(
    cx: &mut Context<'_>,
    layers: &Layers<'a, raw::Message>,
) -> (ByLanguage<'a>, bool) {
    let mut all = ByLanguage::new();
    let mut bad = false;
    let said = layers.inner("text", |raw| raw.text.as_ref()).0;
    // One text for all replaces those below it.
    let last_one = said.iter().rposition(|layer| matches!(layer.raw, Raw::One(_)));
    for layer in said.into_iter().skip(last_one.map_or(0, |at| at + 1)) {
        let Raw::ByLanguage(texts) = layer.raw else { continue };
        let mut seen: BTreeMap<Language, SourcePath> = BTreeMap::new();
        for (tag, text) in texts {
            let at = layer.at.child(tag.as_str());
            let Some(language) = language(cx, tag, &at.key()) else {
                bad = true;
                continue;
            };
            if let Some(first) = seen.get(&language) {
                let message = format!("there is a second text in `{language}`");
                let problem = Diagnostic::error(Code::DuplicateKey, message).at(at.key().place());
                cx.problems.push(problem.related(first.place(), "the first one is here"));
                bad = true;
                continue;
            }
            seen.insert(language.clone(), at.key());
            all.insert(language, (text, at));
        }
    }
    (all, bad)
}

/// Whether the audience says which language a visitor has.
fn has_column(
    cx: &mut Context<'_>,
    locale: &Locale,
    layers: &Layers<'_, raw::Message>,
    table: &Table,
) -> bool {
    let (column, named) = &locale.column;
    if table.is_left_out() || table.column(column).is_some() {
        return true;
    }
    let Some((_, at)) = layers.get("to", |raw| raw.to.as_ref()) else { return true };
    let (message, help) = if table.is_list() {
        (
            format!("a list of visitors has no column `{column}`, which says who gets which text"),
            Some("send to an audience with that column, or write one text".to_owned()),
        )
    } else {
        let help = match near_column(column, table) {
            Some(near) => Some(format!("did you mean `column: {near}`, under `locale:`?")),
            None => suggest::list(table.columns()).map(|list| format!("there is {list}")),
        };
        (format!("the audience has no column `{column}`, which says who gets which text"), help)
    };
    let mut problem = Diagnostic::error(Code::UnknownColumn, message).at(at.place());
    problem.help = help;
    cx.problems.push(problem.related(named.place(), "the column is named here"));
    false
}

/// A column that was probably meant: the names for languages are short, and `plan` is as near to `lang` as a typo is.
fn near_column<'t>(column: &str, table: &'t Table) -> Option<&'t str> {
    const NAMES: [&str; 6] =
        ["lang", "language", "locale", "lng", "preferred_language", "user_language"];
    let plain = |name: &str| name.to_lowercase().replace(['-', ' '], "_");
    let is_near = |name: &&str| strsim::damerau_levenshtein(&plain(name), &plain(column)) <= 1;
    let near = suggest::nearest(column, table.columns());
    near.filter(|near| is_near(near) || column.chars().count() > 5)
        .or_else(|| table.columns().find(|name| NAMES.contains(&&*plain(name))))
}

/// What each text is checked against.
struct Check<'c, 'w> {
    world: &'c World<'w>,
    layers: &'c Layers<'c, raw::Message>,
    table: Option<&'c Table>,
}

impl Check<'_, '_> {
    fn text(&self, cx: &mut Context<'_>, text: &str, source: SourcePath) -> Option<Text> {
        let Self { world, layers, table } = *self;
        let trimmed = text.trim_end_matches(['\n', '\r']);
        if trimmed.trim().is_empty() {
            // The text below may only not be indented.
            if !layers.faulty() {
                let help = "write a text, or indent the one below".to_owned();
                cx.error_with(Code::EmptyText, "this text is empty", &source, Some(help));
            }
            return None;
        }
        let raw = layers.get("raw", |raw| raw.raw.as_ref()).is_some_and(|(raw, _)| *raw);
        let known = |name: &str| {
            world.vars.contains_key(name) || table.is_some_and(|table| table.column(name).is_some())
        };
        let own = layers.inner("lints", |raw| raw.lints.as_ref());
        let mut lints = world.lints.over(&own);
        if raw || !template::is_template(trimmed) {
            lint(cx, lints.of_text(trimmed, &known), &source, text);
            return Some(Text {
                body: Body::Literal(trimmed.into()),
                source,
                lints: Levels::none(),
            });
        }
        if let Err(refusal) = checks::fits(text, Form::Text) {
            cx.refuse(Code::TemplateSyntax, refusal, &source, text);
            return None;
        }
        let scope = table.map(|table| Scope { table, vars: world.vars });
        if let Err(error) = world.engine.template_from_named_str("text", text) {
            let refusal = mistakes::refusal(&error, text, Form::Text, scope.as_ref());
            cx.refuse(Code::TemplateSyntax, refusal, &source, text);
            return None;
        }
        if let Err(refusal) = checks::check(text, Form::Text, scope.as_ref()) {
            cx.refuse(Code::TemplateSyntax, refusal, &source, text);
            return None;
        }
        let found = meaning::problems(text, Form::Text, scope);
        if !found.is_empty() {
            for refusal in found {
                cx.refuse(Code::TemplateError, refusal, &source, text);
            }
            return None;
        }
        let found = lints.of_template(text, &known);
        found.iter().for_each(|finding| lints.found(finding.code));
        lint(cx, found, &source, text);
        Some(Text { body: Body::Template(text.into()), source, lints })
    }
}

fn lint(cx: &mut Context<'_>, found: Vec<Finding>, source: &SourcePath, text: &str) {
    for finding in found {
        let place = template::place_in(source, text, finding.range.clone());
        cx.problems.push(finding.told(place));
    }
}
