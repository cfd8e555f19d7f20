use similar::{Algorithm, ChangeTag, DiffOp, TextDiff, capture_diff_slices};
use unicode_segmentation::UnicodeSegmentation;

use super::lookalikes::revealed;

/// A part of a text that is in both texts, only in the old one, or only in the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DiffPart {
    Same(String),
    Old(String),
    New(String),
}

/// A line of a diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DiffLine {
    Same(String),
    /// This number of unchanged lines is left out.
    Skipped(usize),
    /// An old line, with its removed words marked.
    Old(Vec<DiffPart>),
    /// A new line, with its added words marked.
    New(Vec<DiffPart>),
}

/// The time of a comparison grows with the product of the lengths. Above this product, the changed middles
/// of two texts are not compared.
const MOST_WORK: usize = 16_000_000;
/// How many lines are shown around a change.
const AROUND: usize = 3;

/// The differences between two texts, word by word.
///
/// A single space between two changed words counts as changed, because `[-a b-]` reads better than
/// `[-a-] [-b-]`. Two long texts with little in common differ as a whole. What a reader could not tell apart is
/// spelled out.
pub(super) fn word_diff(old: &str, new: &str) -> Vec<DiffPart> {
    let parts = words_that_differ(old, new);
    match with_escapes(&parts) {
        Some((old, new)) => words_that_differ(&old, &new),
        None => parts,
    }
}

/// Both texts, if anything in them has to be spelled out.
fn with_escapes(parts: &[DiffPart]) -> Option<(String, String)> {
    let (mut left, mut right) = (String::new(), String::new());
    let mut any = false;
    let mut rest = parts;
    let mut last = None;
    while let Some(part) = rest.first() {
        if let DiffPart::Same(text) = part {
            left.push_str(text);
            right.push_str(text);
            last = text.chars().next_back();
            rest = &rest[1..];
            continue;
        }
        let count = rest.iter().take_while(|part| !matches!(part, DiffPart::Same(_))).count();
        let (changed, then) = rest.split_at(count);
        let side = |wanted: fn(&DiffPart) -> bool| {
            changed.iter().filter(|part| wanted(part)).map(DiffPart::text).collect::<String>()
        };
        let (old, new) = (
            side(|part| matches!(part, DiffPart::Old(_))),
            side(|part| matches!(part, DiffPart::New(_))),
        );
        let next = then.first().and_then(|same| same.text().chars().next());
        let (shown_old, shown_new) = revealed(&old, &new, last, next);
        any |= shown_old != old || shown_new != new;
        left.push_str(&shown_old);
        right.push_str(&shown_new);
        rest = then;
    }
    any.then_some((left, right))
}

fn words_that_differ(old: &str, new: &str) -> Vec<DiffPart> {
    let (head, tail) = common(old, new);
    let (old_middle, new_middle) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    if old_middle.len().saturating_mul(new_middle.len()) <= MOST_WORK {
        return by_word(old, new);
    }
    let parts = [
        DiffPart::Same(old[..head].to_owned()),
        DiffPart::Old(old_middle.to_owned()),
        DiffPart::New(new_middle.to_owned()),
        DiffPart::Same(old[old.len() - tail..].to_owned()),
    ];
    parts.into_iter().filter(|piece| !piece.text().is_empty()).collect()
}

/// The differences line by line, with the changed words marked. Lines that are far from a change are left
/// out.
pub(super) fn line_diff(old: &str, new: &str) -> Vec<DiffLine> {
    let (olds, news): (Vec<&str>, Vec<&str>) =
        (old.split('\n').collect(), new.split('\n').collect());
    let ops = if olds.len().saturating_mul(news.len()) <= MOST_WORK {
        capture_diff_slices(Algorithm::Myers, &olds, &news)
    } else {
        let head = olds.iter().zip(&news).take_while(|(a, b)| a == b).count();
        let rest = olds[head..].iter().rev().zip(news[head..].iter().rev());
        let tail = rest.take_while(|(a, b)| a == b).count();
        let (old_len, new_len) = (olds.len() - head - tail, news.len() - head - tail);
        vec![
            DiffOp::Equal { old_index: 0, new_index: 0, len: head },
            DiffOp::Replace { old_index: head, old_len, new_index: head, new_len },
            DiffOp::Equal { old_index: head + old_len, new_index: head + new_len, len: tail },
        ]
    };
    let mut out = Vec::new();
    let last = ops.len().saturating_sub(1);
    if old == new {
        return olds.into_iter().map(|line| DiffLine::Same(line.to_owned())).collect();
    }
    for (n, op) in ops.iter().enumerate() {
        let (before, after) = (&olds[op.old_range()], &news[op.new_range()]);
        if let DiffOp::Equal { .. } = op {
            let head = if n == 0 { 0 } else { AROUND };
            let tail = if n == last { 0 } else { AROUND };
            context(before, head, tail, &mut out);
            continue;
        }
        let pieces = match (before, after) {
            ([], after) => vec![DiffPart::New(after.join("\n"))],
            (before, []) => vec![DiffPart::Old(before.join("\n"))],
            (before, after) => word_diff(&before.join("\n"), &after.join("\n")),
        };
        if !before.is_empty() {
            let side = pieces.iter().filter(|piece| !matches!(piece, DiffPart::New(_)));
            out.extend(split(side).into_iter().map(DiffLine::Old));
        }
        if !after.is_empty() {
            let side = pieces.iter().filter(|piece| !matches!(piece, DiffPart::Old(_)));
            out.extend(split(side).into_iter().map(DiffLine::New));
        }
    }
    out
}

