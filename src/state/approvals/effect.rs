//! The effect of a commit on the approvals, as a pure function.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

use super::{
    packed::{self, MOST},
    pages::{Pages, message},
};
use crate::{
    model::{Address, Approval},
    state::{Write, codec, keys::Table, kv::Changes},
};

/// A page with fewer bytes is joined with a neighbour, if both fit into one with room left.
const FEW: usize = MOST / 3;
const ROOMY: usize = MOST * 2 / 3;

/// What a commit makes of the approvals.
#[derive(Debug, Default)]
pub(in crate::state) struct Effect {
    /// The pages.
    pub(in crate::state) changes: Changes,
    /// How many approvals there are more.
    pub(in crate::state) added: u64,
    /// How many there are fewer.
    pub(in crate::state) removed: u64,
}

/// A page that is stored, under its key.
pub(in crate::state) type StoredPage = (Vec<u8>, Vec<Approval>);

/// The delivery whose approval a write may change.
fn concerned(write: &Write) -> Option<&Address> {
    match write {
        Write::Put(record) => {
            (record.intent.is_none() && record.drift.is_none()).then_some(&record.address)
        }
        Write::Approve(approval) => Some(&approval.address),
        Write::Remove(address) | Write::Withdraw(address) => Some(address),
        Write::Intend(_)
        | Write::Settle(_)
        | Write::Budget(_)
        | Write::ForgetBudget
        | Write::Run(_)
        | Write::RunPart(_)
        | Write::Api(_)
        | Write::Secrets(_)
        | Write::Restore { .. } => None,
    }
}

/// Whether a commit may change approvals of a state that has this many pages of them.
pub(in crate::state) fn may_touch(writes: &[Write], pages: u64) -> bool {
    writes.iter().any(|write| {
        matches!(write, Write::Approve(_)) || (pages > 0 && concerned(write).is_some())
    })
}

/// The pages that a commit has to know.
pub(in crate::state) fn needed(writes: &[Write], pages: &Pages) -> BTreeSet<Vec<u8>> {
    let mut needed: BTreeSet<Vec<u8>> = writes
        .iter()
        .filter_map(concerned)
        .filter_map(|address| pages.of(address))
        .map(<[u8]>::to_vec)
        .collect();
    let small: Vec<_> = needed.iter().filter(|page| pages.bytes(page) < FEW).cloned().collect();
    for page in small {
        let fits = |other: &&[u8]| pages.bytes(other) + pages.bytes(&page) < ROOMY;
        let neighbours = [pages.next(&page), pages.previous(&page)];
        needed.extend(neighbours.into_iter().flatten().find(fits).map(<[u8]>::to_vec));
    }
    needed
}

/// The approvals of a page and of those that were joined with it, or of a message that has no page yet.
#[derive(Default)]
struct Section {
    /// The keys of its pages.
    pages: Vec<Vec<u8>>,
    stored: Vec<Approval>,
    now: BTreeMap<Address, Approval>,
}

/// What these writes make of the approvals, one after another. `stored` has the pages that are [`needed`].
///
/// # Errors
///
/// Never in practice: a page can be written.
pub(in crate::state) fn effect(
    writes: &[Write],
    pages: &Pages,
    stored: Vec<StoredPage>,
) -> Result<Effect, serde_json::Error> {
    let mut sections: BTreeMap<Vec<u8>, Section> = BTreeMap::new();
    for (key, stored) in stored {
        let now = stored.iter().map(|one| (one.address.clone(), one.clone())).collect();
        sections.insert(key.clone(), Section { pages: vec![key], stored, now });
    }
    for write in writes {
        let Some(address) = concerned(write) else { continue };
        let key = pages.of(address).map_or_else(|| message_of(address), <[u8]>::to_vec);
        let section = match write {
            Write::Approve(_) => Some(sections.entry(key).or_default()),
            _ => sections.get_mut(&key),
        };
        if let Some(Section { now, .. }) = section {
            carry_out(write, now);
        }
    }
    let mut effect = Effect::default();
    for section in joined(sections, pages) {
        section.write(&mut effect)?;
    }
    Ok(effect)
}

/// Under which key the approvals of a message are gathered that has no page yet.
fn message_of(address: &Address) -> Vec<u8> {
    message(&Table::Approvals.key(address.as_str().as_bytes())).to_vec()
}

