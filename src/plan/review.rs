//! The digest of what a plan asks people to agree to.

use std::{collections::BTreeMap, fmt, str::FromStr};

use super::{Plan, ReviewStatus};
use crate::model::{Address, BaseUrl, Endpoint, Key, Target};

/// The most messages that a digest tells apart.
const MOST: usize = 64;
/// How many digits of a digest decide.
const TOTAL: usize = 64;
/// How many digits tell a message, and its targets.
const MARK: usize = 8;

/// What a plan asks people to agree to: the environment, the API, and each target that nobody has agreed to
/// yet. Two plans with the same review ask for the same, whenever and from whatever state they were made.
///
/// As text it has 64 hexadecimal digits, which decide. If there are at most 64 messages, a hyphen and 16 digits
/// for each of them follow. These only serve to say which messages differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    total: String,
    messages: Vec<Marks>,
}

/// A message of a review, as far as a digest tells.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Marks {
    key: String,
    targets: String,
}

impl Review {
    /// The review that a plan asks for.
    pub fn of(plan: &Plan) -> Self {
        Self::over(&plan.environment, &plan.api, &targets(plan))
    }

    fn over(environment: &str, api: &Endpoint, targets: &BTreeMap<&Address, &Target>) -> Self {
        let mut total = blake3::Hasher::new();
        part(&mut total, b"pushsync/review/1");
        part(&mut total, environment.as_bytes());
        part(&mut total, api.url().map_or("", BaseUrl::as_str).as_bytes());
        for (address, target) in targets {
            add(&mut total, address, target);
        }
        let messages = by_message(targets).into_iter().map(|(key, targets)| {
            let mut hasher = blake3::Hasher::new();
            targets.iter().for_each(|(address, target)| add(&mut hasher, address, target));
            Marks { key: mark(blake3::hash(key.as_bytes())), targets: mark(hasher.finalize()) }
        });
        let messages: Vec<_> = messages.take(MOST + 1).collect();
        let total = total.finalize().to_hex().to_string();
        Self { total, messages: if messages.len() > MOST { Vec::new() } else { messages } }
    }

    /// Whether both ask for the same.
    pub fn is(&self, other: &Self) -> bool {
        self.total == other.total
    }

    /// Whether it may ask for something of this message.
    pub fn may_ask_for(&self, key: &str) -> bool {
        let key = mark(blake3::hash(key.as_bytes()));
        self.messages.is_empty() || self.messages.iter().any(|marks| marks.key == key)
    }

    /// How `plan` differs from this review, message by message; `None` if the digests do not tell their messages.
    /// `known` are keys of messages that may be missing from the plan.
    pub fn differences(
        &self,
        plan: &Plan,
        known: impl Iterator<Item = Key>,
    ) -> Option<Differences> {
        let targets = targets(plan);
        let now = Self::over(&plan.environment, &plan.api, &targets);
        let keys: Vec<_> =
            by_message(&targets).iter().map(|(key, targets)| (*key, targets.len())).collect();
        // With no messages at all, a review either had too many of them, or asked for nothing.
        let nothing = || Self::over(&plan.environment, &plan.api, &BTreeMap::new());
        if now.messages.len() < keys.len() || (self.messages.is_empty() && !self.is(&nothing())) {
            return None;
        }
        let mut differences = Differences::default();
        for ((key, count), marks) in keys.iter().zip(&now.messages) {
            let Ok(key) = Key::parse(key) else { continue };
            let count = *count as u64;
            match self.messages.iter().find(|reviewed| reviewed.key == marks.key) {
                None => differences.new.push((key, count)),
                Some(reviewed) if reviewed.targets != marks.targets => {
                    differences.otherwise.push((key, count));
                }
                Some(_) => {}
            }
        }
        let missing = |marks: &&Marks| now.messages.iter().all(|now| now.key != marks.key);
        let mut missing: Vec<&Marks> = self.messages.iter().filter(missing).collect();
        for key in known {
            let known = mark(blake3::hash(key.as_str().as_bytes()));
            if let Some(at) = missing.iter().position(|marks| marks.key == known) {
                missing.remove(at);
                differences.missing.push(key);
            }
        }
        differences.missing_without_name = missing.len() as u64;
        Some(differences)
    }
}

