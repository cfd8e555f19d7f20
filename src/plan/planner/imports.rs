//! What is wrong with `import` entries that nothing wants, or that do nothing.

use std::{collections::BTreeMap, sync::Arc};

use super::Planner;
use crate::{
    diagnostics::{Code, Diagnostic},
    model::{Key, Place, WindowState, number},
    plan::{Declared, Import},
};

impl Planner {
    /// Says what is wrong with the imports that are left over, and which do nothing.
    pub(super) fn check_imports(&mut self, errors: &mut Vec<Diagnostic>) {
        let mut of_files: BTreeMap<(Arc<str>, Key), Leftover> = BTreeMap::new();
        for (address, import) in std::mem::take(&mut self.imports) {
            if !self.inputs.selection.contains(&address) {
                continue;
            }
            let declared = self.inputs.declared.get(&address.key());
            if import.of_file {
                let of_file = (import.place.file.clone(), address.key());
                let presence = declared.map(|declared| declared.presence);
                let left = of_files.entry(of_file).or_insert_with(|| Leftover::of(presence));
                left.add(import.place);
                continue;
            }
            let problem = not_desired(&import, declared);
            match problem.is_error() {
                true => errors.push(problem),
                false => self.diagnostics.push(problem),
            }
        }
        for ((file, key), left) in of_files {
            let problem = left.told(&key, self.met_files.contains(&file));
            match problem.is_error() {
                true => errors.push(problem),
                false => self.diagnostics.push(problem),
            }
        }
        self.diagnostics.extend(idle(&self.idle_imports));
    }
}

/// The rows of a file of many imports that nothing wants now.
struct Leftover {
    presence: Option<WindowState>,
    rows: u64,
    first: Option<Place>,
}

impl Leftover {
    fn of(presence: Option<WindowState>) -> Self {
        Self { presence, rows: 0, first: None }
    }

    fn add(&mut self, place: Place) {
        self.rows += 1;
        if self.first.as_ref().is_none_or(|first| place.line < first.line) {
            self.first = Some(place);
        }
    }

    /// One problem for all rows. `met`: other rows of the file are those of deliveries. Then visitors who left the
    /// audience since are no mistake; a file of which no row fits is one, and its visitors would get the message again.
    fn told(self, key: &Key, met: bool) -> Diagnostic {
        let rows = match self.rows {
            1 => "1 row of this file is".to_owned(),
            rows => format!("{} rows of this file are", number(rows)),
        };
        let (code, not) = (Code::ImportNotDesired, format!("{rows} not imported"));
        let problem = match self.presence {
            None => Diagnostic::error(code, format!("{not}: there is no message {key}"))
                .help("correct `key:`, or remove this entry"),
            Some(WindowState::Active) if met => Diagnostic::warning(
                code,
                format!("{not}: their visitors are not in the audience of {key}"),
            )
            .help("remove these rows, unless the visitors come back"),
            Some(WindowState::Active) => Diagnostic::error(
                code,
                format!("{not}: none of their visitors is in the audience of {key}"),
            )
            .help("check the column `visitor_id`: it has the ids that the messages were sent to"),
            Some(WindowState::NotYet(at)) => {
                Diagnostic::warning(code, format!("{not} now: the message's window opens at {at}"))
                    .help("they are imported once the window is open")
            }
            Some(WindowState::Over(at)) => {
                Diagnostic::warning(code, format!("{not}: the message's window closed at {at}"))
                    .help("remove this entry; messages that are still there stay there")
            }
        };
        match self.first {
            Some(first) => problem.at(first),
            None => problem,
        }
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
