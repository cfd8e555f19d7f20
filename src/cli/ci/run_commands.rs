//! `ci apply` and `ci resume`.

use super::{arguments::RunOptions, session::Session};
use crate::cli::failure::Failure;

pub(super) fn apply(session: &Session<'_>, _options: &RunOptions) -> Result<u8, Failure> {
    session.failed(&Failure::new("not yet"))
}

pub(super) fn resume(session: &Session<'_>, _options: &RunOptions) -> Result<u8, Failure> {
    session.failed(&Failure::new("not yet"))
}
