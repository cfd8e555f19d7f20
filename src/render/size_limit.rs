//! Which parts of a plan are shown if not all of them fit.

use std::cmp::Reverse;

use super::humanize;

/// A part of a plan.
pub(super) struct Entry {
    /// The entry with its texts; `None` if they would not fit anyway.
    pub(super) full: Option<String>,
    /// The entry in one line; empty if the line would say nothing.
    pub(super) line: String,
    /// The number of its changes.
    pub(super) changes: usize,
    /// A lower rank is more important.
    pub(super) rank: u8,
}

/// The cost of an entry without its texts: too large for any limit, and small enough to add up.
const TOO_LARGE: u64 = 1 << 40;

/// How an entry is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    Full,
    Line,
    Counted,
}

impl Entry {
    /// An entry without texts.
    pub(super) fn line(line: String, rank: u8) -> Self {
        Self { full: Some(line.clone()), line, changes: 0, rank }
    }

    /// The bytes that it takes, with an empty line before the next entry.
    fn cost(&self, size: Size) -> u64 {
        match size {
            Size::Full => self.full.as_ref().map_or(TOO_LARGE, |text| text.len() as u64) + 1,
            Size::Line => self.line.len() as u64 + 1,
            Size::Counted => 0,
        }
    }
}

/// The entries that do not fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// The number of entries without their texts.
    texts: u64,
    /// The number of entries that are only counted, and of their changes.
    entries: u64,
    changes: u64,
}

/// The size of each entry so that all fit in `room` bytes. The biggest texts are left out first, then the
/// less important entries.
pub(super) fn biggest_first(entries: &[Entry], room: u64) -> Vec<Size> {
    let mut sizes = vec![Size::Full; entries.len()];
    let mut total: u64 = entries.iter().map(|entry| entry.cost(Size::Full)).sum();
    let mut biggest: Vec<usize> = (0..entries.len()).collect();
    biggest.sort_by_key(|n| (Reverse(entries[*n].cost(Size::Full)), *n));
    for n in biggest {
        if total <= room {
            return sizes;
        }
        sizes[n] = Size::Line;
        total = total - entries[n].cost(Size::Full) + entries[n].cost(Size::Line);
    }
    if total <= room { sizes } else { least_first(entries, room, room / 2) }
}

/// The same, but less important entries are left out first. The texts may take `texts` bytes of the room.
pub(super) fn least_first(entries: &[Entry], room: u64, texts: u64) -> Vec<Size> {
    let total: u64 = entries.iter().map(|entry| entry.cost(Size::Full)).sum();
    if total <= room {
        return vec![Size::Full; entries.len()];
    }
    let mut sizes = vec![Size::Counted; entries.len()];
    let mut used = 0;
    for n in by_weight(entries) {
        let entry = &entries[n];
        if used + entry.cost(Size::Full) <= texts {
            sizes[n] = Size::Full;
        } else if used + entry.cost(Size::Line) <= room {
            sizes[n] = Size::Line;
        }
        used += entry.cost(sizes[n]);
    }
    sizes
}

/// The entries in order: decisions first, then those with the most visitors.
fn by_weight(entries: &[Entry]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|n| {
        let Entry { changes, rank, .. } = &entries[*n];
        (*rank > 0, Reverse(*changes), *rank, *n)
    });
    order
}

impl LeftOut {
    pub(super) fn of(entries: &[Entry], sizes: &[Size]) -> Self {
        let mut left = Self::default();
        for (entry, size) in entries.iter().zip(sizes) {
            match size {
                Size::Line if entry.full.as_ref() != Some(&entry.line) => left.texts += 1,
                Size::Counted => {
                    left.entries += 1;
                    left.changes += entry.changes as u64;
                }
                Size::Full | Size::Line => {}
            }
        }
        left
    }

    /// The entries that are left out, in words; `None` if there are none.
    pub(super) fn told(self) -> Option<String> {
        let Self { texts, entries, changes } = self;
        let mut parts = Vec::new();
        if texts > 0 {
            parts.push(format!("the texts of {}", humanize::count(texts, "entry", "entries")));
        }
        if entries > 0 {
            let entries = humanize::count(entries, "entry", "entries");
            parts.push(format!("{entries} ({})", humanize::count(changes, "change", "changes")));
        }
        (!parts.is_empty()).then(|| parts.join(", and "))
    }
}
