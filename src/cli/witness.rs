//! Keeps what the state could not record, until it can.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use super::output::Output;
use crate::{
    apply::{Event, Reporter},
    render::words,
    state::{
        StateKey,
        kept::{self, Kept, Outcome},
    },
};

/// A reporter beside another one.
pub(super) struct Witness<R> {
    inner: R,
    output: Output,
    file: PathBuf,
    key: Option<StateKey>,
    seen: Mutex<Vec<Kept>>,
}

impl<R: Reporter> Witness<R> {
    pub(super) fn new(inner: R, output: Output, file: PathBuf, key: Option<StateKey>) -> Self {
        Self { inner, output, file, key, seen: Mutex::default() }
    }

    fn keep(&self, one: &Kept) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_empty() {
            // What an earlier run has kept and nobody has handed in yet.
            seen.extend(kept::kept(&self.file, self.key.as_ref()).unwrap_or_default());
        }
        seen.push(one.clone());
        let kept = kept::keep(&self.file, &seen, self.key.as_ref());
        let address = words::address(one.address(), self.output.masks_err());
        let what = match &one.outcome {
            Outcome::Sent(record) => format!("was created as message {}", record.id),
            Outcome::NotSent(_) => "was not created".to_owned(),
        };
        match (kept, &one.outcome) {
            (Ok(()), _) => self.output.warning(&format!(
                "{address} {what}, and the state could not record it: {} keeps it for the next run",
                self.file.display()
            )),
            // The only trace of it: whole, whoever reads along.
            (Err(error), Outcome::Sent(record)) => self.output.warning(&format!(
                "{} {what}, and neither the state nor {} could record it ({error}); once the state works again: pushsync state resolve {} --sent {}",
                one.address().as_str(),
                self.file.display(),
                one.address().as_str(),
                record.id
            )),
            // Unknown is what it stays.
            (Err(_), Outcome::NotSent(_)) => {}
        }
    }
}

impl<R: Reporter> Reporter for Witness<R> {
    fn report(&self, event: &Event) {
        if let Event::Unrecorded(kept) = event {
            self.keep(kept);
        }
        self.inner.report(event);
    }
}
