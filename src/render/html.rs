//! A plan as a page of its own: every message as the bubble that its visitor sees.
//!
//! The templates escape every value. The page fetches nothing, and its policy lets only its own script
//! run, which only filters: the page is complete without it.

mod bubble;

use std::io;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use minijinja::{AutoEscape, Environment, Error, context, syntax::SyntaxConfig, value::Serde};
use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::{
    approved::{self, groups_approved, groups_to_review},
    escape,
    groups::{Group, Shown, Variant, shown},
    humanize,
    later::{LaterMessage, LaterText, THERE_ALREADY, messages},
    size_limit::{Entry, LeftOut, Size, least_first},
    summary::{self, Part},
    urgent::{self, Warnings},
    view::View,
};
use crate::{
    diagnostics::Diagnostic,
    model::{Address, Language, one_line},
    plan::{Action, Plan},
};

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// A phone could not show a larger page well.
const MOST_BYTES: u64 = 4 << 20;
/// How many different texts of one message are shown, and how many visitors of each.
const MOST_TEXTS: usize = 50;
const MOST_VISITORS: usize = 1_000;
/// How many visitors are shown unfolded.
const FEW: usize = 4;
/// How many lines of a list are shown.
const MOST_LISTED: usize = 1_000;
/// Entries whose texts are longer than this, together, are not compared.
const MOST_COMPARED: usize = 8 << 20;
/// How important these entries are, beside those of [`summary::rank`].
const LATER: u8 = 6;
const APPROVED: u8 = 10;

pub(super) fn plan(plan: &Plan, view: View<'_>) -> io::Result<String> {
    page(plan, view).map_err(io::Error::other)
}

fn page(plan: &Plan, view: View<'_>) -> Result<String, Error> {
    let env = environment()?;
    let mut compared = 0;
    let mut fits = |weight: usize| {
        compared += weight;
        compared <= MOST_COMPARED
    };
    let mut entries: Vec<Entry> = Vec::new();
    for group in groups_to_review(plan) {
        let texts = fits(group.weight(MOST_TEXTS));
        entries.push(Entry {
            full: texts.then(|| article(&env, &group, MOST_TEXTS, view)).transpose()?,
            line: article(&env, &group, 0, view)?,
            changes: group.len(),
            rank: summary::rank(group.action()),
        });
    }
    let to_review = entries.len();
    for group in groups_approved(plan) {
        let texts = fits(group.weight(1));
        entries.push(Entry {
            full: texts.then(|| article(&env, &group, 1, view)).transpose()?,
            line: article(&env, &group, 0, view)?,
            changes: group.len(),
            rank: APPROVED,
        });
    }
    let approved = entries.len();
    for message in messages(plan) {
        let texts = fits(message.weight(MOST_TEXTS));
        entries.push(Entry {
            full: texts.then(|| later(&env, &message, MOST_TEXTS, plan, view)).transpose()?,
            line: later(&env, &message, 0, plan, view)?,
            changes: message.to_review.len(),
            rank: LATER,
        });
    }
    let sizes = least_first(&entries, MOST_BYTES, MOST_BYTES / 4 * 3);
    let left_out = LeftOut::of(&entries, &sizes).told();
    let mut sections = [Vec::new(), Vec::new(), Vec::new()];
    for (n, (entry, size)) in entries.into_iter().zip(sizes).enumerate() {
        let section = usize::from(n >= to_review) + usize::from(n >= approved);
        sections[section].extend(match size {
            Size::Full => entry.full,
            Size::Line => Some(entry.line),
            Size::Counted => None,
        });
    }
    let [articles, approved, later] = sections;
    let parts = summary::parts_to_review(plan);
    let counts: Vec<_> = parts
        .iter()
        .map(|Part { action, count, words }| {
            let action = action.map(|action| (action.as_str(), action.sign().to_string()));
            let (action, sign) = action.unwrap_or_default();
            (action, sign, humanize::number(*count), *words)
        })
        .collect();
    let approved_parts = summary::parts_approved(plan);
    let actions = |part: &Part| part.action.map(Action::as_str);
    let mut filtered: Vec<_> = Action::ALL.map(Action::as_str).into();
    filtered
        .retain(|name| parts.iter().chain(&approved_parts).any(|part| actions(part) == Some(name)));
    filtered.extend((!later.is_empty()).then_some("later"));
    let approved_counts: Vec<_> = approved_parts.iter().map(Part::text).collect();
    let nothing = match (summary::is_quiet(plan), articles.is_empty()) {
        (true, _) => Some(format!("No changes: {}", summary::unchanged(plan))),
        (false, true) if left_out.is_none() => {
            Some("Nothing to do now that nobody has agreed to yet".to_owned())
        }
        (false, _) => None,
    };
    let told = Warnings::of(plan);
    let withdrawn = approved::withdrawn(plan);
    let withdrawn = withdrawn.iter().map(|(count, key, end)| format!("{count}{key}{end}"));
    let refusals = view.refusals.iter().map(|one| format!("{one}; {}", one.help()));
    let protection =
        plan.protect.iter().map(|mark| format!("{} {}", mark.key, summary::protection(mark)));
    let unchanged = plan.unchanged.iter().map(|one| humanize::address(&one.address, view.mask));
    env.get_template("page.html")?.render(context! {
        style => STYLE,
        style_digest => sha256(STYLE),
        script => SCRIPT,
        script_digest => sha256(SCRIPT),
        environment => one_line(&plan.environment),
        api => summary::at_api(plan).map(|api| format!(" {}", one_line(&api))).unwrap_or_default(),
        commit => plan.commit.as_ref().map(|one| (summary::short(one), summary::dirt(one))),
        as_of => format!("{:.0}", plan.as_of),
        counts,
        unchanged_count => humanize::number(plan.summary.unchanged),
        approved_counts => approved_counts.join(", "),
        requests => (!plan.changes.is_empty()).then(|| summary::visitors_and_requests(plan)),
        serial => plan.state.serial,
        state => summary::state(plan),
        refusals => Serde(List::new("note refused", "apply will refuse this plan", refusals)),
        protection => Serde(List::new("note", "Protection", protection)),
        urgent => Serde(urgent_list(&told)),
        warnings => Serde(List::new("note", "Warnings", told.others.iter().map(|one| summary::diagnostic(one)))),
        nothing,
        filtered,
        withdrawn => Serde(List::new("note", "Withdrawn", withdrawn)),
        mask => view.mask,
        left_out,
        articles,
        approved,
        later,
        unchanged => Serde(List::new("note", "Unchanged", unchanged)),
    })
}

