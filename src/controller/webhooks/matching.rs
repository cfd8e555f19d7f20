//! Which message proves which unknown delivery: a pure decision.
//!
//! A message fits a delivery if it is one of an agent to its visitor, has its kind and its text, and was created at or
//! after the intent. Only a message that fits exactly one delivery, which no other message fits, is a claim. A message
//! that the state knows is none. What no event tells proves nothing, in neither direction.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{
    sighting::hash,
    sightings::{Seen, Sightings},
};
use crate::{
    apply::{Proof, is_too_early, is_too_late},
    model::{Intent, Kind, MessageId, Sender, VisitorId},
};

/// What the events say of one unknown delivery.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The delivery.
    pub intent: Intent,
    /// The message that it made, to be confirmed by the API, or why there is none.
    pub proof: Result<Proof, Unsettled>,
}

/// Why the events settle nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsettled {
    /// No message of an agent to the visitor is in them.
    NothingSeen,
    /// None of these messages fits, and this is where the nearest one differs.
    NoneFits(usize, Misfit),
    /// The only message that may fit leaves out when it was created, or whether it is an automated one.
    Unclear,
    /// Two messages fit, or more.
    SeveralMessages(usize),
    /// The message fits two unknown deliveries, or more.
    SeveralDeliveries(usize),
}

/// Where a message differs from what was sent. The later ones are nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Misfit {
    /// It is an automated message, or it is none.
    Kind,
    /// It has another text, or the event leaves it out.
    Text,
    /// It is on behalf of another agent.
    Agent,
    /// It has a mark (`receivedFrom`) that was not sent.
    Mark,
    /// It was created before the request left.
    TooEarly,
    /// It was created when the request could not be under way any more.
    TooLate,
    /// Events say different things of it.
    Contradicted,
    /// The state knows it, as that of a delivery now or earlier.
    Known,
}

impl fmt::Display for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingSeen => {
                f.write_str("the events have no message of an agent to its visitor")
            }
            Self::NoneFits(1, misfit) => {
                write!(f, "the events have one message of an agent to its visitor, and it {misfit}")
            }
            Self::NoneFits(count, misfit) => write!(
                f,
                "the events have {count} messages of agents to its visitor, and none of them fits; the nearest one {misfit}"
            ),
            Self::Unclear => f.write_str(
                "the events do not say when the message with its text was created, or whether it is an automated one",
            ),
            Self::SeveralMessages(count) => {
                write!(f, "{count} messages fit it, and the events do not say which one it made")
            }
            Self::SeveralDeliveries(count) => write!(
                f,
                "the message fits {count} unknown deliveries, and the events do not say which of them made it"
            ),
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kind => "is of the other kind",
            Self::Text => "has another text",
            Self::Agent => "is on behalf of another agent",
            Self::Mark => "has another mark (`receivedFrom`)",
            Self::TooEarly => "was created before the request left",
            Self::TooLate => "was created more than a day after the request left",
            Self::Contradicted => "is told in contradicting ways",
            Self::Known => "is known to the state already, or somebody has decided about it",
        })
    }
}

/// How a message goes with an unknown delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Fits,
    /// Nothing contradicts, and not everything is told.
    Unclear,
    Not(Misfit),
}

