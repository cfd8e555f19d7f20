//! What the page shows: a value, made of a project, a question and an instant.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    desired::Deliveries,
    manifest::Project,
    model::{Delivery, Key, Kind, WindowState},
};

/// So many visitors' chats are shown: those that come first.
const MOST_CHATS: usize = 200;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Question {
    /// The instant, for windows.
    pub at: Timestamp,
    /// Only this message.
    pub key: Option<Key>,
    /// Only visitors whose id has this in it.
    pub visitor: String,
    /// Whether visitor ids are masked.
    pub mask: bool,
}

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// The instant that it is for.
    pub at: Timestamp,
    /// The environment.
    pub environment: String,
    /// All messages.
    pub keys: Vec<Named>,
    /// When windows open and close, in that order.
    pub instants: Vec<Turn>,
    /// What those visitors would see.
    pub messages: Vec<Bubble>,
    /// How many deliveries were found, those that are not shown included.
    pub deliveries: u64,
    /// Whether there are more visitors than are shown.
    pub more: bool,
}

/// A message of the manifest.
#[derive(Debug, Serialize)]
pub struct Named {
    /// Its key.
    pub key: Key,
    /// Why there is nothing of it at that instant, if there is not.
    pub absent: Option<String>,
}

/// An instant at which something begins or ends.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Turn {
    /// When.
    pub at: Timestamp,
    /// What: `dark-mode begins`.
    pub what: String,
}

/// A delivery, as the page of chats takes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bubble {
    /// Its address.
    pub id: String,
    /// The message.
    pub key: Key,
    /// The visitor.
    pub visitor_id: String,
    /// Which family of messages it is of.
    pub kind: Kind,
    /// On whose behalf.
    pub from: String,
    /// The text.
    pub text: String,
}

impl Bubble {
    fn new(delivery: &Delivery, mask: bool) -> Self {
        let Delivery { address, spec, text } = delivery;
        let visitor = address.visitor();
        let shown = |whole: &str, masked: String| if mask { masked } else { whole.to_owned() };
        Self {
            id: shown(address.as_str(), address.masked()),
            key: spec.key.clone(),
            visitor_id: shown(visitor.as_str(), visitor.masked()),
            kind: spec.kind,
            from: spec.sender.to_string(),
            text: text.to_string(),
        }
    }
}

/// Answers. Texts that cannot be rendered are left out: the project's report has them.
pub fn view(project: &Project, question: &Question) -> View {
    let Question { at, key, visitor, mask } = question;
    let mut chats = BTreeMap::<String, Vec<Delivery>>::new();
    let (mut deliveries, mut more) = (0, false);
    let wanted = Deliveries::new(project, *at)
        .only(|known| key.as_ref().is_none_or(|wanted| wanted == known))
        .filter_map(Result::ok)
        .filter(|delivery| delivery.address.visitor_str().contains(visitor.as_str()));
    for delivery in wanted {
        deliveries += 1;
        chats.entry(delivery.address.visitor_str().to_owned()).or_default().push(delivery);
        // Whoever is left out now comes after all that are kept, and those only get earlier.
        if chats.len() > MOST_CHATS {
            chats.pop_last();
            more = true;
        }
    }
    let messages = chats.values().flatten().map(|delivery| Bubble::new(delivery, *mask)).collect();
    View {
        at: *at,
        environment: project.environment.clone(),
        keys: project
            .messages()
            .map(|message| Named {
                key: message.spec.key.clone(),
                absent: match message.window.state(*at) {
                    WindowState::Active => None,
                    WindowState::NotYet(from) => Some(format!("from {from:.0} on")),
                    WindowState::Over(until) => Some(format!("until {until:.0}")),
                },
            })
            .collect(),
        instants: turns(project),
        messages,
        deliveries,
        more,
    }
}

fn turns(project: &Project) -> Vec<Turn> {
    let mut turns: Vec<_> = project
        .messages()
        .flat_map(|message| {
            let key = &message.spec.key;
            let turn = |at: Option<Timestamp>, what: &str| {
                at.map(|at| Turn { at, what: format!("{key} {what}") })
            };
            [turn(message.window.from, "begins"), turn(message.window.until, "ends")]
        })
        .flatten()
        .collect();
    turns.sort();
    turns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{LoadOptions, load};

    /// Two messages to so many visitors each, whose ids are `visitor0000-…` and on.
    fn project(visitors: usize) -> (tempfile::TempDir, Project) {
        let folder = tempfile::TempDir::new().expect("a folder");
        let ids: Vec<_> = (0..visitors).map(|n| format!("visitor{n:04}-long-enough")).collect();
        let yaml = format!(
            "version: 1\naudiences: {{ all: {{ visitors: [{}] }} }}\nmessages:\n  a: {{ to: all, text: one }}\n  b: {{ to: all, text: two }}\n",
            ids.join(", ")
        );
        std::fs::write(folder.path().join("pushsync.yaml"), yaml).expect("written");
        let now = Timestamp::UNIX_EPOCH;
        let options = LoadOptions {
            environment: None,
            allow_outside: false,
            env: &|_| None,
            limits: Default::default(),
            now,
        };
        let project = load(folder.path(), &options).project.expect("valid");
        (folder, project)
    }

    fn ask(project: &Project, visitor: &str, mask: bool) -> View {
        let at = Timestamp::UNIX_EPOCH;
        view(project, &Question { at, key: None, visitor: visitor.into(), mask })
    }

    #[test]
    fn of_many_visitors_the_first_are_shown_whole_and_all_are_counted() {
        let (_folder, project) = project(MOST_CHATS + 50);
        let found = ask(&project, "", false);
        assert_eq!((found.deliveries, found.more), (2 * 250, true));
        assert_eq!(found.messages.len(), 2 * MOST_CHATS, "each with both messages");
        let last = found.messages.last().expect("some");
        assert_eq!(last.visitor_id, "visitor0199-long-enough");
        let found = ask(&project, "visitor024", false);
        assert_eq!((found.deliveries, found.messages.len(), found.more), (20, 20, false));
    }

    #[test]
    fn masked_visitors_are_masked_wherever_they_are_named() {
        let (_folder, project) = project(1);
        let shown = serde_json::to_string(&ask(&project, "visitor0000", true)).expect("JSON");
        assert!(shown.contains("\"one\"") && !shown.contains("0000-long"), "{shown}");
    }
}
