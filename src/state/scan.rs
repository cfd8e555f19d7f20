use super::Record;
use crate::model::Address;

/// A record as the planner meets it: under the address that `moved` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The record, with its new address.
    pub record: Record,
    /// The address that it has in the store, if `moved` renames it.
    pub moved_from: Option<Address>,
    /// A `moved` names it, but the new address is taken: it stays where it was.
    pub blocked: bool,
}
