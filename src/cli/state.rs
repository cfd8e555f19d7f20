//! `pushsync state …`: looking into the state, and repairing it.

mod compact;
mod history;
mod list;
mod migrate;
mod older;
mod resolve;
mod set_api;
mod transfer;

use std::{
    io::{self, Write},
    sync::Arc,
};

use serde_json::json;
use tokio::runtime::Runtime;

use super::{
    args::{DataFormat, State as Args},
    context::Context,
    failure::{Failure, status},
    place::Place,
    surroundings,
};
use crate::{
    apply::RunInfo,
    model::{Address, Record},
    render::words,
    state::{Amendment, Mode, Run, RunChange, Store, Verification, Write as StateWrite},
};

pub(super) fn run(context: &Context, args: Args) -> Result<u8, Failure> {
    let place = context.place_alone()?;
    context.check_folder(&place, Mode::MustExist)?;
    let desk = Desk { context, place, runtime: context.runtime()?, mask: context.masks() };
    match args {
        Args::List { targets, format } => list::list(&desk, &targets, format),
        Args::Show { address, format } => list::show(&desk, &address, format),
        Args::History { key, limit, format } => {
            history::history(&desk, key.as_ref(), limit, format)
        }
        Args::Rm { addresses } => remove(&desk, &addresses),
        Args::Mv { old, new } => rename(&desk, &old, &new),
        Args::Resolve { address, sent, not_sent: _ } => resolve::resolve(&desk, &address, sent),
        Args::Export { file, plain } => transfer::export(&desk, file.as_deref(), plain),
        Args::Import { file } => transfer::import(&desk, &file),
        Args::Migrate { to, plain } => migrate::migrate(&desk, &to, plain),
        Args::SetApi { url } => set_api::set_api(&desk, &url),
        Args::Rekey => rekey(&desk),
        Args::Restore { name, format } => older::restore(&desk, name.as_deref(), format),
        Args::Unlock { force } => older::unlock(&desk, force),
        Args::Compact { format } => compact::compact(&desk, format),
        Args::Verify { format } => verify(&desk, format),
    }
}

/// What every command on the state needs.
struct Desk<'a> {
    context: &'a Context,
    place: Place,
    runtime: Runtime,
    mask: bool,
}

impl Desk<'_> {
    fn open(&self, command: &str) -> Result<Arc<dyn Store>, Failure> {
        let store = self.context.open(&self.place, Mode::MustExist, command)?;
        store.ok_or_else(|| self.context.no_state(&self.place))
    }

    fn read(&self, command: &str) -> Result<Arc<dyn Store>, Failure> {
        let store = self.context.open_to_read(&self.place, command)?;
        store.ok_or_else(|| self.context.no_state(&self.place))
    }

    fn wait<T>(&self, answer: crate::state::Answer<'_, T>) -> Result<T, Failure> {
        Ok(self.runtime.block_on(answer)?)
    }

    fn shown(&self, address: &Address) -> String {
        words::address(address, self.mask)
    }

    fn record(&self, store: &dyn Store, address: &Address) -> Result<Record, Failure> {
        if let Some(record) = self.wait(store.record(address))? {
            return Ok(record);
        }
        let unknown = self.wait(store.intents())?.iter().any(|intent| intent.address == *address);
        let shown = self.shown(address);
        Err(if unknown {
            Failure::new(format!("{shown} is unknown: it may or may not have been sent"))
                .help("look into the visitor's chat, then: pushsync state resolve ADDRESS --sent ID, or --not-sent")
        } else {
            Failure::new(format!("the state has no {shown}"))
                .help("pushsync state list shows what it has")
        })
    }

    /// Carries writes out, and notes them in the history.
    fn commit(
        &self,
        store: &dyn Store,
        command: &str,
        mut writes: Vec<StateWrite>,
        changes: Vec<(Address, &str)>,
    ) -> Result<(), Failure> {
        let now = surroundings::now();
        let RunInfo { id, command, commit, dirty } =
            self.context.run_info(command, self.context.commit());
        let changes = changes
            .into_iter()
            .map(|(address, action)| RunChange {
                address,
                action: action.to_owned(),
                outcome: "done".to_owned(),
                id: None,
                error: None,
            })
            .collect();
        writes.push(StateWrite::Run(Box::new(Run {
            id,
            command,
            started_at: now,
            ended_at: now,
            commit,
            dirty,
            requests: 0,
            stopped: None,
            changes,
        })));
        self.wait(store.commit(writes))?;
        Ok(())
    }
}

