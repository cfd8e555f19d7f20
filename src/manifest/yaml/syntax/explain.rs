//! The search for the mistake: a change that lets the parser go further shows what is wrong.

use std::cell::Cell;

use super::{
    layout::{self, brackets},
    lines::{is_blank, is_odd_blank},
    scalars,
    slip::{Change, Slip},
};
use crate::{
    diagnostics::Diagnostic,
    manifest::{
        source_file::SourceFile,
        yaml::{
            tree::{Flaw, Tree},
            values::{Value, Values},
        },
    },
};

/// After this number of mistakes in one file, no more are looked for.
const MOST: usize = 20;
/// The bytes that may be parsed to find out what is wrong in one file.
const MOST_BYTES: usize = 8_000_000;
/// The same for all files of a project.
const MOST_BYTES_OF_ALL: usize = 20_000_000;

thread_local! {
    /// How many bytes were parsed for this project.
    static PARSED: Cell<usize> = const { Cell::new(0) };
}

/// A project begins.
pub(crate) fn start() {
    PARSED.set(0);
}

/// At most this number of lines is looked at for a mistake.
const MOST_CANDIDATES: usize = 50;
/// A longer line is not looked at.
const MOST_COLUMNS: usize = 10_000;
/// How far above the line that the parser stumbles over a mistake may be.
const MOST_LINES: usize = 200;

/// How far the parser comes with a text: the line that it stumbles over, from 0.
type Stumbles = Option<usize>;

struct Search<'f> {
    file: &'f SourceFile,
    /// The bytes that may still be parsed.
    bytes: usize,
    /// What of them is kept for more than finding the place.
    walk: usize,
}

/// The mistakes in a file that is not YAML; none if it is not clear what they are.
pub(in crate::manifest::yaml) fn explain(file: &SourceFile) -> Vec<Diagnostic> {
    let mut lines: Vec<String> =
        (1..).map_while(|number| file.line_text(number)).map(str::to_owned).collect();
    let left = MOST_BYTES_OF_ALL.saturating_sub(PARSED.get()).min(MOST_BYTES);
    let mut search = Search { file, bytes: left, walk: left / 2 };
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut after = 0;
    while found.len() < MOST {
        let all: Vec<&str> = lines.iter().map(String::as_str).collect();
        let Some((slip, change)) = search.next(&all) else { break };
        // What was changed is not looked at again.
        if !found.is_empty() && slip.line < after {
            break;
        }
        found.push(shown(file, &slip, &all, 0));
        after = change.iter().map(|(line, _)| line + 1).max().unwrap_or(0).max(slip.line + 1);
        for (line, new) in change {
            lines[line] = new;
        }
    }
    PARSED.set(PARSED.get() + left - search.bytes);
    found
}

/// That a line which was read as a field is part of the text above it.
pub(in crate::manifest::yaml) fn layout_of_key(file: &SourceFile, line: u32) -> Option<Diagnostic> {
    // A text in a block is hardly longer.
    let first = line.saturating_sub(100).max(1);
    let lines: Vec<&str> = (first..=line).map_while(|number| file.line_text(number)).collect();
    // Lines above may be a part of the same text.
    let number = layout::first_not_indented(&lines, lines.len().checked_sub(1)?)?;
    let slip = layout::not_indented(&lines, number)?;
    Some(shown(file, &slip, &lines, first - 1))
}

/// A key that begins with a character that only looks like a blank.
pub(in crate::manifest::yaml) fn odd_key(
    file: &SourceFile,
    values: &Values<'_>,
) -> Option<Diagnostic> {
    let odd = |key| matches!(values.get(key), Value::Text(key) if key.starts_with(is_odd_blank));
    if !values.ids().any(|id| values.entries(id).iter().any(|(key, _)| odd(*key))) {
        return None;
    }
    let lines: Vec<&str> = (1..).map_while(|number| file.line_text(number)).collect();
    let slip = (0..lines.len()).find_map(|number| layout::odd_blank(&lines, number))?;
    Some(shown(file, &slip, &lines, 0))
}

