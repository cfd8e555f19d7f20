//! Changes that nobody can see: what differs is spelled out on both sides of a diff.

use std::fmt::Write as _;

use similar::{Algorithm, DiffOp, capture_diff_slices};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};
use unicode_security::confusable_detection::skeleton;

use crate::model::is_hostile;

/// Above this product of their lengths, the middles of two parts are not aligned letter by letter.
const MOST_WORK: usize = 400_000;

/// A letter with the marks on it, and with what cannot be seen after it.
struct Letter<'t> {
    text: &'t str,
    /// The same for letters that look alike.
    looks: String,
}

/// What has no looks of its own, but for accents.
fn is_invisible(c: char) -> bool {
    (is_hostile(c) && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{34f}' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c != '\n' && c.is_whitespace())
}

fn letters(text: &str) -> Vec<Letter<'_>> {
    let mut starts: Vec<usize> = Vec::new();
    for (at, c) in text.char_indices() {
        let follows = !text[..at].ends_with('\n') && (is_combining_mark(c) || is_invisible(c));
        if !follows || starts.is_empty() {
            starts.push(at);
        }
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| {
            let text = &text[*start..end];
            let seen: String = text.chars().filter(|c| !is_invisible(*c)).collect();
            let looks = match seen.as_str() {
                "\n" => seen,
                seen if !seen.is_empty() && is_blank(seen) => " ".to_owned(),
                seen => skeleton(seen).collect(),
            };
            Letter { text, looks }
        })
        .collect()
}

