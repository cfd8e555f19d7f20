//! All records, in order, with renames.

use pushsync::{
    model::Key,
    state::{
        MemoryStore, Meta, Page, StateError, Store, StoreFuture, Wrapped, Wrapper, scan::Records,
    },
};
use std::{
    ops::Bound,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::support::*;

fn names(store: &dyn Store, moves: &[(&str, &str)]) -> Result<Vec<String>, StateError> {
    let key = |text: &str| Key::parse(text).expect("a valid key");
    let moves: Vec<_> = moves.iter().map(|(from, to)| (key(from), key(to))).collect();
    Records::with_moves(store, runtime().handle().clone(), &moves)
        .map(|located| {
            located.map(|located| {
                let name = String::from_utf8_lossy(located.record.name());
                match (&located.moved_from, located.blocked) {
                    (Some(from), _) => format!("{name} <- {}", from.as_str()),
                    (None, true) => format!("{name} blocked"),
                    (None, false) => name.into_owned(),
                }
            })
        })
        .collect()
}

fn with(all: &[&str]) -> impl Store {
    let store = memory();
    commit(&store, all.iter().map(|name| put(name, "text")).collect());
    store
}

#[test]
fn more_than_a_page_comes_in_order() {
    let store = memory();
    let all: Vec<_> = (0..9000).map(|i| format!("key-{}@v{i:05}", i % 7)).collect();
    commit(&store, all.iter().map(|name| put(name, "text")).collect());
    let mut sorted = all;
    sorted.sort();
    assert_eq!(names(&store, &[]).expect("reads"), sorted);
}

#[test]
fn renamed_records_come_where_their_new_addresses_belong() {
    let store = with(&["a@1", "b@1", "b@2", "c@1", "d@1"]);
    let all = names(&store, &[("b", "x"), ("d", "a-new")]).expect("reads");
    assert_eq!(all, ["a-new@1 <- d@1", "a@1", "c@1", "x@1 <- b@1", "x@2 <- b@2"]);
}

#[test]
fn the_prefix_of_a_key_is_another_key() {
    let store = with(&["a@1", "a-b@1", "ab@1", "a.b@1"]);
    let all = names(&store, &[("a", "z")]).expect("reads");
    assert_eq!(all, ["a-b@1", "a.b@1", "ab@1", "z@1 <- a@1"]);
}

#[test]
fn a_record_whose_new_address_is_taken_stays_where_it_is() {
    let store = with(&["a@1", "a@2", "b@1", "b@3"]);
    let all = names(&store, &[("a", "b")]).expect("reads");
    assert_eq!(all, ["a@1 blocked", "b@1", "b@2 <- a@2", "b@3"]);
    let all = names(&store, &[("b", "a")]).expect("reads");
    assert_eq!(all, ["a@1", "a@2", "a@3 <- b@3", "b@1 blocked"]);
}

#[test]
fn renames_of_renames_are_followed() {
    let store = with(&["a@1", "a@2", "b@2", "b@3", "c@3"]);
    let all = names(&store, &[("a", "b"), ("b", "c")]).expect("reads");
    assert_eq!(all, ["a@2 blocked", "b@3 blocked", "c@1 <- a@1", "c@2 <- b@2", "c@3"]);
}

#[test]
fn renames_of_what_is_not_there_change_nothing() {
    let store = with(&["a@1"]);
    assert_eq!(names(&store, &[("x", "y"), ("p", "a")]).expect("reads"), ["a@1"]);
    assert_eq!(names(&memory(), &[("x", "y")]).expect("reads"), [""; 0]);
}

#[test]
fn a_circle_of_renames_is_the_only_item() {
    let store = with(&["a@1"]);
    let key = |text: &str| Key::parse(text).expect("a valid key");
    let moves = [(key("a"), key("b")), (key("b"), key("a"))];
    let mut records = Records::with_moves(&store, runtime().handle().clone(), &moves);
    assert!(matches!(records.next(), Some(Err(StateError::MovesInCircle(_)))));
    assert!(records.next().is_none());
}

/// A store that lost a record (its header is that of another one), or changes while it is read.
struct Faulty {
    inner: MemoryStore,
    says: Option<MemoryStore>,
    changes: bool,
    /// How many pages were asked for.
    asked: AtomicUsize,
}

impl Wrapper for Faulty {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }
    fn meta(&self) -> StoreFuture<'_, Meta> {
        self.says.as_ref().unwrap_or(&self.inner).meta()
    }
    fn page(&self, from: Bound<&str>, to: Bound<&str>, limit: usize) -> StoreFuture<'_, Page> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let page = self.inner.page(from, to, limit);
        Box::pin(async move {
            let page = page.await?;
            if self.changes {
                self.inner.commit(vec![put("zzz@v", "new")]).await?;
            }
            Ok(page)
        })
    }
}

fn faulty(inner: MemoryStore, says: Option<MemoryStore>, changes: bool) -> Wrapped<Faulty> {
    Wrapped(Faulty { inner, says, changes, asked: AtomicUsize::default() })
}

#[test]
fn a_lost_record_is_damage_whether_keys_are_renamed_or_not() {
    let all = ["a@1", "b@1", "c@1"];
    for lost in all {
        let (whole, inner) = (memory(), memory());
        commit(&whole, all.iter().map(|name| put(name, "text")).collect());
        commit(&inner, all.iter().filter(|n| **n != lost).map(|n| put(n, "text")).collect());
        let store = faulty(inner, Some(whole), false);
        for moves in [&[][..], &[("b", "x")], &[("a", "b")]] {
            let error = names(&store, moves).expect_err("one is missing");
            assert!(matches!(error, StateError::Damaged { .. }), "{lost}: {error}");
        }
    }
}

#[test]
fn a_change_in_between_is_told_from_damage() {
    let inner = memory();
    commit(&inner, vec![put("a@1", "text")]);
    let store = faulty(inner, None, true);
    let error = names(&store, &[]).expect_err("it changed");
    assert!(matches!(error, StateError::Changed { .. }), "{error}");
}

#[test]
fn the_next_page_is_read_while_this_one_is_looked_at_and_not_the_one_after_it() {
    let inner = memory();
    commit(&inner, (0..5000).map(|n| put(&format!("a@v{n:05}"), "text")).collect());
    let store = faulty(inner, None, false);
    let mut records = Records::new(&store, runtime().handle().clone());
    let asked = || store.0.asked.load(Ordering::Relaxed);
    // One record is always looked at ahead: the last of a page asks for the one after the next.
    for (read, pages) in [(1, 2), (1022, 2), (1, 3), (1023, 3), (1, 4)] {
        for _ in 0..read {
            records.next().expect("there are more").expect("reads");
        }
        assert_eq!(asked(), pages, "after {read} more");
    }
    assert_eq!(records.count(), 5000 - 2048);
    assert_eq!(asked(), 5, "the last page is shorter: it is the last");
}
