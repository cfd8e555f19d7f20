use std::{
    collections::{BTreeMap, btree_map},
    iter::Peekable,
};

use tokio::runtime::Handle;

use super::{cursor::Cursor, moves, reader::Reader};
use crate::{
    model::{Address, Key, LazyRecord, Located},
    state::{StateError, Store},
};

/// All records of a store in the order of their addresses, read in pages.
///
/// When all are read, their count and digest are compared with the header of the state, and its serial
/// with that at the start: the last item is an error if they differ, so anyone who stops early has not
/// checked anything. After an error nothing comes any more.
///
/// This is a plain iterator over a store whose calls are futures: it waits for them on `handle`
/// and therefore must be used outside of async code (`tokio::task::spawn_blocking`), where
/// waiting panics.
pub struct Records<'a> {
    reader: Reader<'a>,
    step: Step,
    moves: Vec<(Key, Key)>,
    /// The records of keys that no rename takes away.
    rest: Cursor<'a>,
    next: Option<LazyRecord>,
    /// The records of the other keys.
    moved: Peekable<btree_map::IntoIter<Address, Located>>,
}

enum Step {
    Start,
    Read,
    Done,
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
    ///
    /// The records that are renamed are all in memory meanwhile.
    pub fn with_moves(store: &'a dyn Store, handle: Handle, moves: &[(Key, Key)]) -> Self {
        Self {
            reader: Reader::new(store, handle),
            step: Step::Start,
            moves: moves.to_vec(),
            rest: Cursor::default(),
            next: None,
            moved: BTreeMap::new().into_iter().peekable(),
        }
    }

    fn start(&mut self) -> Result<(), StateError> {
        self.reader.start()?;
        let groups = moves::groups(&self.moves)?;
        let mut moved = BTreeMap::new();
        for group in &groups {
            group.read(&mut self.reader, &mut moved)?;
        }
        self.moved = moved.into_iter().peekable();
        self.rest = Cursor::around(groups.iter().flat_map(moves::Group::sources));
        self.next = self.rest.next(&mut self.reader)?;
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
        let moved = self.moved.next_if(|(address, _)| {
            self.next.as_ref().is_none_or(|next| address.as_str().as_bytes() < next.name())
        });
        if let Some((_, located)) = moved {
            return Ok(Some(located));
        }
        let Some(record) = self.next.take() else {
            self.step = Step::Done;
            self.reader.check()?;
            return Ok(None);
        };
        self.next = self.rest.next(&mut self.reader)?;
        Ok(Some(Located { record, moved_from: None, blocked: false }))
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