/// The first `head` and the last `tail` of unchanged lines.
fn context(lines: &[&str], head: usize, tail: usize, out: &mut Vec<DiffLine>) {
    let same = |lines: &[&str]| -> Vec<DiffLine> {
        lines.iter().map(|line| DiffLine::Same((*line).to_owned())).collect()
    };
    // To say that one line is left out would take a line, too.
    if lines.len() <= head + tail + 1 {
        return out.extend(same(lines));
    }
    out.extend(same(&lines[..head]));
    out.push(DiffLine::Skipped(lines.len() - head - tail));
    out.extend(same(&lines[lines.len() - tail..]));
}

/// The parts of each line.
fn split<'a>(pieces: impl Iterator<Item = &'a DiffPart>) -> Vec<Vec<DiffPart>> {
    let mut lines = vec![Vec::new()];
    for piece in pieces {
        for (n, text) in piece.text().split('\n').enumerate() {
            if n > 0 {
                lines.push(Vec::new());
            }
            if let (Some(line), false) = (lines.last_mut(), text.is_empty()) {
                line.push(piece.with(text));
            }
        }
    }
    lines
}

impl DiffLine {
    /// The line after its sign. The changed words are marked, unless the whole line changed.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Same(text) => format!("  {text}"),
            Self::Skipped(n) => format!("  … {n} lines …"),
            Self::Old(pieces) => format!("- {}", marked(pieces)),
            Self::New(pieces) => format!("+ {}", marked(pieces)),
        }
    }
}

fn marked(pieces: &[DiffPart]) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            DiffPart::Old(text) if pieces.len() > 1 => out.push_str(&format!("[-{text}-]")),
            DiffPart::New(text) if pieces.len() > 1 => out.push_str(&format!("{{+{text}+}}")),
            piece => out.push_str(piece.text()),
        }
    }
    out
}

impl DiffPart {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Same(text) | Self::Old(text) | Self::New(text) => text,
        }
    }

    fn with(&self, text: &str) -> Self {
        let make = match self {
            Self::Same(_) => Self::Same,
            Self::Old(_) => Self::Old,
            Self::New(_) => Self::New,
        };
        make(text.to_owned())
    }
}

/// The number of bytes that both texts share at their start and at their end, in whole words.
fn common(old: &str, new: &str) -> (usize, usize) {
    let pairs = old.char_indices().zip(new.chars());
    let head =
        pairs.take_while(|((_, a), b)| a == b).last().map_or(0, |((at, c), _)| at + c.len_utf8());
    let head = if head == old.len() && head == new.len() {
        head
    } else {
        old[..head].rfind(char::is_whitespace).unwrap_or(0)
    };
    let (old, new) = (&old[head..], &new[head..]);
    let pairs = old.char_indices().rev().zip(new.chars().rev());
    let start = pairs.take_while(|((_, a), b)| a == b).last().map_or(old.len(), |((at, _), _)| at);
    let tail = old[start..].find(char::is_whitespace).map_or(0, |at| old.len() - start - at);
    (head, tail)
}

