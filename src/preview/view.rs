//! The contents of the page, made from a project and a request.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    desired::Deliveries,
    manifest::Project,
    model::{Delivery, Key, Kind, Language, WindowState},
};

/// The page shows the chats of the first N visitors.
const MOST_CHATS: usize = 200;

/// The part of the project to show.
#[derive(Debug, Clone)]
pub(super) struct ViewRequest {
    /// The instant, for windows.
    pub(super) at: Timestamp,
    /// Only this message.
    pub(super) key: Option<Key>,
    /// Only visitors whose id has this in it.
    pub(super) visitor: String,
    /// Only texts in this language.
    pub(super) language: Option<Language>,
    /// Whether visitor ids are masked.
    pub(super) mask: bool,
}

/// The contents of the page.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChatView {
    /// The instant that it shows.
    pub(super) at: Timestamp,
    /// The environment.
    pub(super) environment: String,
    /// All messages.
    pub(super) keys: Vec<MessageEntry>,
    /// The languages of the messages, each with the number of the deliveries in it.
    pub(super) languages: Vec<LanguageEntry>,
    /// The instants at which windows open and close, the earliest first.
    pub(super) instants: Vec<WindowEdge>,
    /// The messages that the visitors would see.
    pub(super) messages: Vec<Bubble>,
    /// The number of deliveries, including those that are not shown.
    pub(super) deliveries: u64,
    /// Whether there are more visitors than are shown.
    pub(super) more: bool,
}

/// A message of the manifest.
#[derive(Debug, Serialize)]
pub(super) struct MessageEntry {
    /// Its key.
    pub(super) key: Key,
    /// The reason why its window is closed at that instant, if it is.
    pub(super) absent: Option<String>,
}

/// A language, and how many visitors get a text in it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct LanguageEntry {
    /// The language.
    pub(super) language: Language,
    /// How many deliveries have a text in it.
    pub(super) deliveries: u64,
    /// Whether it is the one for visitors whose own a message does not have.
    pub(super) fallback: bool,
}

/// An instant at which a window opens or closes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct WindowEdge {
    /// The instant.
    pub(super) at: Timestamp,
    /// The event: `dark-mode begins`.
    pub(super) what: String,
}

/// A delivery, as the page of chats shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bubble {
    /// Its address.
    pub(super) id: String,
    /// The message.
    pub(super) key: Key,
    /// The visitor.
    pub(super) visitor_id: String,
    /// The kind of message.
    pub(super) kind: Kind,
    /// The sender.
    pub(super) from: String,
    /// The text.
    pub(super) text: String,
    /// The language of the text, if the message has one for each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) language: Option<Language>,
}

impl Bubble {
    fn new(delivery: &Delivery, mask: bool) -> Self {
        let Delivery { address, spec, text, language } = delivery;
        let visitor = address.visitor();
        let shown = |whole: &str, masked: String| if mask { masked } else { whole.to_owned() };
        Self {
            id: shown(address.as_str(), address.masked()),
            key: spec.key.clone(),
            visitor_id: shown(visitor.as_str(), visitor.masked()),
            kind: spec.kind,
            from: spec.sender.to_string(),
            text: text.to_string(),
            language: language.clone(),
        }
    }
}

/// The contents for a request. Texts that cannot be rendered are left out: the report of the project has
/// their errors.
pub(super) fn view(project: &Project, request: &ViewRequest) -> ChatView {
    let ViewRequest { at, key, visitor, language, mask } = request;
    let mut chats = BTreeMap::<String, Vec<Delivery>>::new();
    let (mut deliveries, mut more) = (0, false);
    let mut languages = BTreeMap::<Language, u64>::new();
    let fallback = project.messages().find_map(|message| message.languages().next());
    for known in
        project.messages().filter(|message| key.as_ref().is_none_or(|key| *key == message.spec.key))
    {
        languages.extend(known.languages().map(|language| (language.clone(), 0)));
    }
    let wanted = Deliveries::new(project, *at)
        .only(|known| key.as_ref().is_none_or(|wanted| wanted == known))
        .filter_map(Result::ok)
        .filter(|delivery| delivery.address.visitor_str().contains(visitor.as_str()));
    for delivery in wanted {
        if let Some(of) = &delivery.language {
            *languages.entry(of.clone()).or_default() += 1;
        }
        if language.is_some() && *language != delivery.language {
            continue;
        }
        deliveries += 1;
        chats.entry(delivery.address.visitor_str().to_owned()).or_default().push(delivery);
        // A visitor that is left out comes after all visitors that are kept, and stays after them.
        if chats.len() > MOST_CHATS {
            chats.pop_last();
            more = true;
        }
    }
    let messages = chats.values().flatten().map(|delivery| Bubble::new(delivery, *mask)).collect();
    ChatView {
        at: *at,
        environment: project.environment.clone(),
        keys: project
            .messages()
            .map(|message| MessageEntry {
                key: message.spec.key.clone(),
                absent: match message.spec.window.state(*at) {
                    WindowState::Active => None,
                    WindowState::NotYet(from) => Some(format!("from {from:.0} on")),
                    WindowState::Over(until) => Some(format!("until {until:.0}")),
                },
            })
            .collect(),
        languages: languages
            .into_iter()
            .map(|(language, deliveries)| {
                let fallback = fallback == Some(&language);
                LanguageEntry { language, deliveries, fallback }
            })
            .collect(),
        instants: window_edges(project),
        messages,
        deliveries,
        more,
    }
}

fn window_edges(project: &Project) -> Vec<WindowEdge> {
    let mut edges: Vec<_> = project
        .messages()
        .flat_map(|message| {
            let key = &message.spec.key;
            let edge = |at: Option<Timestamp>, what: &str| {
                at.map(|at| WindowEdge { at, what: format!("{key} {what}") })
            };
            [edge(message.spec.window.from, "begins"), edge(message.spec.window.until, "ends")]
        })
        .flatten()
        .collect();
    edges.sort();
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{LoadOptions, load};

    /// Two messages to each of the visitors `visitor0000-…`, `visitor0001-…`, ….
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
            queries: crate::manifest::Queries::LeaveOut,
            secrets: crate::manifest::VisitorSecrets::Optional,
            allow_change: &[],
        };
        let project = load(folder.path(), &options).project.expect("valid");
        (folder, project)
    }

    fn ask(project: &Project, visitor: &str, mask: bool) -> ChatView {
        let at = Timestamp::UNIX_EPOCH;
        view(project, &ViewRequest { at, key: None, visitor: visitor.into(), language: None, mask })
    }

    #[test]
    fn the_first_of_many_visitors_are_shown_whole_and_all_are_counted() {
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
