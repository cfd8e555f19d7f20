//! The window of a message: its `active`.

use super::{
    context::Context,
    layers::Layers,
    raw,
    source_path::SourcePath,
    zone::{self, Zone},
};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::Window,
};

/// `None` if it was reported.
pub(crate) fn window(cx: &mut Context<'_>, layers: &Layers<'_, raw::Message>) -> Option<Window> {
    let active = layers.inner("active", |raw| raw.active.as_ref());
    let from = active.get("from", |raw| raw.from.as_ref());
    let until = active.get("until", |raw| raw.until.as_ref());
    let zone = match active.get("zone", |raw| raw.zone.as_ref()) {
        None => None,
        Some((name, at)) => match Zone::named(name) {
            Ok(zone) => {
                if from.is_none() && until.is_none() {
                    let message = "this window has a zone, but neither `from` nor `until`";
                    cx.error(Code::BadWindow, message, &at.key());
                    return None;
                }
                Some(zone)
            }
            Err(error) => {
                cx.error_with(Code::BadValue, error.message, &at, Some(error.cure));
                return None;
            }
        },
    };
    let mut good = true;
    let mut instant = |field: &Option<(&String, SourcePath)>| {
        let (text, at) = field.as_ref()?;
        zone::instant(text, zone.as_ref())
            .map_err(|error| {
                good = false;
                cx.error_with(Code::BadValue, error.message, at, Some(error.cure));
            })
            .ok()
    };
    let window = Window { from: instant(&from), until: instant(&until) };
    if let (Some(start), Some(end)) = (window.from, window.until)
        && start >= end
    {
        if let (Some((_, from_at)), Some((_, until_at))) = (from, &until) {
            let message = match start == end {
                true => "this window ends when it starts: no message would ever exist",
                false => "this window ends before it starts",
            };
            let problem = Diagnostic::error(Code::BadWindow, message)
                .at(until_at.place())
                .related(from_at.place(), "it starts here");
            cx.problems.push(problem);
        }
        return None;
    }
    if let (Some(end), Some((_, at))) = (window.until, &until)
        && cx.options.now >= end
    {
        let problem = Diagnostic::warning(Code::WindowPassed, "this message's window has passed");
        cx.problems
            .push(problem.at(at.place()).help("delete the message, or give it a new window"));
    }
    good.then_some(window)
}
