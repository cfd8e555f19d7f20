//! The packed form of a page of approvals: all of one message, in the order of their visitors.
//!
//! | part | bytes |
//! |---|---|
//! | number of notes | LEB128 |
//! | for each note: the run, which ends of a window follow, those in nanoseconds | LEB128 |
//! | the form of the visitor ids | one: as they are, as hexadecimal digits, as signs of six bits |
//! | number of runs of approvals that are alike | LEB128 |
//! | for each run: its note and flags, the length of the visitors' ids, the number of approvals | LEB128 |
//! | for each approval: the visitor's id in that form; the digest of the content, if it is not that of the approval before | |
//!
//! So an approval of a text of its own takes 44 bytes for an id of 32 letters and digits, and 52 for one of 64
//! hexadecimal digits. The message's key is not in it: a page is stored under an address.

use std::{iter, mem};

use jiff::Timestamp;

use crate::model::{
    Address, Approval, ContentDigest, Key, Presence, Target, VisitorId, Window, leb128,
};

/// About the most bytes of the approvals of a page. Four such pages, even encrypted, with all that PostgreSQL keeps of
/// a row, fill one of its own; a larger value would be moved out of the row.
pub(super) const MOST: usize = 1840;
/// The bytes of a page without its approvals, about.
const REST: usize = 24;

/// The bytes of a run of approvals.
const RUN: usize = 3;

// The flags of an approval. Above them is the number of its note.
const KIND: u128 = 0b11;
const PRESENT: u128 = 0;
const ABSENT: u128 = 1;
const UNMANAGED: u128 = 2;
const LAPSED: u128 = 3;
const OPENED: u128 = 1 << 2;
/// The content is that of the present target before.
const SAME: u128 = 1 << 3;
const FLAGS: u32 = 4;

// The ends of a window in a note.
const FROM: u128 = 1;
const UNTIL: u128 = 1 << 1;

/// The signs of which an id is made, if each of them needs fewer than eight bits.
struct Alphabet {
    bits: u32,
    signs: &'static [u8],
    /// The number of each sign; 255 for any other byte.
    numbers: [u8; 256],
}

const HEX: Alphabet = Alphabet::of(4, b"0123456789abcdef");
const SIX_BITS: Alphabet =
    Alphabet::of(6, b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_");

/// How ids are written: the form's number is its place here, and ids as they are come first.
static FORMS: [Option<&Alphabet>; 3] = [None, Some(&HEX), Some(&SIX_BITS)];

impl Alphabet {
    #[expect(clippy::cast_possible_truncation, reason = "there are at most 64 signs")]
    const fn of(bits: u32, signs: &'static [u8]) -> Self {
        let mut numbers = [u8::MAX; 256];
        let mut at = 0;
        while at < signs.len() {
            numbers[signs[at] as usize] = at as u8;
            at += 1;
        }
        Self { bits, signs, numbers }
    }

    fn has(&self, id: &str) -> bool {
        id.bytes().all(|sign| self.numbers[usize::from(sign)] != u8::MAX)
    }

    /// The bytes that an id of this many signs takes.
    fn bytes(&self, signs: usize) -> usize {
        (signs * self.bits as usize).div_ceil(8)
    }

    fn put(&self, out: &mut Vec<u8>, id: &str) {
        let (mut held, mut bits) = (0_u32, 0);
        for sign in id.bytes() {
            held = held << self.bits | u32::from(self.numbers[usize::from(sign)]);
            bits += self.bits;
            if bits >= 8 {
                bits -= 8;
                out.push((held >> bits & 0xff) as u8);
            }
        }
        if bits > 0 {
            out.push((held << (8 - bits) & 0xff) as u8);
        }
    }

    /// Appends the id with this many signs; `None` if the bits behind it are not empty.
    fn take(&self, packed: &[u8], signs: usize, id: &mut String) -> Option<()> {
        let (mut held, mut bits) = (0_u32, 0);
        let mut bytes = packed.iter();
        for _ in 0..signs {
            if bits < self.bits {
                held = held << 8 | u32::from(*bytes.next()?);
                bits += 8;
            }
            bits -= self.bits;
            let number = held >> bits & ((1 << self.bits) - 1);
            id.push(char::from(*self.signs.get(number as usize)?));
        }
        (held & ((1 << bits) - 1) == 0).then_some(())
    }
}

/// What many approvals of a page have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Note {
    run: u64,
    window: Window,
}

