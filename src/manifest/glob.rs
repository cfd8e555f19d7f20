//! Patterns of paths: `messages/**/*.yaml`.
//!
//! `?` and `*` stand for any characters but `/`, `**` for any folders, `[a-z]` and `[!a-z]` for one
//! character, `{a,b}` for either, and what follows a `\` for itself. The rules are those of the crate
//! `globset`; its regular expressions would be a large part of a small program.

/// Nothing that people write is longer, or nested more deeply.
const MOST_CHARACTERS: usize = 1000;
const MOST_NESTED: usize = 20;

/// A pattern that can be compared with paths.
#[derive(Debug)]
pub(crate) struct Glob(Vec<Token>);

#[derive(Debug, PartialEq)]
enum Token {
    Literal(char),
    Any,
    ZeroOrMore,
    /// `**/` at the start: nothing, or folders.
    FoldersFirst,
    /// `/**/`: at least the `/`.
    FoldersBetween,
    /// `/**` at the end: whatever is below.
    All,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    Either(Vec<Vec<Token>>),
}

impl Glob {
    /// Why it is none: a fragment of a sentence.
    pub(crate) fn parse(pattern: &str) -> Result<Self, String> {
        let chars: Vec<char> = pattern.chars().collect();
        if chars.len() > MOST_CHARACTERS {
            return Err(format!("it has more than {MOST_CHARACTERS} characters"));
        }
        let mut parser = Parser { chars, at: 0, groups: Vec::new(), branches: vec![Vec::new()] };
        parser.parse()?;
        match (parser.branches.pop(), parser.branches.is_empty()) {
            (Some(tokens), true) => Ok(Self(tokens)),
            _ => Err("unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)".into()),
        }
    }

    /// Whether a path is meant. Its length times that of the pattern is what this takes at most.
    pub(crate) fn is_match(&self, path: &str) -> bool {
        if self.0 == [Token::FoldersFirst] {
            return true;
        }
        let path: Vec<char> = path.chars().collect();
        let mut start = vec![false; path.len() + 1];
        start[0] = true;
        after(&self.0, &path, start).last() == Some(&true)
    }
}

/// Up to which places a path can be matched, if it can be up to one of `places` before.
fn after(tokens: &[Token], path: &[char], mut places: Vec<bool>) -> Vec<bool> {
    for token in tokens {
        places = match token {
            Token::Literal(wanted) => one(path, &places, |found| found == *wanted),
            Token::Any => one(path, &places, |found| found != '/'),
            Token::Class { negated, ranges } => one(path, &places, |found| {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&found)) != *negated
            }),
            Token::ZeroOrMore => {
                let mut places = places;
                for at in 0..path.len() {
                    places[at + 1] |= places[at] && path[at] != '/';
                }
                places
            }
            Token::FoldersFirst => {
                let further = below(path, &places);
                places.iter().zip(further).map(|(here, further)| *here || further).collect()
            }
            Token::FoldersBetween => {
                let slash = one(path, &places, |found| found == '/');
                let further = below(path, &slash);
                slash.iter().zip(further).map(|(here, further)| *here || further).collect()
            }
            Token::All => {
                let slash = one(path, &places, |found| found == '/');
                let mut open = false;
                let reached = slash.iter().map(|here| {
                    open |= here;
                    open
                });
                reached.collect()
            }
            // A branch without anything in it is none.
            Token::Either(branches) if branches.iter().all(|branch| is_nothing(branch)) => places,
            Token::Either(branches) => {
                let mut all = vec![false; places.len()];
                for branch in branches.iter().filter(|branch| !is_nothing(branch)) {
                    for (at, reached) in after(branch, path, places.clone()).iter().enumerate() {
                        all[at] |= reached;
                    }
                }
                all
            }
        };
    }
    places
}

/// One character further.
fn one(path: &[char], places: &[bool], fits: impl Fn(char) -> bool) -> Vec<bool> {
    let further = path.iter().zip(places).map(|(found, here)| *here && fits(*found));
    std::iter::once(false).chain(further).collect()
}

/// Behind any `/` further on.
fn below(path: &[char], places: &[bool]) -> Vec<bool> {
    let mut open = false;
    let further = path.iter().zip(places).map(|(found, here)| {
        open |= here;
        open && *found == '/'
    });
    std::iter::once(false).chain(further.collect::<Vec<_>>()).collect()
}

fn is_nothing(tokens: &[Token]) -> bool {
    let nothing = |branches: &Vec<Vec<Token>>| branches.iter().all(|branch| is_nothing(branch));
    tokens.iter().all(|token| matches!(token, Token::Either(branches) if nothing(branches)))
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    /// Where the branches of the open groups begin.
    groups: Vec<usize>,
    branches: Vec<Vec<Token>>,
}