impl Search<'_> {
    /// Where the parser stumbles; `None` if it does not, or if it has parsed enough.
    fn parse(&mut self, lines: &[&str]) -> Result<Stumbles, ()> {
        let text = lines.join("\n") + "\n";
        self.bytes = self.bytes.checked_sub(text.len()).ok_or(())?;
        Ok(match Values::read(&text, self.file.limits()) {
            Ok(_) => None,
            Err(error) => {
                // Of half a character, the parser does not say where it is.
                let line = error.location().map_or(lines.len(), |at| at.line());
                Some(line.clamp(1, lines.len().max(1)) - 1)
            }
        })
    }

    /// The first mistake, and the change that mends it.
    fn next(&mut self, all: &[&str]) -> Option<(Slip, Change)> {
        let stumbles = self.parse(all).ok()??;
        // From this line on, no beginning of the file can be read.
        let mut bad = stumbles;
        // The other parser knows where a quote begins that is closed nowhere.
        let text = all.join("\n") + "\n";
        self.bytes = self.bytes.checked_sub(text.len())?;
        let hint = match Tree::parse(&text, self.file.limits()) {
            Err(Flaw::Syntax { at, .. }) => (at.line.max(1) as usize - 1).min(stumbles),
            _ => stumbles,
        };
        let broken = self.parse(&all[..=hint]).ok()?.is_some();
        if broken && self.parse(&all[..hint]).ok()?.is_none() {
            bad = hint;
        }
        while bad > 0
            && stumbles - bad < MOST_LINES
            && self.bytes > self.walk
            && self.parse(&all[..bad]).ok()?.is_some()
        {
            bad -= 1;
        }
        let first = all[..bad].iter().rposition(|line| !is_blank(line)).unwrap_or(bad);
        let mut numbers: Vec<usize> = vec![bad, stumbles];
        numbers.extend((hint < bad).then_some(hint));
        numbers.extend((first..=stumbles).take(MOST_CANDIDATES));
        let mut seen = std::collections::HashSet::new();
        numbers.retain(|number| {
            seen.insert(*number) && !is_blank(all[*number]) && all[*number].len() <= MOST_COLUMNS
        });
        let mut slips = Vec::new();
        for number in numbers {
            let inside = (bad..number).any(|line| !brackets(all[line]).0.is_empty());
            let mut here = layout::find(all, number, inside);
            here.extend(scalars::find(all, number, inside));
            here.extend(scalars::half(all[number], number));
            slips.extend(here);
        }
        slips.sort_by_key(rank);
        let mut further = None;
        for (at, slip) in slips.iter().enumerate() {
            for change in &slip.changes {
                let mut changed = all.to_vec();
                for (line, new) in change {
                    changed[*line] = new;
                }
                let last = change.iter().map(|(line, _)| *line).max().unwrap_or(slip.line);
                match self.parse(&changed).ok()? {
                    None => {
                        let change = change.clone();
                        return Some((slips.swap_remove(at), change));
                    }
                    Some(next) if further.is_none() => {
                        let local = || bad == slip.line && last < next;
                        let prefix = &changed[..=last.max(bad)];
                        if next > stumbles.max(last)
                            || (local() && self.parse(prefix).ok()?.is_none())
                        {
                            further = Some((at, change.clone()));
                        }
                    }
                    Some(_) => {}
                }
            }
        }
        let (at, change) = further?;
        Some((slips.swap_remove(at), change))
    }
}

/// The place is counted from the first of these lines, before which there are `above`.
fn shown(file: &SourceFile, slip: &Slip, all: &[&str], above: u32) -> Diagnostic {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let place = |line: usize, at: usize, length: usize| {
        let column = all[line][..at.min(all[line].len())].chars().count() + 1;
        file.place_at(above + number(line + 1), number(column), number(length))
    };
    let found = slip.diagnostic().at(place(slip.line, slip.at, slip.length));
    match slip.related {
        Some((line, what)) => {
            let start = all[line].len() - all[line].trim_start().len();
            found.related(place(line, start, all[line].trim().chars().count()), what)
        }
        None => found,
    }
}

/// What is sure is tried first. A line that could be indented otherwise proves little.
fn rank(slip: &Slip) -> u8 {
    use crate::diagnostics::Code;
    match slip.code {
        Code::TabIndentation | Code::OddBlank => 0,
        Code::QuoteInQuotes | Code::BadEscape | Code::CommentInText => 1,
        Code::TextNotIndented | Code::NoComma => 2,
        Code::NeedsQuotes => 3,
        Code::UnclosedQuote => 4,
        Code::NoColon => 5,
        Code::UnclosedBracket => 6,
        _ => 7,
    }
}