/// Compares a message to the visitor of a delivery with what was sent.
fn fit(intent: &Intent, seen: &Seen, is_known: bool) -> Fit {
    let Seen { sighting, is_contradicted } = seen;
    let differs = |told: &Option<blake3::Hash>, sent: &str| told.is_some_and(|t| t != hash(sent));
    if sighting.is_pushed.is_some_and(|pushed| pushed != (intent.kind == Kind::Pushed)) {
        return Fit::Not(Misfit::Kind);
    }
    let text = intent.content.text.trim_end_matches(['\n', '\r']);
    if sighting.text != Some(hash(text)) {
        return Fit::Not(Misfit::Text);
    }
    let (agent, mark) = match &intent.content.from {
        Sender::Random | Sender::Group(_) => (None, None),
        Sender::Agent { id, received_from } => (Some(id), received_from.as_ref()),
        Sender::Helpdesk { received_from, .. } => (None, Some(received_from)),
    };
    if agent.is_some_and(|agent| differs(&sighting.agent, agent)) {
        return Fit::Not(Misfit::Agent);
    }
    let other_mark = match (intent.kind, mark) {
        (Kind::Pushed, _) => false,
        (Kind::Agent, Some(mark)) => differs(&sighting.mark, mark),
        // Another program has sent it.
        (Kind::Agent, None) => sighting.mark.is_some(),
    };
    if other_mark {
        return Fit::Not(Misfit::Mark);
    }
    if let Some(created) = sighting.created_at {
        if is_too_early(intent, created) {
            return Fit::Not(Misfit::TooEarly);
        }
        if is_too_late(intent, created) {
            return Fit::Not(Misfit::TooLate);
        }
    }
    if *is_contradicted {
        return Fit::Not(Misfit::Contradicted);
    }
    if is_known {
        return Fit::Not(Misfit::Known);
    }
    match (sighting.created_at, sighting.is_pushed) {
        (Some(_), Some(_)) => Fit::Fits,
        _ => Fit::Unclear,
    }
}

/// The messages of which it matters whether the state knows them.
pub(super) fn candidates(intents: &[Intent], sightings: &Sightings) -> BTreeSet<MessageId> {
    let mut found = BTreeSet::new();
    for intent in intents {
        for seen in sightings.to(&intent.address.visitor()) {
            if !matches!(fit(intent, seen, false), Fit::Not(_)) {
                found.insert(seen.sighting.id.clone());
            }
        }
    }
    found
}

/// What the events say of each unknown delivery, in the order of the deliveries. `is_known` says whether the state knows
/// a message otherwise than as the one of this delivery.
pub fn findings(
    intents: &[Intent],
    sightings: &Sightings,
    is_known: impl Fn(&Intent, &MessageId) -> bool,
) -> Vec<Finding> {
    let mut by_visitor: BTreeMap<VisitorId, Vec<&Intent>> = BTreeMap::new();
    for intent in intents {
        by_visitor.entry(intent.address.visitor()).or_default().push(intent);
    }
    let fit = |intent: &Intent, seen: &Seen| fit(intent, seen, is_known(intent, &seen.sighting.id));
    let proof = |intent: &Intent| {
        let visitor = intent.address.visitor();
        let (mut fitting, mut misfits) = (Vec::new(), Vec::new());
        for seen in sightings.to(&visitor) {
            match fit(intent, seen) {
                Fit::Not(misfit) => misfits.push(misfit),
                fit => fitting.push((seen, fit)),
            }
        }
        let (seen, created_at) = match (&fitting[..], misfits.iter().max()) {
            ([], None) => return Err(Unsettled::NothingSeen),
            ([], Some(misfit)) => return Err(Unsettled::NoneFits(misfits.len(), *misfit)),
            ([(seen, fit)], _) => match (fit, seen.sighting.created_at) {
                (Fit::Fits, Some(created_at)) => (seen, created_at),
                _ => return Err(Unsettled::Unclear),
            },
            (several, _) => return Err(Unsettled::SeveralMessages(several.len())),
        };
        let deliveries = by_visitor.get(&visitor).into_iter().flatten();
        match deliveries.filter(|other| !matches!(fit(other, seen), Fit::Not(_))).count() {
            1 => {}
            several => return Err(Unsettled::SeveralDeliveries(several)),
        }
        Ok(Proof {
            intent: intent.clone(),
            id: seen.sighting.id.clone(),
            created_at,
            has_mark: seen.sighting.mark.is_some(),
        })
    };
    let of = |intent: &Intent| Finding { intent: intent.clone(), proof: proof(intent) };
    intents.iter().map(of).collect()
}
