//! Keeps the outcomes that the state could not record, outside of the project's checkout.

use std::{
    env,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::{git, output::Output};
use crate::{
    apply::{Event, Reporter},
    model::{one_line, shell_word},
    render::humanize,
    state::{
        StateKey,
        unrecorded::{CreateOutcome, UnrecordedOutcome, UnrecordedOutcomes},
    },
};

/// The user's own folder, for states that are not in a folder. It must not be in the project's checkout,
/// because anyone could have written the files there.
pub(super) fn user_folder(project: &Path) -> Result<PathBuf, String> {
    let named = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = named("XDG_STATE_HOME")
        .or_else(|| Some(named("HOME")?.join(".local/state")))
        .ok_or("neither XDG_STATE_HOME nor HOME names a folder")?
        .join("pushsync");
    let there = folder.ancestors().find_map(|above| above.canonicalize().ok());
    let checkout = project.canonicalize().map(|project| git::checkout_of(&project));
    match (there, checkout) {
        (Some(there), Ok(checkout)) if !there.starts_with(&checkout) => Ok(folder),
        _ => Err(format!("{} is in the checkout of the project", folder.display())),
    }
}

/// Passes events on to another reporter, and keeps the outcomes that the state could not record.
pub(super) struct Recorder<R> {
    inner: R,
    output: Output,
    /// The folder of the outcomes, or why there is none.
    folder: Result<PathBuf, String>,
    key: Option<StateKey>,
    /// The command that records an outcome by hand, without its arguments.
    resolve: String,
    turn: Mutex<()>,
}

impl<R: Reporter> Recorder<R> {
    pub(super) fn new(
        inner: R,
        output: Output,
        folder: Result<PathBuf, String>,
        key: Option<StateKey>,
        resolve: String,
    ) -> Self {
        Self { inner, output, folder, key, resolve, turn: Mutex::default() }
    }

    fn record(&self, outcome: &UnrecordedOutcome) {
        let written = self.folder.clone().and_then(|folder| {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            UnrecordedOutcomes::append(&folder, outcome, self.key.as_ref())
                .map_err(|error| error.to_string())
        });
        let mask = self.output.masks_err();
        let address = humanize::address(outcome.address(), mask);
        let (what, decision) = match &outcome.create {
            CreateOutcome::Sent(record) => {
                let id = one_line(record.id.as_str());
                (format!("was created as message {id} ({})", record.kind), format!("--sent {id}"))
            }
            CreateOutcome::NotSent(_) => ("was not created".to_owned(), "--not-sent".to_owned()),
        };
        self.output.warning(&match written {
            Ok(file) => format!(
                "{address} {what}, and the state could not record it: {} keeps it, and the next apply records it, unless somebody has decided otherwise by then",
                self.output.hidden_values().replace(file.display().to_string())
            ),
            Err(why) => format!(
                "{address} {what}, and neither the state nor a file could record it: {}. Once the state works again, record it by hand: {} {} {decision}",
                self.output.hidden_values().replace(why),
                self.resolve,
                shell_word(address.as_ref()),
            ),
        });
    }
}

impl<R: Reporter> Reporter for Recorder<R> {
    fn report(&self, event: &Event) {
        match event {
            Event::Unrecorded(outcome) => self.record(outcome),
            Event::UnrecordedChange { address, kind, id, done } => {
                self.output.warning(&format!(
                    "{}: message {} ({kind}) was {done}, and the state could not record it: the next plan makes sure of it",
                    humanize::address(address, self.output.masks_err()),
                    one_line(id.as_str()),
                ));
            }
            _ => {}
        }
        self.inner.report(event);
    }
}