/// How a plan differs from what was reviewed: messages, and how many of their deliveries are to be reviewed now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// Nobody has reviewed anything of these.
    pub new: Vec<(Key, u64)>,
    /// Other texts, visitors, senders or windows were reviewed.
    pub otherwise: Vec<(Key, u64)>,
    /// These were reviewed, and ask for nothing now.
    pub missing: Vec<Key>,
    /// How many more of these there are. The review does not tell their names.
    pub missing_without_name: u64,
}

impl Differences {
    /// Whether no message differs: then the environment or the API does.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty()
            && self.otherwise.is_empty()
            && self.missing.is_empty()
            && self.missing_without_name == 0
    }
}

/// The targets that nobody has agreed to yet, each once, in address order.
pub(super) fn targets(plan: &Plan) -> BTreeMap<&Address, &Target> {
    let changes = plan.changes.iter().filter(|change| change.review == ReviewStatus::ToReview);
    let changes = changes.flat_map(|change| {
        // A delivery with a new address leaves its old one.
        let left = change.leaves().map(|from| (from, &Target::Absent));
        left.into_iter().chain([(&change.address, &change.target)])
    });
    let upcoming = plan.upcoming.iter().map(|upcoming| (&upcoming.address, &upcoming.target));
    let withdrawn = plan.withdrawn.iter().map(|gone| (&gone.address, &gone.target));
    changes.chain(upcoming).chain(withdrawn).collect()
}

/// The deliveries of one message, with their targets.
type OfMessage<'a> = Vec<(&'a Address, &'a Target)>;

/// The same by message. In address order, the deliveries of a message follow each other.
fn by_message<'a>(targets: &BTreeMap<&'a Address, &'a Target>) -> Vec<(&'a str, OfMessage<'a>)> {
    let all: Vec<_> = targets.iter().map(|(address, target)| (*address, *target)).collect();
    let groups = all.chunk_by(|a, b| a.0.key_str() == b.0.key_str());
    groups.filter_map(|group| Some((group.first()?.0.key_str(), group.to_vec()))).collect()
}

fn part(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    // The length keeps the borders between the parts from moving.
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

fn add(hasher: &mut blake3::Hasher, address: &Address, target: &Target) {
    part(hasher, address.as_str().as_bytes());
    match target {
        Target::Absent => part(hasher, b"absent"),
        Target::Unmanaged => part(hasher, b"unmanaged"),
        Target::Present(presence) => {
            part(hasher, &presence.content.0);
            for instant in [presence.window.from, presence.window.until] {
                part(hasher, instant.map(|at| at.to_string()).unwrap_or_default().as_bytes());
            }
        }
    }
}

fn mark(hash: blake3::Hash) -> String {
    hash.to_hex().chars().take(MARK).collect()
}

impl fmt::Display for Review {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.total)?;
        if !self.messages.is_empty() {
            f.write_str("-")?;
        }
        self.messages.iter().try_for_each(|marks| write!(f, "{}{}", marks.key, marks.targets))
    }
}

/// A text is not the digest of a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a digest of a plan has 64 hexadecimal digits, or these, a hyphen and 16 more for each message"
)]
pub struct ParseReviewError;

impl FromStr for Review {
    type Err = ParseReviewError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.to_ascii_lowercase();
        let (total, rest) = text.split_once('-').unwrap_or((&text, ""));
        let hexadecimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let whole = total.len() == TOTAL && rest.len() % (2 * MARK) == 0;
        if !whole || !hexadecimal(total) || !hexadecimal(rest) || rest.len() > 2 * MARK * MOST {
            return Err(ParseReviewError);
        }
        let marks = |at: usize| {
            let (key, targets) = rest.get(at..at + 2 * MARK)?.split_at(MARK);
            Some(Marks { key: key.to_owned(), targets: targets.to_owned() })
        };
        let messages = (0..rest.len()).step_by(2 * MARK).filter_map(marks).collect();
        Ok(Self { total: total.to_owned(), messages })
    }
}
