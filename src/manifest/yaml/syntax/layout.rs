//! Mistakes in how lines are laid out: indentation, colons, brackets, blocks.

use super::{
    lines::{fields, indent, is_blank, is_known, is_name, is_odd_blank, key_of, value_region},
    slip::Slip,
};
use crate::diagnostics::Code;

/// At most this number of lines is changed to see whether a file can be read then.
const MOST_CHANGED: usize = 1000;
/// A text in a block has hardly more lines that are not indented.
const MOST_LINES: usize = 40;

/// Mistakes of one line, the most certain first. `inside`: brackets that were opened above are around it.
pub(super) fn find(all: &[&str], number: usize, inside: bool) -> Vec<Slip> {
    let slips = [
        tab(all, number),
        odd_blank(all, number),
        not_indented(all, number),
        no_blank(all, number, inside),
        no_colon(all, number),
        no_comma(all, number, inside),
        bracket(all, number),
        indentation(all, number),
    ];
    slips.into_iter().flatten().collect()
}

fn before<'l>(all: &[&'l str], number: usize) -> Option<(usize, &'l str)> {
    let lines = all[..number].iter().enumerate().rev();
    lines.map(|(at, line)| (at, *line)).find(|(_, line)| !is_blank(line))
}

/// A tab in the indentation.
fn tab(all: &[&str], number: usize) -> Option<Slip> {
    let is_tabbed = |line: &str| {
        !line.trim().is_empty() && line[..line.len() - line.trim_start().len()].contains('\t')
    };
    let line = all[number];
    if !is_tabbed(line) {
        return None;
    }
    let more = all.iter().skip(number + 1).filter(|line| is_tabbed(line)).count();
    let message = match more {
        0 => "a tab indents this line, and YAML takes only blanks".to_owned(),
        1 => "a tab indents this line and another one below, and YAML takes only blanks".to_owned(),
        _ => format!("a tab indents this line and {more} below, and YAML takes only blanks"),
    };
    let at = line.find('\t').unwrap_or_default();
    let mut slip = Slip::new(Code::TabIndentation, number, at, message)
        .help("write two blanks for each tab; most editors do that for all lines at once");
    let with = |line: &str, blanks: usize| {
        let (before, rest) = line.split_at(line.len() - line.trim_start().len());
        format!("{}{rest}", before.replace('\t', &" ".repeat(blanks)))
    };
    let lines = || {
        let tabbed = all.iter().enumerate().skip(number).filter(|(_, line)| is_tabbed(line));
        tabbed.take(MOST_CHANGED)
    };
    for blanks in [2, 4, 8, 1, 3] {
        slip = slip.or_all(lines().map(|(at, line)| (at, with(line, blanks))).collect());
    }
    if let Some((_, above)) = before(all, number) {
        let above = indent(above);
        for depth in [above, above + 2] {
            let line = format!("{}{}", " ".repeat(depth), line.trim_start());
            slip = slip.or(line);
        }
    }
    Some(slip)
}

/// Characters that look like blanks, in the indentation or behind a colon.
pub(super) fn odd_blank(all: &[&str], number: usize) -> Option<Slip> {
    let line = all[number];
    let begins = line.len() - line.trim_start_matches(|c| c == ' ' || is_odd_blank(c)).len();
    let in_indent = line[..begins].find(is_odd_blank);
    let behind = || {
        let mut colons = line.match_indices(':').map(|(at, _)| at + 1);
        colons.find(|at| line[*at..].starts_with(is_odd_blank))
    };
    let at = in_indent.or_else(behind)?;
    let odd = line[at..].chars().next()?;
    let more = all.iter().skip(number + 1).filter(|line| line.starts_with(odd));
    let more = match more.count() {
        0 => String::new(),
        more => format!(" here, and in {more} more lines"),
    };
    let message = format!("this looks like a blank, and is U+{:04X}{more}", u32::from(odd));
    let plain = |line: &str| {
        let mut out = String::new();
        let mut start = true;
        for c in line.chars() {
            let colon = out.ends_with(':');
            start &= c == ' ' || is_odd_blank(c);
            out.push(if (start || colon) && is_odd_blank(c) { ' ' } else { c });
        }
        out
    };
    let all_lines = all.iter().enumerate().skip(number).filter(|(_, line)| line.contains(odd));
    let all_lines = all_lines.take(MOST_CHANGED);
    let change = all_lines.map(|(at, line)| (at, plain(line))).collect();
    let slip = Slip::new(Code::OddBlank, number, at, message)
        .help("write ordinary blanks; the others often come along when text is copied from a page");
    Some(slip.or(plain(line)).or_all(change))
}

