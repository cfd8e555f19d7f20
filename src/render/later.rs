//! What comes later, message by message: when its window opens and closes, and the texts that nobody has agreed to
//! yet.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::{
    humanize,
    languages::{Languages, each_first},
    summary,
};
use crate::{
    model::{Place, printable},
    plan::{Later, Plan, Upcoming},
};

/// A message whose window opens or closes later.
pub(super) struct LaterMessage<'a> {
    pub(super) key: &'a str,
    /// Its dates and counts. A plan that was written by hand may lack them.
    pub(super) later: Option<&'a Later>,
    /// The deliveries that nobody has agreed to yet.
    pub(super) to_review: Vec<&'a Upcoming>,
    /// Where it is written, as far as the plan knows.
    pub(super) source: Option<&'a Place>,
}

/// The deliveries of such a message with the same text. There is at least one.
pub(super) struct LaterText<'a> {
    pub(super) first: &'a Upcoming,
    pub(super) all: Vec<&'a Upcoming>,
}

/// The messages of a plan whose windows open or close later, in the order of their keys.
pub(super) fn messages(plan: &Plan) -> Vec<LaterMessage<'_>> {
    let mut messages: BTreeMap<&str, LaterMessage<'_>> = BTreeMap::new();
    let empty = |key| LaterMessage { key, later: None, to_review: Vec::new(), source: None };
    for later in &plan.later {
        let key = later.key.as_str();
        messages.entry(key).or_insert_with(|| empty(key)).later = Some(later);
    }
    for upcoming in &plan.upcoming {
        let key = upcoming.address.key_str();
        let message = messages.entry(key).or_insert_with(|| empty(key));
        message.source = message.source.or(upcoming.source.as_ref());
        message.to_review.push(upcoming);
    }
    if messages.values().any(|message| message.source.is_none()) {
        for change in &plan.changes {
            if let Some(message) = messages.get_mut(change.address.key_str()) {
                message.source = message.source.or(change.source.as_ref());
            }
        }
    }
    messages.into_values().collect()
}

impl<'a> LaterMessage<'a> {
    /// How many visitors it has.
    pub(super) fn visitors(&self) -> String {
        let known = self.later.map(|later| later.visitors);
        humanize::count(known.unwrap_or(self.to_review.len() as u64), "visitor", "visitors")
    }

    /// When its window opens and closes.
    pub(super) fn when(&self) -> String {
        match self.later.map(|later| (later.opens, later.closes)) {
            Some((Some(opens), Some(closes))) => format!("opens {opens}, closes {closes}"),
            Some((Some(opens), None)) => format!("opens {opens}"),
            Some((None, Some(closes))) => format!("is open, closes {closes}"),
            Some((None, None)) | None => "has a window".to_owned(),
        }
    }

    /// How many requests that takes, and how long these take.
    pub(super) fn takes(&self, plan: &Plan) -> Option<String> {
        let later = self.later?;
        let does = if later.opens.is_some() { "to send it" } else { "to delete it then" };
        let takes = Duration::from_secs(later.takes_s);
        Some(format!("{does}: {}", summary::requests_later(plan, later.requests, takes)))
    }

    /// Whether somebody has agreed to all of it.
    pub(super) fn is_approved(&self) -> bool {
        let all = self.later.is_some_and(|later| later.approved >= later.visitors);
        all && self.to_review.is_empty()
    }

    /// When, whether somebody has agreed to it, and how long it takes to send: in one line after its name.
    pub(super) fn in_a_line(&self, plan: &Plan) -> String {
        let told = format!("{}; {}", self.when(), self.status());
        // That a window ends is no news: only how long its sends take.
        let opens = self.later.is_some_and(|later| later.opens.is_some());
        match self.takes(plan).filter(|_| opens) {
            Some(takes) => format!("{told}; {takes}"),
            None => told,
        }
    }

    /// How much of it somebody has agreed to.
    pub(super) fn status(&self) -> String {
        match self.later.map(|later| (later.approved, later.visitors)) {
            _ if self.is_approved() => "approved".to_owned(),
            Some((approved, visitors)) if approved > 0 => format!(
                "{} of {} approved, the others to be reviewed",
                humanize::number(approved),
                humanize::number(visitors)
            ),
            _ => "to be reviewed".to_owned(),
        }
    }

    /// The first texts to be reviewed, and words for the others.
    pub(super) fn first_texts(&self, most: usize) -> (Vec<LaterText<'a>>, Option<String>) {
        let mut texts: Vec<LaterText<'a>> = Vec::new();
        let mut places: HashMap<_, usize> = HashMap::new();
        for upcoming in &self.to_review {
            let content = (&upcoming.content, upcoming.opened, upcoming.language.as_ref());
            let place = *places.entry(content).or_insert_with(|| {
                texts.push(LaterText { first: upcoming, all: Vec::new() });
                texts.len() - 1
            });
            texts[place].all.push(upcoming);
        }
        let mut texts = each_first(texts, |text| text.first.language.as_ref());
        let hidden = texts.split_off(texts.len().min(most));
        let visitors = hidden.iter().map(|text| text.all.len()).sum();
        (texts, humanize::more_texts(hidden.len(), visitors))
    }

    /// The languages of the texts to be reviewed.
    pub(super) fn languages(&self) -> Languages<'a> {
        Languages::of(self.to_review.iter().map(|upcoming| upcoming.language.as_ref()))
    }

    /// The number of bytes of its first texts.
    pub(super) fn weight(&self, texts: usize) -> usize {
        let (texts, _) = self.first_texts(texts);
        texts.iter().map(|text| text.first.content.text.len()).sum()
    }

    /// Where it is written: `FILE:LINE`.
    pub(super) fn written(&self) -> Option<String> {
        self.source.map(summary::place)
    }
}

/// The word for a text that the visitors see already: only the end of its window is to be reviewed.
pub(super) const THERE_ALREADY: &str = "it is there already; only its end is to be reviewed";

/// The text of such a delivery, line by line: each line has a sign before it.
pub(super) fn text_lines(upcoming: &Upcoming) -> Vec<String> {
    let sign = if upcoming.opened { ' ' } else { '+' };
    let text = printable(&upcoming.content.text);
    text.split('\n').map(|line| format!("{sign} {line}")).collect()
}
