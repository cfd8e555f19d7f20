//! What a process of the kit gets of the environment that its job was started with.
//!
//! On Linux, a program can read the environment that another one of the same user was started with
//! (`/proc/PID/environ`), and nothing changes it there. So the kit starts itself again with what it needs alone.

use std::ffi::{OsStr, OsString};

use super::JobCommand;

/// Names of variables without a secret, which each process gets.
const ALWAYS: [&str; 36] = [
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "TZ",
    "LANG",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GITHUB_ACTIONS",
    "GITHUB_ACTOR",
    "GITHUB_API_URL",
    "GITHUB_EVENT_NAME",
    "GITHUB_EVENT_PATH",
    "GITHUB_OUTPUT",
    "GITHUB_REF",
    "GITHUB_REPOSITORY",
    "GITHUB_RUN_ID",
    "GITHUB_SERVER_URL",
    "GITHUB_SHA",
    "GITHUB_STEP_SUMMARY",
    "GITHUB_TRIGGERING_ACTOR",
    "GITHUB_WORKSPACE",
    "GITLAB_CI",
    "BREVO_BASE_URL",
    "PUSHSYNC_ENV",
    "PUSHSYNC_LIMITS",
    "PUSHSYNC_MASK_VISITORS",
    "RUNNER_TEMP",
];

/// Those of GitLab.
const OF_GITLAB: [&str; 13] = [
    "CI_API_V4_URL",
    "CI_COMMIT_BRANCH",
    "CI_COMMIT_REF_PROTECTED",
    "CI_COMMIT_SHA",
    "CI_DEFAULT_BRANCH",
    "CI_JOB_URL",
    "CI_MERGE_REQUEST_EVENT_TYPE",
    "CI_MERGE_REQUEST_IID",
    "CI_MERGE_REQUEST_PROJECT_ID",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID",
    "CI_PIPELINE_SOURCE",
    "CI_PROJECT_DIR",
];

/// Inputs that are passed on in another variable, or in none.
const NOT_AS_THEY_ARE: [&str; 4] = [
    "PUSHSYNC_CI_CLIENT_ID",
    "PUSHSYNC_CI_CLIENT_SECRET",
    "PUSHSYNC_CI_STATE",
    "PUSHSYNC_CI_TOKEN",
];

/// Inputs that are the values of other variables.
const INPUTS: [(&str, &str); 4] = [
    ("PUSHSYNC_CI_CLIENT_ID", "BREVO_CLIENT_ID"),
    ("PUSHSYNC_CI_CLIENT_SECRET", "BREVO_CLIENT_SECRET"),
    ("PUSHSYNC_CI_ENVIRONMENT", "PUSHSYNC_ENV"),
    ("PUSHSYNC_CI_STATE", "PUSHSYNC_STATE"),
];

/// Whether any of these variables holds a part of what the API asks for.
pub fn has_key<'a>(variables: impl IntoIterator<Item = (&'a OsStr, &'a OsStr)>) -> bool {
    variables.into_iter().any(|(name, value)| {
        let name = name.to_string_lossy();
        let of_api = name.starts_with("BREVO_")
            && ["_KEY", "_SECRET", "_CLIENT_"].iter().any(|part| name.contains(part));
        !value.is_empty() && (of_api || name.starts_with("PUSHSYNC_CI_CLIENT_"))
    })
}

/// The environment of the process that runs a command: a plan gets no key, and one of outsiders gets no secret at all.
/// The token for comments is not in it.
pub fn clean<'a>(
    variables: impl IntoIterator<Item = (&'a OsStr, &'a OsStr)> + Clone,
    command: JobCommand,
    outsider: bool,
) -> Vec<(OsString, OsString)> {
    let passes = |name: &str| needs(name, command, outsider);
    // An input or a secret that a job lacks is an empty variable.
    let mut kept: Vec<(OsString, OsString)> = Vec::new();
    for (name, value) in variables.clone() {
        let text = name.to_string_lossy();
        if !value.is_empty() && passes(&text) && !NOT_AS_THEY_ARE.contains(&&*text) {
            kept.push((name.to_owned(), value.to_owned()));
        }
    }
    for (input, name) in INPUTS {
        let given = variables.clone().into_iter().find(|(one, _)| *one == OsStr::new(input));
        if let Some((_, value)) = given.filter(|(_, value)| !value.is_empty())
            && passes(name)
        {
            kept.retain(|(one, _)| one != name);
            kept.push((name.into(), value.to_owned()));
        }
    }
    // With it, visitors are masked whatever the manifest says.
    kept.push(("CI".into(), "true".into()));
    kept
}

