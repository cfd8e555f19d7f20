//! What of a plan is shown where there is not room for all.

use std::cmp::Reverse;

use super::humanize;

/// Something to review.
pub(super) struct Entry {
    /// With its texts; none if it would not find room anyway.
    pub(super) full: Option<String>,
    /// In one line; empty if nothing is lost without it.
    pub(super) line: String,
    /// How many changes it stands for.
    pub(super) changes: usize,
    /// The lower, the sooner it must be seen.
    pub(super) rank: u8,
}

/// What an entry counts that was not written out; so many of them are no overflow.
const ENDLESS: u64 = 1 << 40;

/// How an entry is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    Full,
    Line,
    Counted,
}

impl Entry {
    /// That has nothing but its line.
    pub(super) fn line(line: String, rank: u8) -> Self {
        Self { full: Some(line.clone()), line, changes: 0, rank }
    }

    /// In bytes, with an empty line before the next one.
    fn cost(&self, size: Size) -> u64 {
        match size {
            Size::Full => self.full.as_ref().map_or(ENDLESS, |text| text.len() as u64) + 1,
            Size::Line => self.line.len() as u64 + 1,
            Size::Counted => 0,
        }
    }
}

/// What did not find room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// Entries without their texts.
    texts: u64,
    /// Entries that are only counted, and the changes that they stand for.
    entries: u64,
    changes: u64,
}

/// How each entry is shown, so that all together fit: the biggest texts go first, then entries
/// that matter less.
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

/// The same, but what matters less goes first; texts have so much of the room.
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

/// What must be decided first, then what concerns the most visitors.
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

    /// In words; none if nothing is missing.
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
