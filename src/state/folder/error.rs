//! Errors of sled, in our words.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use crate::state::{StateError, panics};

/// `location` is the name of the store in messages, `folder` has its files.
pub(super) fn sled_error(error: &sled::Error, location: &str, folder: &Path) -> StateError {
    use ErrorKind::{InvalidData, UnexpectedEof};
    match error {
        sled::Error::Io(error) if error.to_string().starts_with("could not acquire lock") => {
            StateError::Locked { location: location.to_owned(), holder: None, until: None }
        }
        sled::Error::Io(error) if !matches!(error.kind(), InvalidData | UnexpectedEof) => {
            // sled keeps the words of an error, and not its number.
            let text = error.to_string();
            let code = error.raw_os_error().or_else(|| panics::os_error(&text));
            let source = match code {
                Some(code) => {
                    panics::note_disk_error(code);
                    io::Error::from_raw_os_error(code)
                }
                None => io::Error::new(error.kind(), text),
            };
            StateError::Io { action: "use", path: folder.into(), source }
        }
        // What sled finds after the disk has failed need not be what the disk has: it is not damage.
        _ if panics::disk_error().is_some() => StateError::Io {
            action: "use",
            path: folder.into(),
            source: panics::disk_error()
                .map_or_else(|| ErrorKind::Other.into(), io::Error::from_raw_os_error),
        },
        sled::Error::Io(_) => StateError::damaged(location, "a file ends too early"),
        sled::Error::Corruption { .. } => StateError::damaged(location, "sled finds it corrupt"),
        // Its words are about settings of the file, never about contents.
        sled::Error::Unsupported(what) => StateError::damaged(location, format!("sled: {what}")),
        sled::Error::CollectionNotFound(_) | sled::Error::ReportableBug(_) => {
            StateError::damaged(location, "sled is at odds with itself")
        }
    }
}
