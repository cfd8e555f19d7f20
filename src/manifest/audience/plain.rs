//! The rows of a CSV file without quotes: each line is one, so that parts of the file can be looked
//! through at the same time.

use memchr::{memchr, memchr_iter, memchr2};

use super::{
    ENOUGH, check_visitor,
    order::{Keys, Sortable},
};
use crate::manifest::threads::{Threads, each};

/// If there are several parts, each has so many bytes or more.
const PART: usize = 1 << 20;

/// What is wrong with a row.
pub(super) enum Wrong {
    /// It has so many cells, and the header another number of them.
    Width(usize),
    /// Its visitor's id is none.
    Visitor(String),
}

/// What a file holds, or a part of it.
#[derive(Default)]
pub(super) struct Found {
    pub(super) keys: Keys,
    /// Where rows begin that have problems: as many of them as are worth to be shown.
    pub(super) wrong: Vec<(usize, Wrong)>,
    /// So many more rows have problems.
    pub(super) more: usize,
    rows: usize,
}

/// The rows with as many cells as the header, and what is wrong with others. They begin at `start`
/// or later.
pub(super) fn scan(
    text: &[u8],
    start: usize,
    columns: Columns,
    threads: Threads,
) -> (Vec<Sortable>, Found) {
    let size = text.len() - start;
    let (threads, parts) = match threads {
        Threads::Exactly(threads) => (threads, threads),
        Threads::AsNeeded => {
            let threads = threads.for_bytes(size as u64);
            (threads, threads.min(size / PART))
        }
    };
    let spans = spans(text, start, parts.max(1));
    // One allocation of the right size: rows are most of what is needed beside the text.
    let most: Vec<usize> = spans.iter().map(|(from, to)| lines(&text[*from..*to])).collect();
    let mut rows: Vec<Sortable> = vec![[0; 3]; most.iter().sum()];
    let mut free = &mut rows[..];
    let mut parts = Vec::with_capacity(spans.len());
    for ((from, to), most) in spans.into_iter().zip(&most) {
        let (rows, others) = free.split_at_mut(*most);
        free = others;
        parts.push(Part { text: &text[..to], from, columns, rows, found: Found::default() });
    }
    let found = each(parts, threads, Part::look_through);

    let mut all = Found::default();
    let mut before = 0;
    for (part, most) in found.into_iter().zip(most) {
        rows.copy_within(before..before + part.rows, all.rows);
        before += most;
        all.rows += part.rows;
        all.keys = all.keys.and(part.keys);
        all.wrong.extend(part.wrong);
        all.more += part.more;
    }
    rows.truncate(all.rows);
    (rows, all)
}

/// How many there are, and which of them is the visitor's id.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    pub(super) width: usize,
    pub(super) visitor: usize,
}

/// Cuts at the ends of lines.
fn spans(text: &[u8], start: usize, parts: usize) -> Vec<(usize, usize)> {
    let size = text.len() - start;
    let mut from = start;
    let ends = (1..=parts).map(|part| {
        let about = (start + size / parts * part).max(from);
        let end = memchr2(b'\n', b'\r', &text[about..]).map_or(text.len(), |at| about + at + 1);
        let end = if part == parts { text.len() } else { end };
        let span = (from, end);
        from = end;
        span
    });
    ends.collect()
}

/// At most so many rows are in there.
fn lines(text: &[u8]) -> usize {
    memchr_iter(b'\n', text).count() + memchr_iter(b'\r', text).count() + 1
}

struct Part<'t> {
    text: &'t [u8],
    from: usize,
    columns: Columns,
    rows: &'t mut [Sortable],
    found: Found,
}

impl Part<'_> {
    fn look_through(mut self) -> Found {
        let mut from = self.from;
        while from < self.text.len() {
            let rest = &self.text[from..];
            let line = &rest[..memchr2(b'\n', b'\r', rest).unwrap_or(rest.len())];
            if !line.is_empty() {
                self.row(from, line);
            }
            from += line.len() + 1;
        }
        self.found
    }

    fn row(&mut self, at: usize, line: &[u8]) {
        let cells = 1 + line.iter().filter(|byte| **byte == b',').count();
        if cells != self.columns.width {
            return self.wrong(at, || Wrong::Width(cells));
        }
        let id = cell(line, self.columns.visitor);
        // Most ids are plain: those are not looked at byte by byte.
        if !is_plain(id)
            && let Err(error) = check_visitor(&String::from_utf8_lossy(id))
        {
            self.wrong(at, || Wrong::Visitor(error));
        }
        // A file has at most 4 GiB; there is room for as many rows as it has lines.
        let row = u32::try_from(at).unwrap_or(u32::MAX);
        if let Some(room) = self.rows.get_mut(self.found.rows) {
            *room = self.found.keys.note(id, row);
            self.found.rows += 1;
        }
    }

    fn wrong(&mut self, at: usize, what: impl FnOnce() -> Wrong) {
        if self.found.wrong.len() < ENOUGH {
            self.found.wrong.push((at, what()));
        } else {
            self.found.more += 1;
        }
    }
}

fn cell(line: &[u8], column: usize) -> &[u8] {
    let mut rest = line;
    for _ in 0..column {
        let end = memchr(b',', rest).unwrap_or(rest.len());
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    &rest[..memchr(b',', rest).unwrap_or(rest.len())]
}

/// Whether an id is short and has only visible ASCII characters.
pub(super) fn is_plain(id: &[u8]) -> bool {
    let visible = id.iter().fold(true, |all, byte| all & byte.is_ascii_graphic());
    visible && (1..=crate::model::VisitorId::MAX_BYTES).contains(&id.len())
}
