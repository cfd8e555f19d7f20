use super::{Compacted, OpenOptions, StateError, StateTarget, Store, bucket, folder, postgres};

/// Opens the state of one environment. This blocks: on the lock up to
/// [`OpenOptions::lock_timeout`], and while the stored bytes are checked.
///
/// # Errors
///
/// See [`StateError`]: `Damaged`, `Newer`, `OtherEnvironment`, `Locked`, `NotFound`, `Io`, and
/// `Unavailable` for a store that cannot be reached.
pub fn open(options: OpenOptions) -> Result<Box<dyn Store>, StateError> {
    match options.target.clone() {
        StateTarget::Folder(folder) => folder::open(folder, options),
        StateTarget::Bucket(bucket) => bucket::open(bucket, options),
        StateTarget::Postgres(url) => postgres::open(&url, options),
    }
}

/// Rewrites the files of a folder, all its environments, without the room of removed entries. The options are
/// those of one of its environments, which is verified first.
///
/// `None` for other stores: a database and a bucket do that by themselves.
///
/// # Errors
///
/// As [`open`]; and `Unavailable` if the new files do not have the same entries; the old ones stay then.
pub fn compact(options: OpenOptions) -> Result<Option<Compacted>, StateError> {
    match options.target.clone() {
        StateTarget::Folder(folder) => folder::compact(folder, options).map(Some),
        StateTarget::Bucket(_) | StateTarget::Postgres(_) => Ok(None),
    }
}
