use std::io::{self, Write};

use anstyle::{AnsiColor, Effects, Style};

use super::{
    diff::{DiffPart, word_diff},
    groups::{Group, groups},
    humanize,
    lookalikes::revealed,
    summary,
    view::View,
    wrap::{TextWrapper, display_width},
};
use crate::{
    model::{Sender, one_line, printable},
    plan::{Action, Change, Operation, Plan},
};

/// How many visitors and how many different texts of one message are shown; the counts are
/// always complete.
const MOST_VISITORS: usize = 4;
const MOST_TEXTS: usize = 3;
/// How many lines of a new or removed text are shown.
const MOST_LINES: usize = 8;

const BOLD: Style = Style::new().effects(Effects::BOLD);
const DIM: Style = Style::new().effects(Effects::DIMMED);
const OLD: Style = color(AnsiColor::Red);
const NEW: Style = color(AnsiColor::Green);

const fn color(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi(color)))
}

fn style(action: Action) -> Style {
    match action {
        Action::Create => color(AnsiColor::Green),
        Action::Update | Action::Restore => color(AnsiColor::Yellow),
        Action::Replace | Action::Resend => color(AnsiColor::Magenta),
        Action::Delete => color(AnsiColor::Red),
        Action::Forget => DIM,
        Action::Move | Action::Adopt => color(AnsiColor::Cyan),
        Action::Unknown => color(AnsiColor::Red).effects(Effects::BOLD),
    }
}

