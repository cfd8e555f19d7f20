use std::{io::Cursor, sync::Arc};

use tokio::runtime::Runtime;

use crate::{
    cli::{
        args::GlobalOptions,
        context::{Context, Needs},
        failure::{Failure, status},
        lockfile::Lockfile,
        selected_state::SelectedState,
    },
    manifest::Project,
    model::{BaseUrl, one_line},
    render::humanize,
    state::{Access, Amendment, Meta, Mode, StateError, Store, Write, export},
};

const COMMAND: &str = "state rename";

/// Gives the state of the environment `old` the name `new`. The copy is complete, and compared, before the old one
/// is given up: a rename that was cut off is run again.
pub(super) fn rename(context: &Context, old: &str, new: &str) -> Result<u8, Failure> {
    if old == new {
        return Err(Failure::new("both names are the same"));
    }
    if context.global.sandbox {
        return Err(Failure::new("the sandbox has no state to keep: leave --sandbox out"));
    }
    let [from, to] = context.states_of([old, new])?;
    let rename = Rename { context, from, to, runtime: context.runtime()? };
    let (meta, records) = match rename.open(&rename.from, Mode::MustExist)? {
        Ok(Some(store)) => {
            let meta = rename.carry_out(store)?;
            let records = meta.records;
            (meta, Some(records))
        }
        Ok(None) => return Err(context.no_state(&rename.from)),
        // What is left of a rename that was cut off, if anything, is the lockfile.
        Err(error @ StateError::Moved { .. }) => match rename.open(&rename.to, Mode::MustExist)? {
            Ok(Some(store)) => (rename.runtime.block_on(store.meta())?, None),
            Ok(None) | Err(_) => return Err(error.into()),
        },
        Err(error) => return Err(rename.from.failure(error)),
    };
    let (lineage, api) = (meta.lineage, meta.api.unwrap_or_else(BaseUrl::brevo));
    context.edit_lockfile(&Lockfile::line(new, &api, lineage), |lockfile| {
        lockfile.rename(old, new, lineage)
    })?;
    context.output.note(&match records {
        Some(records) => format!(
            "the environment {new} has the state of {old} now: {}",
            humanize::count(records, "delivery", "deliveries")
        ),
        None => format!("the environment {new} has the state of {old} already"),
    });
    Ok(status::DONE)
}

struct Rename<'a> {
    context: &'a Context,
    from: SelectedState,
    to: SelectedState,
    runtime: Runtime,
}

impl Rename<'_> {
    fn open(
        &self,
        state: &SelectedState,
        mode: Mode,
    ) -> Result<Result<Option<Arc<dyn Store>>, StateError>, Failure> {
        self.context.check_folder(state, mode)?;
        let options = self.context.open_options(state, mode, Access::Write, COMMAND)?;
        Ok(self.context.open_with(state, options))
    }

    fn carry_out(&self, old: Arc<dyn Store>) -> Result<Meta, Failure> {
        let meta = |store: &dyn Store| self.runtime.block_on(store.meta());
        let before = meta(&*old)?;
        let mut lines = Vec::new();
        self.runtime.block_on(export::export(&*old, &mut lines))?;
        // One process opens a folder once.
        drop(old);
        let new = self.open(&self.to, Mode::TakeOver)?.map_err(|error| self.to.failure(error))?;
        let new = new.ok_or_else(|| Failure::new("the state could not be created"))?;
        let here = meta(&*new)?;
        // A rename that was interrupted after the copy continues here.
        if !same(&before, &here) {
            self.check_free(&here)?;
            let (mut lines, environment) = (Cursor::new(lines), self.from.environment());
            self.runtime.block_on(export::import_of(&mut lines, &*new, environment))?;
        }
        let here = meta(&*new)?;
        let found = self.runtime.block_on(new.verify())?.problems;
        if !same(&before, &here) || !found.is_empty() {
            return Err(Failure::new(format!("the copy is not the same: {}", found.join("; ")))
                .help("the state keeps its old name, and is unchanged"));
        }
        if let Some(budget) = before.budget {
            self.runtime.block_on(new.commit(vec![Write::Budget(budget)]))?;
        }
        drop(new);
        let old = self.open(&self.from, Mode::MustExist)?;
        let old = old.map_err(|error| self.from.failure(error))?;
        let old = old.ok_or_else(|| self.context.no_state(&self.from))?;
        if meta(&*old)?.serial != before.serial {
            return Err(Failure::new("another command changed the state meanwhile").help(format!(
                "the environment {} keeps it. Remove the copy that {} has, then rename again",
                self.from.environment(),
                self.to.environment()
            )));
        }
        let to = format!("the environment {}", self.to.environment());
        self.runtime.block_on(old.amend(Amendment::Moved { to }))?;
        Ok(here)
    }

    fn check_free(&self, here: &Meta) -> Result<(), Failure> {
        if here.records == 0 && here.serial == 0 {
            return Ok(());
        }
        Err(Failure::new(format!(
            "the environment {} has a state already, with {}",
            one_line(self.to.environment()),
            humanize::count(here.records, "delivery", "deliveries")
        ))
        .help("nothing was renamed; choose another name, or export that state and remove it first"))
    }
}

/// Whether one is a copy of the other.
fn same(old: &Meta, new: &Meta) -> bool {
    old.lineage == new.lineage
        && old.records == new.records
        && old.digest == new.digest
        && old.approvals == new.approvals
}

impl Context {
    /// The states of environments, declared or not, at the place that the project names.
    fn states_of(&self, names: [&str; 2]) -> Result<[SelectedState; 2], Failure> {
        let loaded = self.load_for(Needs::Files);
        let declared = loaded.at_least().map(|project: &Project| project.environments.clone());
        // Where the state is may be said under `environments:`.
        let named = |name: &&str| declared.iter().flatten().any(|one| one == *name);
        let env = names.iter().rev().copied().find(named).map(str::to_owned);
        let global = GlobalOptions { env, ..self.global.clone() };
        let within = Self::new(global, self.output.clone());
        let [old, new] = names;
        Ok([within.state_of(old)?, within.state_of(new)?])
    }
}
