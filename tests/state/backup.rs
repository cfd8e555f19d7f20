//! Exports that are made by themselves.

use std::fs;

use jiff::Timestamp;
use pushsync::state::{
    MemoryStore, Store,
    backup::{KEPT, backup, list},
    export,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::support::{approval, approve, put, until};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("in range")
}

#[test]
fn the_last_ten_exports_are_kept_and_each_can_be_read_back() {
    let folder = TempDir::new().expect("a folder");
    let store = MemoryStore::new("staging", Uuid::from_u128(1), at(0)).expect("an empty state");
    let other = MemoryStore::new("staging-eu", Uuid::from_u128(2), at(0)).expect("an empty state");
    Runtime::new().expect("a runtime").block_on(async {
        backup(&other, folder.path(), "staging-eu", at(0), None).await.expect("exports");
        for n in 0..13 {
            store.commit(vec![put(&format!("m{n}@v"), "text")]).await.expect("commits");
            backup(&store, folder.path(), "staging", at(n), None).await.expect("exports");
        }
        let kept = list(folder.path(), "staging").expect("lists");
        assert_eq!(kept.len(), KEPT);
        assert_eq!(list(folder.path(), "staging-eu").expect("lists").len(), 1);
        for (n, file) in kept.iter().enumerate() {
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let mode = fs::metadata(file).expect("is there").permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "it holds texts and visitor ids");
            }
            let fresh =
                MemoryStore::new("staging", Uuid::from_u128(3), at(0)).expect("an empty state");
            let bytes = fs::read(file).expect("reads");
            let counts = export::import(&mut &bytes[..], &fresh).await.expect("imports");
            // The newest has all 13 records, the oldest that is kept has 4.
            assert_eq!(counts.records, n as u64 + 4);
        }
    });
}

/// What was carried out since is not known when one is read back.
#[test]
fn an_export_that_is_made_by_itself_has_no_approvals() {
    let folder = TempDir::new().expect("a folder");
    let store = MemoryStore::new("default", Uuid::from_u128(1), at(0)).expect("an empty state");
    let fresh = MemoryStore::new("default", Uuid::from_u128(3), at(0)).expect("an empty state");
    let approval = approval("a@v", "text", until(60));
    Runtime::new().expect("a runtime").block_on(async {
        store.commit(vec![put("b@v", "text"), approve(&approval)]).await.expect("commits");
        let file = backup(&store, folder.path(), "default", at(0), None).await.expect("exports");
        let bytes = fs::read(file).expect("reads");
        let counts = export::import(&mut &bytes[..], &fresh).await.expect("imports");
        assert_eq!((counts.records, counts.approvals), (1, 0));
        assert_eq!(store.approvals().await.expect("answers"), [approval]);
    });
}

#[test]
fn a_clock_that_goes_back_removes_no_export_that_is_newer() {
    let folder = TempDir::new().expect("a folder");
    let store = MemoryStore::new("default", Uuid::from_u128(1), at(0)).expect("an empty state");
    Runtime::new().expect("a runtime").block_on(async {
        // Each is made at an earlier time than the one before, and the last ones a day before all others.
        for n in 0..25_i64 {
            store.commit(vec![put(&format!("m{n}@v"), "text")]).await.expect("commits");
            let serial = store.meta().await.expect("answers").serial;
            let now = at(-n * 3600 - if n > 20 { 86_400 } else { 0 });
            let made = backup(&store, folder.path(), "default", now, None).await.expect("exports");
            let kept = list(folder.path(), "default").expect("lists");
            assert_eq!(kept.last(), Some(&made), "the one just made is the newest");
            assert_eq!(kept.len(), KEPT.min(usize::try_from(n).expect("is small") + 1));
            for (back, file) in kept.iter().rev().enumerate() {
                let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
                let serial = serial - back as u64;
                assert!(name.ends_with(&format!("-{serial:08}.jsonl")), "{name} at {n}");
            }
        }
    });
}

#[test]
fn the_export_just_made_stays_even_if_others_have_higher_serials() {
    // As after an older state was read back: its serial is lower than those of the exports that lie there.
    let folder = TempDir::new().expect("a folder");
    let store = MemoryStore::new("default", Uuid::from_u128(1), at(0)).expect("an empty state");
    Runtime::new().expect("a runtime").block_on(async {
        store.commit(vec![put("m@v", "text")]).await.expect("commits");
        for serial in 1000..1000 + KEPT {
            let name = format!("default@20300101T000000Z-{serial:08}.jsonl");
            fs::write(folder.path().join(name), "of later").expect("can be written");
        }
        let made = backup(&store, folder.path(), "default", at(0), None).await.expect("exports");
        assert!(made.exists());
        assert_eq!(list(folder.path(), "default").expect("lists").len(), KEPT);
    });
}