/// The rules of [`Approval`], for one write.
fn carry_out(write: &Write, now: &mut BTreeMap<Address, Approval>) {
    match write {
        Write::Approve(approval) => _ = now.insert(approval.address.clone(), (**approval).clone()),
        Write::Withdraw(address) => _ = now.remove(address),
        Write::Put(record) => replace(now, &record.address, |approval| {
            approval.once_sent(record.kind, &record.content)
        }),
        Write::Remove(address) => replace(now, address, Approval::once_gone),
        _ => {}
    }
}

fn replace(
    now: &mut BTreeMap<Address, Approval>,
    address: &Address,
    left: impl FnOnce(Approval) -> Option<Approval>,
) {
    if let Some(left) = now.remove(address).and_then(left) {
        now.insert(left.address.clone(), left);
    }
}

/// Joins a page of which little is left with the one before or behind it.
fn joined(sections: BTreeMap<Vec<u8>, Section>, pages: &Pages) -> Vec<Section> {
    let mut all: Vec<Section> = Vec::with_capacity(sections.len());
    for section in sections.into_values() {
        match all.last_mut().filter(|before| before.can_take(&section, pages)) {
            Some(before) => before.take(section),
            None => all.push(section),
        }
    }
    all
}

impl Section {
    fn is_changed(&self) -> bool {
        self.pages.len() > 1 || !self.now.values().eq(&self.stored)
    }

    fn can_take(&self, next: &Self, pages: &Pages) -> bool {
        let follows = match (self.pages.last(), next.pages.first()) {
            (Some(last), Some(first)) => pages.next(last) == Some(first),
            _ => false,
        };
        follows && (self.is_changed() || next.is_changed()) && {
            let [left, right] = [self, next].map(|section| packed::length_of(section.now.values()));
            left.min(right) < FEW && left + right < ROOMY
        }
    }

    fn take(&mut self, mut next: Self) {
        self.pages.append(&mut next.pages);
        self.stored.append(&mut next.stored);
        self.now.append(&mut next.now);
    }

    /// Adds what is to be written.
    fn write(self, effect: &mut Effect) -> Result<(), serde_json::Error> {
        if !self.is_changed() {
            return Ok(());
        }
        effect.removed += self.stored.len() as u64;
        effect.added += self.now.len() as u64;
        effect.changes.extend(self.pages.iter().map(|page| (page.clone(), None)));
        let approvals: Vec<Approval> = self.now.into_values().collect();
        let mut begins = self.pages.into_iter().next();
        let mut before = None;
        for chunk in chunks(&approvals) {
            let (Some(first), Some(last)) = (chunk.first(), chunk.last()) else { continue };
            // A page keeps its key while its first ones go.
            let first_key = Table::Approvals.key(first.address.as_str().as_bytes());
            let kept = begins.take().filter(|begins| *begins <= first_key);
            let key = kept.unwrap_or_else(|| name_between(before, first));
            before = Some(last);
            let value = codec::encode_approvals(&key, chunk)?;
            effect.changes.insert(key, Some(value));
        }
        Ok(())
    }
}

/// The key of a page that begins with `first`, behind `before` on the page before, if there is one: as short as can be,
/// as a database keeps it in its index too.
fn name_between(before: Option<&Approval>, first: &Approval) -> Vec<u8> {
    let address = first.address.as_str();
    let before = before.map_or("", |before| before.address.as_str());
    let visitor = first.address.key_str().len() + 1;
    let ends = address.char_indices().map(|(at, sign)| at + sign.len_utf8());
    let mut names = ends.filter(|end| *end > visitor).filter_map(|end| address.get(..end));
    let name = names.find(|name| *name > before).unwrap_or(address);
    Table::Approvals.key(name.as_bytes())
}

/// The approvals of each page: pages of about the same size, so that each has room left if one more comes.
fn chunks(approvals: &[Approval]) -> Vec<&[Approval]> {
    let befores = iter::once(None).chain(approvals.iter().map(Some));
    let lengths: Vec<_> =
        approvals.iter().zip(befores).map(|(one, before)| packed::length(one, before)).collect();
    let total: usize = lengths.iter().sum();
    let pages = total.div_ceil(MOST).max(1);
    let longest = lengths.iter().max().copied().unwrap_or_default();
    let most = (total / pages + longest).min(MOST);
    let mut chunks = Vec::with_capacity(pages);
    let (mut start, mut length) = (0, 0);
    for (at, more) in lengths.into_iter().enumerate() {
        if length + more > most && at > start {
            chunks.extend(approvals.get(start..at));
            (start, length) = (at, 0);
        }
        length += more;
    }
    chunks.extend(approvals.get(start..).filter(|rest| !rest.is_empty()));
    chunks
}
