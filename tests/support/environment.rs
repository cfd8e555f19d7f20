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

/// Whether this process ignores a signal, as one in the background of a shell does: then its children do, too, and
/// a shell cannot trap it.
#[allow(dead_code, reason = "not each program of tests sends signals")]
pub(crate) fn is_ignored(number: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (number - 1) & 1 == 1)
}
