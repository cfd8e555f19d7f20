//! What the files of a project say, as a fingerprint.

use serde::{Deserialize, Serialize};

/// The fingerprint of a project's files, names and content: two checkouts with the same one say the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FilesDigest(String);

impl FilesDigest {
    /// How many hexadecimal digits it has: 96 bits tell the versions of one project apart.
    const DIGITS: usize = 24;

    /// Of these files, in this order: each has a name, and the hash of its content.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a blake3::Hash)>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for (name, content) in files {
            // With its length, no other list of files is the same bytes.
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            hasher.update(content.as_bytes());
        }
        let mut digits = hasher.finalize().to_hex().to_string();
        digits.truncate(Self::DIGITS);
        Self(digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_content_and_where_one_ends_count() {
        let of = |files: &[(&str, &str)]| {
            let hashes =
                files.iter().map(|(name, content)| (*name, blake3::hash(content.as_bytes())));
            let hashes: Vec<_> = hashes.collect();
            FilesDigest::of(hashes.iter().map(|(name, content)| (*name, content)))
        };
        let one = of(&[("a", "bc"), ("d", "")]);
        assert_eq!(one, of(&[("a", "bc"), ("d", "")]));
        for other in [
            &[("ab", "c"), ("d", "")][..],
            &[("a", "bc"), ("", "d")],
            &[("a", "bcd"), ("", "")],
            &[("a", "bc")],
            &[("d", ""), ("a", "bc")],
        ] {
            assert_ne!(one, of(other), "{other:?}");
        }
    }
}
