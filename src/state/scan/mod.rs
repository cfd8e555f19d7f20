//! All records of a store, in address order, checked as a whole.

mod cursor;
mod moves;

use std::{future::poll_fn, pin::Pin, task::Poll};

use futures_util::future::{MaybeDone, maybe_done};
use tokio::runtime::Handle;

use crate::model::{Key, LazyRecord, Located};

use super::{Meta, Page, StateError, Store, StoreFuture, header::Tally, keys::Table};

use cursor::Cursor;
use moves::{Moves, Renamed};

/// All records of a store in the order of their addresses, read in pages.
///
/// When all are read, their count and digest are compared with what the store says of itself,
/// and its serial with that at the start: the last item is an error if they differ, so whoever
/// stops early has not checked anything. After an error nothing comes any more.
///
/// This is a plain iterator over a store whose calls are futures: it waits for them on `handle`
/// and therefore must be used outside of async code (`tokio::task::spawn_blocking`), where
/// waiting panics.
pub struct Records<'a> {
    reader: Reader<'a>,
    step: Step,
    renames: Renames,
    /// What comes between the keys that renames touch.
    rest: Cursor<'a>,
    moves: Moves<'a>,
    /// The heads of `rest` and `moves`.
    heads: Heads,
}

/// Which keys become which.
type Renames = Vec<(Key, Key)>;

#[derive(Default)]
struct Heads {
    rest: Option<LazyRecord>,
    moves: Option<Renamed>,
}

enum Step {
    Start,
    Read,
    Done,
}

/// Reads pages and adds up what it reads.
struct Reader<'a> {
    store: &'a dyn Store,
    handle: Handle,
    meta: Option<Meta>,
    tally: Tally,
}

impl<'a> Records<'a> {
    /// All records.
    pub fn new(store: &'a dyn Store, handle: Handle) -> Self {
        Self::with_moves(store, handle, &[])
    }

    /// All records, in the order of the addresses they have once these keys are renamed, each
    /// from the first to the second.
    ///
    /// Renames of renames are followed (`a → b` and `b → c` takes both to `c`). If an address
    /// would be taken by several records, the one that has it already keeps it, or else the one
    /// with the fewest renames gets it; the others come out as [`Located::blocked`], under the
    /// addresses they have. If renames lead in a circle, the only item is an error.
    pub fn with_moves(store: &'a dyn Store, handle: Handle, moves: &[(Key, Key)]) -> Self {
        Self {
            reader: Reader { store, handle, meta: None, tally: Tally::default() },
            step: Step::Start,
            renames: moves.to_vec(),
            rest: Cursor::default(),
            moves: Moves::default(),
            heads: Heads::default(),
        }
    }

    fn start(&mut self) -> Result<(), StateError> {
        self.reader.meta = Some(self.reader.wait(self.reader.store.meta())?);
        let groups = moves::groups(&self.renames)?;
        self.rest = Cursor::around(groups.iter().flat_map(moves::Group::keys));
        self.moves = Moves::start(groups, &mut self.reader)?;
        self.heads.moves = self.moves.next(&mut self.reader)?;
        self.heads.rest = self.rest.next(&mut self.reader)?;
        Ok(())
    }

    fn advance(&mut self) -> Result<Option<Located>, StateError> {
        match self.step {
            Step::Start => {
                self.start()?;
                self.step = Step::Read;
            }
            Step::Read => {}
            Step::Done => return Ok(None),
        }
        let rest_first = match (&self.heads.rest, &self.heads.moves) {
            (Some(rest), Some(moved)) => rest.name() < moved.record.address.as_str().as_bytes(),
            (Some(_), None) => true,
            (None, _) => false,
        };
        if rest_first {
            let next = self.rest.next(&mut self.reader)?;
            let record = std::mem::replace(&mut self.heads.rest, next);
            return Ok(record.map(|record| Located { record, moved_from: None, blocked: false }));
        }
        if self.heads.moves.is_some() {
            let next = self.moves.next(&mut self.reader)?;
            return Ok(std::mem::replace(&mut self.heads.moves, next).map(Into::into));
        }
        self.step = Step::Done;
        self.reader.check()?;
        Ok(None)
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Located, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if matches!(next, Some(Err(_))) {
            self.step = Step::Done;
        }
        next
    }
}

impl<'a> Reader<'a> {
    fn wait<T>(&self, answer: StoreFuture<'_, T>) -> Result<T, StateError> {
        self.handle.block_on(answer)
    }

    /// Lets the store begin, and does not wait.
    fn begin(&self, answer: StoreFuture<'a, Page>) -> MaybeDone<StoreFuture<'a, Page>> {
        let mut ahead = maybe_done(answer);
        self.handle.block_on(poll_fn(|context| {
            let _ready = Pin::new(&mut ahead).poll(context);
            Poll::Ready(())
        }));
        ahead
    }

    /// Waits for what was begun.
    fn finish(&self, mut ahead: MaybeDone<StoreFuture<'a, Page>>) -> Result<Page, StateError> {
        self.handle.block_on(&mut ahead);
        let gone = || StateError::Failed { location: self.store.location().to_owned() };
        Pin::new(&mut ahead).take_output().unwrap_or_else(|| Err(gone()))
    }

    /// Compares what was read with what the store says of itself.
    fn check(&self) -> Result<(), StateError> {
        let now = self.wait(self.store.meta())?;
        let location = self.store.location();
        let Some(then) = &self.meta else { return Ok(()) };
        if then.serial != now.serial || then.lineage != now.lineage {
            return Err(StateError::Changed { location: location.to_owned() });
        }
        let expected = Tally { count: then.records, digest: then.digest };
        match expected.mismatch(Table::Records, self.tally) {
            Some(what) => Err(StateError::damaged(location, what)),
            None => Ok(()),
        }
    }
}
