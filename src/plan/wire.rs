//! A [`Plan`] as JSON (`pushsync/plan/1`), and back.
//!
//! The document is flat, for readers in other languages; decoding it checks that every change has
//! what its action takes, and that nobody altered it.

use std::{
    borrow::Cow,
    io::{BufWriter, Write as _},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

pub use super::wire_change::{FORMAT, WireError};
use super::{
    Budget, Change, Commit, Guarded, Later, Plan, ProtectMark, Review, Selection, SenderNames,
    StateRef, Summary, Unchanged, Upcoming, Withdrawn,
    wire_change::WireChange,
    wire_upcoming::{WireUpcoming, WireUpcomings},
};
use crate::{
    diagnostics::Diagnostic,
    model::{Address, Endpoint, Key, KnownSecrets, write_json},
};

/// The document.
#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    environment: &'a str,
    api: &'a Endpoint,
    as_of: Timestamp,
    state: State<'a>,
    #[serde(skip_serializing_if = "is_all")]
    targets: Targets,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    destroy: bool,
    managed: u64,
    desired: u64,
    visitors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'a Commit>,
    summary: Summary,
    budget: Budget,
    #[serde(skip_serializing_if = "SenderNames::is_empty")]
    senders: &'a SenderNames,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    protect: &'a [ProtectMark],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    guarded: &'a [Guarded],
    #[serde(skip_serializing_if = "KnownSecrets::is_empty")]
    secrets: &'a KnownSecrets,
    changes: WireChanges<'a>,
    #[serde(skip_serializing_if = "WireUpcomings::is_empty")]
    upcoming: WireUpcomings<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    later: &'a [Later],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    withdrawn: &'a [Withdrawn],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    finished: &'a [Address],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unchanged: &'a [Unchanged],
    diagnostics: Vec<&'a Diagnostic>,
    review: String,
    digest: String,
}

/// The state, and where it is: the place is for readers, and in no digest.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State<'a> {
    lineage: Option<Uuid>,
    serial: u64,
    #[serde(default)]
    location: Cow<'a, str>,
}

/// Changes, each of which is made when it is written: all together would take as much memory as the
/// plan.
struct WireChanges<'a>(&'a [Change]);

impl Serialize for WireChanges<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(WireChange::from))
    }
}

fn is_all(targets: &Targets) -> bool {
    targets.0.is_empty()
}

/// The same, as it is read. Diagnostics are not: they were told when the plan was made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    format: String,
    environment: String,
    api: Endpoint,
    as_of: Timestamp,
    state: State<'static>,
    #[serde(default)]
    targets: Targets,
    #[serde(default)]
    destroy: bool,
    managed: u64,
    desired: u64,
    /// Follows from the changes.
    #[serde(default, rename = "visitors")]
    _visitors: serde::de::IgnoredAny,
    #[serde(default)]
    commit: Option<Commit>,
    summary: Summary,
    budget: Budget,
    #[serde(default)]
    senders: SenderNames,
    #[serde(default)]
    protect: Vec<ProtectMark>,
    #[serde(default)]
    guarded: Vec<Guarded>,
    #[serde(default)]
    secrets: KnownSecrets,
    changes: Vec<WireChange>,
    #[serde(default)]
    upcoming: Vec<WireUpcoming>,
    #[serde(default)]
    later: Vec<Later>,
    #[serde(default)]
    withdrawn: Vec<Withdrawn>,
    #[serde(default)]
    finished: Vec<Address>,
    #[serde(default)]
    unchanged: Vec<Unchanged>,
    #[serde(default, rename = "diagnostics")]
    _diagnostics: serde::de::IgnoredAny,
    /// Follows from the others.
    #[serde(default, rename = "review")]
    _review: serde::de::IgnoredAny,
    digest: String,
}

/// Keys and addresses, as they were given to `--target`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Targets(Vec<String>);

impl From<&Selection> for Targets {
    fn from(selection: &Selection) -> Self {
        let keys = selection.keys.iter().map(ToString::to_string);
        let addresses = selection.addresses.iter().map(|address| address.as_str().to_owned());
        Self(keys.chain(addresses).collect())
    }
}

impl Targets {
    fn selection(self) -> Result<Selection, serde_json::Error> {
        use serde::de::Error as _;
        let mut selection = Selection::default();
        for target in self.0 {
            if target.contains('@') {
                let address = Address::parse(&target).map_err(serde_json::Error::custom)?;
                selection.addresses.insert(address);
            } else {
                let key = Key::parse(&target).map_err(serde_json::Error::custom)?;
                selection.keys.insert(key);
            }
        }
        Ok(selection)
    }
}

/// The plan as one JSON document, pretty-printed, with a line break at the end.
pub fn encode(plan: &Plan) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::new();
    write(plan, &[], &mut bytes)?;
    Ok(bytes)
}