/// The words, and the signs between them. An escape (`\u{e9}`) is a part of its word.
fn words(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = Vec::new();
    let (mut start, mut at) = (0, 0);
    let mut open = false;
    let is_word = |text: &str| text.ends_with(char::is_alphanumeric) || text.ends_with('}');
    let mut next_escape = text.find("\\u{").unwrap_or(text.len());
    while at < text.len() {
        let escape = length_of_escape(&text[at..]);
        let length = match escape {
            0 => {
                if next_escape <= at {
                    let from = at + 1;
                    let found =
                        text.as_bytes()[from..].windows(3).position(|three| three == b"\\u{");
                    next_escape = found.map_or(text.len(), |found| from + found);
                }
                text[at..next_escape].split_word_bounds().next().map_or(1, str::len)
            }
            length => length,
        };
        let piece = &text[at..at + length];
        let joins = open && (escape > 0 || piece.starts_with(char::is_alphanumeric));
        if !joins && at > start {
            words.push(&text[start..at]);
            start = at;
        }
        // A word goes on after an escape, and an escape after a word.
        open = match escape {
            0 => is_word(piece) && length_of_escape(&text[at + length..]) > 0,
            _ => true,
        };
        at += length;
    }
    if at > start {
        words.push(&text[start..]);
    }
    words
}

/// The length of the escape that a text begins with, or 0.
fn length_of_escape(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("\\u{") else { return 0 };
    let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
    if (1..=6).contains(&digits) && rest[digits..].starts_with('}') { digits + 4 } else { 0 }
}