impl Note {
    fn of(approval: &Approval) -> Self {
        Self { run: approval.run, window: approval.target.window().unwrap_or_default() }
    }
}

/// About the bytes that an approval adds to a page, behind `before`.
pub(super) fn length(approval: &Approval, before: Option<&Approval>) -> usize {
    let id = approval.address.visitor_str();
    let shortest = [&HEX, &SIX_BITS].into_iter().find(|alphabet| alphabet.has(id));
    let packed = shortest.map_or(id.len(), |alphabet| alphabet.bytes(id.len()));
    let same = content(approval).is_none_or(|digest| before.and_then(content) == Some(digest));
    let alike = before.is_some_and(|before| {
        before.address.visitor_str().len() == id.len()
            && (before.run, before.opened, before.lapsed)
                == (approval.run, approval.opened, approval.lapsed)
            && mem::discriminant(&before.target) == mem::discriminant(&approval.target)
            && before.target.window() == approval.target.window()
    });
    packed + if same { 0 } else { ContentDigest::BYTES } + if alike { 0 } else { RUN }
}

fn content(approval: &Approval) -> Option<ContentDigest> {
    match approval.target {
        Target::Present(Presence { content, .. }) => Some(content),
        Target::Absent | Target::Unmanaged => None,
    }
}

/// About the bytes of a page with these approvals.
pub(super) fn length_of<'a>(approvals: impl Iterator<Item = &'a Approval>) -> usize {
    let mut before = None;
    approvals.fold(REST, |sum, one| sum + length(one, before.replace(one)))
}

