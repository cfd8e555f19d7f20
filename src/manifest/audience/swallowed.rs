//! Rows inside a cell: a quote that was forgotten, and by chance closed by another one.

use super::{format::CsvFormat, ids::IdKind, quotes::cells_of_line};

/// What ids of one file mostly have in common.
#[derive(PartialEq, Eq, Clone, Copy)]
struct Looks {
    digits: bool,
    signs: [bool; 4],
}

impl Looks {
    fn of(id: &str) -> Self {
        Self {
            digits: id.bytes().any(|byte| byte.is_ascii_digit()),
            signs: ['@', '-', '_', '.'].map(|sign| id.contains(sign)),
        }
    }
}

/// Whether one id could be another's neighbour.
fn alike(one: &str, other: &str) -> bool {
    let (short, long) = (one.len().min(other.len()), one.len().max(other.len()));
    Looks::of(one) == Looks::of(other) && long <= 2 * short
}

/// What the rows of a file look like.
pub(super) struct Shape {
    pub(super) width: usize,
    /// The column of the ids.
    pub(super) visitor: usize,
    pub(super) format: CsvFormat,
    pub(super) kind: IdKind,
}

impl Shape {
    /// Whether a row that has line breaks in its cells is several rows by the looks of it: two or more of its lines
    /// have as many cells as the header, each with an id like those of this file. `written` is the row as it stands
    /// there.
    pub(super) fn is_several_rows(&self, written: &str, id: &str) -> bool {
        let Self { width, visitor, format, kind } = *self;
        if width < 2 {
            return false;
        }
        let is_row = |line: &str| {
            let cells = cells_of_line(line, format);
            let found = cells.get(visitor).map_or("", |cell| cell.trim_matches('"'));
            cells.len() == width
                && kind.is_id(found)
                && alike(found, id)
                // Commas of prose have a blank after them.
                && (Looks::of(found).digits || !cells[1..].iter().any(|cell| cell.starts_with(' ')))
        };
        written.split('\n').filter(|line| is_row(line)).count() > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(width: usize, visitor: usize) -> Shape {
        Shape { width, visitor, format: CsvFormat::default(), kind: IdKind::Visitor }
    }

    #[test]
    fn rows_inside_a_cell_are_seen() {
        for (written, width, visitor, id) in [
            ("v1,\"Ada\nv2,\"", 2, 0, "v1"),
            ("v1,\"Ada\nv2,Bob\"", 2, 0, "v1"),
            ("v1,\"Ada,pro\nv2,Bob\",free", 3, 0, "v1"),
            ("\"Ada,v1\nBob\",v2", 2, 1, "v2"),
            ("liz,\"Ada\ntom,Bob\"", 2, 0, "liz"),
            ("a@x.com,\"Ada\nb@y.com,Bob, the second\nc@z.org,x\"", 2, 0, "a@x.com"),
        ] {
            assert!(shape(width, visitor).is_several_rows(written, id), "{written:?}");
        }
    }

    #[test]
    fn texts_of_several_lines_are_not_taken_for_rows() {
        for (written, width, visitor, id) in [
            ("v1,\"Main St 5\nSpringfield, IL\"", 2, 0, "v1"),
            ("v1,\"Main St 5\nSpringfield,IL\"", 2, 0, "v1"),
            ("liz,\"Dear Liz,\nthanks, and bye\"", 2, 0, "liz"),
            ("v1,\"1, 2\n3, 4\n\n\"", 2, 0, "v1"),
            (
                "kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg,\"a\nb,c\"",
                2,
                0,
                "kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg",
            ),
            ("\"v1\nv2\"", 1, 0, "v1"),
        ] {
            assert!(!shape(width, visitor).is_several_rows(written, id), "{written:?}");
        }
    }
}
