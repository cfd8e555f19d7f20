//! The settings of every git, so that it runs no program that a repository's files name.
//!
//! The configuration and the attributes of a checkout name programs: hooks, filters, drivers, monitors,
//! helpers, transports. Those with a fixed name are overridden one by one; those whose names are up to the
//! repository (`filter.NAME.clean`) are listed first and overridden then.

use std::{ffi::OsStr, path::Path, process::Command};

/// Keys with a fixed name, and their values. An empty value means none to git; so it does to those
/// versions in which `core.fsmonitor` was always a command, for which `false` would be one.
const FIXED: [(&str, &str); 24] = [
    ("safe.bareRepository", "explicit"),
    ("core.fsmonitor", ""),
    ("core.hooksPath", "/dev/null"),
    ("core.untrackedCache", "false"),
    ("core.pager", "cat"),
    ("core.editor", ":"),
    ("core.askPass", ""),
    ("core.sshCommand", "false"),
    ("core.gitProxy", ""),
    ("core.alternateRefsCommand", "false"),
    ("sequence.editor", ":"),
    ("credential.helper", ""),
    ("diff.external", ""),
    ("diff.ignoreSubmodules", "all"),
    ("diff.renames", "false"),
    ("gpg.program", "false"),
    ("interactive.diffFilter", ""),
    ("protocol.allow", "never"),
    ("status.aheadBehind", "false"),
    ("status.renames", "false"),
    ("status.submoduleSummary", "false"),
    ("submodule.recurse", "false"),
    ("uploadpack.packObjectsHook", ""),
    ("gc.auto", "0"),
];

/// Variables of the environment. Versions that do not know one of them pass over it.
const VARIABLES: [(&str, &str); 11] = [
    ("GIT_OPTIONAL_LOCKS", "0"),
    // Objects that are missing in a partial clone are not fetched: a remote's `uploadpack` is a command.
    ("GIT_NO_LAZY_FETCH", "1"),
    // No transport at all, for the versions that do not know the one above.
    ("GIT_ALLOW_PROTOCOL", ""),
    ("GIT_PROTOCOL_FROM_USER", "0"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", ""),
    ("GIT_PAGER", "cat"),
    ("GIT_EDITOR", ":"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    ("LC_ALL", "C"),
];

/// Sections whose keys all name programs, or decide whether a program is run.
const SECTIONS: [&str; 11] = [
    "alias",
    "browser",
    "credential",
    "difftool",
    "filter",
    "guitool",
    "hook",
    "man",
    "mergetool",
    "pager",
    "protocol",
];

/// Last parts of keys that name programs in any section: `diff.NAME.textconv`, `gpg.NAME.program`,
/// `remote.NAME.uploadpack`.
const VARIABLES_OF_KEYS: [&str; 20] = [
    "askpass",
    "clean",
    "cmd",
    "command",
    "defaultkeycommand",
    "driver",
    "editor",
    "external",
    "helper",
    "packobjectshook",
    "pager",
    "process",
    "program",
    "receivepack",
    "smudge",
    "sshcommand",
    "textconv",
    "tunnel",
    "uploadpack",
    "vcs",
];

/// Sets up a git that looks at the repository whose top folder is `root`.
pub(super) fn harden(command: &mut Command, root: &Path, ceiling: &OsStr) {
    command.envs(VARIABLES);
    // It looks for the repository in this folder only, and the configuration does not name another work tree.
    command.env("GIT_CEILING_DIRECTORIES", ceiling).env("GIT_WORK_TREE", root);
    for (key, value) in FIXED {
        command.arg("-c").arg(format!("{key}={value}"));
    }
    command.arg("-C").arg(root);
}

/// The overrides for the other keys that a repository has: `git config --list -z --name-only` lists them.
pub(super) fn overrides(names: &[u8]) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let text = String::from_utf8_lossy(name);
        let section = text.split('.').next().unwrap_or_default().to_ascii_lowercase();
        let variable = text.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        if !SECTIONS.contains(&&*section) && !VARIABLES_OF_KEYS.contains(&&*variable) {
            continue;
        }
        // Git takes the text before the first `=` for the key, so it cannot override such a name.
        if text.contains(['=', '\n', char::REPLACEMENT_CHARACTER]) {
            return Err(format!(
                "its configuration has a name in [{section}] that cannot be overridden"
            ));
        }
        let value = match (&*section, &*variable) {
            ("protocol", _) => "never",
            ("filter", "required") | ("hook", "enabled") => "false",
            _ => "",
        };
        found.push(format!("{text}={value}"));
        if section == "hook"
            && let Some((hook, _)) = text.rsplit_once('.')
        {
            found.push(format!("{hook}.enabled=false"));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_name_programs_are_overridden_and_others_are_left() {
        let names = "filter.x.clean\0filter.x.required\0user.name\0diff.odt.textconv\0core.autocrlf\0\
                     remote.origin.url\0remote.origin.uploadpack\0protocol.ext.allow\0hook.h.command\0\
                     filter.a.b.process\0filter.x.clean\0";
        assert_eq!(
            overrides(names.as_bytes()).expect("all can be"),
            [
                "diff.odt.textconv=",
                "filter.a.b.process=",
                "filter.x.clean=",
                "filter.x.required=false",
                "hook.h.command=",
                "hook.h.enabled=false",
                "protocol.ext.allow=never",
                "remote.origin.uploadpack=",
            ]
        );
    }

    #[test]
    fn a_key_that_cannot_be_overridden_is_refused() {
        for name in ["filter.a=b.clean", "filter.a\nb.clean"] {
            assert!(overrides(name.as_bytes()).is_err(), "{name:?}");
        }
        assert!(overrides(b"filter.\xff.clean").is_err());
        assert!(overrides(b"url.https://x/?a=b.insteadof").is_ok());
    }
}
