//! Whether visitors' ids are masked in the output, and which ids are known.

use std::sync::{Arc, Mutex, PoisonError};

use super::environment;
use crate::{manifest::MaskVisitors, model::KnownIds};

/// Decides whether ids are masked. Copies share the known ids.
#[derive(Debug, Clone)]
pub(super) struct Masking {
    /// The setting of the command line, or of the environment.
    option: Option<MaskVisitors>,
    /// Whether this is a job of a CI: many people read its output, and anyone may have written its manifest.
    ci: bool,
    /// The setting of the manifest, once it is read.
    manifest: Arc<Mutex<MaskVisitors>>,
    known: KnownIds,
}

/// The people who read an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// The user at this terminal, or of this file.
    Here,
    /// Everyone who may read a comment or an annotation.
    Elsewhere,
}

impl Masking {
    pub(super) fn new(option: Option<MaskVisitors>) -> Self {
        let ci = environment::variable("CI")
            .is_some_and(|value| !matches!(value.trim(), "" | "0" | "false"));
        Self { option, ci, manifest: Arc::default(), known: KnownIds::default() }
    }

    /// The ids that must not be shown whole.
    pub(super) fn known(&self) -> &KnownIds {
        &self.known
    }

    /// Remembers the setting of the manifest.
    pub(super) fn set_manifest_setting(&self, setting: MaskVisitors) {
        *self.manifest.lock().unwrap_or_else(PoisonError::into_inner) = setting;
    }

    /// Whether ids are masked for these readers. The manifest cannot unmask output that leaves the machine:
    /// otherwise a pull request could unmask itself.
    pub(super) fn masks(&self, readers: Readers, terminal: bool) -> bool {
        let manifest = *self.manifest.lock().unwrap_or_else(PoisonError::into_inner);
        let trusted = readers == Readers::Here && !self.ci;
        match self.option.unwrap_or(manifest) {
            MaskVisitors::Always => true,
            MaskVisitors::Never if self.option.is_some() || trusted => false,
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
            masking.set_manifest_setting(manifest);
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
