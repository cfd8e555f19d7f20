use similar::{ChangeTag, TextDiff};

/// A stretch of a text that stayed, went or came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Same(String),
    Old(String),
    New(String),
}

/// What of `old` stays, goes and comes in `new`, word by word.
///
/// Single spaces between two changed words are drawn into the change: `[-a b-]` reads better
/// than `[-a-] [-b-]`.
pub(super) fn words(old: &str, new: &str) -> Vec<Piece> {
    let diff = TextDiff::from_unicode_words(old, new);
    let mut pieces: Vec<(String, String, String)> = Vec::new();
    // Triples of (same, old, new): what stayed, then what changed after it.
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
        let parts =
            [(same, Piece::Same as fn(String) -> Piece), (old, Piece::Old), (new, Piece::New)];
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
        let pieces = words("Dark mode is here, there!", "Dark mode is here, Liz!");
        assert_eq!(
            pieces,
            [
                Piece::Same("Dark mode is here, ".into()),
                Piece::Old("there".into()),
                Piece::New("Liz".into()),
                Piece::Same("!".into()),
            ]
        );
    }

    #[test]
    fn neighbouring_changes_are_one() {
        let pieces = words("one two three", "one zwei drei");
        assert_eq!(
            pieces,
            [
                Piece::Same("one ".into()),
                Piece::Old("two three".into()),
                Piece::New("zwei drei".into()),
            ]
        );
    }

    proptest! {
        #[test]
        fn a_diff_holds_both_texts_whole(old in "[a-c \\n]{0,30}", new in "[a-c \\n]{0,30}") {
            let (mut left, mut right) = (String::new(), String::new());
            for piece in words(&old, &new) {
                match piece {
                    Piece::Same(text) => { left.push_str(&text); right.push_str(&text); }
                    Piece::Old(text) => left.push_str(&text),
                    Piece::New(text) => right.push_str(&text),
                }
            }
            prop_assert_eq!(left, old);
            prop_assert_eq!(right, new);
        }
    }
}
