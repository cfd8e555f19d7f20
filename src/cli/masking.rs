//! Whether visitors' ids are masked in what is written, and which ids are known.

use std::sync::{Arc, Mutex, PoisonError};

use super::surroundings;
use crate::{manifest::MaskVisitors, model::KnownIds};

/// What decides about masks. Copies share what they know.
#[derive(Debug, Clone)]
pub(super) struct Masking {
    /// What the command line says, or the environment.
    option: Option<MaskVisitors>,
    /// Whether this is a job of a CI: what it prints is read by many, and its manifest may be anybody's.
    ci: bool,
    /// What the manifest says, once it is read.
    manifest: Arc<Mutex<MaskVisitors>>,
    known: KnownIds,
}

/// Who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Those at this terminal, or of this file.
    Here,
    /// Everybody who may read a comment or an annotation.
    Elsewhere,
}

impl Masking {
    pub(super) fn new(option: Option<MaskVisitors>) -> Self {
        let ci = surroundings::variable("CI")
            .is_some_and(|value| !matches!(value.trim(), "" | "0" | "false"));
        Self { option, ci, manifest: Arc::default(), known: KnownIds::default() }
    }

    /// The ids that must not be shown whole.
    pub(super) fn known(&self) -> &KnownIds {
        &self.known
    }

    /// Remembers what the manifest says.
    pub(super) fn manifest_says(&self, setting: MaskVisitors) {
        *self.manifest.lock().unwrap_or_else(PoisonError::into_inner) = setting;
    }

    /// Whether ids are masked for these readers. The manifest cannot unmask what leaves the machine: a pull
    /// request would unmask itself.
    pub(super) fn masks(&self, readers: Readers, terminal: bool) -> bool {
        let manifest = *self.manifest.lock().unwrap_or_else(PoisonError::into_inner);
        let believed = readers == Readers::Here && !self.ci;
        match self.option.unwrap_or(manifest) {
            MaskVisitors::Always => true,
            MaskVisitors::Never if self.option.is_some() || believed => false,
            MaskVisitors::Never | MaskVisitors::Auto => !terminal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_unmasks_only_what_stays_on_this_machine() {
        let masks = |option, ci, manifest, readers, terminal| {
            let masking = Masking { ci, ..Masking::new(option) };
            masking.manifest_says(manifest);
            masking.masks(readers, terminal)
        };
        let (auto, always, never) = (MaskVisitors::Auto, MaskVisitors::Always, MaskVisitors::Never);
        let (here, elsewhere) = (Readers::Here, Readers::Elsewhere);
        for (option, ci, manifest, readers, terminal, masked) in [
            (None, false, auto, here, false, true),
            (None, false, auto, here, true, false),
            (None, false, always, here, true, true),
            (None, false, never, here, false, false),
            (None, false, never, elsewhere, false, true),
            (None, true, never, here, false, true),
            (Some(never), true, always, elsewhere, false, false),
            (Some(always), false, never, here, true, true),
            (Some(auto), false, never, here, false, true),
        ] {
            assert_eq!(
                masks(option, ci, manifest, readers, terminal),
                masked,
                "{option:?} {ci} {manifest:?} {readers:?} {terminal}"
            );
        }
    }
}
