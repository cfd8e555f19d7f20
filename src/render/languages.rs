//! The languages of texts, each with the number of its visitors.

use std::{cmp::Reverse, collections::HashMap};

use super::humanize;
use crate::model::Language;

/// At most this number of languages is named in one line.
const MOST_NAMED: usize = 8;

/// The languages of one message: the one with the most visitors is the first.
pub(super) struct Languages<'a>(Vec<(&'a Language, u64)>);

impl<'a> Languages<'a> {
    /// Those of these deliveries; a delivery whose message has one text for all has none.
    pub(super) fn of(all: impl Iterator<Item = Option<&'a Language>>) -> Self {
        let mut counts: HashMap<&Language, u64> = HashMap::new();
        for language in all.flatten() {
            *counts.entry(language).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(language, visitors)| (Reverse(*visitors), *language));
        Self(counts)
    }

    /// The language, if there is one for all.
    pub(super) fn only(&self) -> Option<&'a Language> {
        match self.0[..] {
            [(language, _)] => Some(language),
            _ => None,
        }
    }

    /// Whether there are several.
    pub(super) fn are_several(&self) -> bool {
        self.0.len() > 1
    }

    /// Each with the number of its visitors, in digits.
    pub(super) fn rows(&self) -> Vec<(String, String)> {
        let rows = self.0.iter();
        rows.map(|(language, visitors)| (language.to_string(), humanize::number(*visitors)))
            .collect()
    }

    /// `in en for 120 visitors, fr for 80`; none if there is no choice of languages.
    pub(super) fn in_a_line(&self) -> Option<String> {
        if let Some(language) = self.only() {
            return Some(format!("in {language}"));
        }
        let visitors = |(at, (language, visitors)): (usize, &(&Language, u64))| match at {
            0 => format!("in {language} for {}", humanize::count(*visitors, "visitor", "visitors")),
            _ => format!("{language} for {}", humanize::number(*visitors)),
        };
        let mut named: Vec<_> = self.0.iter().take(MOST_NAMED).enumerate().map(visitors).collect();
        let more = self.0.len().saturating_sub(MOST_NAMED) as u64;
        if more > 0 {
            let visitors = self.0[MOST_NAMED..].iter().map(|(_, visitors)| visitors).sum();
            let more = humanize::count(more, "more language", "more languages");
            named.push(format!("{more} for {}", humanize::number(visitors)));
        }
        Some(named.join(", ")).filter(|line| !line.is_empty())
    }
}

/// Brings the first text of each language to the front, in the order in which they come.
pub(super) fn each_first<'a, T>(
    texts: Vec<T>,
    language: impl Fn(&T) -> Option<&'a Language>,
) -> Vec<T> {
    let mut seen: Vec<&Language> = Vec::new();
    let (first, others): (Vec<_>, Vec<_>) = texts.into_iter().partition(|text| {
        let new = language(text).filter(|language| !seen.contains(language));
        seen.extend(new);
        new.is_some()
    });
    first.into_iter().chain(others).collect()
}