fn by_word(old: &str, new: &str) -> Vec<DiffPart> {
    let (olds, news) = (words(old), words(new));
    let diff = TextDiff::from_slices(&olds, &news);
    let mut pieces: Vec<(String, String, String)> = Vec::new();
    // Triples of (same, old, new): an unchanged part, and the change after it.
    for change in diff.iter_all_changes() {
        let value = change.value();
        match change.tag() {
            ChangeTag::Equal => match pieces.last_mut() {
                Some((same, old, new)) if old.is_empty() && new.is_empty() => same.push_str(value),
                _ => pieces.push((value.to_owned(), String::new(), String::new())),
            },
            ChangeTag::Delete | ChangeTag::Insert => {
                if pieces.is_empty() {
                    pieces.push(Default::default());
                }
                if let Some((_, old, new)) = pieces.last_mut() {
                    let side = if change.tag() == ChangeTag::Delete { old } else { new };
                    side.push_str(value);
                }
            }
        }
    }
    let mut joined: Vec<(String, String, String)> = Vec::new();
    for (same, old, new) in pieces {
        match joined.last_mut() {
            Some((_, before_old, before_new))
                if same == " " && !(old.is_empty() && new.is_empty()) =>
            {
                before_old.push_str(&same);
                before_old.push_str(&old);
                before_new.push_str(&same);
                before_new.push_str(&new);
            }
            _ => joined.push((same, old, new)),
        }
    }
    let mut out = Vec::new();
    for (same, old, new) in joined {
        let parts = [
            (same, DiffPart::Same as fn(String) -> DiffPart),
            (old, DiffPart::Old),
            (new, DiffPart::New),
        ];
        out.extend(
            parts.into_iter().filter(|(text, _)| !text.is_empty()).map(|(text, make)| make(text)),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_changed_words_are_marked() {
        let pieces = word_diff("Dark mode is here, there!", "Dark mode is here, Liz!");
        assert_eq!(
            pieces,
            [
                DiffPart::Same("Dark mode is here, ".into()),
                DiffPart::Old("there".into()),
                DiffPart::New("Liz".into()),
                DiffPart::Same("!".into()),
            ]
        );
    }

    #[test]
    fn neighbouring_changes_are_shown_as_one() {
        let pieces = word_diff("one two three", "one zwei drei");
        assert_eq!(
            pieces,
            [
                DiffPart::Same("one ".into()),
                DiffPart::Old("two three".into()),
                DiffPart::New("zwei drei".into()),
            ]
        );
    }

    #[test]
    fn lines_that_changed_come_with_their_words_marked_and_some_lines_around_them() {
        let old = (0..12).map(|n| format!("line {n}")).collect::<Vec<_>>().join("\n");
        let new = format!("{}\nend", old.replace("line 5", "row 5"));
        let same = |n: usize| DiffLine::Same(format!("line {n}"));
        assert_eq!(
            line_diff(&old, &new),
            [
                DiffLine::Skipped(2),
                same(2),
                same(3),
                same(4),
                DiffLine::Old(vec![DiffPart::Old("line".into()), DiffPart::Same(" 5".into())]),
                DiffLine::New(vec![DiffPart::New("row".into()), DiffPart::Same(" 5".into())]),
                same(6),
                same(7),
                same(8),
                same(9),
                same(10),
                same(11),
                DiffLine::New(vec![DiffPart::New("end".into())]),
            ]
        );
    }

    #[test]
    fn long_texts_without_anything_in_common_are_not_compared_word_by_word() {
        let text = |word: &str| (0..20_000).map(|n| format!("{word}{n} ")).collect::<String>();
        let (old, new) = (format!("Hello {}all", text("a")), format!("Hello {}all", text("b")));
        let pieces = word_diff(&old, &new);
        assert_eq!(pieces.len(), 4, "same, old, new, same");
        assert_eq!(pieces[0], DiffPart::Same("Hello".into()));
        assert_eq!(pieces[3], DiffPart::Same(" all".into()));
    }

    #[test]
    fn a_text_that_stays_is_shown_whole() {
        let same = |n: usize| DiffLine::Same(n.to_string());
        assert_eq!(line_diff("1\n2", "1\n2"), [same(1), same(2)]);
    }

    #[test]
    fn an_escape_is_a_part_of_its_word() {
        assert_eq!(words("a caf\\u{e9}s, b"), ["a", " ", "caf\\u{e9}s", ",", " ", "b"]);
        assert_eq!(words("\\u{20}\\u{9}x \\u{}"), ["\\u{20}\\u{9}x", " ", "\\", "u", "{", "}"]);
        assert_eq!(words("5\\u{a0}€"), ["5\\u{a0}", "€"]);
    }

    #[test]
    fn changes_that_look_alike_show_what_differs() {
        assert_eq!(
            word_diff("My caf\u{e9} is here.", "My cafe\u{301} is here. "),
            [
                DiffPart::Same("My ".into()),
                DiffPart::Old("caf\\u{e9}".into()),
                DiffPart::New("caf\\u{65}\\u{301}".into()),
                DiffPart::Same(" is here.".into()),
                DiffPart::New("\\u{20}".into()),
            ]
        );
        assert_eq!(
            line_diff("a\nNo\u{a0}way", "a\nNo way")
                .iter()
                .map(DiffLine::to_text)
                .collect::<Vec<_>>(),
            ["  a", "- No\\u{a0}way", "+ No\\u{20}way"]
        );
    }

    proptest! {
        #[test]
        fn words_hold_the_whole_text(text in "[a\u{e9}\u{301} \\\\u{}0-9a-f]{0,40}") {
            prop_assert_eq!(words(&text).concat(), text);
        }

        #[test]
        fn whole_words_that_both_ends_share_are_counted_once(
            old in "[ab\u{e9} ]{0,12}", new in "[ab\u{e9} ]{0,12}",
        ) {
            let (head, tail) = common(&old, &new);
            prop_assert!(head + tail <= old.len().min(new.len()));
            prop_assert_eq!(&old[..head], &new[..head]);
            prop_assert_eq!(&old[old.len() - tail..], &new[new.len() - tail..]);
        }

        #[test]
        fn a_diff_by_lines_holds_all_that_changed(old in "[a-c \\n]{0,30}", new in "[a-c \\n]{0,30}") {
            let (mut left, mut right, mut skipped) = (Vec::new(), Vec::new(), 0);
            let text = |line: &[DiffPart]| {
                line.iter().map(DiffPart::text).collect::<String>().replace("\\u{20}", " ")
            };
            for line in line_diff(&old, &new) {
                match line {
                    DiffLine::Same(text) => { left.push(text.clone()); right.push(text); }
                    DiffLine::Skipped(n) => skipped += n,
                    DiffLine::Old(line) => left.push(text(&line)),
                    DiffLine::New(line) => right.push(text(&line)),
                }
            }
            prop_assert_eq!(left.len() + skipped, old.split('\n').count());
            prop_assert_eq!(right.len() + skipped, new.split('\n').count());
            if skipped == 0 {
                prop_assert_eq!(left.join("\n"), old);
                prop_assert_eq!(right.join("\n"), new);
            }
        }

        #[test]
        fn a_diff_holds_both_texts_whole(old in "[a-c \\n]{0,30}", new in "[a-c \\n]{0,30}") {
            let (mut left, mut right) = (String::new(), String::new());
            for piece in word_diff(&old, &new) {
                match piece {
                    DiffPart::Same(text) => { left.push_str(&text); right.push_str(&text); }
                    DiffPart::Old(text) => left.push_str(&text),
                    DiffPart::New(text) => right.push_str(&text),
                }
            }
            prop_assert_eq!(left.replace("\\u{20}", " "), old);
            prop_assert_eq!(right.replace("\\u{20}", " "), new);
        }
    }
}