impl Parser {
    fn parse(&mut self) -> Result<(), String> {
        while let Some(found) = self.next() {
            match found {
                '?' => self.push(Token::Any),
                '*' => self.star(),
                '[' => self.class()?,
                '{' if self.groups.len() == MOST_NESTED => {
                    return Err(format!("more than {MOST_NESTED} groups in each other"));
                }
                '{' => {
                    self.groups.push(self.branches.len());
                    self.branches.push(Vec::new());
                }
                '}' => match self.groups.pop() {
                    Some(start) => {
                        let branches = self.branches.drain(start..).collect();
                        self.push(Token::Either(branches));
                    }
                    None => {
                        let why =
                            "unopened alternate group; missing '{' (maybe escape '}' with '[}]'?)";
                        return Err(why.to_owned());
                    }
                },
                ',' if !self.groups.is_empty() => self.branches.push(Vec::new()),
                '\\' => {
                    let escaped = self.next().ok_or("dangling '\\'")?;
                    self.push(Token::Literal(escaped));
                }
                other => self.push(Token::Literal(other)),
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn push(&mut self, token: Token) {
        if let Some(branch) = self.branches.last_mut() {
            branch.push(token);
        }
    }

    /// After a `*`: two of them stand for folders only where they are a whole part of the path.
    fn star(&mut self) {
        let before = self.at.checked_sub(2).and_then(|at| self.chars.get(at)).copied();
        if self.peek() != Some('*') {
            return self.push(Token::ZeroOrMore);
        }
        self.at += 1;
        let next = self.peek();
        let grouped = self.branches.len() > 1;
        if self.branches.last().is_none_or(Vec::is_empty) {
            return match next {
                None | Some('/') => {
                    self.at += 1;
                    self.push(Token::FoldersFirst);
                }
                Some(_) => self.push(Token::ZeroOrMore),
            };
        }
        let begins = before == Some('/') || grouped && matches!(before, Some(',' | '{'));
        let instead = match next {
            None => Token::All,
            Some(',' | '}') if grouped => Token::All,
            Some('/') => Token::FoldersBetween,
            Some(_) => Token::ZeroOrMore,
        };
        if !begins || instead == Token::ZeroOrMore {
            return self.push(Token::ZeroOrMore);
        }
        if instead == Token::FoldersBetween {
            self.at += 1;
        }
        // The `/` before is a part of what it stands for; two of the same are one.
        let last = self.branches.last_mut().and_then(Vec::pop);
        self.push(match last {
            Some(same @ (Token::FoldersFirst | Token::All)) => same,
            _ => instead,
        });
    }

    /// After a `[`.
    fn class(&mut self) -> Result<(), String> {
        let negated = matches!(self.peek(), Some('!' | '^'));
        self.at += usize::from(negated);
        let mut ranges: Vec<(char, char)> = Vec::new();
        let mut open = false;
        loop {
            let found = self.next().ok_or("unclosed character class; missing ']'")?;
            match (found, ranges.last_mut()) {
                (']', Some(_)) => break,
                ('-', Some(_)) if !open => open = true,
                (end, Some(range)) if open => {
                    range.1 = end;
                    if range.1 < range.0 {
                        return Err(format!("invalid range; '{}' > '{}'", range.0, range.1));
                    }
                    open = false;
                }
                (other, _) => ranges.push((other, other)),
            }
        }
        if open {
            ranges.push(('-', '-'));
        }
        self.push(Token::Class { negated, ranges });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    #[test]
    fn a_pattern_means_what_people_expect() {
        let meant = |pattern, path| Glob::parse(pattern).expect("a pattern").is_match(path);
        for (pattern, path) in [
            ("messages/**/*.yaml", "messages/a.yaml"),
            ("messages/**/*.yaml", "messages/a/b/c.yaml"),
            ("**/*.yaml", "a.yaml"),
            ("messages/**", "messages/a/b"),
            ("{a,b}/*.y{,a}ml", "b/x.yaml"),
            ("[a-c]?.yaml", "bé.yaml"),
            ("\\*.yaml", "*.yaml"),
            ("**", "a/b"),
        ] {
            assert!(meant(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("messages/**/*.yaml", "messages/a.yml"),
            ("messages/**/*.yaml", "other/messages/a.yaml"),
            ("*.yaml", "a/b.yaml"),
            ("messages/**", "messages"),
            ("[!a]x", "ax"),
            ("\\*.yaml", "a.yaml"),
        ] {
            assert!(!meant(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        let why = |pattern: &str| Glob::parse(pattern).expect_err("no pattern");
        assert_eq!(why("a["), "unclosed character class; missing ']'");
        assert_eq!(why("[b-a]"), "invalid range; 'b' > 'a'");
        assert!(why("{a").starts_with("unclosed alternate group"));
        assert!(why("a}").starts_with("unopened alternate group"));
        assert_eq!(why("a\\"), "dangling '\\'");
        assert!(why(&"{".repeat(21)).contains("20 groups"));
        assert!(why(&"a".repeat(1001)).contains("1000 characters"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_pattern_means_what_it_means_to_globset(
            parts in vec(select(vec![
                "a", "b", "/", "**", "*", "?", "{", "}", ",", "[a-b]", "[!a]", "[]a]", "[-a]", "[a-]", "[^/]", "\\*",
                "**/", "/**", "/**/", ".",
            ]), 0..9),
            paths in vec("[ab/.*]{0,7}", 8),
        ) {
            let pattern = parts.concat();
            let theirs = globset::GlobBuilder::new(&pattern).literal_separator(true).build();
            match (Glob::parse(&pattern), theirs) {
                (Ok(ours), Ok(theirs)) => {
                    let theirs = theirs.compile_matcher();
                    for path in paths {
                        prop_assert_eq!(ours.is_match(&path), theirs.is_match(&path), "{} {}", pattern, path);
                    }
                }
                (Err(ours), Err(theirs)) => prop_assert_eq!(ours, theirs.kind().to_string()),
                (ours, theirs) => prop_assert!(false, "{} {:?} {:?}", pattern, ours, theirs),
            }
        }
    }
}
