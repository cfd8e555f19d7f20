//! "Did you mean …?"

use std::cell::Cell;

use crate::model::Key;

/// A longer name is not compared: to compare two takes as many steps as their lengths multiplied.
const MOST_CHARS: usize = 64;
/// At most this number of names is compared for the suggestions of one project. A typo is one among others: after
/// thousands of them, suggestions do not help.
const MOST_COMPARED: usize = 200_000;

thread_local! {
    /// How many names were compared since [`start`].
    static COMPARED: Cell<usize> = const { Cell::new(0) };
}

/// A project begins.
pub(crate) fn start() {
    COMPARED.set(0);
}

/// Whether a name may still be compared with this number of others.
pub(crate) fn has_room_for(names: usize) -> bool {
    // Short lists, as the fields of a mapping, always have room.
    names <= SHORT || COMPARED.get().saturating_add(names) <= MOST_COMPARED
}

/// Lists with at most this number of names do not count.
const SHORT: usize = 64;

/// The name that was probably meant, if one is near enough.
pub fn nearest<'a>(name: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', ' ', '.'], "");
    if !is_short(name) {
        return None;
    }
    let wanted = plain(name);
    let length = wanted.chars().count();
    let limit = match length {
        0..=2 => 1,
        3..=5 => 2,
        n => n / 3,
    };
    let mut compared = 0;
    let mut near: Option<(usize, &str)> = None;
    for other in among {
        compared += 1;
        if compared > SHORT {
            let all = COMPARED.get() + if compared == SHORT + 1 { compared } else { 1 };
            if all > MOST_COMPARED {
                break;
            }
            COMPARED.set(all);
        }
        if !is_short(other) {
            continue;
        }
        let against = plain(other);
        let others = against.chars().count();
        if length.abs_diff(others) > limit {
            continue;
        }
        let distance = strsim::damerau_levenshtein(&wanted, &against);
        if distance <= limit && distance < others.max(1) {
            let this = (distance, other);
            near = Some(near.map_or(this, |before| before.min(this)));
        }
    }
    near.map(|(_, other)| other)
}

/// Whether a name has few enough characters, without counting all of a long one.
fn is_short(name: &str) -> bool {
    name.chars().nth(MOST_CHARS).is_none()
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
    let mut names = names.into_iter();
    let mut shown: Vec<String> = names.by_ref().take(10).map(quoted).collect();
    let more = names.count();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    let last = shown.pop()?;
    Some(if shown.is_empty() { last } else { format!("{} and {last}", shown.join(", ")) })
}

/// In backquotes; of a very long name, the beginning.
fn quoted(name: &str) -> String {
    match name.char_indices().nth(MOST_CHARS) {
        Some((at, _)) => format!("`{}…`", &name[..at]),
        None => format!("`{name}`"),
    }
}

/// The key that a name was probably meant to be.
pub(crate) fn key(name: &str) -> Option<String> {
    // What follows an `@` is a visitor's.
    let name = name.split('@').next().unwrap_or_default();
    let mut fixed = String::new();
    for c in name.trim().to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' | '.' | '_' | '-' => fixed.push(c),
            // An apostrophe, or an accent of its own, leaves nothing behind.
            '\'' | '’' | '\u{300}'..='\u{36f}' => {}
            _ => match latin(c) {
                "" if fixed.ends_with('-') => {}
                "" => fixed.push('-'),
                letters => fixed.push_str(letters),
            },
        }
    }
    let fixed: String = fixed.trim_matches(['.', '_', '-']).chars().take(128).collect();
    let fixed = fixed.trim_end_matches(['.', '_', '-']).to_owned();
    Key::parse(&fixed).is_ok().then_some(fixed)
}

/// A lower-case letter in letters from `a` to `z`; nothing if it is of another script.
fn latin(c: char) -> &'static str {
    match c {
        'ä' | 'æ' => "ae",
        'ö' | 'œ' => "oe",
        'ü' => "ue",
        'ß' => "ss",
        'þ' => "th",
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ĩ' | 'ī' | 'į' | 'ı' => "i",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ø' | 'ō' | 'ő' => "o",
        'ŕ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ţ' | 'ť' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ũ' | 'ū' | 'ů' | 'ű' | 'ų' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => "",
    }
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
    fn long_lists_of_suggestions_are_cut() {
        let names: Vec<String> = (0..13).map(|n| n.to_string()).collect();
        let shown = list(names.iter().map(String::as_str)).expect("not empty");
        assert!(shown.ends_with("`9` and 3 more"), "{shown}");
        assert_eq!(list(["a"]).as_deref(), Some("`a`"));
        assert_eq!(list([]), None);
    }

    #[test]
    fn the_names_that_are_compared_for_one_project_are_counted() {
        start();
        let names: Vec<String> = (0..10_000).map(|n| format!("sender-{n}")).collect();
        let near = |n: usize| nearest(&format!("sendre-{n}"), names.iter().map(String::as_str));
        for n in 9_900..10_000 {
            near(n);
        }
        assert_eq!(COMPARED.get(), MOST_COMPARED, "no more, whatever is asked");
        assert!(!has_room_for(names.len()));
        assert_eq!(nearest("txt", ["text", "to"]), Some("text"), "short lists always have room");
        start();
        assert_eq!(near(7), Some("sender-7"));
        start();
    }

    #[test]
    fn very_long_names_are_not_compared() {
        let long = "s".repeat(100_000);
        assert_eq!(nearest(&long, [&*format!("{long}s")]), None);
        assert!(list([&*long]).is_some_and(|shown| shown.len() < 100));
    }
}
