//! Unknown deliveries are settled at the beginning of a cycle, by the events that have come in.

use std::{collections::HashSet, sync::Arc};

use serde_json::json;

use super::{end::End, opening::Setting};
use crate::{
    apply::{self, Settled, Stop},
    cli::{
        args::Bounds,
        environment,
        failure::Failure,
        interrupts::Interrupts,
        json_log::{Level, LogLine},
        questions::{self, Questions},
    },
    controller::{
        Cycle, CycleOutcome, Wake,
        webhooks::{self, Inbox, Misfit, Unsettled},
    },
    model::{Address, BudgetNote, Intent, one_line},
    render::humanize,
    state::Store,
};

/// The events that have come in, and whom they wake.
pub(super) struct Settler {
    pub(super) inbox: Arc<Inbox>,
    pub(super) interrupts: Arc<Interrupts>,
}

impl Settler {
    /// Settles what the events prove and the API confirms: before the plan, which may send again what is unknown.
    /// Returns the state to go on with. `unasked` gets the deliveries of which there is a proof that the API has neither
    /// confirmed nor denied.
    pub(super) fn settle(
        &self,
        setting: &Setting<'_>,
        read: Arc<dyn Store>,
        bounds: &Bounds,
        cycle: &mut Cycle,
        unasked: &mut HashSet<Address>,
    ) -> Result<Option<Arc<dyn Store>>, End> {
        if !self.has_proofs(setting, &*read)? {
            return Ok(Some(read));
        }
        let now = environment::now();
        let (settings, meta) = (&setting.project.settings, setting.meta(&*read)?);
        let budget = BudgetNote::at(meta.budget.as_ref(), now, settings.requests_per_hour);
        if budget.remaining == 0 || budget.retry_at.is_some() {
            cycle.resumes_at = Some(budget.retry_at.unwrap_or(budget.resets_at));
            return Ok(Some(read));
        }
        // From here on no other process sends anything, so nothing that is unknown is under way.
        let store = match setting.is_locked_by_readers() {
            true => read,
            false => {
                drop(read);
                setting.open_to_write()?
            }
        };
        let intents = setting.intents(&*store)?;
        let found = self.found(setting, &*store, &intents)?;
        self.inbox.offered(&found);
        let proofs = found.into_iter().filter_map(|found| found.proof.ok());
        let proofs: Vec<_> = proofs.filter(|proof| self.inbox.may_ask(&proof.id)).collect();
        unasked.extend(proofs.iter().map(|proof| proof.intent.address.clone()));
        let questions =
            Questions { settings, state: &setting.state, store: &store, bounds, command: "run" };
        let work = |session| apply::settle(proofs, session);
        let settled = questions::ask(setting.context, setting.runtime, &questions, work);
        let settled = settled.map_err(End::api)?;
        settled.settled.iter().for_each(|(address, _)| _ = unasked.remove(address));
        settled.refused.iter().for_each(|(address, ..)| _ = unasked.remove(address));
        self.take_in(setting, cycle, &settled);
        ended(&settled)?;
        if setting.is_locked_by_readers() || settled.requests > 0 {
            return Ok(Some(store));
        }
        drop(store);
        setting.open()
    }

    /// Takes in what is unknown at the end of a cycle. An event that came meanwhile begins the next one.
    pub(super) fn unknown(&self, intents: &[Intent]) {
        if self.inbox.unknown(intents) {
            self.interrupts.happened(Wake::Event);
        }
    }

    fn has_proofs(&self, setting: &Setting<'_>, store: &dyn Store) -> Result<bool, End> {
        let intents = setting.intents(store)?;
        let found = self.found(setting, store, &intents)?;
        tell_unclear(setting, &found);
        let mut proofs = found.iter().filter_map(|found| found.proof.as_ref().ok());
        Ok(proofs.any(|proof| self.inbox.may_ask(&proof.id)))
    }

    fn found(
        &self,
        setting: &Setting<'_>,
        store: &dyn Store,
        intents: &[Intent],
    ) -> Result<Vec<webhooks::Finding>, End> {
        if intents.is_empty() {
            return Ok(Vec::new());
        }
        let sightings = self.inbox.about(intents);
        let found = setting.runtime.block_on(webhooks::find(store, intents, &sightings));
        found.map_err(|error| End::state(error.into()))
    }

    fn take_in(&self, setting: &Setting<'_>, cycle: &mut Cycle, settled: &Settled) {
        let Settled { settled, refused, unanswered, remaining: _, requests, .. } = settled;
        let output = &setting.context.output;
        for (address, id) in settled {
            let shown = humanize::address(address, true);
            let id = one_line(id.as_str());
            if output.writes_json() && !output.is_quiet() {
                let fields = json!({ "address": shown, "id": id });
                output.log(LogLine::new(Level::Info, "settled", fields));
            } else {
                output.note(&format!(
                    "{shown} was sent, as message {id}: an event of Brevo says so, and the API confirms it"
                ));
            }
        }
        for (address, id, why) in refused {
            self.inbox.refused(id);
            let shown = humanize::address(address, true);
            output.warning(&format!(
                "{shown} is still unknown although an event tells of its message: {}",
                one_line(why)
            ));
        }
        for (address, why) in unanswered {
            let shown = humanize::address(address, true);
            output.warning(&format!("{shown} is still unknown: {}", one_line(why)));
        }
        cycle.settled += settled.len() as u64;
        cycle.requests += requests;
    }
}

/// Says which deliveries stay unknown although events tell of a message like theirs. Other messages of a chat say nothing
/// about them.
fn tell_unclear(setting: &Setting<'_>, found: &[webhooks::Finding]) {
    for found in found {
        let Err(why) = &found.proof else { continue };
        let is_near = match why {
            Unsettled::NothingSeen => false,
            Unsettled::NoneFits(_, misfit) => *misfit == Misfit::Contradicted,
            Unsettled::Unclear
            | Unsettled::SeveralMessages(_)
            | Unsettled::SeveralDeliveries(_) => true,
        };
        if is_near {
            let shown = humanize::address(&found.intent.address, true);
            setting.context.output.note(&format!("{shown} is still unknown: {why}"));
        }
    }
}

/// How a cycle ends in which the API could not be asked.
fn ended(settled: &Settled) -> Result<(), End> {
    let outcome = match settled.stopped {
        Some(Stop::Fatal) => CycleOutcome::Api,
        Some(Stop::Outage) => CycleOutcome::Outage,
        Some(Stop::Signal | Stop::Changed) => CycleOutcome::Interrupted,
        Some(Stop::Budget | Stop::Duration) | None => return Ok(()),
    };
    let failure = settled.fatal.as_ref().map_or_else(Failure::silent, Failure::from);
    Err(End::of(outcome, failure))
}
