//! What the two parsers owe each other, for fuzzing and tests: `serde_yaml` alone decides what a file means, and
//! a place that is shown holds the scalar that `serde_yaml` read there.

use saphyr_parser::ScalarStyle;
use serde_yaml::Value as Expected;

use super::{
    read::read,
    tree::{Node, Tree, What},
    values::{Value, ValueId, Values},
};
use crate::manifest::{
    source_file::SourceFile,
    unions::{Entries, Texts},
};

/// Panics if a promise is broken.
pub(crate) fn check(text: &str) {
    let file = SourceFile::new("a.yaml".into(), text.to_owned());
    let text = file.text();
    let document = read(&file);
    let Ok(values) = Values::read(text, file.limits()) else {
        assert!(!document.diagnostics.is_empty(), "{text:?} is not YAML, and nothing is said");
        return;
    };
    // This refuses a key that comes twice, and `!` with nothing behind it.
    if let Ok(expected) = serde_yaml::from_str::<Expected>(text) {
        same(&values, Values::ROOT, &expected);
    }
    if document.diagnostics.is_empty() {
        let messages = values.entry(Values::ROOT, "messages");
        let all = document.raw.messages.iter().flat_map(|Entries(all)| all);
        for (key, message) in all {
            let entry = messages.and_then(|messages| values.entry(messages, key));
            let written = entry.and_then(|entry| values.entry(entry, "text"));
            let written = written.filter(|text| *values.get(*text) != Value::Null);
            match &message.text {
                Some(Texts::ByLanguage(texts)) => {
                    for (language, one) in texts {
                        let meant = written.and_then(|text| values.entry(text, language));
                        let meant = meant.and_then(|text| values.text(text));
                        assert_eq!(Some(&**one), meant, "{language} of {key} in {text:?}");
                    }
                }
                Some(Texts::One(one)) => {
                    let meant = written.and_then(|text| values.text(text));
                    assert_eq!(Some(&**one), meant, "the text of {key} in {text:?}");
                }
                None => assert_eq!(written, None, "the text of {key} in {text:?}"),
            }
        }
    }
    let places = file.places(&values);
    if let Ok(tree) = file.tree() {
        for id in values.ids() {
            if let Some(node) = places.node(id) {
                let node = tree.node(node);
                assert!(holds(&file, tree, node, &values, id), "{node:?} in {text:?}");
            }
        }
    }
}

/// Asserts that the values are those that `serde_yaml` makes of the file by itself.
fn same(values: &Values<'_>, id: ValueId, expected: &Expected) {
    match (values.get(id), expected) {
        (_, Expected::Tagged(tagged)) => same(values, id, &tagged.value),
        (Value::Text(text), Expected::String(expected)) => assert_eq!(text, expected),
        (Value::Null, Expected::Null) | (Value::Number, Expected::Number(_)) => {}
        (Value::Bool(value), Expected::Bool(expected)) => assert_eq!(value, expected),
        (Value::Int(number), Expected::Number(expected)) => {
            let expected =
                (expected.as_i64().map(i128::from)).or(expected.as_u64().map(i128::from));
            assert!(expected.is_none_or(|expected| expected == *number), "{number}");
        }
        (Value::List(items), Expected::Sequence(expected)) => {
            assert_eq!(items.len(), expected.len());
            items.iter().zip(expected).for_each(|(item, expected)| same(values, *item, expected));
        }
        (Value::Map(entries), Expected::Mapping(expected)) => {
            assert_eq!(entries.len(), expected.len());
            for ((key, value), (expected_key, expected)) in entries.iter().zip(expected) {
                same(values, *key, expected_key);
                same(values, *value, expected);
            }
        }
        (found, expected) => assert_eq!(format!("{found:?}"), format!("{expected:?}")),
    }
    if matches!(values.get(id), Value::Bool(_) | Value::Int(_) | Value::Number) {
        assert!(values.text(id).is_some_and(|text| !text.is_empty()), "{id} has no text");
    }
}

