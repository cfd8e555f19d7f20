//! Brings the rows of an audience in the order of their visitors' ids.

use std::ops::Range;

use super::{ENOUGH, Table};
use crate::{
    diagnostics::{Code, Diagnostic},
    manifest::threads::{Threads, each},
    model::VisitorId,
};

/// A row while it is brought in order: eight bytes of its id as two numbers, and where it begins.
pub(super) type Sortable = [u32; 3];

/// What all ids have in common at their start, as far as they are known: the eight bytes after it
/// are noted of each. Where those differ, nothing has to be looked up to sort.
#[derive(Debug, Default)]
pub(super) struct Keys {
    first: Option<Box<[u8]>>,
    common: usize,
    count: usize,
    /// Rows whose bytes were noted when more seemed to be in common.
    stale: Vec<Range<usize>>,
}

impl Keys {
    /// What to note of the next row.
    pub(super) fn note(&mut self, id: &[u8], row: u32) -> Sortable {
        match &self.first {
            None => {
                self.common = id.len();
                self.first = Some(id.into());
            }
            Some(first) if !id.starts_with(&first[..self.common]) => {
                self.common = in_common(&first[..self.common], id);
                self.stale = std::iter::once(0..self.count).collect();
            }
            Some(_) => {}
        }
        self.count += 1;
        sortable(id, self.common, row)
    }

    /// Those of the rows before, and of `next`, which follow them.
    pub(super) fn and(mut self, mut next: Self) -> Self {
        let (Some(ours), Some(theirs)) = (&self.first, &next.first) else {
            return if self.first.is_some() { self } else { next };
        };
        let common = in_common(&ours[..self.common], &theirs[..next.common]);
        for part in [&mut self, &mut next] {
            if part.common != common {
                part.stale = std::iter::once(0..part.count).collect();
            }
        }
        let before = self.count;
        let stale = next.stale.into_iter().map(|rows| before + rows.start..before + rows.end);
        self.stale.extend(stale);
        Self { common, count: before + next.count, ..self }
    }
}

fn in_common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

fn sortable(id: &[u8], common: usize, row: u32) -> Sortable {
    let rest = id.get(common..).unwrap_or_default();
    let mut next = [0; 8];
    let some = rest.len().min(next.len());
    next[..some].copy_from_slice(&rest[..some]);
    let [a, b, c, d, e, f, g, h] = next;
    [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]), row]
}

/// Whether nothing of the id is left out: it has fewer bytes than there is room, and no id has a
/// zero in it.
fn is_whole(row: &Sortable) -> bool {
    row[1] & 0xff == 0
}

impl Table {
    /// Brings the rows in the order of their ids, and finds those that come twice.
    pub(super) fn sorted(
        mut self,
        mut rows: Vec<Sortable>,
        keys: &Keys,
        mut problems: Vec<Diagnostic>,
        threads: Threads,
    ) -> Result<Self, Vec<Diagnostic>> {
        for row in keys.stale.iter().flat_map(Clone::clone) {
            let Some(noted) = rows.get_mut(row) else { continue };
            *noted = sortable(self.visitor(noted[2]).as_bytes(), keys.common, noted[2]);
        }
        self.sort(&mut rows, threads);
        let number = |row: &Sortable| (row[0], row[1]);
        let mut twice = 0;
        let mut first = 0;
        for end in 1..=rows.len() {
            let same = rows.get(end).is_some_and(|row| {
                number(&rows[first]) == number(row)
                    && (is_whole(row) || self.visitor(rows[first][2]) == self.visitor(row[2]))
            });
            if same {
                continue;
            }
            // In the order of the file, whatever the number of threads.
            let alike = &mut rows[first..end];
            first = end;
            if alike.len() < 2 {
                continue;
            }
            alike.sort_unstable_by_key(|row| row[2]);
            let id = self.visitor(alike[0][2]);
            for row in &alike[1..] {
                twice += 1;
                if twice > ENOUGH || id.is_empty() {
                    break;
                }
                let masked = VisitorId::parse(id).map(|id| id.masked()).unwrap_or_default();
                let problem = Diagnostic::error(
                    Code::DuplicateVisitor,
                    format!("the visitor {masked} is here a second time"),
                );
                let (again, before) = (self.place(row[2]), self.place(alike[0][2]));
                problems.push(problem.at(again).related(before, "the first time is here"));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        self.order = rows.into_iter().map(|row| row[2]).collect();
        self.order.shrink_to_fit();
        Ok(self)
    }

    /// Rows of the same id are equal: a file of nothing but those is sorted soon.
    fn sort(&self, rows: &mut [Sortable], threads: Threads) {
        let whole = |row: &Sortable| self.visitor(row[2]);
        let order = |a: &Sortable, b: &Sortable| {
            let order = (a[0], a[1]).cmp(&(b[0], b[1]));
            if order.is_eq() && !is_whole(a) { whole(a).cmp(whole(b)) } else { order }
        };
        let threads = threads.for_bytes(size_of_val(rows) as u64);
        // No second array: what belongs into each part is brought there first.
        let mut parts = vec![rows];
        while parts.len() < threads {
            let halves = parts.into_iter().flat_map(|part| {
                let middle = part.len() / 2;
                if middle > 0 {
                    part.select_nth_unstable_by(middle, order);
                }
                <[_; 2]>::from(part.split_at_mut(middle))
            });
            parts = halves.collect();
        }
        each(parts, threads, |part| part.sort_unstable_by(order));
    }
}
