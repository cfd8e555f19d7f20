//! Whether a message that the API has is the one that somebody means.

use crate::{
    brevo::{Message, MessageType},
    model::{Address, Kind, MessageId},
};

/// Refuses a message that cannot be the one of this delivery.
pub(super) fn check_identity(
    address: &Address,
    kind: Kind,
    id: &MessageId,
    found: &Message,
) -> Result<(), String> {
    if found.id != *id {
        return Err(format!("the answer is about message {}, not {id}", found.id));
    }
    if found.kind == Some(MessageType::Visitor) {
        return Err(format!("message {id} was written by a visitor"));
    }
    if let Some(visitor) = &found.visitor
        && visitor.as_str() != address.visitor_str()
    {
        return Err(format!("message {id} belongs to another visitor"));
    }
    match (kind, found.is_pushed) {
        (Kind::Pushed, Some(false)) => {
            return Err(format!("message {id} is not an automated message, but kind is pushed"));
        }
        (Kind::Agent, Some(true)) => {
            return Err(format!("message {id} is an automated message, but kind is agent"));
        }
        _ => {}
    }
    Ok(())
}