/// Whether a line ends in `|` or `>` behind a key.
fn is_header(line: &str) -> bool {
    let line = match line.find(" #") {
        Some(at) => &line[..at],
        None => line,
    };
    let line = line.trim_end();
    let digits = line.trim_end_matches(|c: char| matches!(c, '+' | '-') || c.is_ascii_digit());
    let before = digits.strip_suffix(['|', '>']).map(str::trim_end);
    before.is_some_and(|before| before.ends_with(':') || before.ends_with('-'))
}

/// The first line of a text below `|` that is not indented, of which a later line is given.
pub(super) fn first_not_indented(all: &[&str], number: usize) -> Option<usize> {
    let header = (0..number).rev().find(|at| is_header(all[*at]))?;
    let base = indent(all[header]);
    let first = (header + 1..=number).find(|at| !all[*at].trim().is_empty())?;
    // Indented text may be followed by anything; without it, a field that exists ends the text.
    if indent(all[first]) > base {
        return Some(number);
    }
    let ends = |at: usize| key_of(all[at]).is_some_and(is_name) && indent(all[at]) <= base;
    (!(first..=number).any(ends)).then_some(first)
}

/// A text below `|` that is not indented, or not as far as its first line.
pub(super) fn not_indented(all: &[&str], number: usize) -> Option<Slip> {
    let own = indent(all[number]);
    let above = all[..number].iter().enumerate().rev().take(200);
    let (header, _) = { above }.find(|(_, line)| is_header(line))?;
    let base = indent(all[header]);
    let first = all[header + 1..number].iter().find(|line| !line.trim().is_empty());
    let inner = first.map_or(0, |line| indent(line));
    // Between the two there is nothing but the text.
    let belongs = |line: &str| line.trim().is_empty() || (inner > base && indent(line) >= inner);
    if !all[header + 1..number].iter().all(|line| belongs(line)) || own >= inner.max(base + 1) {
        return None;
    }
    let depth = inner.max(base + 2);
    let name = fields(all[header], false).first().map_or("", |field| field.key);
    let sign = all[header].trim_end().chars().rev().find(|c| matches!(c, '|' | '>'))?;
    let (message, help) = match first {
        None => (
            format!("the text below `{name}: {sign}` is not indented"),
            format!("indent each line of the text by {depth} blanks"),
        ),
        Some(_) => (
            format!(
                "if this line is part of the text above, it is not indented far enough: it has {own} blanks, and the first line of the text {inner}"
            ),
            format!("indent it by {inner} blanks, as the first line of the text"),
        ),
    };
    let mut slip = Slip::new(Code::TextNotIndented, number, own, message)
        .long(all[number].trim().chars().count())
        .help(help);
    slip.related = Some((header, "the text begins here"));
    let mut change = Vec::new();
    for (at, line) in all.iter().enumerate().skip(number).take(MOST_LINES) {
        if at > number && key_of(line).is_some_and(is_name) && indent(line) <= base {
            break;
        }
        change.push((at, format!("{}{}", " ".repeat(depth), line.trim_start())));
        slip = slip.or_all(change.clone());
    }
    Some(slip)
}

