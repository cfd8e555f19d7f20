//! A project that is valid.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    path::PathBuf,
    sync::Arc,
};

use jiff::Timestamp;
use minijinja::Environment;

use super::{
    audience::Table, audiences::Unused, files_read::FilesRead, limits::Limits, settings::Settings,
    share::Share, source_path::SourcePath, template::lints::Levels, vars::Vars,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::{
        Address, ChangeLimit, FilesDigest, IdSource, Key, Language, MessageId, Place,
        SecretFingerprint, Sender, Source, Spec, VisitorId, WindowState,
    },
};

/// All that the YAML files of a project say, for one environment.
pub struct Project {
    /// Its folder, as it was given.
    pub root: PathBuf,
    /// The environment: `default` if none was chosen.
    pub environment: String,
    /// The environments that are declared.
    pub environments: Vec<String>,
    /// What `pushsync.yaml` says beside messages.
    pub settings: Settings,
    /// The declared senders, by name.
    pub senders: BTreeMap<String, Sender>,
    /// New keys for the same messages. Chains are resolved: each `to` is the last one.
    pub moved: Vec<Move>,
    /// Messages to adopt.
    pub imports: Vec<Adoption>,
    /// Messages no longer managed.
    pub removed: Vec<Removed>,
    /// Why messages may be missing: patterns that match nothing, links that lead nowhere.
    pub doubts: Vec<Doubt>,
    /// In the order of their addresses.
    pub(crate) messages: Vec<Message>,
    pub(crate) vars: Arc<Vars>,
    pub(crate) engine: Environment<'static>,
    pub(crate) unused: Vec<Unused>,
    /// The audiences whose query a message needs, and that was left out.
    pub(crate) left_out: Vec<(String, Place)>,
    pub(crate) limits: Limits,
    /// The files that it was read from.
    pub(crate) files: FilesRead,
}

impl Project {
    /// The messages, in the order of their addresses.
    pub fn messages(&self) -> impl ExactSizeIterator<Item = &Message> {
        self.messages.iter()
    }

    /// Those who get them, and those of messages to adopt: to be masked.
    pub fn visitors(&self) -> Arc<dyn IdSource> {
        let mut tables: Vec<Arc<Table>> = Vec::new();
        let mut seen = HashSet::new();
        for message in &self.messages {
            if seen.insert(Arc::as_ptr(&message.table)) {
                tables.push(Arc::clone(&message.table));
            }
        }
        let adopted = self.imports.iter().map(|import| import.to.visitor()).collect();
        Arc::new(Visitors { tables, adopted })
    }

    /// What its files say. None if they do not say any more what was read.
    pub fn files_digest(&self) -> Option<FilesDigest> {
        self.files.digest()
    }

    /// The names of the audiences whose query a message needs, and that was left out.
    pub fn left_out(&self) -> impl Iterator<Item = &str> {
        self.left_out.iter().map(|(name, _)| name.as_str())
    }

    /// The same as warnings, for documents that must not look complete.
    pub fn left_out_warnings(&self) -> impl Iterator<Item = Diagnostic> {
        self.left_out.iter().map(|(name, place)| {
            let message =
                format!("the query of `{name}` did not run: what needs its rows was not checked");
            Diagnostic::warning(Code::QueryLeftOut, message).at(place.clone())
        })
    }

    /// A message by its key.
    pub fn message(&self, key: &Key) -> Option<&Message> {
        let order = |message: &Message| address_order(&message.spec.key, key);
        let at = self.messages.binary_search_by(order).ok()?;
        self.messages.get(at)
    }

    /// Every key, and whether its messages should exist at that instant.
    pub fn keys_at(&self, at: Timestamp) -> BTreeMap<Key, WindowState> {
        let messages = self.messages.iter();
        messages.map(|message| (message.spec.key.clone(), message.spec.window.state(at))).collect()
    }
}

impl fmt::Debug for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Project")
            .field("root", &self.root)
            .field("environment", &self.environment)
            .field("messages", &self.messages.len())
            .finish_non_exhaustive()
    }
}

struct Visitors {
    tables: Vec<Arc<Table>>,
    adopted: Vec<VisitorId>,
}

impl IdSource for Visitors {
    fn ids(&self, found: &mut dyn FnMut(&str)) {
        self.tables.iter().flat_map(|table| table.visitors()).for_each(&mut *found);
        self.adopted.ids(found);
    }
}

