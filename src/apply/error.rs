use std::sync::Arc;

use crate::state::StateError;

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The state could not be read or written. What was under way is noted as intents.
    #[error(transparent)]
    State(#[from] Arc<StateError>),
    /// A part of the run ended without a word: a defect of this program.
    #[error("a worker of the run died: {0}")]
    Worker(String),
}

impl From<StateError> for ApplyError {
    fn from(error: StateError) -> Self {
        Self::State(Arc::new(error))
    }
}