/// `text:Hello`
fn no_blank(all: &[&str], number: usize, inside: bool) -> Option<Slip> {
    let line = all[number];
    let start = line.len() - line.trim_start().trim_start_matches("- ").len();
    let starts = std::iter::once(start).chain(
        line.match_indices(['{', ',']).filter(|_| inside || line.contains('{')).map(|(at, _)| {
            let rest = &line[at + 1..];
            at + 1 + (rest.len() - rest.trim_start().len())
        }),
    );
    for start in starts {
        let rest = &line[start.min(line.len())..];
        let Some(colon) = rest.find(':') else { continue };
        let name = &rest[..colon];
        let after = &rest[colon + 1..];
        let glued = after.chars().next().is_some_and(|c| !c.is_whitespace() && c != '/');
        if glued && is_name(name) {
            let at = start + colon;
            let message = format!("there is no blank behind `{name}:`");
            let help = format!("write `{name}: …`, with a blank behind the colon");
            let slip = Slip::new(Code::NoColon, number, start, message);
            let mended = format!("{} {}", &line[..=at], &line[at + 1..]);
            return Some(slip.long(colon + 1).help(help).or(mended));
        }
    }
    None
}

/// `text Hello`, `text = Hello`, or a lone `messages`
fn no_colon(all: &[&str], number: usize) -> Option<Slip> {
    let line = all[number];
    let start = line.len() - line.trim_start().trim_start_matches("- ").len();
    let rest = line[start.min(line.len())..].trim_end();
    let end =
        rest.find(|c: char| !(c.is_alphanumeric() || "._-".contains(c))).unwrap_or(rest.len());
    let name = &rest[..end];
    if name.is_empty() {
        return None;
    }
    let after = rest[end..].trim_start();
    let (value, known) = (after.trim_start_matches('=').trim_start(), is_known(name));
    let next = all.iter().skip(number + 1).find(|line| !is_blank(line));
    let opens = after.is_empty() && next.is_some_and(|next| indent(next) > indent(line));
    if after.starts_with(':') || !(opens || (known && !after.is_empty())) {
        return None;
    }
    let message = format!("there is no colon behind `{name}`");
    let mended = format!("{}{name}: {value}", &line[..start]);
    let help = match opens {
        true => format!("write `{name}:`"),
        false => format!("write `{name}: …`, with a colon and a blank"),
    };
    let slip = Slip::new(Code::NoColon, number, start, message);
    Some(slip.long(name.chars().count()).help(help).or(mended.trim_end().to_owned()))
}

/// Two fields inside brackets with no comma between them.
fn no_comma(all: &[&str], number: usize, inside: bool) -> Option<Slip> {
    let line = all[number];
    let slip = |line: usize, at: usize, name: &str| {
        let message = format!("there is no comma before `{name}:`");
        let help = format!("write a comma; if `{name}:` is part of a text, put the text in quotes");
        Slip::new(Code::NoComma, line, at, message).long(name.chars().count() + 1).help(help)
    };
    let all_fields = fields(line, inside);
    if inside
        && let Some(first) = all_fields.first().filter(|first| is_name(first.key))
        && let Some((above_at, above)) = before(all, number)
        && !above.trim_end().ends_with([',', '{', '[', ':'])
    {
        let found = slip(number, first.at, first.key);
        return Some(found.or_all(vec![(above_at, format!("{},", above.trim_end()))]));
    }
    for field in all_fields.iter().filter(|field| field.inside) {
        let range = value_region(line, field.value, true);
        for (at, blank) in line[range.clone()].match_indices([' ', '\t']) {
            let at = range.start + at;
            let rest = &line[at + blank.len()..];
            if let Some(name) = key_of(rest).filter(|name| is_name(name) && rest.starts_with(name))
            {
                let mended = format!("{},{}", &line[..at], &line[at..]);
                return Some(slip(number, at + 1, name).or(mended));
            }
        }
    }
    None
}