/// The packed form of approvals of one message, which are in order.
pub(in crate::state) fn pack(approvals: &[Approval], out: &mut Vec<u8>) {
    let mut notes = Vec::new();
    for approval in approvals {
        let note = Note::of(approval);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    leb128::put(out, notes.len() as u128);
    for Note { run, window: Window { from, until } } in &notes {
        leb128::put(out, u128::from(*run));
        let flag = |end: &Option<_>, flag| if end.is_some() { flag } else { 0 };
        leb128::put(out, flag(from, FROM) | flag(until, UNTIL));
        for end in [from, until].into_iter().flatten() {
            leb128::put(out, zigzag(end.as_nanosecond()));
        }
    }
    let ids = || approvals.iter().map(|approval| approval.address.visitor_str());
    let fits = |alphabet: &&Alphabet| ids().all(|id| alphabet.has(id));
    let form = FORMS.iter().position(|form| form.as_ref().is_some_and(fits)).unwrap_or(0);
    out.push(u8::try_from(form).unwrap_or(0));
    let flags = flags_of(approvals, &notes);
    let alike = |one: &(u128, usize), other: &(u128, usize)| one == other;
    let each: Vec<_> = flags.into_iter().zip(ids().map(str::len)).collect();
    let runs: Vec<_> = each.chunk_by(alike).collect();
    leb128::put(out, runs.len() as u128);
    for run in runs {
        let (flags, length) = run.first().copied().unwrap_or_default();
        leb128::put(out, flags);
        leb128::put(out, length as u128);
        leb128::put(out, run.len() as u128);
    }
    for (approval, (flags, _)) in approvals.iter().zip(each) {
        let id = approval.address.visitor_str();
        match FORMS.get(form).copied().flatten() {
            Some(alphabet) => alphabet.put(out, id),
            None => out.extend_from_slice(id.as_bytes()),
        }
        if let Some(content) = content(approval).filter(|_| flags & SAME == 0) {
            out.extend_from_slice(&content.0);
        }
    }
}

/// The note and the flags of each approval.
fn flags_of(approvals: &[Approval], notes: &[Note]) -> Vec<u128> {
    let mut before = None;
    let flags = |approval: &Approval| {
        // Exhaustive, so that a new field is not forgotten here.
        let Approval { address: _, target, run: _, opened, lapsed } = approval;
        let (kind, content) = match target {
            _ if *lapsed => (LAPSED, None),
            Target::Present(Presence { content, window: _ }) => (PRESENT, Some(*content)),
            Target::Absent => (ABSENT, None),
            Target::Unmanaged => (UNMANAGED, None),
        };
        let same = content.is_some() && content == before;
        before = content.or(before);
        let note = notes.iter().position(|note| *note == Note::of(approval)).unwrap_or(0);
        let flag = |set: bool, flag| if set { flag } else { 0 };
        (note as u128) << FLAGS | kind | flag(*opened, OPENED) | flag(same, SAME)
    };
    approvals.iter().map(flags).collect()
}

/// The approvals of a page that is stored under this name; the error is the place at which it cannot be read.
pub(in crate::state) fn unpack(name: &[u8], packed: &[u8]) -> Result<Vec<Approval>, usize> {
    let mut reader = Reader(packed);
    reader.page(name).ok_or(packed.len() - reader.0.len())
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn page(&mut self, name: &[u8]) -> Option<Vec<Approval>> {
        let first = Address::parse(std::str::from_utf8(name).ok()?).ok()?;
        let key = first.key();
        let mut notes = Vec::new();
        for _ in 0..self.number()? {
            notes.push(self.note()?);
        }
        let (form, rest) = self.0.split_first()?;
        self.0 = rest;
        let alphabet = *FORMS.get(usize::from(*form))?;
        let mut runs = Vec::new();
        for _ in 0..self.number()? {
            runs.push((leb128::take(&mut self.0)?, self.number()?, self.number()?));
        }
        let mut approvals: Vec<Approval> = Vec::new();
        let mut before = None;
        let mut room = String::new();
        let each = |(flags, signs, count)| iter::repeat_n((flags, signs), count);
        for (flags, signs) in runs.into_iter().flat_map(each) {
            let address = self.address(&key, signs, alphabet, &mut room)?;
            let (target, run) = self.target(flags, &notes, before)?;
            let (opened, lapsed) = (flags & OPENED > 0, flags & KIND == LAPSED);
            let approval = Approval { address, target, run, opened, lapsed };
            // The first is where the page begins, or behind it: those before it may be gone.
            let follows = match approvals.last() {
                Some(last) => last.address < approval.address,
                None => first <= approval.address,
            };
            if !follows {
                return None;
            }
            before = content(&approval).or(before);
            approvals.push(approval);
        }
        // A page without approvals is removed.
        (self.0.is_empty() && !approvals.is_empty()).then_some(approvals)
    }

    fn number(&mut self) -> Option<usize> {
        usize::try_from(leb128::take(&mut self.0)?).ok()
    }

    fn note(&mut self) -> Option<Note> {
        let run = u64::try_from(leb128::take(&mut self.0)?).ok()?;
        let ends = leb128::take(&mut self.0)?;
        let mut end = |flag| match ends & flag {
            0 => Some(None),
            _ => leb128::take(&mut self.0)
                .and_then(|end| Timestamp::from_nanosecond(unzigzag(end)).ok())
                .map(Some),
        };
        let (from, until) = (end(FROM)?, end(UNTIL)?);
        (ends <= FROM | UNTIL).then_some(Note { run, window: Window { from, until } })
    }

    fn address(
        &mut self,
        key: &Key,
        signs: usize,
        alphabet: Option<&Alphabet>,
        room: &mut String,
    ) -> Option<Address> {
        if signs > VisitorId::MAX_BYTES {
            return None;
        }
        let length = alphabet.map_or(signs, |alphabet| alphabet.bytes(signs));
        let (packed, rest) = self.0.split_at_checked(length)?;
        let mut id = String::with_capacity(signs);
        match alphabet {
            Some(alphabet) => alphabet.take(packed, signs, &mut id)?,
            None => id.push_str(std::str::from_utf8(packed).ok()?),
        }
        self.0 = rest;
        Address::of(key, &id, room).ok()
    }

    /// The target, and the run in which somebody agreed to it.
    fn target(
        &mut self,
        flags: u128,
        notes: &[Note],
        before: Option<ContentDigest>,
    ) -> Option<(Target, u64)> {
        let Note { run, window } = *notes.get(usize::try_from(flags >> FLAGS).ok()?)?;
        let target = match (flags & KIND, flags & SAME > 0) {
            (PRESENT, true) => Target::Present(Presence { content: before?, window }),
            (PRESENT, false) => {
                let (digest, rest) = self.0.split_first_chunk()?;
                self.0 = rest;
                Target::Present(Presence { content: ContentDigest(*digest), window })
            }
            // Nothing is kept of the target of a lapsed one.
            (ABSENT | LAPSED, false) => Target::Absent,
            (UNMANAGED, false) => Target::Unmanaged,
            _ => return None,
        };
        Some((target, run))
    }
}

fn zigzag(number: i128) -> u128 {
    ((number << 1) ^ (number >> 127)) as u128
}

fn unzigzag(number: u128) -> i128 {
    (number >> 1) as i128 ^ -((number & 1) as i128)
}
