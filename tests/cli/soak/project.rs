//! A project whose files change all the time, and what it says at each moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use fastrand::Rng;
use jiff::Timestamp;
use tempfile::TempDir;

const MESSAGES: usize = 120;
const AUDIENCES: usize = 6;
const VISITORS: usize = 24;

/// The messages that are there: kind, visitor and text of each, sorted.
pub(super) type Chats = Vec<(String, String, String)>;

/// What is wanted of one message. Its text names its generation, which changes whenever another message is to be created: so
/// a text that was created twice is a duplicate, whatever became of it.
#[derive(Clone)]
struct Wanted {
    is_there: bool,
    generation: u32,
    version: u32,
    sender: usize,
    to: To,
    /// In seconds since 1970.
    window: Option<(i64, i64)>,
}

#[derive(Clone, Copy, PartialEq)]
enum To {
    Audience(usize),
    Visitor(usize),
}

/// An audience: each visitor in it, and which time of joining it is.
#[derive(Clone, Default)]
struct Audience {
    rows: BTreeMap<usize, u32>,
    joins: u32,
}

impl Audience {
    fn join(&mut self, visitor: usize) {
        self.joins += 1;
        self.rows.insert(visitor, self.joins);
    }
}

/// The project: `project` is a link to a checkout, as git-sync makes it.
pub(super) struct Changing {
    folder: TempDir,
    checkouts: usize,
    messages: Vec<Wanted>,
    audiences: Vec<Audience>,
    /// How many changes there still are until a file with an error is mended.
    broken: usize,
    /// How many files were written, and how often the link was swapped.
    pub(super) files: usize,
    pub(super) swaps: usize,
}

fn visitor(n: usize) -> String {
    format!("visitor{n:02}XKMvWhf8npAu3H6qd57w2Hv6nh6rnxvg")
}

/// Messages of a fifth of the keys are an agent's own.
fn kind(n: usize) -> &'static str {
    if n.is_multiple_of(5) { "agent" } else { "pushed" }
}