/// Whether the process that runs a command needs a variable.
fn needs(name: &str, command: JobCommand, outsider: bool) -> bool {
    let begins = |start: &str| name.starts_with(start);
    if ALWAYS.contains(&name)
        || OF_GITLAB.contains(&name)
        || name == "CI_PROJECT_ID"
        // Tests of windows set it; other builds do not read it.
        || (cfg!(debug_assertions) && name == "PUSHSYNC_CLOCK_AHEAD")
        || begins("LC_")
        || begins("PUSHSYNC_CI_")
        || (begins("XDG_") && name.ends_with("_HOME"))
    {
        return true;
    }
    if outsider {
        return false;
    }
    let of_state =
        matches!(name, "PUSHSYNC_STATE" | "PUSHSYNC_STATE_KEY" | "PUSHSYNC_STATE_KEY_FILE")
            || begins("AWS_")
            || (begins("PG") && name.as_bytes().get(2).is_some_and(u8::is_ascii_uppercase));
    // What audiences are made with: variables of `database:`, and the secrets of visitors' ids.
    let of_audiences = begins("PUSHSYNC_VAR_") || begins("PUSHSYNC_VISITOR_");
    of_state || of_audiences || (command.sends() && begins("BREVO_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRETS: [&str; 14] = [
        "BREVO_API_KEY",
        "BREVO_API_KEY_FILE",
        "BREVO_PARTNER_KEY",
        "BREVO_CLIENT_SECRET",
        "PUSHSYNC_CI_TOKEN",
        "PUSHSYNC_CI_STATE",
        "PUSHSYNC_STATE",
        "PUSHSYNC_STATE_KEY",
        "PUSHSYNC_VAR_HOST",
        "PUSHSYNC_VISITOR_SECRET",
        "PUSHSYNC_VISITOR_SECRET_STAGING",
        "AWS_SECRET_ACCESS_KEY",
        "PGPASSWORD",
        "PUSHSYNC_CI_CLIENT_SECRET",
    ];
    const OTHERS: [&str; 9] = [
        "GITHUB_TOKEN",
        "GH_TOKEN",
        "ACTIONS_RUNTIME_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "NPM_TOKEN",
        "PUSHSYNC_GITLAB_TOKEN",
        "PUSHSYNC_NEW_STATE_KEY",
        "CI_JOB_TOKEN",
        "LD_PRELOAD",
    ];

    fn kept(command: JobCommand, outsider: bool) -> Vec<String> {
        let names = SECRETS.iter().chain(&OTHERS).chain(&["PATH", "GITHUB_SHA", "LC_ALL"]);
        let all: Vec<_> = names.map(|name| (OsStr::new(*name), OsStr::new(*name))).collect();
        let kept = clean(all.iter().copied(), command, outsider);
        kept.into_iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_process_gets_what_its_command_needs_and_one_of_outsiders_no_secret() {
        for command in [JobCommand::Plan, JobCommand::Apply, JobCommand::Resume] {
            for outsider in [false, true] {
                let kept = kept(command, outsider);
                for name in OTHERS {
                    assert!(!kept.iter().any(|one| one == name), "{command}: {name}");
                }
                for name in ["PATH", "GITHUB_SHA", "LC_ALL", "CI"] {
                    assert!(kept.iter().any(|one| one == name), "{command}: {name}");
                }
                for name in SECRETS {
                    let of_api = name.starts_with("BREVO_");
                    let wanted = !outsider
                        && !name.starts_with("PUSHSYNC_CI_")
                        && (!of_api || command.sends());
                    let there = kept.iter().any(|one| one == name);
                    assert_eq!(there, wanted, "{command} {outsider}: {name}");
                }
            }
        }
    }

    #[test]
    fn inputs_count_more_than_variables_and_empty_ones_are_not_there() {
        let all = [
            ("PUSHSYNC_CI_STATE", "of the input"),
            ("PUSHSYNC_STATE", "of the variable"),
            ("PUSHSYNC_CI_ENVIRONMENT", ""),
            ("PUSHSYNC_ENV", "staging"),
            ("PGUSER", ""),
        ]
        .map(|(name, value)| (OsStr::new(name), OsStr::new(value)));
        let kept = clean(all, JobCommand::Plan, false);
        let value = |name: &str| kept.iter().filter(|one| one.0 == name).collect::<Vec<_>>();
        assert_eq!(value("PUSHSYNC_STATE"), [&("PUSHSYNC_STATE".into(), "of the input".into())]);
        assert_eq!(value("PUSHSYNC_ENV"), [&("PUSHSYNC_ENV".into(), "staging".into())]);
        assert!(value("PGUSER").is_empty());
    }

    #[test]
    fn a_part_of_what_the_api_asks_for_is_a_key() {
        let has = |name: &str, value: &str| has_key([(OsStr::new(name), OsStr::new(value))]);
        for name in [
            "BREVO_API_KEY",
            "BREVO_API_KEY_FILE",
            "BREVO_PARTNER_KEY",
            "BREVO_CLIENT_ID",
            "PUSHSYNC_CI_CLIENT_ID",
        ] {
            assert!(has(name, "x") && !has(name, ""), "{name}");
        }
        assert!(!has("BREVO_BASE_URL", "x") && !has("PUSHSYNC_STATE_KEY", "x"));
    }
}
