//! What a project is loaded for.

use jiff::Timestamp;

use super::limits::Limits;
use crate::model::Key;

/// The file that makes a folder a project.
pub const PROJECT_FILE: &str = "pushsync.yaml";

/// Names that people give to it.
pub const NEARLY_PROJECT_FILE: [&str; 5] =
    ["pushsync.yml", "Pushsync.yaml", "pushsync.YAML", "pushsync.yaml.txt", ".pushsync.yaml"];

/// The environment if none is chosen.
pub const DEFAULT_ENVIRONMENT: &str = "default";

/// Whether the queries of audiences run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queries {
    /// Each query that a message uses runs, once.
    Run,
    /// None runs: who gets the messages of such audiences is not known, and no plan can be made.
    LeaveOut,
}

/// Whether the secrets that visitors' ids are made with are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisitorSecrets {
    /// A secret that is not set is an error.
    Needed,
    /// Where a secret is not set, ids are made with another one: they are good for checks only, and no plan can be
    /// made.
    Optional,
}

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
    /// See [`Queries`].
    pub queries: Queries,
    /// See [`VisitorSecrets`].
    pub secrets: VisitorSecrets,
    /// Messages whose audiences may be other than is expected: a failed expectation is a warning, if only these
    /// messages use the audience.
    pub allow_change: &'a [Key],
}
