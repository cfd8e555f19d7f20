//! What only concerns `pushsync.yaml`: its version, and the names of environments.

use super::{
    context::Context,
    files::Files,
    options::{DEFAULT_ENVIRONMENT, PROJECT_FILE},
    suggest,
    unions::Entries,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::Key,
};

impl Files {
    /// Checks both.
    pub(super) fn check_main(&self, cx: &mut Context<'_>) {
        let Some(main) = self.main() else { return };
        if let Some(version) = main.document.raw.version
            && version != 1
        {
            let message = format!("this is version {version}, and only version 1 is known");
            let help = Some("write `version: 1`, or use a newer pushsync".to_owned());
            cx.error_with(Code::UnsupportedVersion, message, &main.source.child("version"), help);
        }
        let at = main.source.child("environments");
        let names: Vec<&str> = self.environments().map(|(name, _)| name).collect();
        for name in &names {
            if cx.is_full() {
                break;
            }
            if let Err(error) = Key::parse(name) {
                let message = error.to_string().replace("a key", "an environment's name");
                cx.error(Code::BadKey, message, &at.child(*name).key());
            } else if *name == DEFAULT_ENVIRONMENT {
                let message = "`default` is the name of what holds without an environment";
                cx.error(Code::BadKey, message, &at.child(*name).key());
            }
        }
        // The keys of the others too: nobody looks at them until they are chosen.
        for (name, raw) in self.environments() {
            let Some(Entries(messages)) = &raw.messages else { continue };
            let at = at.child(name).child("messages");
            if cx.is_full() {
                break;
            }
            for (key, _) in messages.iter().filter(|_| self.environment.as_deref() != Some(name)) {
                if let Err(error) = Key::parse(key) {
                    cx.error(Code::BadKey, error.to_string(), &at.child(key.as_str()).key());
                }
            }
        }
        if let Some(wanted) = &self.environment
            && !names.contains(&wanted.as_str())
        {
            let mut problem = Diagnostic::error(
                Code::UnknownEnvironment,
                format!("there is no environment `{wanted}`"),
            );
            problem.help = Some(match suggest::nearest(wanted, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => match suggest::list(names.iter().copied()) {
                    Some(list) => format!("declared environments: {list}"),
                    None => format!("declare it under `environments:` in {PROJECT_FILE}"),
                },
            });
            if main.document.raw.environments.is_some() {
                problem = problem.at(at.key().place());
            }
            cx.problems.push(problem);
        }
    }
}