impl Changing {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let mut audiences = vec![Audience::default(); AUDIENCES];
        for audience in &mut audiences {
            (0..4).for_each(|_| audience.join(rng.usize(..VISITORS)));
        }
        let wanted = |n: usize, rng: &mut Rng| Wanted {
            is_there: n % 3 < 2,
            generation: 1,
            version: 1,
            sender: rng.usize(..2),
            to: some_recipients(rng),
            window: None,
        };
        let messages = (0..MESSAGES).map(|n| wanted(n, rng)).collect();
        let folder = TempDir::new().expect("a folder");
        let mut new =
            Self { folder, checkouts: 0, messages, audiences, broken: 0, files: 0, swaps: 0 };
        new.swap();
        new
    }

    /// The folder of the project: a link.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// A place beside the project.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Somebody changes some files: each as a whole, or all together by another checkout.
    pub(super) fn change(&mut self, rng: &mut Rng, now: Timestamp) {
        let mut changed = BTreeSet::new();
        for _ in 0..rng.usize(1..6) {
            if rng.u8(..12) == 0 {
                let n = rng.usize(..AUDIENCES);
                self.change_audience(n, rng);
                changed.insert(audience_file(n));
            } else {
                let n = rng.usize(..MESSAGES);
                self.change_message(n, rng, now);
                changed.insert(message_file(n));
            }
        }
        match self.broken {
            0 if rng.u8(..12) == 0 => {
                self.broken = rng.usize(1..4);
                changed.insert(BROKEN.to_owned());
            }
            0 => {}
            _ => {
                self.broken -= 1;
                changed.insert(BROKEN.to_owned());
            }
        }
        match rng.u8(..4) {
            0 => self.swap(),
            _ => changed.iter().for_each(|name| self.replace(name)),
        }
    }

    fn change_audience(&mut self, n: usize, rng: &mut Rng) {
        let audience = &mut self.audiences[n];
        let visitor = rng.usize(..VISITORS);
        if audience.rows.remove(&visitor).is_none() {
            audience.join(visitor);
        }
        // It has between two and six visitors.
        while audience.rows.len() > 6 {
            audience.rows.pop_first();
        }
        while audience.rows.len() < 2 {
            audience.join(rng.usize(..VISITORS));
        }
    }

    fn change_message(&mut self, n: usize, rng: &mut Rng, now: Timestamp) {
        let message = &mut self.messages[n];
        let generation = message.generation;
        match rng.u8(..10) {
            0..4 => message.version += 1,
            // Somebody takes the last change of the text back.
            4 => message.version = message.version.saturating_sub(1).max(1),
            5 => {
                message.sender = 1 - message.sender;
                message.generation += 1;
            }
            6 => {
                message.to = some_recipients(rng);
                message.generation += 1;
            }
            7 => {
                let from = now.as_second() + rng.i64(0..5);
                message.window = Some((from, from + rng.i64(1..8)));
                message.generation += 1;
                message.is_there = true;
            }
            8 if message.window.take().is_some() => message.generation += 1,
            _ => {
                message.is_there = !message.is_there;
                message.generation += u32::from(message.is_there);
            }
        }
        if message.generation > generation {
            message.version = 1;
        }
    }

    /// Mends what is broken.
    pub(super) fn mend(&mut self) {
        self.broken = 0;
        self.swap();
    }

    /// A new checkout, and the link to it.
    fn swap(&mut self) {
        self.checkouts += 1;
        let name = format!("checkout-{}", self.checkouts);
        let checkout = self.beside(&name);
        for folder in ["messages", "audiences"] {
            fs::create_dir_all(checkout.join(folder)).expect("a folder");
        }
        let messages = (0..MESSAGES).map(message_file);
        let audiences = (0..AUDIENCES).map(audience_file);
        let others = ["pushsync.yaml", BROKEN].map(str::to_owned);
        for name in messages.chain(audiences).chain(others) {
            if let Some(text) = self.text_of(&name) {
                fs::write(checkout.join(name), text).expect("a file");
            }
        }
        let link = self.beside("next");
        symlink(&name, &link).expect("a link");
        fs::rename(&link, self.path()).expect("renamed");
        self.swaps += 1;
        // A cycle may still read the one before.
        if let Some(old) = self.checkouts.checked_sub(3) {
            let _ = fs::remove_dir_all(self.beside(&format!("checkout-{old}")));
        }
    }

    /// Writes one file anew, as editors do it: beside it, and then in its place.
    fn replace(&mut self, name: &str) {
        let file = self.path().join(name);
        self.files += 1;
        match self.text_of(name) {
            Some(text) => {
                let beside = self.path().join("being-written");
                fs::write(&beside, text).expect("a file");
                fs::rename(&beside, &file).expect("renamed");
            }
            None => remove(&file),
        }
    }

    fn text_of(&self, name: &str) -> Option<String> {
        if name == "pushsync.yaml" {
            return Some(SETTINGS.to_owned() + &self.settings_of_audiences());
        }
        if name == BROKEN {
            return (self.broken > 0).then(|| "messages: { half: { from: ".to_owned());
        }
        let digits: String = name.chars().filter(char::is_ascii_digit).collect();
        let n: usize = digits.parse().expect("a number");
        match name.starts_with("audiences") {
            true => Some(self.audience_text(n)),
            false => self.message_text(n),
        }
    }

    fn settings_of_audiences(&self) -> String {
        let names = 0..AUDIENCES;
        names.map(|n| format!("  a{n}: {{ file: {} }}\n", audience_file(n))).collect()
    }

    fn audience_text(&self, n: usize) -> String {
        let rows = self.audiences[n].rows.iter();
        let rows: String = rows.map(|(of, row)| format!("{},{row}\n", visitor(*of))).collect();
        format!("visitor_id,row\n{rows}")
    }

    fn message_text(&self, n: usize) -> Option<String> {
        let message = &self.messages[n];
        let Wanted { generation, version, sender, to, .. } = message;
        if !message.is_there {
            return None;
        }
        let (to, row) = match to {
            To::Audience(of) => (format!("a{of}"), "{{ row }}"),
            To::Visitor(of) => (format!("{{ visitor: {} }}", visitor(*of)), "0"),
        };
        let window = message.window.map_or_else(String::new, |(from, until)| {
            let at = |second| Timestamp::from_second(second).expect("in range");
            format!("    active: {{ from: {}, until: {} }}\n", at(from), at(until))
        });
        Some(format!(
            "messages:\n  m{n:03}:\n    kind: {}\n    from: sender{sender}\n    to: {to}\n    \
             text: \"m{n:03} generation {generation} row {row} version {version}\"\n{window}",
            kind(n)
        ))
    }

    /// Whether a window is still to open or to close.
    pub(super) fn has_windows(&self, now: Timestamp) -> bool {
        let windows = self.messages.iter().filter_map(|message| message.window);
        windows.map(|(_, until)| until).any(|until| until >= now.as_second())
    }

    /// The messages that should be there at this time.
    pub(super) fn wanted(&self, now: Timestamp) -> Chats {
        let mut all = Vec::new();
        for (n, message) in self.messages.iter().enumerate().filter(|(_, m)| m.is_there) {
            let second = now.as_second();
            if message.window.is_some_and(|(from, until)| second < from || until <= second) {
                continue;
            }
            let single;
            let rows = match message.to {
                To::Audience(of) => &self.audiences[of].rows,
                To::Visitor(of) => {
                    single = BTreeMap::from([(of, 0)]);
                    &single
                }
            };
            let Wanted { generation, version, .. } = message;
            for (of, row) in rows {
                let text = format!("m{n:03} generation {generation} row {row} version {version}");
                all.push((kind(n).to_owned(), visitor(*of), text));
            }
        }
        all.sort();
        all
    }
}

fn some_recipients(rng: &mut Rng) -> To {
    match rng.u8(..4) {
        0 => To::Audience(rng.usize(..AUDIENCES)),
        _ => To::Visitor(rng.usize(..VISITORS)),
    }
}

fn remove(file: &Path) {
    let _ = fs::remove_file(file);
}

fn message_file(n: usize) -> String {
    format!("messages/m{n:03}.yaml")
}

fn audience_file(n: usize) -> String {
    format!("audiences/a{n}.csv")
}

const BROKEN: &str = "messages/broken.yaml";

const SETTINGS: &str = "version: 1
api: { timeout: 5s }
safety: { max_deletes: 100%, max_resends: 100% }
senders:
  sender0: { agent: d9nKoegKSjmCtyK78 }
  sender1: { agent: kt7Bq2LmRz9VbKs4W }
audiences:
";
