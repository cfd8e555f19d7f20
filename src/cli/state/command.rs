//! The things that every command on the state needs.

use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::{
    apply::RunInfo,
    cli::{
        context::Context, environment, failure::Failure, masked_address,
        selected_state::SelectedState,
    },
    model::{Address, Record},
    render::humanize,
    state::{Mode, Run, RunChange, RunPart, Store, StoreFuture, Write},
};

pub(super) struct StateCommand<'a> {
    pub(super) context: &'a Context,
    pub(super) state: SelectedState,
    pub(super) runtime: Runtime,
    pub(super) mask: bool,
}

impl<'a> StateCommand<'a> {
    pub(super) fn new(context: &'a Context) -> Result<Self, Failure> {
        let state = context.state_without_project()?;
        context.check_folder(&state, Mode::MustExist)?;
        Ok(Self { context, state, runtime: context.runtime()?, mask: context.masks() })
    }

    /// Opens the state to change it.
    pub(super) fn open(&self, command: &str) -> Result<Arc<dyn Store>, Failure> {
        let store = self.context.open(&self.state, Mode::MustExist, command)?;
        store.ok_or_else(|| self.context.no_state(&self.state))
    }

    /// Opens the state to read it.
    pub(super) fn read(&self, command: &str) -> Result<Arc<dyn Store>, Failure> {
        let store = self.context.open_to_read(&self.state, command)?;
        store.ok_or_else(|| self.context.no_state(&self.state))
    }

    pub(super) fn block_on<T>(&self, answer: StoreFuture<'_, T>) -> Result<T, Failure> {
        Ok(self.runtime.block_on(answer)?)
    }

    /// An address, masked if visitors' ids are masked.
    pub(super) fn shown(&self, address: &Address) -> String {
        humanize::address(address, self.mask)
    }

    pub(super) fn note(&self, text: &str) {
        self.context.output.note(text);
    }

    /// Whether the delivery is unknown.
    pub(super) fn is_unknown(&self, store: &dyn Store, address: &Address) -> Result<bool, Failure> {
        let intents = self.block_on(store.intents())?;
        Ok(intents.iter().any(|intent| intent.address == *address))
    }

    /// The delivery that an address names. A masked address names the only delivery of the state that looks like
    /// that.
    pub(super) fn find(&self, store: &dyn Store, address: &Address) -> Result<Address, Failure> {
        let mut near = masked_address::in_state(store, self.runtime.handle(), address)?;
        near.retain(|near| near != address);
        if near.is_empty() || self.block_on(store.record(address))?.is_some() {
            return Ok(address.clone());
        }
        masked_address::the_only_one(address, near).map_err(|failure| {
            failure.help(format!(
                "on a terminal, this shows whole addresses: {}",
                self.context.command("state list").arg(address.key_str())
            ))
        })
    }

    /// The record of a delivery, which must exist.
    pub(super) fn record(&self, store: &dyn Store, address: &Address) -> Result<Record, Failure> {
        if let Some(record) = self.block_on(store.record(address))? {
            return Ok(record);
        }
        let shown = self.shown(address);
        Err(if self.is_unknown(store, address)? {
            Failure::new(format!("{shown} is unknown: it may or may not have been sent")).help(
                format!("to see what needs a decision: {}", self.context.command("state resolve")),
            )
        } else {
            Failure::new(format!("the state has no {shown}")).help(format!(
                "to see the deliveries that it has: {}",
                self.context.command("state list")
            ))
        })
    }

    /// Commits writes, and a run for the history.
    pub(super) fn commit(
        &self,
        store: &dyn Store,
        command: &str,
        writes: Vec<Write>,
        changes: Vec<(Address, &str)>,
    ) -> Result<(), Failure> {
        let change = |(address, action): (Address, &str)| RunChange {
            address,
            action: action.to_owned(),
            outcome: "done".to_owned(),
            id: None,
            error: None,
            decided: None,
        };
        self.commit_changes(store, command, writes, changes.into_iter().map(change).collect())
    }

    /// Commits writes, and a run with these changes for the history.
    pub(super) fn commit_changes(
        &self,
        store: &dyn Store,
        command: &str,
        mut writes: Vec<Write>,
        mut changes: Vec<RunChange>,
    ) -> Result<(), Failure> {
        // How many changes are in one value of the state.
        const TOGETHER: usize = 100;
        let now = environment::now();
        let number = self.block_on(store.meta())?.last_run.saturating_add(1);
        let RunInfo { id, command, commit, dirty, files: _ } =
            self.context.run_info(command, self.context.commit());
        let others = changes.split_off(changes.len().min(TOGETHER));
        writes.push(Write::Run(Box::new(Run {
            id,
            number,
            command,
            started_at: now,
            ended_at: now,
            commit,
            dirty,
            files: None,
            requests: 0,
            approved: 0,
            stopped: None,
            changes,
        })));
        for (part, changes) in (1..).zip(others.chunks(TOGETHER)) {
            let changes = changes.to_vec();
            writes.push(Write::RunPart(Box::new(RunPart { id, number, part, changes })));
        }
        self.block_on(store.commit(writes))?;
        Ok(())
    }
}
