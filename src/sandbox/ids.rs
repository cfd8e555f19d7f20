//! Ids and names that look like the API's, made from what they stand for.

/// The characters of the ids in Brevo's examples: none that are easily confused.
const ALPHABET: &[u8; 55] = b"23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz";

const NAMES: [&str; 12] = [
    "Liz", "Noor", "Sam", "Ines", "Jonas", "Mei", "Tariq", "Olga", "Hugo", "Amara", "Finn", "Rosa",
];

/// An id of 17 characters, the same for the same parts.
pub(super) fn id(parts: &[&[u8]]) -> String {
    let mut bytes = [0; 17];
    digest(parts).fill(&mut bytes);
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
}

/// One of some agents of a team (a group's id, or nothing for all), by visitor.
pub(super) fn agent(team: &str, visitor: &str) -> String {
    const TEAM: u8 = 3;
    let mut pick = [0];
    digest(&[b"pick", team.as_bytes(), visitor.as_bytes()]).fill(&mut pick);
    id(&[b"agent", team.as_bytes(), &[pick[0] % TEAM]])
}

/// The name of an agent of whom only the id is known.
pub(super) fn name(agent: &str) -> &'static str {
    let mut pick = [0];
    digest(&[b"name", agent.as_bytes()]).fill(&mut pick);
    NAMES[usize::from(pick[0]) % NAMES.len()]
}

fn digest(parts: &[&[u8]]) -> blake3::OutputReader {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        // With its length, so that ["ab", "c"] is not ["a", "bc"].
        hasher.update(&part.len().to_le_bytes()[..4]);
        hasher.update(part);
    }
    hasher.finalize_xof()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_the_apis_and_depend_on_every_part() {
        let one = id(&[b"ab", b"c"]);
        assert_eq!(one.len(), 17);
        assert!(one.bytes().all(|byte| ALPHABET.contains(&byte)));
        assert_eq!(one, id(&[b"ab", b"c"]));
        assert_ne!(one, id(&[b"a", b"bc"]));
    }

    #[test]
    fn a_visitor_always_meets_the_same_agent_of_a_small_team() {
        let agents: std::collections::BTreeSet<_> =
            (0..100).map(|visitor| agent("PjR", &visitor.to_string())).collect();
        assert_eq!(agents.len(), 3);
        assert_eq!(agent("PjR", "7"), agent("PjR", "7"));
        assert_ne!(agent("PjR", "7"), agent("", "7"));
    }
}
