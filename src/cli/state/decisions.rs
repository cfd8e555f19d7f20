//! Decisions about unknown deliveries.

use crate::{
    cli::failure::Failure,
    model::{Intent, MessageId},
};

/// What somebody says of an unknown delivery: its message's id, or that it was not sent.
pub(super) type Decision = (Intent, Option<MessageId>);

/// All problems, if there are any.
pub(super) fn refuse(problems: Vec<String>) -> Result<(), Failure> {
    if problems.is_empty() {
        return Ok(());
    }
    let failure = Failure { messages: problems, ..Failure::new("") };
    Err(failure.help("nothing was recorded; look into the visitor's chat in Brevo"))
}
