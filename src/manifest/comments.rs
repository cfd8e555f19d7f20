//! Comments of YAML files, which may hold anything: also the ids of visitors that were there once.

use std::ops::Range;

/// The characters of the comment at the end of a line, unless it is of plain words and short numbers.
pub(crate) fn hidden(line: &str) -> Option<Range<usize>> {
    let (start, comment) = comment(line)?;
    let plain = |word: &str| {
        let word = word.trim_matches(|c: char| c.is_ascii_punctuation() && c != '@' && c != ':');
        let number = word.chars().count() <= 5 && word.chars().all(|c| c.is_ascii_digit());
        number || (word.chars().count() <= 16 && word.chars().all(|c| c.is_alphabetic()))
    };
    // `# to: ID` was an entry once.
    let entry = comment.contains([':', '[', '{', '@']) || comment.trim_start().starts_with('-');
    let safe = !entry && comment.split_whitespace().all(plain);
    (!safe).then(|| start..start + comment.chars().count())
}

/// What follows the `#`, and the character that it begins at. A `#` in quotes may be taken for one too.
fn comment(line: &str) -> Option<(usize, &str)> {
    let at =
        if line.starts_with('#') { 0 } else { line.find(" #").or_else(|| line.find("\t#"))? + 1 };
    Some((line[..at].chars().count() + 1, &line[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_shown_if_it_is_of_plain_words() {
        for line in ["a: b # the first try, by Anna", "# Ticket 4711", "a: b#c", "a: \"x#y\""] {
            assert_eq!(hidden(line), None, "{line}");
        }
        for (line, range) in [
            ("a: b # was kZMvWhf8", 6..19),
            ("# to: anna", 1..10),
            ("ü: b  # - anna", 7..14),
            ("x # anna@example", 3..16),
        ] {
            assert_eq!(hidden(line), Some(range), "{line}");
        }
    }
}