fn remove(desk: &Desk<'_>, addresses: &[Address]) -> Result<u8, Failure> {
    let store = desk.open("state rm")?;
    for address in addresses {
        desk.record(&*store, address)?;
    }
    let writes = addresses.iter().cloned().map(StateWrite::Remove).collect();
    let changes = addresses.iter().map(|address| (address.clone(), "forget")).collect();
    desk.commit(&*store, "state rm", writes, changes)?;
    for address in addresses {
        desk.context.output.note(&format!(
            "forgot {}; the message stays where it is, and if the manifest wants it, the next apply sends it again",
            desk.shown(address)
        ));
    }
    Ok(status::DONE)
}

fn rename(desk: &Desk<'_>, old: &Address, new: &Address) -> Result<u8, Failure> {
    if old.visitor_str() != new.visitor_str() {
        return Err(Failure::new("the visitor differs, and a message cannot change hands")
            .help("only the key may change: pushsync state mv OLDKEY@VISITOR NEWKEY@VISITOR"));
    }
    let store = desk.open("state mv")?;
    let record = desk.record(&*store, old)?;
    let taken = desk.wait(store.record(new))?.is_some()
        || desk.wait(store.intents())?.iter().any(|intent| intent.address == *new);
    if taken {
        return Err(Failure::new(format!("the state has {} already", desk.shown(new)))
            .help("to let go of that one first: pushsync state rm ADDRESS"));
    }
    let record = Record { address: new.clone(), ..record };
    let writes = vec![StateWrite::Remove(old.clone()), StateWrite::Put(Box::new(record))];
    desk.commit(&*store, "state mv", writes, vec![(new.clone(), "move")])?;
    desk.context.output.note(&format!("{} is {} now", desk.shown(old), desk.shown(new)));
    Ok(status::DONE)
}

fn rekey(desk: &Desk<'_>) -> Result<u8, Failure> {
    let Some(key) = desk.context.new_state_key()? else {
        return Err(Failure::new("there is no new passphrase")
            .help("set PUSHSYNC_NEW_STATE_KEY, or name a file in PUSHSYNC_NEW_STATE_KEY_FILE; the one until now stays in PUSHSYNC_STATE_KEY"));
    };
    let store = desk.open("state rekey")?;
    desk.wait(store.amend(Amendment::Rekey(key)))?;
    desk.context.output.note(
        "from now on the new passphrase opens the state: put it into PUSHSYNC_STATE_KEY wherever pushsync runs. Exports that were made before need the old one",
    );
    Ok(status::DONE)
}

fn verify(desk: &Desk<'_>, format: DataFormat) -> Result<u8, Failure> {
    let store = desk.context.open_to_read(&desk.place, "state verify")?;
    let Some(store) = store else {
        return Err(Failure::new("there is no state yet: nothing was sent"));
    };
    let found = desk.wait(store.verify())?;
    let api = desk.wait(store.meta())?.api;
    match format {
        DataFormat::Json => desk.context.output.json(&json!({
            "format": "pushsync/verification/1",
            "records": found.records,
            "intents": found.intents,
            "runs": found.runs,
            "api": api,
            "problems": found.problems,
        }))?,
        DataFormat::Text => verified(&found, &mut desk.context.output.out())?,
    }
    if let (DataFormat::Text, Some(api)) = (format, &api) {
        writeln!(desk.context.output.out(), "Its messages are at the API at {api}.")?;
    }
    if found.problems.is_empty() {
        return Ok(status::DONE);
    }
    Err(Failure::new("the state is damaged")
        .help("restore it from an export, into a fresh folder: pushsync state import FILE"))
}

fn verified(found: &Verification, out: &mut impl Write) -> io::Result<()> {
    for problem in &found.problems {
        writeln!(out, "  {}", words::one_line(problem))?;
    }
    writeln!(
        out,
        "{}, {} and {} read: {}.",
        words::count(found.records, "record", "records"),
        words::count(found.intents, "intent", "intents"),
        words::count(found.runs, "run", "runs"),
        match found.problems.len() as u64 {
            0 => "all is well".to_owned(),
            n => words::count(n, "problem", "problems"),
        }
    )
}