/// One entry under `messages:`.
#[derive(Debug)]
pub struct Message {
    /// What its deliveries have in common.
    pub spec: Arc<Spec>,
    pub(crate) texts: Texts,
    pub(crate) table: Arc<Table>,
    pub(crate) condition: Option<Condition>,
    /// Only this share of the rows for which the condition is true.
    pub(crate) share: Option<Share>,
    pub(crate) change: Option<ChangeLimit>,
}

impl Message {
    /// Its visitors with their columns, before `where` is applied.
    pub fn audience(&self) -> &Table {
        &self.table
    }

    /// How far the number of its deliveries may differ from that in the state, if its audience says so.
    pub fn expected_change(&self) -> Option<ChangeLimit> {
        self.change
    }

    /// The secret that its visitors' ids are made with, if they are.
    pub fn secret(&self) -> Option<SecretFingerprint> {
        self.table.secret()
    }

    /// Whether a query gives its audience.
    pub fn is_queried(&self) -> bool {
        self.table.is_queried()
    }

    /// Whether its audience is that of a query that was left out: who gets it is not known.
    pub fn is_left_out(&self) -> bool {
        self.table.is_left_out()
    }

    /// Whether a text of it is a template.
    pub fn is_template(&self) -> bool {
        self.texts.all().any(|(_, text)| matches!(text.body, Body::Template(_)))
    }

    /// The languages of its texts, the fallback first; none if all visitors get one text.
    pub fn languages(&self) -> impl Iterator<Item = &Language> {
        self.texts.all().filter_map(|(language, _)| language)
    }
}

/// What is sent.
#[derive(Debug)]
pub(crate) enum Texts {
    /// One text for all visitors.
    One(Text),
    /// One for each language.
    ByLanguage(Translations),
}

/// A text for each of several languages.
#[derive(Debug)]
pub(crate) struct Translations {
    /// The column with each visitor's language.
    pub(crate) column: Box<str>,
    /// For visitors whose language is not among the others.
    pub(crate) fallback: (Language, Text),
    /// In the order of their tags.
    pub(crate) others: Vec<(Language, Text)>,
    /// Where they are written.
    pub(crate) source: SourcePath,
}

impl Texts {
    /// All of them; the fallback is the first.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Option<&Language>, &Text)> {
        let (first, others) = match self {
            Self::One(text) => ((None, text), &[][..]),
            Self::ByLanguage(Translations { fallback: (language, text), others, .. }) => {
                ((Some(language), text), &others[..])
            }
        };
        let others = others.iter().map(|(language, text)| (Some(language), text));
        std::iter::once(first).chain(others)
    }

    /// Where they are written, all together.
    pub(crate) fn source(&self) -> &SourcePath {
        match self {
            Self::One(text) => &text.source,
            Self::ByLanguage(translations) => &translations.source,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) body: Body,
    pub(crate) source: SourcePath,
    /// What is still looked for in the texts that are sent.
    pub(crate) lints: Levels,
}

#[derive(Debug)]
pub(crate) enum Body {
    Literal(Arc<str>),
    Template(Box<str>),
}

/// Which rows of the audience are meant.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) text: Box<str>,
    pub(crate) source: SourcePath,
}

/// A new key for the same messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The key in the state.
    pub from: Key,
    /// The key from now on.
    pub to: Key,
    /// Where it is written.
    pub source: SourcePath,
    /// Where the last key is written.
    pub target: SourcePath,
}

/// A message that exists and is to be managed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// What it is from now on.
    pub to: Address,
    /// What the API calls it.
    pub id: MessageId,
    /// Where it is written.
    pub source: Source,
    /// Whether it is a row of a file of many.
    pub of_file: bool,
}

/// A message that is no longer managed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Its key.
    pub key: Key,
    /// Whether its deliveries are deleted, as they would be without this entry; if not, they
    /// are only forgotten.
    pub delete: bool,
    /// Where it is written.
    pub source: SourcePath,
}

/// A reason why a message may be missing that nobody meant to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The warning that tells of it.
    pub warning: Diagnostic,
}

/// The order of `KEY@…`, whatever follows.
pub(crate) fn address_order(a: &Key, b: &Key) -> std::cmp::Ordering {
    let bytes = |key: &Key| key.as_str().as_bytes().to_owned().into_iter().chain([b'@']);
    bytes(a).cmp(bytes(b))
}
