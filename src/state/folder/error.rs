//! Errors of sled, in our words.

use std::{io::ErrorKind, path::Path};

use crate::state::StateError;

/// `location` is the name of the store in messages, `folder` has its files.
pub(super) fn sled_error(error: &sled::Error, location: &str, folder: &Path) -> StateError {
    use ErrorKind::{InvalidData, UnexpectedEof};
    match error {
        sled::Error::Io(error) if error.to_string().starts_with("could not acquire lock") => {
            StateError::Locked { location: location.to_owned(), holder: None, until: None }
        }
        sled::Error::Io(error) if !matches!(error.kind(), InvalidData | UnexpectedEof) => {
            let source = std::io::Error::new(error.kind(), error.to_string());
            StateError::Io { action: "use", path: folder.into(), source }
        }
        sled::Error::Io(_) => StateError::damaged(location, "a file ends too early"),
        sled::Error::Corruption { .. } => StateError::damaged(location, "sled finds it corrupt"),
        // Its words are about settings of the file, never about contents.
        sled::Error::Unsupported(what) => StateError::damaged(location, format!("sled: {what}")),
        sled::Error::CollectionNotFound(_) | sled::Error::ReportableBug(_) => {
            StateError::damaged(location, "sled is at odds with itself")
        }
    }
}
