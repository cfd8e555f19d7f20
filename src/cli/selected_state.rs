//! The state of a command: where it is, and the files beside it.

use std::path::PathBuf;

use super::{failure::Failure, shell_command::ShellCommand};
use crate::state::{StateError, StateTarget, backup};

/// The state that a command works on.
pub(super) struct SelectedState {
    location: StateTarget,
    /// A folder on this machine, for the sandbox's messages: the state's own, if it is in a folder.
    local: PathBuf,
    /// The environment's name in the store. A sandbox has a name of its own, so that its deliveries are
    /// never taken for sent.
    namespace: String,
    /// The command that reads an export back into it, without its argument.
    import: ShellCommand,
}

/// The prefix of a sandbox's name. No environment has a ':' in its name.
const SANDBOX: &str = "sandbox:";

impl SelectedState {
    pub(super) fn new(location: StateTarget, local: PathBuf, environment: String) -> Self {
        Self { location, local, namespace: environment, import: ShellCommand::new("state import") }
    }

    pub(super) fn sandbox(folder: PathBuf, environment: &str) -> Self {
        let namespace = format!("{SANDBOX}{environment}");
        Self {
            location: StateTarget::Folder(folder.clone()),
            local: folder,
            namespace,
            import: ShellCommand::new("state import"),
        }
    }

    /// Names the command that reads an export back into it, for what is said of damage.
    pub(super) fn imported_by(self, import: ShellCommand) -> Self {
        Self { import, ..self }
    }

    pub(super) fn location(&self) -> &StateTarget {
        &self.location
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

    /// The folder of the exports that are made before changes. Other stores keep older states themselves.
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

    /// The failure of an error of the state. For damage, it says how to get the state back.
    pub(super) fn failure(&self, error: StateError) -> Failure {
        if !matches!(error, StateError::Damaged { .. }) {
            return error.into();
        }
        let cure = match &self.location {
            StateTarget::Folder(folder) => {
                let exports = folder.join("backups");
                let newest =
                    backup::list(&exports, &self.namespace).ok().and_then(|mut all| all.pop());
                match newest {
                    Some(path) => format!(
                        "move sled/ and pushsync.* out of {} (keep them), then read the last export back: {}. Messages that were sent after that export are not in it, and would be sent again: read the plan before you apply it",
                        folder.display(),
                        self.import.clone().arg(&path)
                    ),
                    None => format!(
                        "there is no automatic export yet. If you have an export, move sled/ and pushsync.* out of {} (keep them), then read it back: {}",
                        folder.display(),
                        self.import.clone().arg("FILE")
                    ),
                }
            }
            StateTarget::Postgres(_) => format!(
                "restore the database from its own backup, or read an export back into a fresh one: {}",
                self.import.clone().arg("FILE").with_state("URL")
            ),
            StateTarget::Bucket(_) => format!(
                "`pushsync state restore` lists older snapshots and brings one back; or read an export back under a fresh prefix: {}",
                self.import.clone().arg("FILE").with_state("URL")
            ),
        };
        Failure::from(error).help(cure)
    }
}
