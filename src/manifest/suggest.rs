//! "Did you mean …?"

/// The name that was probably meant, if one is near enough.
pub fn nearest<'a>(name: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', ' ', '.'], "");
    let wanted = plain(name);
    let limit = match wanted.chars().count() {
        0..=2 => 1,
        3..=5 => 2,
        n => n / 3,
    };
    among
        .into_iter()
        .map(|other| (strsim::damerau_levenshtein(&wanted, &plain(other)), other))
        .filter(|(distance, other)| {
            *distance <= limit && *distance < plain(other).chars().count().max(1)
        })
        .min()
        .map(|(_, other)| other)
}

/// `did you mean …?`, or else what there is to choose from.
pub(crate) fn among<'a>(
    name: &str,
    choices: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(near) = nearest(name, choices.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    list(choices).map(|all| format!("there is {all}"))
}

/// `a`, `b` and `c`; at most ten.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let names: Vec<&str> = names.into_iter().collect();
    let more = names.len().saturating_sub(10);
    let mut shown: Vec<String> = names.iter().take(10).map(|name| format!("`{name}`")).collect();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    let last = shown.pop()?;
    Some(if shown.is_empty() { last } else { format!("{} and {last}", shown.join(", ")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let fields = ["text", "to", "from", "on_missing", "visitor_id"];
        assert_eq!(nearest("txt", fields), Some("text"));
        assert_eq!(nearest("onMissing", fields), Some("on_missing"));
        assert_eq!(nearest("Visitor ID", fields), Some("visitor_id"));
        assert_eq!(nearest("form", fields), Some("from"));
        assert_eq!(nearest("banana", fields), None);
        assert_eq!(nearest("", fields), None);
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..13).map(|n| n.to_string()).collect();
        let shown = list(names.iter().map(String::as_str)).expect("not empty");
        assert!(shown.ends_with("`9` and 3 more"), "{shown}");
        assert_eq!(list(["a"]).as_deref(), Some("`a`"));
        assert_eq!(list([]), None);
    }
}
