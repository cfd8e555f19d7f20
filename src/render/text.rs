//! A plan for people, at a terminal or in a log.

mod content;
mod styles;

use std::io::{self, Write};

use anstyle::Style;

use self::{
    content::{content, whole},
    styles::{BOLD, DIM, NEW, style, wrapped},
};
use super::{
    approved::{self, groups_approved, groups_to_review, waits},
    groups::Group,
    humanize,
    later::{LaterMessage, THERE_ALREADY, messages},
    summary::{self, Part},
    view::View,
    wrap::{TextWrapper, display_width},
};
use crate::{
    model::{Address, Language, one_line},
    plan::{Operation, Plan, Upcoming},
};

/// How many visitors and how many different texts of one message are shown; the counts are
/// always complete.
const MOST_VISITORS: usize = 4;
const MOST_TEXTS: usize = 3;

pub(super) fn plan(plan: &Plan, view: View<'_>, out: &mut dyn Write) -> io::Result<()> {
    for group in groups_to_review(plan) {
        show(&group, view, out)?;
    }
    for mark in &plan.protect {
        let now = summary::protection(mark);
        writeln!(out, "  {BOLD}{}{BOLD:#} {now}\n", mark.key)?;
    }
    approved(plan, view, out)?;
    later(plan, view, out)?;
    withdrawn(plan, view, out)?;
    if !plan.unchanged.is_empty() {
        writeln!(out, "  {DIM}unchanged:{DIM:#}")?;
        for unchanged in &plan.unchanged {
            let address = humanize::address(&unchanged.address, view.mask);
            writeln!(out, "    {address}  {DIM}{}{DIM:#}", one_line(unchanged.id.as_str()))?;
        }
        writeln!(out)?;
    }
    totals(plan, view, out)
}

/// What somebody has agreed to: a line for each message, or the whole entries.
fn approved(plan: &Plan, view: View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let groups = groups_approved(plan);
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(out, "{BOLD}Approved:{BOLD:#}\n")?;
    for group in &groups {
        if view.approved {
            show(group, view, out)?;
            continue;
        }
        let (count, end) = waits(group);
        let mut line = TextWrapper::new(out, 4, view.width);
        line.lead(style(group.action()), &group.action().sign().to_string())?;
        line.push(Style::new(), &count)?;
        line.push(BOLD, group.key())?;
        line.push(Style::new(), end)?;
        line.end()?;
    }
    if view.approved { Ok(()) } else { writeln!(out) }
}

/// What comes later, with the texts that nobody has agreed to yet.
fn later(plan: &Plan, view: View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let messages = messages(plan);
    if !messages.is_empty() {
        writeln!(out, "{BOLD}Later:{BOLD:#}\n")?;
    }
    let (approved, to_review): (Vec<_>, Vec<_>) =
        messages.into_iter().partition(LaterMessage::is_approved);
    for message in to_review {
        let name = format!("{} ({})", message.key, message.visitors());
        heading("", &name, &message.written().unwrap_or_default(), view, out)?;
        wrapped(&format!("{}; {}", message.when(), message.status()), Style::new(), 4, view, out)?;
        if let Some(takes) = message.takes(plan) {
            wrapped(&takes, Style::new(), 4, view, out)?;
        }
        let languages = message.languages();
        if let Some(line) = languages.in_a_line() {
            wrapped(&line, Style::new(), 4, view, out)?;
        }
        let (texts, hidden) = message.first_texts(MOST_TEXTS);
        for text in texts {
            let Upcoming { content, opened, language, .. } = text.first;
            let language = language.as_ref().filter(|_| languages.are_several());
            visitors(language, text.all.iter().map(|upcoming| &upcoming.address), view, out)?;
            wrapped(
                &format!("from {}", one_line(&view.sender(&content.from))),
                Style::new(),
                6,
                view,
                out,
            )?;
            if *opened {
                wrapped(THERE_ALREADY, Style::new(), 6, view, out)?;
                whole(" ", Style::new(), &content.text, view, out)?;
            } else {
                whole("+", NEW, &content.text, view, out)?;
            }
        }
        if let Some(hidden) = hidden {
            wrapped(&format!("… and {hidden}; --format json has all"), DIM, 6, view, out)?;
        }
        writeln!(out)?;
    }
    for message in &approved {
        let mut line = TextWrapper::new(out, 2, view.width);
        line.push(BOLD, &format!("{} ({})", message.key, message.visitors()))?;
        line.push(Style::new(), &format!(" {}", message.in_a_line(plan)))?;
        line.end()?;
    }
    if approved.is_empty() { Ok(()) } else { writeln!(out) }
}

/// The approvals that end.
fn withdrawn(plan: &Plan, view: View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let lines = approved::withdrawn(plan);
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "{BOLD}Withdrawn:{BOLD:#}\n")?;
    for (count, key, end) in lines {
        let mut line = TextWrapper::new(out, 2, view.width);
        line.push(Style::new(), &count)?;
        line.push(BOLD, key)?;
        line.push(Style::new(), end)?;
        line.end()?;
    }
    writeln!(out)
}

