//! Texts that put cells in, and do nothing else: `Hi {{ name | default("there") }}!` Most are like
//! that, and where the cells are filled, such a text is made without the engine of templates.

use crate::manifest::Table;

/// More than that is left to the engine, which knows what a text may cost.
const MOST_PIECES: usize = 64;
const MOST_BYTES: usize = 1024;

/// What is no name of a variable in an expression, or a special one.
const WORDS: [&str; 17] = [
    "true", "True", "false", "False", "none", "None", "not", "and", "or", "in", "is", "if", "else",
    "loop", "self", "super", "caller",
];

/// A template as texts and cells.
#[derive(Debug)]
pub(super) struct Pieces<'p>(Vec<Piece<'p>>);

#[derive(Debug)]
enum Piece<'p> {
    Text(&'p str),
    Cell(usize),
}

impl<'p> Pieces<'p> {
    /// `None` if only the engine can tell what a template means.
    pub(super) fn new(source: &'p str, table: &Table) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut rest = source;
        while let Some((text, after)) = rest.split_once('{') {
            let text = match after.chars().next() {
                Some('{') => text,
                Some('%' | '#') => return None,
                // A brace that stands for itself.
                _ => {
                    let length = text.len() + 1;
                    pieces.push(Piece::Text(&rest[..length]));
                    rest = after;
                    continue;
                }
            };
            let (inner, after) = after[1..].split_once("}}")?;
            pieces.push(Piece::Text(text));
            pieces.push(Piece::Cell(table.column(name(inner)?)?));
            rest = after;
        }
        pieces.push(Piece::Text(rest));
        let good = pieces.len() <= MOST_PIECES && source.len() <= MOST_PIECES * MOST_BYTES;
        good.then_some(Self(pieces))
    }

    /// Puts the text for a row into `out`. `false` if that is the engine's: a cell is empty, so that
    /// something else takes its place, or it is large.
    pub(super) fn put_together(&self, table: &Table, row: u32, out: &mut String) -> bool {
        out.clear();
        self.0.iter().all(|piece| match piece {
            Piece::Text(text) => {
                out.push_str(text);
                true
            }
            Piece::Cell(column) => {
                let cell = table.cell(row, *column);
                out.push_str(cell);
                (1..=MOST_BYTES).contains(&cell.len())
            }
        })
    }
}

/// The only name in an expression: ` name `, or ` name | default("text") `.
fn name(expression: &str) -> Option<&str> {
    let (name, filter) = match expression.split_once('|') {
        None => (expression, None),
        Some((name, filter)) => (name, Some(filter)),
    };
    let name = name.trim_matches(BLANK);
    let mut bytes = name.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let goes_on = bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let plain = begins && goes_on && !WORDS.contains(&name);
    (plain && filter.is_none_or(is_default)).then_some(name)
}

/// White space, as the engine's own grammar has it at the least.
const BLANK: [char; 3] = [' ', '\t', '\n'];

/// Whether a filter leaves a text that is not empty as it is.
fn is_default(filter: &str) -> bool {
    let other = || {
        let call = filter.trim_matches(BLANK).strip_prefix("default(")?.strip_suffix(')')?;
        let text = call.trim_matches(BLANK).strip_prefix('"')?.strip_suffix('"')?;
        Some(!text.contains(['"', '\\', '{', '}']))
    };
    other().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;
    use crate::{
        desired::render::{Renderer, Trouble},
        manifest::template,
    };

    /// What comes of a text for each row, with pieces or only by the engine; and whether it has any.
    fn rendered(source: &str, cells: &[(String, String)], pieces: bool) -> (Vec<String>, bool) {
        let mut csv = "visitor_id,name,true\n".to_owned();
        for (at, (one, two)) in cells.iter().enumerate() {
            csv.push_str(&format!("v{at},{one},{two}\n"));
        }
        let table = Table::from_text(&csv);
        let vars = [("name".to_owned(), "var".into())].into_iter().collect();
        let engine = template::engine();
        let template = engine.template_from_named_str("text", source).expect("a template");
        let known = Pieces::new(source, &table).filter(|_| pieces);
        let mut renderer = Renderer::new(std::sync::Arc::new(table), std::sync::Arc::new(vars));
        let rows = 0..renderer.table.len();
        let texts = rows.map(|at| {
            let row = renderer.table.row(at);
            match renderer.text(&template, known.as_ref(), row) {
                Ok(text) => text.to_string(),
                Err(Trouble::Empty) => "empty".to_owned(),
                Err(Trouble::TooLarge) => "large".to_owned(),
                Err(Trouble::Template(error)) => format!("{error:?}"),
            }
        });
        (texts.collect(), known.is_some())
    }

    #[test]
    fn the_plain_forms_need_no_engine_and_all_others_do() {
        let table = Table::from_text("visitor_id,name,true\n");
        let plain =
            ["Hi {{ name }}!", "{{name}}", "a { b {{\tname\n}} }", "{{ name|default(\"x\") }}"];
        for source in plain {
            assert!(Pieces::new(source, &table).is_some(), "{source}");
        }
        let others = [
            "{{ other }}",
            "{{ true }}",
            "{{ visitor_id }}",
            "{{ name | upper }}",
            "{{- name }}",
            "{{ name -}}",
            "{{ 'x' }}",
            "{% if name %}x{% endif %}",
            "{# x #}",
            "{{ name.x }}",
            "{{ name | default(name) }}",
            "{{ name | default(\"x\") | upper }}",
            "{{ name",
            "{{ name | default(\"x\", true) }}",
            "{{ name ~ \"}}\" }}",
        ];
        for source in others {
            assert!(Pieces::new(source, &table).is_none(), "{source}");
        }
    }

    proptest! {
        #[test]
        fn a_text_is_what_the_engine_makes_of_it(
            parts in proptest::collection::vec(select(vec![
                "{{ name }}", "{{name}}", "{{ name | default(\"there\") }}", "{{ other }}", "{{ true }}",
                "{{- name }}", "{{ name -}}", "{{ name | upper }}", "{ ", " }} ", "{{ name\n}}", "\n", "\r\n",
                " ", "x", "é", "{# x #}", "{% if name %}y{% endif %}", "{{ '{{' }}", "%}", "-", "\"",
            ]), 0..7),
            cells in proptest::collection::vec(("[a{}% \u{e9}]{0,4}", "[a ]{0,2}"), 1..4),
        ) {
            let source = parts.concat();
            prop_assume!(template::engine().template_from_named_str("text", &source).is_ok());
            let (expected, _) = rendered(&source, &cells, false);
            let (found, _) = rendered(&source, &cells, true);
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_large_cell_is_left_to_the_engine() {
        let large = "x".repeat(70_000);
        let cells = [(large, "x".to_owned()), ("y".repeat(2000), "x".to_owned())];
        let (found, any) = rendered("{{ name }}", &cells, true);
        assert!(any);
        assert_eq!(found, rendered("{{ name }}", &cells, false).0);
        assert!(found[0].contains("64 KiB"), "{}", found[0]);
    }
}