/// The templates. They escape every value that they do not mark as safe.
fn environment() -> Result<Environment<'static>, Error> {
    let mut env = Environment::new();
    env.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?,
    );
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.set_formatter(|out, _, value| {
        if value.is_undefined() || value.is_none() {
            return Err(Error::new(minijinja::ErrorKind::UndefinedError, "a value is missing"));
        }
        let text = value.to_string();
        let safe = if value.is_safe() { text } else { escape::html(&text) };
        out.write_str(&safe).map_err(Error::from)
    });
    env.add_template("page.html", include_str!("html/page.html"))?;
    env.add_template("languages.html", include_str!("html/languages.html"))?;
    env.add_template("variants.html", include_str!("html/variants.html"))?;
    env.add_template("article.html", include_str!("html/article.html"))?;
    env.add_template("later.html", include_str!("html/later.html"))?;
    Ok(env)
}

/// The digest that a policy names an embedded style or script by.
fn sha256(content: &str) -> String {
    BASE64.encode(digest(&SHA256, content.as_bytes()))
}

/// A list with a title; the page has none if there are no lines.
#[derive(Serialize)]
struct List {
    class: &'static str,
    title: &'static str,
    lines: Vec<String>,
    more: Option<String>,
}

impl List {
    fn new(
        class: &'static str,
        title: &'static str,
        lines: impl ExactSizeIterator<Item = String>,
    ) -> Self {
        let more = lines.len().saturating_sub(MOST_LISTED);
        let lines = lines.take(MOST_LISTED).map(|line| one_line(&line)).collect();
        Self { class, title, lines, more: number_above_zero(more) }
    }
}

/// The warnings that nobody may overlook.
fn urgent_list(told: &Warnings<'_>) -> List {
    let line = |one: &&Diagnostic| urgent::start(&summary::diagnostic(one));
    let mut lines: Vec<_> = told.urgent.iter().map(line).collect();
    if told.more_windows > 0 {
        let more = humanize::count(told.more_windows, "more window is", "more windows are");
        lines.push(format!("{more} too short"));
    }
    List::new("note refused", "Before you agree", lines.into_iter())
}

fn number_above_zero(n: usize) -> Option<String> {
    (n > 0).then(|| humanize::number(n as u64))
}

