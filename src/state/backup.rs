//! Exports that are made by themselves before a state changes: the last ones are kept.

use std::{
    fs,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{StateError, StateKey, Store, export, private_file};

/// How many exports of one environment are kept.
pub const KEPT: usize = 10;

/// Exports `store` into `folder` (made if it is missing), without its approvals ([`export::without_approvals`]), encrypted
/// if there is a key, and removes all but the newest
/// [`KEPT`] exports of this environment. Answers with the file.
///
/// # Errors
///
/// If the state cannot be read, or the folder cannot be written. An older export is only removed
/// once the new one is durable.
pub async fn backup(
    store: &dyn Store,
    folder: &Path,
    environment: &str,
    now: Timestamp,
    key: Option<&StateKey>,
) -> Result<PathBuf, StateError> {
    let meta = store.meta().await?;
    private_file::create_folder(folder)?;
    let stamp = now.strftime("%Y%m%dT%H%M%SZ");
    let path = folder.join(format!("{}{stamp}-{:08}.jsonl", prefix(environment), meta.serial));
    let unfinished = path.with_extension("unfinished");
    let mut out = BufWriter::new(private_file::create_anew(&unfinished)?);
    match key {
        None => _ = export::without_approvals(store, &mut out).await?,
        Some(key) => {
            let mut sealer = export::Sealer::new(&mut out, key)?;
            export::without_approvals(store, &mut sealer).await?;
        }
    }
    out.flush()
        .and_then(|()| out.get_ref().sync_all())
        .and_then(|()| fs::rename(&unfinished, &path))
        .map_err(StateError::io("write", &path))?;
    private_file::sync_folder(folder)?;
    let all = list(folder, environment)?;
    let others = all.iter().rev().filter(|other| **other != path);
    for old in others.skip(KEPT - 1) {
        fs::remove_file(old).map_err(StateError::io("remove", old))?;
    }
    Ok(path)
}

/// The exports of this environment, the oldest first; an empty list if there is no such folder. Their serials
/// order them: a clock may go back.
///
/// # Errors
///
/// If the folder cannot be read.
pub fn list(folder: &Path, environment: &str) -> Result<Vec<PathBuf>, StateError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StateError::io("read", folder)(error)),
    };
    let prefix = prefix(environment);
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(StateError::io("read", folder))?.path();
        let ours = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| {
            // A file of `staging-eu` must not be taken for one of `staging`.
            name.strip_prefix(&prefix).is_some_and(|rest| {
                rest.ends_with(".jsonl") && rest.starts_with(|c: char| c.is_ascii_digit())
            })
        });
        if ours {
            files.push(path);
        }
    }
    files.sort_by_cached_key(|path| (serial(path), path.clone()));
    Ok(files)
}

/// The serial in a name: the digits before its extension.
fn serial(path: &Path) -> u64 {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    stem.rsplit_once('-').and_then(|(_, serial)| serial.parse().ok()).unwrap_or_default()
}

/// ':' is in the names of the sandbox's environments, and not in file names everywhere.
fn prefix(environment: &str) -> String {
    format!("{}@", environment.replace(':', "+"))
}
