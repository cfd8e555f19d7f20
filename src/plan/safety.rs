//! What a plan must not do unless somebody said so: checked on the finished plan, before the
//! first request.

use std::collections::BTreeSet;

use super::{Action, Change, Operation, Plan, Reason, ReviewStatus, guards::OtherSecret};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::{Address, ChangeLimit, Key, number},
};

/// Below this many deliveries the thresholds do not bind.
const SMALL: u64 = 5;

/// How many deliveries may be sent, or may go, in one run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Limit {
    /// A number of deliveries.
    Count(u64),
    /// A percentage.
    Percent(f64),
    /// Any number.
    #[default]
    All,
}

impl Limit {
    /// Whether `n` of `managed` are within it.
    fn admits(self, n: u64, managed: u64) -> bool {
        match self {
            _ if n <= SMALL => true,
            Self::All => true,
            Self::Count(most) => n <= most,
            #[expect(clippy::cast_precision_loss, reason = "a share needs no exact count")]
            Self::Percent(percent) => n as f64 * 100.0 <= percent * managed as f64,
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(most) => write!(f, "{most}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::All => f.write_str("all"),
        }
    }
}

/// What a run may do. The default has no limits but those of audiences.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// `safety.max_creates`, or `--allow-creates`.
    pub creates: Limit,
    /// `safety.max_deletes`, or `--allow-deletes`.
    pub deletes: Limit,
    /// `safety.max_resends`, or `--allow-resends`.
    pub resends: Limit,
    /// `--allow-change`: messages whose deliveries may be any number.
    pub changes: BTreeSet<Key>,
    /// `--new-visitor-secret`.
    pub new_secret: bool,
}

/// Why a plan must not be applied.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Visitors' ids would be made with another secret than those of the state.
    #[error(
        "the secret in {variable} is not the one that the state knows: {}",
        to_other_ids(*again, *first)
    )]
    OtherSecret {
        /// The environment variable that holds the secret.
        variable: String,
        /// How many messages would be sent again.
        again: u64,
        /// How many would be sent for the first time.
        first: u64,
    },
    /// A query gives no rows, and its message has deliveries.
    #[error(
        "the query of `{key}` gave no rows, and the message has {}: that is not taken for an empty audience",
        deliveries(*before)
    )]
    EmptyQuery {
        /// The message.
        key: Key,
        /// How many deliveries it has.
        before: u64,
    },
    /// An audience has grown or shrunk by more than is expected.
    #[error(
        "`{key}` has {}, and would have {}: its audience expects a change of at most {limit}",
        deliveries(*before),
        number(*after)
    )]
    UnexpectedChange {
        /// The message.
        key: Key,
        /// How many deliveries it has, with those that were agreed to.
        before: u64,
        /// How many the manifest has.
        after: u64,
        /// How far they may differ.
        limit: ChangeLimit,
    },
    /// A protected message would go.
    #[error("{} is protected, and this plan would {action} it", address.masked())]
    Protected {
        /// The delivery.
        address: Address,
        /// Delete or replace.
        action: Action,
    },
    /// Nothing is desired, and the state is not empty.
    #[error(
        "the manifest has no messages to send, but the state has {managed} {}: all would be deleted",
        if *managed == 1 { "delivery" } else { "deliveries" }
    )]
    EmptyManifest {
        /// How many deliveries the state has.
        managed: u64,
    },
    /// Too many deletes.
    #[error("this plan deletes {deletes} of {managed} deliveries; safety.max_deletes is {limit}")]
    TooManyDeletes {
        /// How many.
        deletes: u64,
        /// Of how many.
        managed: u64,
        /// The limit.
        limit: Limit,
    },
    /// Too many deliveries that go, some of which stay where they are, and are no longer managed.
    #[error(
        "this plan deletes or lets go of {gone} of {managed} deliveries; safety.max_deletes is {limit}"
    )]
    TooManyGone {
        /// How many.
        gone: u64,
        /// Of how many.
        managed: u64,
        /// The limit.
        limit: Limit,
    },
    /// Too many creates.
    #[error(
        "this plan creates {creates} deliveries, and the state has {managed}; safety.max_creates is {limit}"
    )]
    TooManyCreates {
        /// How many.
        creates: u64,
        /// How many the state has.
        managed: u64,
        /// The limit.
        limit: Limit,
    },
    /// Too many resends.
    #[error(
        "this plan sends {resends} of {managed} deliveries again; safety.max_resends is {limit}"
    )]
    TooManyResends {
        /// How many.
        resends: u64,
        /// Of how many.
        managed: u64,
        /// The limit.
        limit: Limit,
    },
}