fn totals(plan: &Plan, view: View<'_>, out: &mut dyn Write) -> io::Result<()> {
    wrapped(&format!("This plan is {}.", summary::whereabouts(plan)), BOLD, 0, view, out)?;
    wrapped(&format!("{}.", summary::state(plan)), DIM, 0, view, out)?;
    if let Some(commit) = &plan.commit {
        let (short, dirt) = (summary::short(commit), summary::dirt(commit));
        let told = format!("The manifest is that of commit {short}{dirt}.");
        wrapped(&told, DIM, 0, view, out)?;
    }
    if summary::is_quiet(plan) {
        let mut line = TextWrapper::new(out, 0, view.width);
        line.push(BOLD, "No changes:")?;
        line.push(Style::new(), &format!(" {}.", summary::unchanged(plan)))?;
        return line.end();
    }
    let unchanged = format!("{} unchanged.", humanize::number(plan.summary.unchanged));
    match summary::parts_to_review(plan) {
        none if none.is_empty() => {
            let mut line = TextWrapper::new(out, 0, view.width);
            line.push(BOLD, "Nothing to review:")?;
            line.push(Style::new(), &format!(" {unchanged}"))?;
            line.end()?;
        }
        parts => counts("Plan:", &parts, &unchanged, view, out)?,
    }
    let approved = summary::parts_approved(plan);
    if !approved.is_empty() {
        counts("Approved:", &approved, "waiting.", view, out)?;
    }
    if !plan.changes.is_empty() {
        wrapped(&summary::visitors_and_requests(plan), Style::new(), 0, view, out)?;
    }
    Ok(())
}

/// Counts with their signs, on one line.
fn counts(
    title: &str,
    parts: &[Part],
    end: &str,
    view: View<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = TextWrapper::new(out, 0, view.width);
    line.push(BOLD, title)?;
    for part in parts {
        line.push(Style::new(), " ")?;
        let text = part.text();
        match part.action {
            Some(action) => line.keep(style(action), &format!("{} {text},", action.sign()))?,
            None => line.keep(Style::new(), &format!("{text},"))?,
        }
    }
    line.push(Style::new(), " ")?;
    line.keep(Style::new(), end)?;
    line.end()
}

/// The first line of an entry: its sign, its name, and where it is written.
fn heading(
    sign: &str,
    name: &str,
    source: &str,
    view: View<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let before = if sign.is_empty() { 2 } else { 4 };
    let room = view.width.saturating_sub(before + display_width(name) + display_width(source));
    write!(out, "  {sign}{BOLD}{name}{BOLD:#}")?;
    if source.is_empty() {
        writeln!(out)
    } else if room >= 2 {
        writeln!(out, "{:room$}{DIM}{source}{DIM:#}", "")
    } else {
        writeln!(out, "\n    {DIM}{source}{DIM:#}")
    }
}

fn show(group: &Group<'_>, view: View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let first = group.first();
    let action = first.action();
    let style = style(action);
    let name = match group.len() {
        1 => humanize::address(&first.address, view.mask),
        n => format!("{} ({} visitors)", first.address.key_str(), humanize::number(n as u64)),
    };
    let source = first
        .source
        .as_ref()
        .map(|place| format!("{}:{}", one_line(&place.file), place.line))
        .unwrap_or_default();
    heading(&format!("{style}{}{style:#} ", action.sign()), &name, &source, view, out)?;
    let from = match &first.operation {
        Operation::Create { after } | Operation::Resend { after, .. } => {
            format!(", from {}", one_line(&view.sender(&after.from)))
        }
        _ => String::new(),
    };
    let languages = group.languages();
    let only = languages.only().map(|language| format!(", in {language}")).unwrap_or_default();
    let mut line = TextWrapper::new(out, 4, view.width);
    line.push(style, action.as_str())?;
    line.push(Style::new(), &format!(": {}{from}{only}", first.reason.explained()))?;
    line.end()?;
    if let Some(line) = languages.in_a_line().filter(|_| languages.are_several()) {
        wrapped(&line, Style::new(), 4, view, out)?;
    }
    let (variants, hidden) = group.first_variants(MOST_TEXTS);
    for variant in &variants {
        if group.len() > 1 {
            let language = variant.first.language.as_ref().filter(|_| languages.are_several());
            visitors(language, variant.changes.iter().map(|change| &change.address), view, out)?;
        }
        content(&variant.changes, view, out)?;
    }
    if let Some(hidden) = hidden {
        wrapped(&format!("… and {hidden}; --format json has all"), DIM, 6, view, out)?;
    }
    writeln!(out)
}

/// Who gets a text, and in which language, if there are several.
fn visitors<'a>(
    language: Option<&Language>,
    addresses: impl ExactSizeIterator<Item = &'a Address>,
    view: View<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let more = addresses.len().saturating_sub(MOST_VISITORS);
    let mut names: Vec<_> = addresses
        .take(MOST_VISITORS)
        .map(|address| format!("@{}", humanize::visitor(&address.visitor(), view.mask)))
        .collect();
    if more > 0 {
        names.push(format!("and {} more", humanize::number(more as u64)));
    }
    let language = language.map(|language| format!("in {language}: ")).unwrap_or_default();
    wrapped(&format!("{language}{}", names.join(", ")), DIM, 4, view, out)
}
