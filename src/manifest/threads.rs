//! Work on several files, or parts of one, at the same time.

use std::{
    num::NonZero,
    panic::resume_unwind,
    sync::{Mutex, PoisonError},
    thread,
};

/// Below so many bytes of input, a thread costs more than it saves.
const ENOUGH: u64 = 256 * 1024;
/// More threads than that do not help: the memory is what is slow.
const MOST: usize = 8;

/// On how many threads files are read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Threads {
    /// As many as the machine has, if there is enough to read.
    AsNeeded,
    /// So many, however little there is to read.
    Exactly(usize),
}

impl Threads {
    /// How many for so many bytes.
    pub(crate) fn for_bytes(self, bytes: u64) -> usize {
        match self {
            Self::Exactly(threads) => threads,
            Self::AsNeeded if bytes < ENOUGH => 1,
            Self::AsNeeded => thread::available_parallelism().map_or(1, NonZero::get).min(MOST),
        }
    }

    /// For the parts of each of several things that are done at the same time.
    pub(crate) fn shared_by(self, things: usize) -> Self {
        match self {
            Self::AsNeeded if things > 1 => Self::Exactly(1),
            same => same,
        }
    }
}

/// Does the work for each item, on up to so many threads, this one among them. The answers are in
/// the order of the items, whoever was first.
pub(crate) fn each<T: Send, R: Send>(
    items: Vec<T>,
    threads: usize,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let threads = threads.min(items.len());
    if threads <= 1 {
        return items.into_iter().map(work).collect();
    }
    let queue = Mutex::new(items.into_iter().enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let share = || {
        let mut done = Vec::new();
        while let Some((at, item)) = next() {
            done.push((at, work(item)));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        // Where no thread can be had, this one does it all.
        let start = |_| thread::Builder::new().spawn_scoped(scope, share).ok();
        let helpers: Vec<_> = (1..threads).map_while(start).collect();
        let mut done = share();
        for helper in helpers {
            done.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_in_the_order_of_the_items_whatever_the_number_of_threads() {
        let items: Vec<usize> = (0..100).collect();
        let slow_at_first = |item: usize| {
            if item < 3 {
                thread::sleep(std::time::Duration::from_millis(5));
            }
            item * 2
        };
        let expected: Vec<usize> = items.iter().map(|item| item * 2).collect();
        for threads in [0, 1, 2, 7, 1000] {
            assert_eq!(each(items.clone(), threads, slow_at_first), expected, "{threads}");
        }
    }

    #[test]
    fn little_input_is_read_on_one_thread() {
        assert_eq!(Threads::AsNeeded.for_bytes(ENOUGH - 1), 1);
        assert_eq!(Threads::Exactly(3).for_bytes(0), 3);
    }
}
