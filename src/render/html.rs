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
    escape,
    groups::{Group, Shown, Variant, groups, shown},
    humanize,
    size_limit::{Entry, LeftOut, Size, least_first},
    summary,
    view::View,
};
use crate::{
    model::one_line,
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

pub(super) fn plan(plan: &Plan, view: View<'_>) -> io::Result<String> {
    page(plan, view).map_err(io::Error::other)
}

fn page(plan: &Plan, view: View<'_>) -> Result<String, Error> {
    let env = environment()?;
    let mut compared = 0;
    let entries: Vec<Entry> = groups(&plan.changes)
        .iter()
        .map(|group| {
            compared += group.weight(MOST_TEXTS);
            Ok(Entry {
                full: match compared <= MOST_COMPARED {
                    true => Some(article(&env, group, true, view)?),
                    false => None,
                },
                line: article(&env, group, false, view)?,
                changes: group.len(),
                rank: summary::rank(group.action()),
            })
        })
        .collect::<Result<_, Error>>()?;
    let sizes = least_first(&entries, MOST_BYTES, MOST_BYTES / 4 * 3);
    let left_out = LeftOut::of(&entries, &sizes).told();
    let articles: Vec<_> = entries
        .into_iter()
        .zip(sizes)
        .filter_map(|(entry, size)| match size {
            Size::Full => entry.full,
            Size::Line => Some(entry.line),
            Size::Counted => None,
        })
        .collect();
    let counts: Vec<_> = Action::ALL
        .into_iter()
        .map(|action| (action, plan.summary.count(action)))
        .filter(|(_, count)| *count > 0)
        .map(|(action, count)| {
            (action.as_str(), action.sign(), humanize::number(count), summary::verb(action))
        })
        .collect();
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
        requests => summary::visitors_and_requests(plan),
        serial => plan.state.serial,
        state => summary::state(plan),
        refusals => Serde(List::new("note refused", "apply will refuse this plan", refusals)),
        protection => Serde(List::new("note", "Protection", protection)),
        warnings => Serde(List::new("note", "Warnings", plan.diagnostics.iter().map(summary::diagnostic))),
        nothing => plan.changes.is_empty().then(|| summary::unchanged(plan)),
        mask => view.mask,
        left_out,
        articles,
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
    env.add_template("article.html", include_str!("html/article.html"))?;
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

fn number_above_zero(n: usize) -> Option<String> {
    (n > 0).then(|| humanize::number(n as u64))
}

/// An entry, with its texts or without.
fn article(
    env: &Environment<'_>,
    group: &Group<'_>,
    texts: bool,
    view: View<'_>,
) -> Result<String, Error> {
    let first = group.first();
    let (variants, more) =
        if texts { group.first_variants(MOST_TEXTS) } else { (Vec::new(), None) };
    env.get_template("article.html")?.render(context! {
        key => one_line(group.key()),
        action => group.action().as_str(),
        sign => group.action().sign(),
        visitor => (group.len() == 1)
            .then(|| humanize::visitor(&first.address.visitor(), view.mask)),
        visitors => humanize::number(group.len() as u64),
        reason => first.reason.explained(),
        source => summary::source(first),
        variants => Serde(shown_variants(group, &variants, view)),
        more,
    })
}

/// One text and its visitors, as the template shows them.
#[derive(Serialize)]
struct ShownVariant {
    /// The first visitors; none if the whole entry has one visitor.
    few: Vec<String>,
    folded: Vec<String>,
    folded_count: Option<String>,
    unlisted_count: Option<String>,
    /// Empty if they are those of the previous variant.
    facts: Vec<String>,
    bubbles: Vec<bubble::Bubble>,
}

fn shown_variants(
    group: &Group<'_>,
    variants: &[Variant<'_>],
    view: View<'_>,
) -> Vec<ShownVariant> {
    let mut told = None;
    let mut out = Vec::new();
    for variant in variants {
        let facts = match shown(variant.first) {
            // The bubbles name the sender already.
            Shown::New(_) | Shown::Changed(..) => Vec::new(),
            _ => summary::facts(&variant.changes, view),
        };
        let all: &[_] = if group.len() > 1 { &variant.changes } else { &[] };
        let mut visitors =
            all.iter().map(|change| humanize::visitor(&change.address.visitor(), view.mask));
        out.push(ShownVariant {
            few: visitors.by_ref().take(FEW).collect(),
            folded: visitors.take(MOST_VISITORS - FEW).collect(),
            folded_count: number_above_zero(all.len().saturating_sub(FEW)),
            unlisted_count: number_above_zero(all.len().saturating_sub(MOST_VISITORS)),
            facts: if told.as_ref() == Some(&facts) { Vec::new() } else { facts.clone() },
            bubbles: bubble::bubbles(variant.first),
        });
        told = Some(facts);
    }
    out
}