/// An entry, with its texts or without.
fn article(
    env: &Environment<'_>,
    group: &Group<'_>,
    texts: usize,
    view: View<'_>,
) -> Result<String, Error> {
    let first = group.first();
    let languages = group.languages();
    let (variants, more) = if texts > 0 { group.first_variants(texts) } else { (Vec::new(), None) };
    env.get_template("article.html")?.render(context! {
        key => one_line(group.key()),
        action => group.action().as_str(),
        sign => group.action().sign(),
        visitor => (group.len() == 1)
            .then(|| humanize::visitor(&first.address.visitor(), view.mask)),
        visitors => humanize::number(group.len() as u64),
        reason => first.reason.explained(),
        source => summary::source(first),
        language => languages.only().map(Language::to_string),
        languages => if languages.are_several() { languages.rows() } else { Vec::new() },
        variants => Serde(shown_variants(group, &variants, view)),
        more,
    })
}

/// A message whose window opens or closes later, with its texts or without.
fn later(
    env: &Environment<'_>,
    message: &LaterMessage<'_>,
    texts: usize,
    plan: &Plan,
    view: View<'_>,
) -> Result<String, Error> {
    let (texts, more) = if texts > 0 { message.first_texts(texts) } else { (Vec::new(), None) };
    let languages = message.languages();
    let several = languages.are_several();
    let variants: Vec<_> = texts.iter().map(|text| later_variant(text, several, view)).collect();
    env.get_template("later.html")?.render(context! {
        key => message.key,
        visitors => message.visitors(),
        when => message.when(),
        takes => message.takes(plan),
        status => message.status(),
        source => message.written(),
        language => languages.only().map(Language::to_string),
        languages => if several { languages.rows() } else { Vec::new() },
        variants => Serde(variants),
        more,
    })
}

/// One text and its visitors, as the template shows them.
#[derive(Serialize)]
struct ShownVariant {
    /// The language, if the entry has several.
    language: Option<String>,
    /// The first visitors; none if the whole entry has one visitor.
    few: Vec<String>,
    folded: Vec<String>,
    folded_count: Option<String>,
    unlisted_count: Option<String>,
    /// Empty if they are those of the previous variant.
    facts: Vec<String>,
    bubbles: Vec<bubble::Bubble>,
}

impl ShownVariant {
    /// Only the visitors.
    fn to<'a>(
        language: Option<&Language>,
        addresses: impl ExactSizeIterator<Item = &'a Address>,
        view: View<'_>,
    ) -> Self {
        let n = addresses.len();
        let mut visitors =
            addresses.map(|address| humanize::visitor(&address.visitor(), view.mask));
        Self {
            language: language.map(Language::to_string),
            few: visitors.by_ref().take(FEW).collect(),
            folded: visitors.take(MOST_VISITORS - FEW).collect(),
            folded_count: number_above_zero(n.saturating_sub(FEW)),
            unlisted_count: number_above_zero(n.saturating_sub(MOST_VISITORS)),
            facts: Vec::new(),
            bubbles: Vec::new(),
        }
    }
}

fn later_variant(text: &LaterText<'_>, several: bool, view: View<'_>) -> ShownVariant {
    let language = text.first.language.as_ref().filter(|_| several);
    let facts = text.first.opened.then(|| THERE_ALREADY.to_owned());
    ShownVariant {
        facts: facts.into_iter().collect(),
        bubbles: vec![bubble::later(text.first)],
        ..ShownVariant::to(language, text.all.iter().map(|upcoming| &upcoming.address), view)
    }
}

fn shown_variants(
    group: &Group<'_>,
    variants: &[Variant<'_>],
    view: View<'_>,
) -> Vec<ShownVariant> {
    let several = group.languages().are_several();
    let mut told = None;
    let mut out = Vec::new();
    for variant in variants {
        let facts = match shown(variant.first) {
            // The bubbles name the sender already.
            Shown::New(_) | Shown::Changed(..) => Vec::new(),
            _ => summary::facts(&variant.changes, view),
        };
        let all: &[_] = if group.len() > 1 { &variant.changes } else { &[] };
        let addresses = all.iter().map(|change| &change.address);
        out.push(ShownVariant {
            facts: if told.as_ref() == Some(&facts) { Vec::new() } else { facts.clone() },
            bubbles: bubble::bubbles(variant.first),
            ..ShownVariant::to(variant.first.language.as_ref().filter(|_| several), addresses, view)
        });
        told = Some(facts);
    }
    out
}