/// A bracket that is never closed, or closes nothing.
fn bracket(all: &[&str], number: usize) -> Option<Slip> {
    let line = all[number];
    let (open, wrong) = brackets(line);
    // The bracket is there, in a comment.
    if line.find(" #").is_some_and(|at| line[at..].contains(['}', ']'])) {
        return None;
    }
    if let Some((at, closer)) = wrong {
        let Some((opener_at, opener)) = open.last().copied() else {
            let message = format!("this `{closer}` closes nothing");
            let slip = Slip::new(Code::UnclosedBracket, number, at, message);
            let mended = format!("{}{}", &line[..at], &line[at + 1..]);
            return Some(slip.help("remove it, or open it where it begins").or(mended));
        };
        let wanted = closer_of(opener);
        let message = format!("this `{opener}` is not closed before `{closer}`");
        let slip = Slip::new(Code::UnclosedBracket, number, opener_at, message);
        let mended = format!("{}{wanted} {}", line[..at].trim_end(), &line[at..]);
        return Some(slip.help(format!("write `{wanted}` where it ends")).or(mended));
    }
    let (at, opener) = open.first().copied()?;
    let closers: String = open.iter().rev().map(|(_, opener)| closer_of(*opener)).collect();
    let message = format!("this `{opener}` is never closed");
    let help = format!("write `{}` where it ends", closer_of(opener));
    let mut slip = Slip::new(Code::UnclosedBracket, number, at, message).help(help);
    slip = slip.or(format!("{} {closers}", line.trim_end()));
    for (more, next) in all.iter().enumerate().skip(number + 1).take(MOST_LINES) {
        let next = next.trim_end().trim_end_matches(',');
        slip = slip.or_all(vec![(more, format!("{next} {closers}"))]);
    }
    Some(slip)
}

fn closer_of(opener: char) -> char {
    if opener == '{' { '}' } else { ']' }
}

/// Where a bracket is, in bytes, and which.
type Bracket = (usize, char);

/// Brackets of a line that stay open, and the first that closes another one or none.
pub(super) fn brackets(line: &str) -> (Vec<Bracket>, Option<Bracket>) {
    let mut open: Vec<Bracket> = Vec::new();
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(open_quote), _) => quote = (c != open_quote).then_some(open_quote),
            (None, '"' | '\'') if matches!(before, ' ' | '{' | '[' | ',' | ':') => quote = Some(c),
            (None, '{' | '[') if !open.is_empty() || matches!(before, ' ' | '\t') => {
                open.push((at, c));
            }
            (None, '}' | ']') => match open.last() {
                Some((_, opener)) if closer_of(*opener) == c => _ = open.pop(),
                _ => return (open, Some((at, c))),
            },
            (None, '#') if before == ' ' => break,
            _ => {}
        }
        before = c;
    }
    (open, None)
}

/// A line that is indented by a little more or less than those beside it.
fn indentation(all: &[&str], number: usize) -> Option<Slip> {
    let line = all[number];
    let own = indent(line);
    let (above_at, above) = before(all, number)?;
    let blanks = |count: usize| match count {
        0 => "no blank".to_owned(),
        1 => "1 blank".to_owned(),
        more => format!("{more} blanks"),
    };
    let to = |line: &str, depth: usize| format!("{}{}", " ".repeat(depth), line.trim_start());
    // The depths of the lines around it.
    let mut depths = Vec::new();
    let next = all.iter().skip(number + 1).find(|line| !is_blank(line));
    let lines = all[..number].iter().rev().filter(|line| !is_blank(line)).take(30);
    for depth in lines.map(|line| indent(line)).chain(next.map(|line| indent(line))) {
        if depth != own && !depths.contains(&depth) {
            depths.push(depth);
        }
    }
    depths.sort_by_key(|depth| depth.abs_diff(own));
    // The first field below a key is compared with the next one.
    let next = all.iter().enumerate().skip(number + 1).find(|(_, line)| !is_blank(line));
    let (other_at, other, which) = match next {
        Some((at, next)) if own > indent(above) && above.trim_end().ends_with(':') => {
            (at, *next, "the next one")
        }
        _ => (above_at, above, "the one above it"),
    };
    let message = format!(
        "this line is indented by {}, and {which} by {}",
        blanks(own),
        blanks(indent(other))
    );
    let mut slip = Slip::new(Code::BadIndentation, number, own, message)
        .long(key_of(line).map_or(1, |key| key.chars().count()))
        .help("begin the fields of one mapping in the same column, and what belongs to a key two blanks further to the right");
    slip.related = Some((other_at, "the other line"));
    for depth in depths {
        slip = slip.or(to(line, depth));
    }
    Some(slip)
}
