//! What is said once of texts that the API changed.

use std::sync::Arc;

use super::context::Context;
use crate::{apply::Rewritten, render::humanize};

/// Says that the API keeps other texts than it was sent, and how to see one of them.
pub(super) fn note(context: &Context, rewritten: &Rewritten) {
    let Rewritten { messages, first: Some(first) } = rewritten else { return };
    context.output.masking().known().add(Arc::new(vec![first.clone()]));
    let shown = humanize::address(first, context.output.masks_err());
    let show = context.command("state show").arg(&shown);
    context.output.note(&match messages {
        1 => format!(
            "the API changed the text of 1 message when it took it, and no plan restores it: {show} shows both texts"
        ),
        _ => format!(
            "the API changed the texts of {} messages when it took them, and no plan restores them: {show} shows both texts of one",
            humanize::number(*messages)
        ),
    });
}
