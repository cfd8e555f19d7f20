//! What a change does, and the texts before and after it.

use std::io::{self, Write};

use anstyle::Style;

use super::styles::{DIM, NEW, OLD, wrapped};
use crate::{
    model::{Sender, one_line, printable},
    plan::{Change, Operation},
    render::{
        diff::{DiffPart, word_diff},
        humanize,
        lookalikes::revealed,
        summary,
        view::View,
        wrap::TextWrapper,
    },
};

/// How many lines of a new or removed text are shown.
const MOST_LINES: usize = 8;

/// What changes with the same content do.
pub(super) fn content(changes: &[&Change], view: View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let Some(change) = changes.first() else { return Ok(()) };
    let facts = summary::facts(changes, view);
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
            // A command that is broken into lines could not be copied.
            facts.iter().skip(1).try_for_each(|fact| writeln!(out, "      {DIM}{fact}{DIM:#}"))
        }
    }
}

fn sender_change(
    before: &Sender,
    after: &Sender,
    view: View<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (before, after) = (one_line(&view.sender(before)), one_line(&view.sender(after)));
    let (before, after) = revealed(&before, &after, None, None);
    let mut line = TextWrapper::new(out, 6, view.width);
    line.push(Style::new(), "from ")?;
    line.push(OLD, &format!("[-{before}-]"))?;
    line.push(NEW, &format!("{{+{after}+}}"))?;
    line.end()
}

/// A new or removed text.
pub(super) fn whole(
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
