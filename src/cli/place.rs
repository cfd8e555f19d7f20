//! Where the state of a command is, and what lies beside it.

use std::path::PathBuf;

use super::{failure::Failure, hidden};
use crate::state::{StateError, StateTarget, backup};

/// Where the state of this command is.
pub(super) struct Place {
    location: StateTarget,
    /// A folder on this machine for what does not go elsewhere: the sandbox's messages. The state
    /// itself, if it is kept in a folder.
    local: PathBuf,
    /// The environment's name in the state; the sandbox has states of its own, so that nothing
    /// that was only sent there is taken for sent.
    namespace: String,
}

/// What precedes an environment in the name of its sandbox. No environment can be called so: ':'
/// is in no name.
const SANDBOX: &str = "sandbox:";

impl Place {
    pub(super) fn new(location: StateTarget, local: PathBuf, environment: String) -> Self {
        Self { location, local, namespace: environment }
    }

    pub(super) fn sandbox(folder: PathBuf, environment: &str) -> Self {
        let namespace = format!("{SANDBOX}{environment}");
        Self { location: StateTarget::Folder(folder.clone()), local: folder, namespace }
    }

    pub(super) fn location(&self) -> &StateTarget {
        &self.location
    }

    /// Where it is, for messages: as it is written in the project, if there are variables in that.
    pub(super) fn shown(&self) -> String {
        hidden::in_words(self.location.to_string())
    }

    pub(super) fn environment(&self) -> &str {
        self.namespace.strip_prefix(SANDBOX).unwrap_or(&self.namespace)
    }

    pub(super) fn is_sandbox(&self) -> bool {
        self.namespace.starts_with(SANDBOX)
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Where exports are kept that are made before changes. A store elsewhere keeps older states
    /// itself.
    pub(super) fn backups(&self) -> Option<PathBuf> {
        match &self.location {
            StateTarget::Folder(folder) => Some(folder.join("backups")),
            StateTarget::Postgres(_) | StateTarget::Bucket(_) => None,
        }
    }

    /// The file with the messages of this environment's sandbox.
    pub(super) fn sandbox_journal(&self) -> PathBuf {
        self.local.join(format!("sandbox-{}.jsonl", self.environment()))
    }

    /// An error of the state; of damage it is also said how to get the state back.
    pub(super) fn failure(&self, error: StateError) -> Failure {
        if !matches!(error, StateError::Damaged { .. }) {
            return error.into();
        }
        let cure = match &self.location {
            StateTarget::Folder(folder) => {
                let exports = folder.join("backups");
                let newest = backup::list(&exports, &self.namespace).ok().and_then(|mut all| all.pop());
                match newest {
                    Some(path) => format!(
                        "move sled/ and pushsync.* out of {} (keep them), then read the last export back: pushsync state import {}. What was sent after that export is not in it and would be sent again: read the plan before you apply it",
                        folder.display(),
                        path.display()
                    ),
                    None => "no export was made by itself yet; if you have one, read it back into a fresh folder: pushsync state import FILE --state DIR".to_owned(),
                }
            }
            StateTarget::Postgres(_) => "restore the database from its own backup, or read an export back into a fresh one: pushsync state import FILE --state URL".to_owned(),
            StateTarget::Bucket(_) => "pushsync state restore lists older snapshots and brings one back; or read an export back under a fresh prefix: pushsync state import FILE --state URL".to_owned(),
        };
        Failure::from(error).help(hidden::in_words(cure))
    }
}
