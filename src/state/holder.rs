use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::is_hostile;

/// The holder of a state's lock: written into the lock, and named to anyone who comes second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// The process's id.
    pub pid: u32,
    /// The machine's name.
    pub host: String,
    /// The command: `apply`, `state mv`.
    pub command: String,
    /// Since when.
    pub since: Timestamp,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, host, command, since } = self;
        // The note lies in a file that others can write: nothing in it steers a terminal.
        let clean = |text: &str| -> String {
            text.chars().map(|c| if is_hostile(c) { '\u{fffd}' } else { c }).take(200).collect()
        };
        write!(f, "`pushsync {}` (process {pid} on {}, since {since})", clean(command), clean(host))
    }
}
