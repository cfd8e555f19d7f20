//! Values of YAML fields that may be secrets. A line with one is shown to nobody, wherever its problem is.

use std::{collections::HashSet, ops::RangeInclusive};

use super::yaml::tree::{NodeId, Tree, What};

/// The longest name of a variable that people choose.
const MOST: usize = 64;

/// Whether a text is the name of an environment variable as people write them: upper-case letters, digits and `_`,
/// and not what a generator of secrets writes.
pub(crate) fn is_variable(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let begins = text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
    begins && text.len() <= MOST && text.chars().all(plain) && !text.split('_').any(is_random)
}

/// Whether a word is one of hexadecimal digits, or one of letters with digits among them, and too long for a name.
fn is_random(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    (word.len() >= 12 && digits >= 1 && is_hex) || (word.len() >= 16 && digits >= 3)
}

/// What a field may hold.
#[derive(Clone, Copy)]
enum Field {
    /// The URL of a database.
    Database,
    /// The name of a variable.
    Variable,
    /// A folder, or a URL of another kind.
    Url,
    /// A password, in a field that does not exist.
    Password,
}

impl Field {
    fn of(name: &str) -> Option<Self> {
        if name.len() > MOST {
            return None;
        }
        let plain = name.trim().to_lowercase().replace(['-', '_', ' ', '.'], "");
        let near = |field: &str| strsim::damerau_levenshtein(&plain, field) <= 2;
        match &*plain {
            "state" | "baseurl" => Some(Self::Url),
            "password" | "passwd" | "pwd" | "secret" | "token" | "apikey" => Some(Self::Password),
            "databaseurl" | "dburl" | "dsn" => Some(Self::Database),
            _ if near("database") => Some(Self::Database),
            _ if near("hmacsha256") => Some(Self::Variable),
            _ => None,
        }
    }

    /// Whether everybody may see this value.
    fn may_show(self, text: &str) -> bool {
        let text = text.trim();
        let inner = text.strip_prefix("${").and_then(|name| name.strip_suffix('}'));
        if text.is_empty() || inner.is_some_and(is_variable) {
            return true;
        }
        match self {
            Self::Database => {
                let is_url = ["postgres://", "postgresql://"].iter().any(|s| text.starts_with(s));
                is_url && !has_credentials(text)
            }
            Self::Variable => is_variable(text),
            Self::Url => !has_credentials(text),
            Self::Password => false,
        }
    }
}

fn has_credentials(text: &str) -> bool {
    let text = text.to_lowercase();
    ["@", "%40", "pass", "pwd", "secret", "token"].iter().any(|sign| text.contains(sign))
}

/// Lines that are not shown, each from its first to its last.
pub(super) type Withheld = Vec<RangeInclusive<u32>>;

/// Those of a file that can be parsed.
pub(super) fn in_tree(tree: &Tree) -> Withheld {
    // The keys below are the names of columns and of variables.
    let of_others: HashSet<NodeId> = entries(tree)
        .filter(|(_, key, _)| matches!(tree.text(*key), Some("columns" | "vars")))
        .map(|(_, _, value)| tree.resolve(value))
        .collect();
    let mut found = Vec::new();
    for (_, key, value) in entries(tree).filter(|(map, ..)| !of_others.contains(map)) {
        let Some(field) = tree.text(key).and_then(Field::of) else { continue };
        let mut seen = HashSet::new();
        let mut rest = vec![(value, field)];
        while let Some((node, field)) = rest.pop() {
            let node = tree.resolve(node);
            if !seen.insert(node) {
                continue;
            }
            match &tree.node(node).what {
                What::Scalar { .. } => {
                    let text = tree.text(node).unwrap_or_default();
                    if !field.may_show(text) {
                        let span = tree.node(node).span;
                        found.push(span.start.line..=span.end.line);
                    }
                }
                What::Seq(items) => rest.extend(items.iter().map(|item| (*item, field))),
                // An audience may be called so too.
                What::Map(entries) => {
                    rest.extend(entries.iter().map(|(_, value)| (*value, Field::Url)));
                }
                What::Alias(_) => {}
            }
        }
    }
    found
}

