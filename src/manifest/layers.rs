//! One thing as it is written in several places: the base, and what the environment lays over it.

use super::{context::Context, source_path::SourcePath};
use crate::diagnostics::Code;

/// How one place writes a thing.
#[derive(Debug)]
pub(crate) struct Layer<'a, T> {
    pub(crate) raw: &'a T,
    pub(crate) at: SourcePath,
    /// Its shape has an error, so a field that is missing may have been dropped.
    pub(crate) faulty: bool,
}

/// The base first, then the environment.
#[derive(Debug)]
pub(crate) struct Layers<'a, T>(pub(crate) Vec<Layer<'a, T>>);

impl<'a, T> Layers<'a, T> {
    /// The last layer that says something of a field.
    pub(crate) fn get<V>(
        &self,
        field: &str,
        get: impl Fn(&'a T) -> Option<&'a V>,
    ) -> Option<(&'a V, SourcePath)> {
        self.0.iter().rev().find_map(|layer| Some((get(layer.raw)?, layer.at.child(field))))
    }

    /// The layers of a field that is a mapping itself.
    pub(crate) fn inner<V>(
        &self,
        field: &str,
        get: impl Fn(&'a T) -> Option<&'a V>,
    ) -> Layers<'a, V> {
        let inner = self.0.iter().filter_map(|layer| {
            Some(Layer { raw: get(layer.raw)?, at: layer.at.child(field), faulty: layer.faulty })
        });
        Layers(inner.collect())
    }

    /// For things that are one of several forms: a layer that chooses another form replaces
    /// those below. `forms` has a bit for each form that a layer uses.
    pub(crate) fn one_form(&mut self, forms: impl Fn(&T) -> u8) {
        let mut keep = 0;
        let mut before = 0;
        for (at, layer) in self.0.iter().enumerate() {
            let these = forms(layer.raw);
            if these != 0 && these & before == 0 {
                keep = at;
            }
            before = if these == 0 { before } else { these };
        }
        self.0.drain(..keep);
    }

    pub(crate) fn faulty(&self) -> bool {
        self.0.iter().any(|layer| layer.faulty)
    }

    /// Where the thing is first written.
    pub(crate) fn source(&self) -> Option<&SourcePath> {
        self.0.first().map(|layer| &layer.at)
    }

    /// Reports a field that is missing, unless it may be so because of another problem.
    pub(crate) fn missing(&self, cx: &mut Context<'_>, message: &str, help: &str) {
        if let (Some(source), false) = (self.source(), self.faulty()) {
            cx.error_with(Code::MissingField, message, &source.key(), Some(help.to_owned()));
        }
    }
}
