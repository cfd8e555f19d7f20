//! Languages of the manifest: the tags of texts, and what `locale:` says.

use super::{
    context::Context,
    files::Files,
    language_names::tag_of_name,
    layers::Layer,
    locale::{Locale, LocaleSetting},
    raw,
    source_path::SourcePath,
};
use crate::{diagnostics::Code, model::Language};

impl Files {
    /// What `locale:` says, in the chosen environment.
    pub(crate) fn locale(&self, cx: &mut Context<'_>) -> LocaleSetting {
        let layers = self.section("locale", |raw| raw.locale.as_ref(), |raw| raw.locale.as_ref());
        let Some(source) = layers.source() else {
            // One of another shape is told already.
            let base = self.main().map(|main| main.source.child("locale"));
            let over = self.overlay().map(|(_, at)| at.child("locale"));
            let written = base.iter().chain(&over).any(SourcePath::is_written);
            return if written { LocaleSetting::Broken } else { LocaleSetting::Absent };
        };
        let column = layers.get("column", |raw| raw.column.as_ref());
        let fallback = layers.get("fallback", |raw| raw.fallback.as_ref());
        let mut missing = |field: &str, help: &str| {
            // One of another shape or name is told already.
            let told = |layer: &Layer<'_, raw::Locale>| {
                layer.at.child(field).is_written() || has_others(&layer.at)
            };
            if !layers.0.iter().any(told) {
                let message = format!("`locale` has no `{field}`");
                cx.error_with(Code::MissingField, message, &source.key(), Some(help.to_owned()));
            }
        };
        if column.is_none() {
            missing("column", "add `column:` with the column of each visitor's language");
        }
        if fallback.is_none() {
            let help = "add `fallback:` with the language for visitors whose own a message does not have: `fallback: en`";
            missing("fallback", help);
        }
        let column = column.and_then(|(name, at)| {
            if name.trim().is_empty() {
                cx.error(Code::BadValue, "this names no column", &at);
                return None;
            }
            Some((name.clone(), at))
        });
        let fallback = fallback.and_then(|(tag, at)| Some((language(cx, tag, &at)?, at)));
        match (column, fallback) {
            (Some(column), Some(fallback)) => LocaleSetting::Known(Locale { column, fallback }),
            _ => LocaleSetting::Broken,
        }
    }
}

/// Whether there are fields that do not exist.
fn has_others(locale: &SourcePath) -> bool {
    let Some((_, tree, node)) = locale.node() else { return false };
    let known = |key| matches!(tree.text(key), Some("column" | "fallback"));
    tree.entries(node).iter().any(|(key, _)| !known(*key))
}

/// A language of the manifest; `None` if it was reported.
pub(crate) fn language(cx: &mut Context<'_>, tag: &str, at: &SourcePath) -> Option<Language> {
    match Language::parse(tag) {
        Ok(language) => Some(language),
        Err(error) => {
            let short: String = tag.chars().take(30).collect();
            let dots = if short.len() < tag.len() { "…" } else { "" };
            let message = format!("`{short}{dots}` is {error}");
            cx.error_with(Code::BadLanguage, message, at, cure(tag));
            None
        }
    }
}

fn cure(tag: &str) -> Option<String> {
    if let Some(tag) = tag_of_name(tag) {
        return Some(format!("did you mean `{tag}`?"));
    }
    match tag.trim().to_lowercase().as_str() {
        "default" | "fallback" | "other" | "others" | "else" | "*" | "_" => Some(
            "write the language of this text: `fallback:` under `locale:` in pushsync.yaml says which one all others get"
                .to_owned(),
        ),
        tag => {
            let tag = Language::parse(&tag.replace(' ', "-")).ok()?;
            Some(format!("write `{tag}`"))
        }
    }
}