/// Writes what [`encode`] gives, with reasons why `apply` would refuse the plan among its diagnostics.
pub fn write(
    plan: &Plan,
    refused: &[Diagnostic],
    out: &mut dyn std::io::Write,
) -> Result<(), serde_json::Error> {
    let document = Document {
        format: FORMAT,
        environment: &plan.environment,
        api: &plan.api,
        as_of: plan.as_of,
        state: State {
            lineage: plan.state.lineage,
            serial: plan.state.serial,
            location: Cow::Borrowed(&plan.location),
        },
        targets: Targets::from(&plan.selection),
        destroy: plan.destroy,
        managed: plan.managed,
        desired: plan.desired,
        visitors: plan.visitors(),
        commit: plan.commit.as_ref(),
        summary: plan.summary,
        budget: plan.budget,
        senders: &plan.senders,
        protect: &plan.protect,
        guarded: &plan.guarded,
        secrets: &plan.secrets,
        review: Review::of(plan).to_string(),
        digest: digest(plan)?,
        changes: WireChanges(&plan.changes),
        upcoming: WireUpcomings(&plan.upcoming),
        later: &plan.later,
        withdrawn: &plan.withdrawn,
        finished: &plan.finished,
        unchanged: &plan.unchanged,
        diagnostics: refused.iter().chain(&plan.diagnostics).collect(),
    };
    write_json(out, &document)
}

/// Reads what [`encode`] wrote.
pub fn decode(bytes: &[u8]) -> Result<Plan, WireError> {
    let (plan, said) = read(bytes)?;
    if digest(&plan)? != said {
        return Err(WireError::Altered);
    }
    Ok(plan)
}

/// The plan, and what it says its digest is.
pub(crate) fn read(bytes: &[u8]) -> Result<(Plan, String), WireError> {
    #[derive(Deserialize)]
    struct Head {
        format: String,
    }
    let head: Head = serde_json::from_slice(bytes)?;
    if head.format != FORMAT {
        return Err(WireError::Format { found: head.format });
    }
    let saved: Saved = serde_json::from_slice(bytes)?;
    debug_assert_eq!(saved.format, FORMAT);
    let selection = saved.targets.selection()?;
    let changes = saved
        .changes
        .into_iter()
        .enumerate()
        .map(|(index, change)| change.decode(index))
        .collect::<Result<Vec<_>, _>>()?;
    let mut plan = Plan {
        environment: saved.environment,
        api: saved.api,
        as_of: saved.as_of,
        state: StateRef { lineage: saved.state.lineage, serial: saved.state.serial },
        location: saved.state.location.into_owned(),
        selection,
        destroy: saved.destroy,
        managed: saved.managed,
        desired: saved.desired,
        commit: saved.commit,
        summary: saved.summary,
        budget: saved.budget,
        senders: saved.senders,
        protect: saved.protect,
        guarded: saved.guarded,
        secrets: saved.secrets,
        remember: None,
        changes,
        upcoming: saved
            .upcoming
            .into_iter()
            .map(WireUpcoming::decode)
            .collect::<Result<Vec<Upcoming>, _>>()?,
        later: saved.later,
        withdrawn: saved.withdrawn,
        finished: saved.finished,
        unchanged: saved.unchanged,
        diagnostics: Vec::new(),
    };
    if plan.summary != Summary::of(&plan.changes, plan.summary.unchanged) {
        return Err(WireError::Altered);
    }
    plan.remember = plan.secrets_to_remember(false);
    Ok((plan, saved.digest))
}

/// Over everything that decides what is done, and the commit; not over the budget, which is only a forecast.
fn digest(plan: &Plan) -> Result<String, serde_json::Error> {
    let mut hasher = blake3::Hasher::new();
    let decisive = (
        FORMAT,
        (&plan.environment, &plan.api),
        plan.as_of,
        plan.state,
        Targets::from(&plan.selection),
        (plan.destroy, plan.managed, plan.desired),
        plan.summary,
        &plan.protect,
        WireChanges(&plan.changes),
        WireUpcomings(&plan.upcoming),
        (&plan.later, &plan.withdrawn, &plan.finished),
    );
    let mut out = BufWriter::with_capacity(64 << 10, &mut hasher);
    serde_json::to_writer(&mut out, &decisive)?;
    if let Some(commit) = &plan.commit {
        serde_json::to_writer(&mut out, commit)?;
    }
    // A reviewer reads them instead of ids.
    if !plan.senders.is_empty() {
        serde_json::to_writer(&mut out, &plan.senders)?;
    }
    if !(plan.guarded.is_empty() && plan.secrets.is_empty()) {
        serde_json::to_writer(&mut out, &(&plan.guarded, &plan.secrets))?;
    }
    out.flush().map_err(serde_json::Error::io)?;
    drop(out);
    Ok(hasher.finalize().to_hex().to_string())
}
