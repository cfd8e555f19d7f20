/// Why the state could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The state is damaged. It is never taken for an empty one.
    #[error("the state {place} is damaged: {what}")]
    Damaged {
        /// Which state.
        place: String,
        /// What is wrong with it.
        what: String,
    },
    /// The store was closed while somebody still wrote to it.
    #[error("the state was closed")]
    Closed,
}