/// Both sides of a change, with escapes for what a reader could not tell apart. `before` and `after` are the
/// characters around the change.
pub(super) fn revealed(
    old: &str,
    new: &str,
    before: Option<char>,
    after: Option<char>,
) -> (String, String) {
    let (olds, news) = (letters(old), letters(new));
    let looks =
        |letters: &[Letter<'_>]| letters.iter().map(|one| one.looks.clone()).collect::<Vec<_>>();
    let ops = aligned(&looks(&olds), &looks(&news));
    let mut alike = (vec![false; olds.len()], vec![false; news.len()]);
    for op in &ops {
        if let DiffOp::Equal { .. } = op {
            alike.0[op.old_range()].fill(true);
            alike.1[op.new_range()].fill(true);
        }
    }
    let shared = (in_words(&olds, &alike.0), in_words(&news, &alike.1));
    let (mut left, mut right) = (String::new(), String::new());
    for op in ops {
        let (a, b) = (&olds[op.old_range()], &news[op.new_range()]);
        match op {
            DiffOp::Equal { .. } => {
                for (n, (a, b)) in a.iter().zip(b).enumerate() {
                    let in_word =
                        shared.0[op.old_range().start + n] && shared.1[op.new_range().start + n];
                    if in_word || is_same_letter(a.text, b.text) {
                        pair(a.text, b.text, &mut left, &mut right);
                    } else {
                        left.push_str(a.text);
                        right.push_str(b.text);
                    }
                }
            }
            DiffOp::Replace { .. } if looks(a).concat() == looks(b).concat() => {
                pair(&joined(a), &joined(b), &mut left, &mut right);
            }
            DiffOp::Replace { .. } => {
                left.push_str(&joined(a));
                right.push_str(&joined(b));
            }
            DiffOp::Delete { old_index, .. } => {
                one_side(&olds, old_index, a, (before, after), &mut left);
            }
            DiffOp::Insert { new_index, .. } => {
                one_side(&news, new_index, b, (before, after), &mut right);
            }
        }
    }
    (left, right)
}

/// What is the same on both sides by its looks, and what is not.
fn aligned(old: &[String], new: &[String]) -> Vec<DiffOp> {
    let same = |a: &&String, b: &&String| a == b;
    let head = old.iter().zip(new).take_while(|(a, b)| same(a, b)).count();
    let back = old[head..].iter().rev().zip(new[head..].iter().rev());
    let tail = back.take_while(|(a, b)| same(a, b)).count();
    let (old_len, new_len) = (old.len() - head - tail, new.len() - head - tail);
    if old_len.saturating_mul(new_len) <= MOST_WORK {
        return capture_diff_slices(Algorithm::Myers, old, new);
    }
    vec![
        DiffOp::Equal { old_index: 0, new_index: 0, len: head },
        DiffOp::Replace { old_index: head, old_len, new_index: head, new_len },
        DiffOp::Equal { old_index: head + old_len, new_index: head + new_len, len: tail },
    ]
}

/// Whether at least half of the word that each letter is in looks like the other side. Letters of two scripts that look
/// alike by chance, as in `Привет` and `Hello`, are no secret.
fn in_words(letters: &[Letter<'_>], alike: &[bool]) -> Vec<bool> {
    let is_word = |one: &Letter<'_>| one.text.starts_with(char::is_alphanumeric);
    let mut out = Vec::with_capacity(letters.len());
    for word in letters.chunk_by(|a, b| is_word(a) && is_word(b)) {
        let same = alike[out.len()..out.len() + word.len()].iter().filter(|alike| **alike).count();
        out.resize(out.len() + word.len(), same * 2 >= word.len());
    }
    out
}

/// Whether two texts are the same but for how they are encoded, or blanks.
fn is_same_letter(old: &str, new: &str) -> bool {
    let seen = |text: &str| text.nfkd().filter(|c| !is_invisible(*c)).collect::<String>();
    (is_blank(old) && is_blank(new)) || seen(old) == seen(new)
}

fn joined(letters: &[Letter<'_>]) -> String {
    letters.iter().map(|one| one.text).collect()
}

/// Two texts that look alike.
fn pair(old: &str, new: &str, left: &mut String, right: &mut String) {
    let plain = old == new
        || (is_plain(old) && is_plain(new))
        || (is_typographic(old) && is_typographic(new));
    if plain {
        left.push_str(old);
        right.push_str(new);
        return;
    }
    let pairs = || old.chars().zip(new.chars());
    let head: usize = pairs().take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let back = old_rest.chars().rev().zip(new_rest.chars().rev());
    let tail: usize = back.take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum();
    for (text, out) in [(old, left), (new, right)] {
        out.push_str(&text[..head]);
        escape(&text[head..text.len() - tail], out);
        out.push_str(&text[text.len() - tail..]);
    }
}

/// Letters of ASCII: a reader knows them, and may have to look twice (`l` and `I`).
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Dashes and quotes, which people choose to look different.
fn is_typographic(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| {
            matches!(
                c,
                '-' | '–'
                    | '—'
                    | '\''
                    | '"'
                    | '`'
                    | '´'
                    | '‘'
                    | '’'
                    | '‚'
                    | '“'
                    | '”'
                    | '„'
                    | '«'
                    | '»'
                    | '‹'
                    | '›'
            )
        })
}

/// What is on one side only: blanks that nobody sees, because a line ends or another blank is beside them.
fn one_side(
    all: &[Letter<'_>],
    at: usize,
    part: &[Letter<'_>],
    (before, after): (Option<char>, Option<char>),
    out: &mut String,
) {
    let text = joined(part);
    let previous = match at {
        0 => before,
        at => all[at - 1].text.chars().next(),
    };
    let next = all.get(at + part.len()).map_or(after, |next| next.text.chars().next());
    let edge = |c: Option<char>| c.is_none_or(char::is_whitespace);
    let unseen = is_blank(&text) && (edge(previous) || edge(next) || !text.is_ascii());
    if unseen || text.chars().all(|c| is_invisible(c) && c != '\n') {
        escape(&text, out);
    } else {
        out.push_str(&text);
    }
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        if c == '\n' {
            out.push(c);
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(old: &str, new: &str) -> (String, String) {
        revealed(old, new, Some('x'), Some('x'))
    }

    #[test]
    fn what_looks_alike_is_spelled_out_on_both_sides() {
        for (old, new, left, right) in [
            ("caf\u{e9}", "cafe\u{301}", "caf\\u{e9}", "caf\\u{65}\\u{301}"),
            ("5\u{202f}€", "5 €", "5\\u{202f}€", "5\\u{20}€"),
            ("5\u{a0}€", "6 €", "5\\u{a0}€", "6\\u{20}€"),
            ("paypal", "p\u{430}ypal", "p\\u{61}ypal", "p\\u{430}ypal"),
            ("❤", "❤\u{fe0f}", "❤", "❤\\u{fe0f}"),
            ("a\u{200d}b", "ab", "a\\u{200d}b", "ab"),
            ("a\u{ad}b", "ab", "a\\u{ad}b", "ab"),
            ("a\tb", "a b", "a\\u{9}b", "a\\u{20}b"),
            ("Ａ", "A", "\\u{ff21}", "\\u{41}"),
            ("ﬁn", "fin", "\\u{fb01}n", "\\u{66}\\u{69}n"),
            ("Ω", "\u{2126}", "\\u{3a9}", "\\u{2126}"),
            ("a\u{2011}b", "a-b", "a\\u{2011}b", "a\\u{2d}b"),
        ] {
            assert_eq!(of(old, new), (left.to_owned(), right.to_owned()), "{old:?} {new:?}");
        }
    }

    #[test]
    fn what_a_reader_sees_stays_readable() {
        for (old, new) in [
            ("é", "è"),
            ("Grüße", "Gruße"),
            ("It's – so", "It’s - so"),
            ("l0", "IO"),
            ("Привет", "Hello"),
            ("ab", "a b"),
            ("👋🏽", "👋🏿"),
            ("1 000", "2 000"),
            ("日本", "日木"),
            ("", "ünë wörd"),
            ("Straße 5", "Strasse 5"),
            ("naïve", "naive"),
        ] {
            assert_eq!(of(old, new), (old.to_owned(), new.to_owned()), "{old:?} {new:?}");
        }
    }

    #[test]
    fn blanks_that_nobody_sees_are_spelled_out() {
        assert_eq!(revealed("", " ", Some('.'), None), (String::new(), "\\u{20}".into()));
        assert_eq!(revealed("", " ", Some('.'), Some('\n')), (String::new(), "\\u{20}".into()));
        assert_eq!(revealed(" ", "  ", Some('.'), Some('a')), (" ".into(), " \\u{20}".into()));
        assert_eq!(revealed("", " ", Some('a'), Some('b')), (String::new(), " ".into()));
    }
}