impl Refusal {
    /// The kind of refusal.
    pub fn code(&self) -> Code {
        match self {
            Self::OtherSecret { .. } => Code::OtherVisitorSecret,
            Self::EmptyQuery { .. } => Code::EmptyQuery,
            Self::UnexpectedChange { .. } => Code::UnexpectedChange,
            Self::Protected { .. } => Code::Protected,
            Self::EmptyManifest { .. } => Code::EmptyManifest,
            Self::TooManyDeletes { .. } | Self::TooManyGone { .. } => Code::TooManyDeletes,
            Self::TooManyCreates { .. } => Code::TooManyCreates,
            Self::TooManyResends { .. } => Code::TooManyResends,
        }
    }

    /// Whether it speaks against who gets messages: a review does not lift it.
    pub fn is_of_audiences(&self) -> bool {
        matches!(
            self,
            Self::OtherSecret { .. } | Self::EmptyQuery { .. } | Self::UnexpectedChange { .. }
        )
    }

    /// The message that `--allow-change` takes, if that lifts it.
    pub fn allowed_by_key(&self) -> Option<&Key> {
        match self {
            Self::EmptyQuery { key, .. } | Self::UnexpectedChange { key, .. } => Some(key),
            _ => None,
        }
    }

    /// The same as a problem, if it speaks against who gets messages.
    pub fn diagnostic(&self) -> Option<Diagnostic> {
        let problem = || Diagnostic::error(self.code(), self.to_string()).help(self.help());
        self.is_of_audiences().then(problem)
    }

    /// What to do now.
    pub fn help(&self) -> String {
        match self {
            Self::OtherSecret { variable, .. } => format!(
                "check what {variable} holds; if a new secret is meant, and the website uses it already, run again with --new-visitor-secret"
            ),
            Self::EmptyQuery { key, .. } => format!(
                "check the query and its database; if nobody is to get the message any more, run again with --allow-change {key}"
            ),
            Self::UnexpectedChange { key, .. } => format!(
                "check who is in the audience; if the change is meant, run again with --allow-change {key}, or correct `expect:`"
            ),
            Self::Protected { address, .. } => format!(
                "if it is meant to go, set `protect: false` on {} and apply that first",
                address.key_str()
            ),
            Self::EmptyManifest { .. } => {
                "check the folder, --env and include; to delete everything on purpose, apply with --destroy, or with --allow-deletes all".to_owned()
            }
            Self::TooManyDeletes { deletes, .. } | Self::TooManyGone { gone: deletes, .. } => {
                format!("if that is meant, apply with --allow-deletes {deletes}")
            }
            Self::TooManyCreates { creates, .. } => format!(
                "if they are meant, and were not sent before, run again with --allow-creates {creates}"
            ),
            Self::TooManyResends { resends, .. } => {
                format!("if that is meant, apply with --allow-resends {resends}")
            }
        }
    }
}

/// Who has agreed to a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreed {
    /// Somebody who has reviewed it: it says how many of how many go.
    Reviewed,
    /// Nobody yet, or somebody who may have looked at it only for a moment.
    Unreviewed,
}

fn deliveries(count: u64) -> String {
    format!("{} {}", number(count), if count == 1 { "delivery" } else { "deliveries" })
}

fn messages(count: u64) -> String {
    format!("{} {}", number(count), if count == 1 { "message" } else { "messages" })
}

/// What another secret does.
fn to_other_ids(again: u64, first: u64) -> String {
    match (again, first) {
        (0, 0) => "visitors would have other ids".to_owned(),
        (0, first) => format!("{} would be sent to other visitors' ids", messages(first)),
        (again, 0) => format!("{} would be sent again, to other visitors' ids", messages(again)),
        (again, first) => format!(
            "{} would be sent again, and {} for the first time, to other visitors' ids",
            messages(again),
            number(first)
        ),
    }
}