fn entries(tree: &Tree) -> impl Iterator<Item = (NodeId, NodeId, NodeId)> {
    tree.nodes().flat_map(|(id, node)| {
        let entries = match &node.what {
            What::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(move |(key, value)| (id, *key, *value))
    })
}

/// Those of a file that cannot be parsed: rather too many than one too few.
pub(super) fn in_lines<'l>(lines: impl Iterator<Item = &'l str>) -> Withheld {
    let mut found = Vec::new();
    // Of a value that stands below its field.
    let mut above = None;
    for (number, line) in (1..).zip(lines) {
        let indent = line.len() - line.trim_start().len();
        if above.is_some_and(|column| !line.trim().is_empty() && indent <= column) {
            above = None;
        }
        let mut withheld = above.is_some() && !line.trim().is_empty();
        for (at, _) in line.match_indices([':', '=']) {
            let before = line[..at].trim_end().trim_end_matches(['"', '\'']);
            let name = before.rsplit(|c: char| c.is_whitespace() || "{[,\"'".contains(c)).next();
            let Some(field) = name.and_then(Field::of) else { continue };
            let value = line[at + 1..].trim_start();
            let value = match value.chars().next() {
                Some(quote @ ('"' | '\'')) => value[1..].split(quote).next(),
                Some('$') => value.split_inclusive('}').next(),
                _ => value.split([',', '}']).next(),
            };
            let value = value.unwrap_or_default().trim();
            if value.is_empty() || value.starts_with(['|', '>', '&', '!']) {
                above = Some(indent);
            }
            withheld |= !field.may_show(value);
        }
        if withheld {
            found.push(number..=number);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::limits::Limits;

    #[test]
    fn a_variable_has_a_name_that_people_write_and_no_generator() {
        for name in ["PUSHSYNC_VISITOR_SECRET", "CHAT_KEY", "SECRET2", "HMAC_SHA256_KEY_2026", "_A"]
        {
            assert!(is_variable(name), "{name}");
        }
        for secret in [
            "afafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafaf",
            "AFAF09AFAFAFAFAFAFAFAFAFAFAFAFAFAFAFAFAFAFAFAFAFAFAFAFAFAFAFAFAF",
            "f00dfeedf00dfeed",
            "kX9vWhf8npAu3H6qd57w2Hv6nh6rnxvg",
            "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
            "hunter2",
            "geheimnis",
            "Xy4+/abc==",
            "2FA_SECRET",
            "",
        ] {
            assert!(!is_variable(secret), "{secret}");
        }
    }

    #[test]
    fn lines_with_what_may_be_a_secret_are_withheld_whether_the_file_can_be_parsed_or_not() {
        for (yaml, lines) in [
            ("database: \"reader:geheim@x\"", &[1][..]),
            ("a: { query: a.sql, database: 'host=x password=geheim' }", &[1]),
            ("a:\n  database:\n    geheim\n  query: a.sql", &[3]),
            ("a:\n  databse: geheim", &[2]),
            ("database: { url: \"r:geheim@x\" }", &[1]),
            ("x: &db geheim\ny: 1\ndatabase: *db", &[1]),
            ("state: \"user:geheim@host\"", &[1]),
            ("base_url: \"user:geheim@host\"", &[1]),
            ("database: \"reader:geheim@${PUSHSYNC_VAR_HOST}\"", &[1]),
            ("v: { hmac_sha256: afafafafafafafafafafafaf }", &[1]),
            ("database: { password: geheim }", &[1]),
            ("database: \"${PUSHSYNC_VAR_WAREHOUSE}\"", &[]),
            ("database: postgres://localhost:5432/x", &[]),
            ("v: { hmac_sha256: PUSHSYNC_VISITOR_SECRET, length: 8 }", &[]),
            ("columns: { database: text, state: text }", &[]),
            ("audiences: { database: { file: a.csv } }", &[]),
            ("state: ./state", &[]),
        ] {
            let tree = Tree::parse(yaml, &Limits::default()).expect("YAML");
            let numbers = |found: Withheld| found.into_iter().flatten().collect::<Vec<u32>>();
            assert_eq!(numbers(in_tree(&tree)), lines, "{yaml}");
            let words = numbers(in_lines(yaml.lines()));
            let by_alias = yaml.contains('*');
            assert!(by_alias || lines.iter().all(|line| words.contains(line)), "{yaml}");
        }
    }
}
