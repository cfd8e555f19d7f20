//! A lock on the name of a folder: it lasts when the folder itself is moved away and another one is made under
//! its name. On Linux it is a socket in the abstract namespace, which leaves nothing behind and which no clean-up
//! job can remove. Other systems have nothing like it.

use std::path::Path;

/// The lock, held until this is dropped or the process ends.
#[derive(Debug)]
pub(super) struct NameLock {
    #[cfg(target_os = "linux")]
    _socket: std::os::unix::net::UnixListener,
}

/// Another process holds the name.
pub(super) struct Held;

/// Takes the name of this folder, whose parent exists; `None` if that is not possible here.
#[cfg(target_os = "linux")]
pub(super) fn take(folder: &Path) -> Result<Option<NameLock>, Held> {
    use std::os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    };
    let Some(name) = name_of(folder) else { return Ok(None) };
    let Ok(address) = SocketAddr::from_abstract_name(name) else { return Ok(None) };
    match UnixListener::bind_addr(&address) {
        Ok(socket) => Ok(Some(NameLock { _socket: socket })),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Err(Held),
        // Where sockets are forbidden, the locks of the files have to do.
        Err(_) => Ok(None),
    }
}

/// Device and inode of the folder above, and the name in it. Containers may share the network and not the files,
/// so a path alone says too little.
#[cfg(target_os = "linux")]
fn name_of(folder: &Path) -> Option<String> {
    use std::os::unix::{ffi::OsStrExt, fs::MetadataExt};
    let absolute = folder.canonicalize().or_else(|_| {
        let above = match folder.parent() {
            Some(above) if !above.as_os_str().is_empty() => above,
            _ => Path::new("."),
        };
        above.canonicalize().map(|above| above.join(folder.file_name().unwrap_or_default()))
    });
    let absolute = absolute.ok()?;
    let above = std::fs::metadata(absolute.parent()?).ok()?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&above.dev().to_le_bytes());
    hasher.update(&above.ino().to_le_bytes());
    hasher.update(absolute.file_name()?.as_bytes());
    Some(format!("pushsync-state-{}", hasher.finalize().to_hex()))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn take(_: &Path) -> Result<Option<NameLock>, Held> {
    Ok(None)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_held_although_its_folder_is_moved_away_and_made_anew() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("state");
        let held = take(&folder).ok().flatten().expect("sockets are allowed");
        assert!(take(&folder).is_err(), "before there is a folder");
        std::fs::create_dir(&folder).expect("is made");
        assert!(take(&folder).is_err(), "with one");
        std::fs::rename(&folder, parent.path().join("away")).expect("is moved");
        std::fs::create_dir(&folder).expect("is made anew");
        assert!(take(&folder).is_err(), "with another one");
        assert!(take(&parent.path().join("other")).is_ok());
        drop(held);
        assert!(take(&folder).is_ok());
    }
}