pub(super) fn plan(plan: &Plan, view: View<'_>, out: &mut dyn Write) -> io::Result<()> {
    for group in groups(&plan.changes) {
        show(&group, view, out)?;
    }
    for mark in &plan.protect {
        let now = summary::protection(mark);
        writeln!(out, "  {BOLD}{}{BOLD:#} {now}\n", mark.key)?;
    }
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

fn totals(plan: &Plan, view: View<'_>, out: &mut dyn Write) -> io::Result<()> {
    wrapped(&format!("This plan is {}.", summary::whereabouts(plan)), BOLD, 0, view, out)?;
    wrapped(&format!("{}.", summary::state(plan)), DIM, 0, view, out)?;
    if let Some(commit) = &plan.commit {
        let (short, dirt) = (summary::short(commit), summary::dirt(commit));
        writeln!(out, "{DIM}The manifest is that of commit {short}{dirt}.{DIM:#}")?;
    }
    if plan.changes.is_empty() {
        return writeln!(out, "{BOLD}No changes:{BOLD:#} {}.", summary::unchanged(plan));
    }
    let mut line = TextWrapper::new(out, 0, view.width);
    line.push(BOLD, "Plan:")?;
    for action in Action::ALL {
        let n = plan.summary.count(action);
        if n > 0 {
            line.push(Style::new(), " ")?;
            let text =
                format!("{} {} {}", action.sign(), humanize::number(n), summary::verb(action));
            line.keep(style(action), &text)?;
            line.push(Style::new(), ",")?;
        }
    }
    line.push(Style::new(), " ")?;
    line.keep(Style::new(), &format!("{} unchanged.", humanize::number(plan.summary.unchanged)))?;
    line.end()?;
    writeln!(out, "{}", summary::visitors_and_requests(plan))
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
    let room = view.width.saturating_sub(4 + display_width(&name) + display_width(&source));
    let sign = action.sign();
    write!(out, "  {style}{sign}{style:#} {BOLD}{name}{BOLD:#}")?;
    if source.is_empty() {
        writeln!(out)?;
    } else if room >= 2 {
        writeln!(out, "{:room$}{DIM}{source}{DIM:#}", "")?;
    } else {
        writeln!(out, "\n    {DIM}{source}{DIM:#}")?;
    }
    let from = match &first.operation {
        Operation::Create { after } | Operation::Resend { after, .. } => {
            format!(", from {}", one_line(&after.from.to_string()))
        }
        _ => String::new(),
    };
    let mut line = TextWrapper::new(out, 4, view.width);
    line.push(style, action.as_str())?;
    line.push(Style::new(), &format!(": {}{from}", first.reason.explained()))?;
    line.end()?;
    let (variants, hidden) = group.first_variants(MOST_TEXTS);
    for variant in &variants {
        if group.len() > 1 {
            visitors(&variant.changes, view, out)?;
        }
        content(variant.first, view, out)?;
    }
    if let Some(hidden) = hidden {
        wrapped(&format!("… and {hidden}; --format json has all"), DIM, 6, view, out)?;
    }
    writeln!(out)
}

fn visitors(changes: &[&Change], view: View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut names: Vec<_> = changes
        .iter()
        .take(MOST_VISITORS)
        .map(|change| format!("@{}", humanize::visitor(&change.address.visitor(), view.mask)))
        .collect();
    if changes.len() > MOST_VISITORS {
        names
            .push(format!("and {} more", humanize::number((changes.len() - MOST_VISITORS) as u64)));
    }
    wrapped(&names.join(", "), DIM, 4, view, out)
}

fn content(change: &Change, view: View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let facts = summary::facts(change, view.mask);
    let fact = |n: usize, style: Style, out: &mut dyn Write| {
        facts.get(n).map_or(Ok(()), |fact| wrapped(fact, style, 6, view, out))
    };
    match &change.operation {
        Operation::Create { after } | Operation::Resend { after, .. } => {
            whole("+", NEW, &after.text, view, out)
        }
        Operation::Reinstate { after, .. } => {
            fact(0, Style::new(), out)?;
            whole("+", NEW, &after.text, view, out)
        }
        Operation::Adopt { after, .. } => {
            fact(0, Style::new(), out)?;
            whole(" ", Style::new(), &after.text, view, out)
        }
        Operation::Update { before, after, .. } | Operation::Restore { before, after, .. } => {
            changed(&before.text, &after.text, view, out)
        }
        Operation::Replace { before, after, .. } => {
            if before.from != after.from {
                sender_change(&before.from, &after.from, view, out)?;
            }
            changed(&before.text, &after.text, view, out)
        }
        Operation::Delete { before, .. } | Operation::Forget { before, .. } => {
            whole("-", OLD, &before.text, view, out)
        }
        Operation::FinishReplace { .. } | Operation::Move { .. } => fact(0, Style::new(), out),
        Operation::Unknown { sent, .. } => {
            fact(0, Style::new(), out)?;
            whole("?", OLD, &sent.text, view, out)?;
            fact(1, DIM, out)
        }
    }
}

/// A text between column `indent` and the width of the view.
fn wrapped(
    text: &str,
    style: Style,
    indent: usize,
    view: View<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = TextWrapper::new(out, indent, view.width);
    line.push(style, text)?;
    line.end()
}

fn sender_change(
    before: &Sender,
    after: &Sender,
    view: View<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (before, after) = (one_line(&before.to_string()), one_line(&after.to_string()));
    let (before, after) = revealed(&before, &after, None, None);
    let mut line = TextWrapper::new(out, 6, view.width);
    line.push(Style::new(), "from ")?;
    line.push(OLD, &format!("[-{before}-]"))?;
    line.push(NEW, &format!("{{+{after}+}}"))?;
    line.end()
}

/// A new or removed text.
fn whole(
    sign: &str,
    style: Style,
    text: &str,
    view: View<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let text = printable(text);
    for (n, line) in text.split('\n').enumerate() {
        if n == MOST_LINES {
            let rest = text.split('\n').count() - MOST_LINES;
            return writeln!(
                out,
                "        {DIM}… {}{DIM:#}",
                humanize::count(rest as u64, "more line", "more lines")
            );
        }
        let mut flow = TextWrapper::new(out, 8, view.width);
        flow.lead(style, sign)?;
        flow.push(style, line)?;
        flow.end()?;
    }
    Ok(())
}

/// The differences of a text, word by word.
fn changed(before: &str, after: &str, view: View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut flow = TextWrapper::new(out, 8, view.width);
    for piece in word_diff(&printable(before), &printable(after)) {
        match piece {
            DiffPart::Same(text) => flow.push(Style::new(), &shortened(&text))?,
            DiffPart::Old(text) => flow.push(OLD, &format!("[-{text}-]"))?,
            DiffPart::New(text) => flow.push(NEW, &format!("{{+{text}+}}"))?,
        }
    }
    flow.end()
}

/// An unchanged part, without its middle if it is long.
fn shortened(text: &str) -> String {
    const AROUND: usize = 3;
    let lines: Vec<_> = text.split('\n').collect();
    if lines.len() <= 2 * AROUND + 2 {
        return text.to_owned();
    }
    let hidden = lines.len() - 2 * AROUND;
    let (head, tail) = (&lines[..AROUND], &lines[lines.len() - AROUND..]);
    format!("{}\n… {hidden} lines …\n{}", head.join("\n"), tail.join("\n"))
}