/// What speaks against who gets the messages. It binds although somebody has agreed to the plan: a review does not tell that
/// a file was cut, a database empty or a variable wrong.
fn check_audiences(plan: &Plan, limits: &Limits) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if !limits.new_secret {
        let others = plan.other_secrets().into_iter();
        refusals.extend(others.map(|OtherSecret { variable, again, first }| {
            Refusal::OtherSecret { variable, again, first }
        }));
    }
    let concerned = plan.changes_numbers_of();
    let guarded = plan
        .guarded
        .iter()
        .filter(|guarded| !limits.changes.contains(&guarded.key) && guarded.is_among(&concerned));
    for guarded in guarded {
        // Where somebody has agreed that all go, and others are to come, what is still there counts.
        let before = match (guarded.before, guarded.after) {
            (0, Some(1..)) => guarded.sent,
            (before, _) => before,
        };
        if before == 0 {
            continue;
        }
        let key = guarded.key.clone();
        match (guarded.change, guarded.after) {
            _ if guarded.empty_query => refusals.push(Refusal::EmptyQuery { key, before }),
            (Some(limit), Some(after)) if !limit.admits(before, after) => {
                refusals.push(Refusal::UnexpectedChange { key, before, after, limit });
            }
            _ => {}
        }
    }
    refusals
}

/// Everything that speaks against applying `plan`.
///
/// The thresholds do not bind what somebody has said on purpose: a window that ends, `removed` with
/// `delete: true`, and what is approved.
pub fn check(plan: &Plan, limits: &Limits, agreed: Agreed) -> Vec<Refusal> {
    let mut refusals = check_audiences(plan, limits);
    for change in &plan.changes {
        let goes = matches!(change.operation, Operation::Delete { .. } | Operation::Replace { .. });
        if goes && change.protect {
            let (address, action) = (change.address.clone(), change.action());
            refusals.push(Refusal::Protected { address, action });
        }
    }
    let managed = plan.managed;
    let binds = |change: &&Change| match change.review {
        ReviewStatus::Approved => false,
        ReviewStatus::ToReview => agreed == Agreed::Unreviewed,
        ReviewStatus::Covered => true,
    };
    let bound = |action| plan.changes.iter().filter(binds).filter(move |c| c.action() == action);
    // A window that ends is written in the manifest; what only vanished may be a mistake.
    let on_purpose =
        |change: &&Change| matches!(change.reason, Reason::WindowOver | Reason::Removed);
    // A visitor whose message is only let go of would get it again on coming back.
    let left = |change: &&Change| change.reason == Reason::Kept;
    let goes = || bound(Action::Delete).chain(bound(Action::Forget).filter(left));
    let deletes = goes().filter(|change| !on_purpose(change)).count() as u64;
    let vanished = goes().all(|change| {
        matches!(change.reason, Reason::NotInManifest | Reason::NotInAudience | Reason::Kept)
    });
    let empty =
        plan.desired == 0 && deletes > 0 && vanished && plan.selection.is_all() && !plan.destroy;
    if empty && limits.deletes != Limit::All {
        refusals.push(Refusal::EmptyManifest { managed });
    } else if !plan.destroy && !limits.deletes.admits(deletes, managed) {
        let limit = limits.deletes;
        refusals.push(match bound(Action::Forget).any(|change| left(&change)) {
            true => Refusal::TooManyGone { gone: deletes, managed, limit },
            false => Refusal::TooManyDeletes { deletes, managed, limit },
        });
    }
    let creates = bound(Action::Create).count() as u64;
    if !limits.creates.admits(creates, managed) {
        let limit = limits.creates;
        refusals.push(Refusal::TooManyCreates { creates, managed, limit });
    }
    let resends = bound(Action::Resend).count() as u64;
    if !limits.resends.admits(resends, managed) {
        let limit = limits.resends;
        refusals.push(Refusal::TooManyResends { resends, managed, limit });
    }
    refusals
}
