use std::cmp::Reverse;

use super::say;

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
enum Size {
    Full,
    Line,
    Counted,
}

impl Entry {
    /// That has nothing but its line.
    pub(super) fn line(line: String, rank: u8) -> Self {
        Self { full: Some(line.clone()), line, changes: 0, rank }
    }

    fn bytes(&self, size: Size) -> u64 {
        match size {
            Size::Full => self.full.as_ref().map_or(ENDLESS, |text| text.len() as u64),
            Size::Line => self.line.len() as u64,
            Size::Counted => 0,
        }
    }
}

/// As many of the entries as fit: the biggest texts go first, then entries that matter less.
pub(super) fn fit(head: String, entries: &[Entry], foot: &str, most: usize) -> String {
    // What is told of what is left out, and the empty lines between lists and blocks.
    const TOLD: usize = 400;
    let room = most.saturating_sub(head.len() + foot.len() + TOLD);
    let sizes = sizes(entries, room as u64);
    let mut out = head;
    let mut list = false;
    for (entry, size) in entries.iter().zip(&sizes) {
        let text = match size {
            Size::Full => entry.full.as_deref().unwrap_or_default(),
            Size::Line => &entry.line,
            Size::Counted => continue,
        };
        // A block ends at an empty line; items of a list are of one list without it.
        let item = text.starts_with("- ");
        if (!list || !item) && !out.ends_with("\n\n") {
            out.push('\n');
        }
        list = item;
        out.push_str(text);
    }
    out.push_str(&left_out(entries, &sizes));
    out.push_str(foot);
    out
}

fn sizes(entries: &[Entry], room: u64) -> Vec<Size> {
    // With an empty line between them.
    let cost = |n: usize, size| entries[n].bytes(size) + u64::from(size != Size::Counted);
    let mut sizes = vec![Size::Full; entries.len()];
    let mut total: u64 = (0..entries.len()).map(|n| cost(n, Size::Full)).sum();
    let mut biggest: Vec<usize> = (0..entries.len()).collect();
    biggest.sort_by_key(|n| (Reverse(cost(*n, Size::Full)), *n));
    for n in biggest {
        if total <= room {
            break;
        }
        sizes[n] = Size::Line;
        total = total - cost(n, Size::Full) + cost(n, Size::Line);
    }
    if total > room {
        // Then the texts of those that matter most have half of the room, and lines the rest.
        let mut used = 0;
        for n in by_weight(entries) {
            let sizes_of_n =
                [(Size::Full, room / 2), (Size::Line, room), (Size::Counted, u64::MAX)];
            let size = sizes_of_n.into_iter().find(|(size, most)| used + cost(n, *size) <= *most);
            sizes[n] = size.map_or(Size::Counted, |(size, _)| size);
            used += cost(n, sizes[n]);
        }
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

/// What is missing, and where it is.
fn left_out(entries: &[Entry], sizes: &[Size]) -> String {
    let all = |wanted: Size| {
        let of = entries
            .iter()
            .zip(sizes)
            .filter(|(entry, size)| **size == wanted && entry.full.as_ref() != Some(&entry.line));
        of.fold((0u64, 0u64), |(n, changes), (entry, _)| (n + 1, changes + entry.changes as u64))
    };
    let (lines, _) = all(Size::Line);
    let counted = entries.iter().zip(sizes).filter(|(_, size)| **size == Size::Counted);
    let (counted, changes) =
        counted.fold((0, 0), |(n, changes), (entry, _)| (n + 1, changes + entry.changes as u64));
    if lines == 0 && counted == 0 {
        return String::new();
    }
    let mut parts = Vec::new();
    if lines > 0 {
        parts.push(format!("the texts of {}", say::count(lines, "entry", "entries")));
    }
    if counted > 0 {
        let entries = say::count(counted, "entry", "entries");
        parts.push(format!("{entries} ({})", say::count(changes, "change", "changes")));
    }
    format!(
        "\n**Left out, for want of room:** {}. The counts above are complete; `pushsync plan --format html` shows more, `--format json` all.\n",
        parts.join(", and ")
    )
}
