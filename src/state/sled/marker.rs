//! `pushsync.json`: what this folder is, beside what sled says. An emptied or truncated store
//! opens as an empty one; the marker knows better.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::state::{StateError, private_file};

pub(super) const FILE: &str = "pushsync.json";

/// The layout of a folder that this version writes, and the newest that it reads. In layout 2, nothing
/// was in a log; in layout 1, no record was packed.
pub(super) const LAYOUT: u32 = 3;

/// What the folder holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Marker {
    /// See [`LAYOUT`].
    pub(super) format: u32,
    /// The environments that certainly have a state. Only ever appended to: the place in this
    /// list is the place in the file of heads.
    pub(super) environments: Vec<Known>,
}

/// An environment that has a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) lineage: Uuid,
    /// The lineage it had until an import that may or may not have been carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<Uuid>,
}

#[derive(Deserialize)]
struct AnyMarker {
    format: u32,
}

impl Marker {
    pub(super) fn new() -> Self {
        Self { format: LAYOUT, environments: Vec::new() }
    }

    /// The marker of this folder; `None` if it has none.
    pub(super) fn read(folder: &Path, place: &str) -> Result<Option<Self>, StateError> {
        let path = folder.join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StateError::io("read", &path)(error)),
        };
        let bad = |_| StateError::damaged(place, format!("its {FILE} is not what was written"));
        // The version first: a newer one may say more than this version can read.
        let any: AnyMarker = serde_json::from_slice(&bytes).map_err(bad)?;
        if any.format > LAYOUT {
            let place = place.to_owned();
            return Err(StateError::Newer { place, found: any.format, known: LAYOUT });
        }
        serde_json::from_slice(&bytes).map(Some).map_err(bad)
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), StateError> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|e| StateError::Unstorable { what: FILE, why: e.to_string() })?;
        bytes.push(b'\n');
        private_file::replace(&folder.join(FILE), &bytes)
    }

    /// The environment's place in the list.
    pub(super) fn position(&self, environment: &str) -> Option<usize> {
        self.environments.iter().position(|known| known.name == environment)
    }
}
