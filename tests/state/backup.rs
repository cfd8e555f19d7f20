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

use super::support::put;

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
