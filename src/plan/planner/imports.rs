//! What is wrong with `import` entries that nothing wants, or that do nothing.

use super::Planner;
use crate::{
    diagnostics::{Code, Diagnostic},
    model::{WindowState, number},
    plan::{Declared, Import},
};

impl Planner {
    /// Says what is wrong with the imports that are left over, and which do nothing.
    pub(super) fn check_imports(&mut self, errors: &mut Vec<Diagnostic>) {
        for (address, import) in std::mem::take(&mut self.imports) {
            if self.inputs.selection.contains(&address) {
                let problem = not_desired(&import, self.inputs.declared.get(&address.key()));
                match problem.is_error() {
                    true => errors.push(problem),
                    false => self.diagnostics.push(problem),
                }
            }
        }
        self.diagnostics.extend(idle(&self.idle_imports));
    }
}

/// The problem of an import that nothing wants now. While the message's window is closed, nothing is sent
/// for it either; otherwise the address may be a mistake, and another visitor would get the message again.
fn not_desired(import: &Import, declared: Option<&Declared>) -> Diagnostic {
    let (code, to) = (Code::ImportNotDesired, import.to.masked());
    let presence = declared.map(|declared| declared.presence);
    let why = match presence {
        None => format!("there is no message {}", import.to.key_str()),
        Some(WindowState::Active) => "the visitor is not in the message's audience".to_owned(),
        Some(WindowState::NotYet(at)) => format!("the message's window opens at {at}"),
        Some(WindowState::Over(at)) => format!("the message's window closed at {at}"),
    };
    match presence {
        None | Some(WindowState::Active) => {
            Diagnostic::error(code, format!("{to} cannot be imported: {why}"))
                .help("what is imported must be in the manifest, or the same plan would delete it again; correct this entry, or remove it")
        }
        Some(WindowState::NotYet(_)) => {
            Diagnostic::warning(code, format!("{to} is not imported now: {why}"))
                .help("it is imported once the window is open")
        }
        Some(WindowState::Over(_)) => {
            Diagnostic::warning(code, format!("{to} is not imported: {why}"))
                .help("remove this entry; a message that is still there stays there")
        }
    }
    .at(import.place.clone())
}

/// One warning for all imports whose address the state has with another message.
fn idle(imports: &[Import]) -> Option<Diagnostic> {
    let first = imports.first()?;
    let mut message = format!(
        "the state has {} already, with another message than {}: this import does nothing",
        first.to.masked(),
        first.id
    );
    if imports.len() > 1 {
        let others = number(imports.len() as u64 - 1);
        message.push_str(&format!(", and neither do {others} others like it"));
    }
    let warning = Diagnostic::warning(Code::ImportIdle, message).at(first.place.clone());
    Some(warning.help("what was imported may be replaced or sent again later; remove entries that were carried out"))
}
