//! The warnings that nobody may overlook: nothing is known to have been sent from here, and a window that closes too
//! early. They come first in every document, and no limit of its size leaves them out.

use crate::{
    diagnostics::{Code, Diagnostic},
    plan::Plan,
};

/// How many windows that are too short are told one by one.
const MOST_WINDOWS: usize = 3;
/// How much of a text is shown: a plan that was written by hand may have a very long one.
const MOST_CHARS: usize = 600;

/// The warnings of a plan.
pub(super) struct Warnings<'a> {
    /// Those that come first.
    pub(super) urgent: Vec<&'a Diagnostic>,
    /// How many more windows are too short.
    pub(super) more_windows: u64,
    /// All others, and these windows.
    pub(super) others: Vec<&'a Diagnostic>,
}

impl<'a> Warnings<'a> {
    pub(super) fn of(plan: &'a Plan) -> Self {
        let all = || plan.diagnostics.iter();
        let of = |code| all().filter(move |one| one.code == code);
        let windows = of(Code::WindowTooShort).count().saturating_sub(MOST_WINDOWS);
        // There is one for a state.
        let new = of(Code::NewState).take(1);
        let urgent: Vec<_> = new.chain(of(Code::WindowTooShort).take(MOST_WINDOWS)).collect();
        let is_urgent = |one: &&Diagnostic| urgent.iter().any(|other| std::ptr::eq(*one, *other));
        let others = all().filter(|one| !is_urgent(one)).collect();
        Self { urgent, more_windows: windows as u64, others }
    }
}

/// The start of a text.
pub(super) fn start(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
