//! What of this machine's environment would change what the program does.

use std::process::Command;

/// The program gets nothing of this machine's environment that matters to it: no keys and settings, and not
/// that this is a job of a CI.
pub(crate) fn without_this_machines(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let shouted = name.to_string_lossy().to_uppercase();
        let matters =
            ["AWS_", "BREVO_", "CLICOLOR", "GITHUB_", "GITLAB_", "GIT_", "PG", "PUSHSYNC_"]
                .iter()
                .any(|prefix| shouted.starts_with(prefix))
                || ["CI", "NO_COLOR"].contains(&shouted.as_str())
                || shouted.ends_with("_PROXY");
        if matters {
            command.env_remove(name);
        }
    }
}
