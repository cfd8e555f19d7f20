//! Where a part of a text stands in the YAML file that holds it.

use std::ops::Range;

use saphyr_parser::ScalarStyle;

use crate::{
    manifest::{source_path::SourcePath, yaml::tree::What},
    model::Place,
};

/// Where a part of a text is in the YAML file that holds it.
pub(crate) fn place_in(source: &SourcePath, text: &str, range: Range<usize>) -> Place {
    find_in(source, text, range).unwrap_or_else(|| source.place())
}

fn find_in(source: &SourcePath, text: &str, range: Range<usize>) -> Option<Place> {
    let (file, tree, node) = source.node()?;
    let node = tree.node(tree.resolve(node));
    let What::Scalar { style, .. } = &node.what else { return None };
    let (start, end) = (node.span.start, node.span.end);
    let before = text.get(..range.start)?;
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let wanted = text.get(range.clone())?.lines().next().unwrap_or_default();
    let length = u32::try_from(wanted.chars().count()).ok()?.max(1);
    let indent = start.column as usize;
    let at = |line: u32, column: usize| {
        Some(file.place_at(line, u32::try_from(column).ok()? + 1, length))
    };
    let written = text.split('\n').nth(line).unwrap_or_default();
    match style {
        ScalarStyle::Literal => {
            // The span may begin at the first line, or at the first that is not empty.
            let leading = text.len() - text.trim_start_matches('\n').len();
            for skipped in [0, leading] {
                let Some(number) = line.checked_sub(skipped) else { continue };
                let number = start.line + u32::try_from(number).ok()?;
                let shown = file.line_text(number).unwrap_or_default();
                let inner: String = shown.chars().skip(indent).collect();
                if inner.trim_end() == written.trim_end() {
                    return at(number, indent + column);
                }
            }
        }
        _ if start.line == end.line => {
            let quotes = usize::from(*style != ScalarStyle::Plain);
            let (shown, _) = file.part_of_line(start.line, node.span)?;
            if shown.get(quotes..).is_some_and(|shown| shown.starts_with(text)) {
                return at(start.line, indent + quotes + column);
            }
        }
        _ => {}
    }
    // Folded or escaped: if the part is written once, it is there.
    let mut places = (start.line..=end.line).filter_map(|number| {
        let (shown, first) = file.part_of_line(number, node.span)?;
        let found = shown.find(wanted).filter(|_| !wanted.trim().is_empty())?;
        Some((number, first as usize + shown[..found].chars().count()))
    });
    match (places.next(), places.next()) {
        (Some((number, column)), None) => at(number, column),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::manifest::source_file::SourceFile;

    /// Where `{{ x }}` is found in the field `text` of a YAML file.
    fn found(yaml: &str) -> (u32, u32) {
        let file = Arc::new(SourceFile::new("a.yaml".into(), yaml.to_owned()));
        let source = SourcePath::root(&file).child("text");
        let (_, tree, node) = source.node().expect("a node");
        let text = tree.text(node).expect("a text").to_owned();
        let start = text.find("{{ x }}").expect("the part");
        let place = place_in(&source, &text, start..start + 7);
        (place.line, place.column)
    }

    #[test]
    fn parts_of_texts_are_found_however_they_are_written() {
        assert_eq!(found("text: |\n  a\n  é {{ x }}\n"), (3, 5));
        assert_eq!(found("text: |\n\n\n  a\n   {{ x }}\n"), (5, 4));
        assert_eq!(found("text: |2\n    b\n   {{ x }}\n"), (3, 4));
        assert_eq!(found("text: |\r\n  a\r\n  é {{ x }}\r\n"), (3, 5));
        assert_eq!(found("text: é {{ x }}"), (1, 9));
        assert_eq!(found("text: \"é {{ x }}\""), (1, 10));
        assert_eq!(found("text: \"\\n {{ x }}\""), (1, 11));
        assert_eq!(found("text: >-\n  a\n  b {{ x }}\n"), (3, 5));
        assert_eq!(found("text: a\n  b {{ x }}\n  c\n"), (2, 5));
        assert_eq!(found("text: >-\n  {{ x }}\n  {{ x }}\n"), (2, 3));
    }
}
