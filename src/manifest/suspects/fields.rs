//! Which fields may hold visitors' ids, also when their names are not written right.

/// What a field may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Visitors' ids.
    Ids,
    /// The name of an audience, or something that was meant to be an id.
    Recipients,
    /// Audiences by their names.
    Audiences,
    /// Keys, or addresses that stand where keys belong.
    Keys,
    /// Messages to adopt, by their addresses.
    Adoptions,
    /// A condition.
    Where,
    /// A text, or one for each language.
    Text,
    /// The names of columns, and words of the manifest.
    Columns,
    /// Messages by their keys.
    Messages,
    /// Environments by their names.
    Environments,
    /// Nothing of the kind.
    Other,
}

/// Fields by their right names.
const KNOWN: &[(&str, Holds)] = &[
    ("to", Holds::Recipients),
    ("audience", Holds::Recipients),
    ("visitor", Holds::Ids),
    ("visitors", Holds::Ids),
    ("visitor_id", Holds::Ids),
    ("audiences", Holds::Audiences),
    ("messages", Holds::Messages),
    ("environments", Holds::Environments),
    ("moved", Holds::Keys),
    ("removed", Holds::Keys),
    ("import", Holds::Adoptions),
    ("where", Holds::Where),
    ("text", Holds::Text),
    ("columns", Holds::Columns),
    ("expect", Holds::Columns),
];

/// Names that people give to fields with ids.
const SYNONYMS: &str = "contact contacts customer customers for ids recipient recipients user users user_id \
    user_ids visitor_ids who";

/// The names of all other fields.
const OTHERS: &str = "active agent api base_url by change column concurrency database delete \
    delimiter email encoding fallback file from group hmac_sha256 id include key \
    kind length limits locale mask_visitors max_creates max_deletes max_resends missing name \
    on_leave on_missing on_unknown percent priority privacy protect query raw \
    received_from requests_per_hour rows safety salt senders state timeout until \
    vars version zone";

/// A longer name is near no field.
const MOST_BYTES: usize = 100;

/// What a field holds; `None` if no field has this name.
pub(super) fn exactly(name: &str) -> Option<Holds> {
    let known = KNOWN.iter().find(|(known, _)| *known == name).map(|(_, holds)| *holds);
    known.or_else(|| OTHERS.split(' ').any(|other| other == name).then_some(Holds::Other))
}

/// Whether a field has this name.
pub(in crate::manifest) fn is_field(name: &str) -> bool {
    name != "visitor_id" && exactly(name).is_some()
}

/// What a field was probably meant to hold; `None` if it is near no field.
pub(super) fn probably(name: &str) -> Option<Holds> {
    if let Some(holds) = exactly(name) {
        return Some(holds);
    }
    // Every field is shorter, so none is near; to compare would take long.
    if name.trim().len() > MOST_BYTES {
        return None;
    }
    let plain = name.trim().to_lowercase().replace(['-', ' ', '.'], "_");
    if SYNONYMS.split(' ').any(|other| other == plain) {
        return Some(Holds::Ids);
    }
    let plain = plain.replace('_', "");
    let near = |other: &str| {
        let other = other.replace('_', "");
        let limit = match other.len() {
            0..=3 => 1,
            4..=5 => 2,
            n => n / 3,
        };
        let distance = strsim::damerau_levenshtein(&plain, &other);
        (distance <= limit && distance < other.len()).then_some(distance)
    };
    // Of two that are as near, what holds ids.
    let known = KNOWN.iter().filter_map(|(other, holds)| Some((near(other)?, *holds)));
    let known = known.min_by_key(|(distance, _)| *distance);
    let other = OTHERS.split(' ').filter_map(near).min();
    match (known, other) {
        (Some((distance, holds)), other) if other.is_none_or(|other| distance <= other) => {
            Some(holds)
        }
        (_, Some(_)) => Some(Holds::Other),
        (_, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_with_a_typo_holds_what_it_was_meant_to_hold() {
        for name in ["visitrs", "Visitors", "vistor", "visitor-id", "VISITORS", "vsitors", "users"]
        {
            assert_eq!(probably(name), Some(Holds::Ids), "{name}");
        }
        for name in ["too", "ot", "t", "To", "tto", "audeince"] {
            assert_eq!(probably(name), Some(Holds::Recipients), "{name}");
        }
        for name in ["txt", "text", "Text"] {
            assert_eq!(probably(name), Some(Holds::Text), "{name}");
        }
        for name in ["form", "frm", "kinds", "priorty", "file"] {
            assert_eq!(probably(name), Some(Holds::Other), "{name}");
        }
        assert_eq!(probably("audiense"), Some(Holds::Recipients));
        assert_eq!(probably("imports"), Some(Holds::Adoptions));
        assert_eq!(probably("colour"), None);
    }
}
