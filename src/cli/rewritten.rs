//! What is said once of texts that the API changes.

use std::sync::Arc;

use super::context::Context;
use crate::{apply::Rewritten, render::humanize};

/// Says that the API answers other texts than it is sent, and how to see one of them.
pub(super) fn note(context: &Context, rewritten: &Rewritten) {
    let Rewritten { messages, first: Some(first) } = rewritten else { return };
    context.output.masking().known().add(Arc::new(vec![first.clone()]));
    let shown = humanize::address(first, context.output.masks_err());
    let show = context.command("state show").arg(&shown);
    context.output.note(&match messages {
        1 => format!(
            "the API answered another text than it was sent for 1 message, and no plan restores that: {show} shows both texts"
        ),
        _ => format!(
            "the API answered other texts than it was sent for {} messages, and no plan restores that: {show} shows both texts of one",
            humanize::number(*messages)
        ),
    });
}
