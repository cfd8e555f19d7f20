//! What is wanted while the binary dies again and again, and what must hold after each death.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::Value;

use super::{ADA, BEN, Project, Sandbox};

/// The default of `--concurrency`: a death can leave this many deliveries unknown, and no more.
pub(super) const CONCURRENCY: usize = 4;
const KEYS: usize = 6;

/// What is wanted of one message. Its text names its generation, which changes whenever another
/// message is to be created: so a generation that was created twice is a duplicate, whatever
/// became of it.
#[derive(Clone, Copy)]
struct Wanted {
    there: bool,
    generation: u32,
    version: u32,
    sender: u32,
    both: bool,
}

pub(crate) struct World {
    messages: Vec<Wanted>,
    settings: String,
}

impl World {
    /// With these settings in `pushsync.yaml`.
    pub(crate) fn new(settings: &str) -> Self {
        let wanted = Wanted { there: true, generation: 1, version: 1, sender: 0, both: true };
        Self { messages: vec![wanted; KEYS], settings: settings.to_owned() }
    }

    /// Somebody edits the manifest.
    pub(crate) fn edit(&mut self, rng: &mut Rng) {
        let n = rng.usize(..KEYS);
        let message = &mut self.messages[n];
        match rng.u8(..6) {
            0 => message.version += 1,
            // Somebody takes the last change of the text back: the state may have this text already.
            1 => message.version = message.version.saturating_sub(1).max(1),
            2 => message.version = 3 - message.version.min(2),
            3 => {
                message.sender += 1;
                message.generation += 1;
            }
            // One is always there: what would delete all is refused.
            4 if n > 0 => {
                message.there = !message.there;
                message.generation += u32::from(message.there);
            }
            _ => {
                message.both = !message.both;
                message.generation += u32::from(message.both);
                // Ada's message stays, and gets a new text.
            }
        }
    }

    fn text(&self, n: usize) -> String {
        let Wanted { generation, version, .. } = self.messages[n];
        format!("m{n} generation {generation} version {version}")
    }

    pub(crate) fn write(&self, project: &Project) {
        let mut yaml = "messages:\n".to_owned();
        for (n, message) in self.messages.iter().enumerate() {
            if message.there {
                yaml.push_str(&format!(
                    "  m{n}: {{ from: {{ agent: agent{} }}, to: {}, text: {} }}\n",
                    message.sender,
                    if message.both { "team" } else { "ada" },
                    self.text(n)
                ));
            }
        }
        project.settings(&self.settings, &yaml);
    }

    pub(crate) fn wanted(&self) -> Vec<(String, String, String)> {
        let mut all = Vec::new();
        for (n, message) in self.messages.iter().enumerate().filter(|(_, m)| m.there) {
            let visitors = if message.both { &[ADA, BEN][..] } else { &[ADA] };
            for visitor in visitors {
                all.push(("pushed".to_owned(), (*visitor).to_owned(), self.text(n)));
            }
        }
        all.sort();
        all
    }
}

fn string<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

/// Key and generation, as a text has them.
fn generation(message: &Value) -> String {
    string(message, "text").split(" version").next().unwrap_or_default().to_owned()
}

/// What the state knows.
fn deliveries(project: &Project) -> Vec<Value> {
    let ran = project.run("state list --format json").wait();
    if ran.status == 1 && ran.err.contains("there is no state") {
        return Vec::new();
    }
    assert_eq!(ran.status, 0, "{}", ran.err);
    ran.json()["deliveries"].as_array().expect("a list").clone()
}

fn unknown(deliveries: &[Value]) -> impl Iterator<Item = &Value> {
    deliveries.iter().filter(|delivery| delivery["status"] == "unknown")
}

/// How many updates and deletes have no outcome.
pub(super) fn unfinished(project: &Project) -> usize {
    let unfinished = |d: &&Value| d["status"] == "updating" || d["status"] == "deleting";
    deliveries(project).iter().filter(unfinished).count()
}

fn knows(deliveries: &[Value], id: &str) -> bool {
    deliveries.iter().any(|d| d["id"] == id || d["replaces"]["id"] == id)
}

/// Nothing was created twice, and everything that is there is known or known to be unknown.
pub(crate) fn check(sandbox: &Sandbox, project: &Project, held: usize, what: &str) -> usize {
    let created = sandbox.created();
    let mut times: BTreeMap<(String, String), usize> = BTreeMap::new();
    for message in &created {
        *times
            .entry((string(message, "visitorId").to_owned(), generation(message)))
            .or_default() += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "after {what}: created twice: {twice:?}");

    let known = deliveries(project);
    for message in created.iter().filter(|message| message["deleted"] == false) {
        let key = string(message, "text").split(' ').next().unwrap_or_default();
        let held = unknown(&known).any(|d| d["key"] == key && d["visitor"] == message["visitorId"]);
        assert!(
            held || knows(&known, string(message, "id")),
            "after {what}: lost: {message}\nthe state has {known:#?}"
        );
    }
    let now = unknown(&known).count();
    assert!(
        now <= held + CONCURRENCY,
        "after {what}: {now} unknown, {held} of them before; more than --concurrency"
    );
    now
}

/// What a person does: looks into the chats, and tells the state what is there.
pub(crate) fn resolve(sandbox: &Sandbox, project: &Project) {
    let created = sandbox.created();
    let known = deliveries(project);
    for delivery in unknown(&known) {
        let there = created.iter().find(|message| {
            message["deleted"] == false
                && message["visitorId"] == delivery["visitor"]
                && message["text"] == delivery["text"]
                && !knows(&known, string(message, "id"))
        });
        let address = string(delivery, "address");
        let answer = match there {
            Some(message) => format!("--sent {}", string(message, "id")),
            None => "--not-sent".to_owned(),
        };
        project.with(sandbox, &format!("state resolve {address} {answer}")).ok();
    }
}