/// Whether the place of a node holds the scalar that was read there.
fn holds(file: &SourceFile, tree: &Tree, node: &Node, values: &Values<'_>, id: ValueId) -> bool {
    let What::Scalar { style, .. } = &node.what else { return true };
    let Some(meant) = values.text(id) else { return tree.root.is_some() };
    let lines = node.span.start.line..=node.span.end.line;
    let lines = lines.filter_map(|line| Some(file.part_of_line(line, node.span)?.0));
    let lines: Vec<_> = lines.collect();
    let written = words(&lines.join(" "));
    // Without a block, the place begins at the tag or the anchor.
    let scalar = &*without_properties(&lines);
    match style {
        // A block may begin below its place, and end above it.
        ScalarStyle::Literal | ScalarStyle::Folded => written.contains(&words(meant)),
        ScalarStyle::Plain => *scalar == words(meant),
        ScalarStyle::SingleQuoted => unquoted(scalar, '\'')
            .is_some_and(|inside| words(&inside.replace("''", "'")) == words(meant)),
        ScalarStyle::DoubleQuoted => unquoted(scalar, '"')
            .is_some_and(|inside| inside.contains('\\') || words(inside) == words(meant)),
    }
}

/// Comments may stand between a tag or an anchor and its scalar, which begins in a later line then.
fn without_properties(lines: &[&str]) -> String {
    let mut lines = lines.iter();
    let mut line = lines.next().copied().unwrap_or_default().trim();
    let mut seen = false;
    loop {
        if line.starts_with(['!', '&']) {
            seen = true;
            line = line.split_once([' ', '\t']).map_or("", |(_, rest)| rest.trim_start());
        } else if seen && (line.is_empty() || line.starts_with('#')) {
            let Some(next) = lines.next() else { return String::new() };
            line = next.trim();
        } else {
            let rest: Vec<_> = std::iter::once(line).chain(lines.copied()).collect();
            return words(&rest.join(" "));
        }
    }
}

fn unquoted(text: &str, quote: char) -> Option<&str> {
    text.strip_prefix(quote)?.strip_suffix(quote)
}

/// Line breaks and indentation are not part of the comparison.
fn words(text: &str) -> String {
    text.split([' ', '\t', '\r', '\n'])
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select, test_runner::RngSeed};

    const PARTS: [&str; 58] = [
        "a",
        "b",
        "messages",
        "m",
        "text",
        "to",
        "vars",
        "é",
        ": ",
        ":",
        "- ",
        "-",
        "\n",
        "\n  ",
        "\n    ",
        " ",
        "  ",
        "\t",
        "\r\n",
        "\r",
        "'",
        "\"",
        "[",
        "]",
        "{",
        "}",
        ",",
        ", ",
        "&a ",
        "*a",
        "!t ",
        "!!str ",
        "!!int ",
        "! ",
        "!<tag:x> ",
        "|\n",
        ">-\n",
        "|2\n",
        "# c\n",
        " #",
        "~",
        "null",
        "012",
        "1.10",
        "0x1F",
        "+1",
        "1e3",
        "true",
        "NO",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "? ",
        "<<: ",
        "%TAG ! tag:x,2000:\n",
        "---\n",
        "...\n",
        "\\n",
    ];
    const PROJECT: &str = "vars: { a: 1.10, b: [yes, 'no'], \"c\": ~ }\nmessages:\n  note: &n\n    to: { visitor: v1 } # c\n    \
        text: |\n      Hello {{ a }}\n\n      there\n  more: { to: beta, text: \"x\\ty\", priority: 0x10, protect: True }\n  \
        folded:\n    text: >-\n      a\n      b\n    from: 012\n  again: *n\n  plain:\n    text: two\n      lines\n";

    proptest! {
        // The same texts each time; `cargo fuzz run parsers` looks for others.
        #![proptest_config(ProptestConfig {
            cases: 4000,
            rng_seed: RngSeed::Fixed(1),
            ..ProptestConfig::default()
        })]

        #[test]
        fn one_parser_decides_and_places_hold_what_it_read(parts in vec(select(&PARTS[..]), 0..30)) {
            super::check(&parts.concat());
        }

        #[test]
        fn one_parser_decides_in_a_project_with_typos(
            edits in vec((0..PROJECT.len(), 0_usize..3, select(&PARTS[..])), 0..4),
        ) {
            let mut text: Vec<char> = PROJECT.chars().collect();
            for (at, removed, part) in edits {
                let at = at.min(text.len());
                let end = (at + removed).min(text.len());
                text.splice(at..end, part.chars());
            }
            super::check(&text.into_iter().collect::<String>());
        }
    }
}
