//! `pushsync.json`: the format of the folder and its environments, beside sled's files. An emptied or
//! truncated store opens as an empty one; this file shows that it is damaged.

use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::state::{
    StateError,
    codec::{FORMAT, newer},
    private_file,
};

pub(super) const FILE: &str = "pushsync.json";

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layout {
    /// See [`FORMAT`].
    pub(super) format: u32,
    /// The environments that certainly have a state. Only ever appended to: the index in this
    /// list is the index in the file of last commits.
    pub(super) environments: Vec<KnownEnvironment>,
}

/// An environment that has a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownEnvironment {
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

impl Layout {
    pub(super) fn new() -> Self {
        Self { format: FORMAT, environments: Vec::new() }
    }

    /// The layout of this folder; `None` if it has none.
    pub(super) fn read(folder: &Path, location: &str) -> Result<Option<Self>, StateError> {
        let Some(bytes) = private_file::read_if_any(&folder.join(FILE))? else { return Ok(None) };
        let bad = |_| StateError::damaged(location, format!("its {FILE} is not what was written"));
        // The version first: a newer one may say more than this version can read.
        let any: AnyMarker = serde_json::from_slice(&bytes).map_err(bad)?;
        if any.format > FORMAT {
            return Err(newer(location, any.format));
        }
        serde_json::from_slice(&bytes).map(Some).map_err(bad)
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), StateError> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(StateError::unstorable(FILE))?;
        bytes.push(b'\n');
        private_file::replace(&folder.join(FILE), &bytes)
    }

    /// The environment's index in the list.
    pub(super) fn position(&self, environment: &str) -> Option<usize> {
        self.environments.iter().position(|known| known.name == environment)
    }
}
