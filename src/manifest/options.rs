//! What a project is loaded for.

use jiff::Timestamp;

use super::limits::Limits;

/// The file that makes a folder a project.
pub const PROJECT_FILE: &str = "pushsync.yaml";

/// Names that people give to it.
pub const NEARLY_PROJECT_FILE: [&str; 5] =
    ["pushsync.yml", "Pushsync.yaml", "pushsync.YAML", "pushsync.yaml.txt", ".pushsync.yaml"];

/// The environment if none is chosen.
pub const DEFAULT_ENVIRONMENT: &str = "default";

/// What a project is loaded for.
pub struct LoadOptions<'a> {
    /// The environment whose values are laid over the rest; `None`, or [`DEFAULT_ENVIRONMENT`],
    /// for none.
    pub environment: Option<String>,
    /// Whether files outside the project's folder may be read.
    pub allow_outside: bool,
    /// Environment variables, for `${PUSHSYNC_VAR_NAME}`.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// What the project may cost.
    pub limits: Limits,
    /// For warnings of windows that have passed.
    pub now: Timestamp,
}
