//! What is wrong with the arguments, without the visitors that they name.

use clap::{
    Error,
    error::{ContextKind, ContextValue},
};

use crate::model::redact::{
    likely_ids, masked as masked_id, merged, replaced, visitors_of_addresses,
};

/// The error with ids masked in what it quotes: a job's log keeps it.
pub(super) fn masked(mut error: Error) -> Error {
    fn text(error: &Error, kind: ContextKind) -> Option<String> {
        match error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.clone()),
            _ => None,
        }
    }
    let argument = text(&error, ContextKind::InvalidArg).unwrap_or_default();
    let names_a_visitor = ["VISITOR", "ADDRESS", "KEY|ADDRESS", "OLD", "NEW"]
        .iter()
        .any(|name| argument.contains(&format!("<{name}>")));
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand]
    {
        let Some(value) = text(&error, kind) else { continue };
        let mut spans = visitors_of_addresses(&value);
        let shown = if spans.is_empty() && names_a_visitor && kind == ContextKind::InvalidValue {
            masked_id(&value)
        } else {
            spans.extend(likely_ids(&value));
            replaced(&value, &merged(spans)).into_owned()
        };
        if shown != value {
            error.insert(kind, ContextValue::String(shown));
        }
    }
    error
}
