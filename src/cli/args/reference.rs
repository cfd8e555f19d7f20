//! The facts that the help and the manual page share: exit statuses, variables, files, examples.

/// Exit statuses, and what they mean.
pub(crate) const EXIT_STATUSES: [(&str, &str); 5] = [
    ("0", "done"),
    ("1", "an error, or a change failed"),
    ("2", "only from plan --detailed-exitcode: there are changes"),
    ("3", "stopped early in good order (budget, time, a signal): run again"),
    ("4", "a delivery is unknown and needs a decision"),
];

/// The environment variables that the program reads.
pub(crate) const VARIABLES: [(&str, &str); 24] = [
    ("BREVO_API_KEY", "The API key. It is never an argument, and never in YAML."),
    ("BREVO_API_KEY_FILE", "A file whose first line is the API key; as --api-key-file."),
    (
        "BREVO_CLIENT_ID, BREVO_CLIENT_SECRET",
        "An OAuth client for machine-to-machine access, instead of an API key.",
    ),
    ("BREVO_CLIENT_ID_FILE, BREVO_CLIENT_SECRET_FILE", "Files whose first lines are these two."),
    ("BREVO_TOKEN_URL", "Where access tokens come from, if not from the host of the API."),
    ("BREVO_PARTNER_KEY", "Adds the header partner-key to each request."),
    ("BREVO_BASE_URL", "Where the API is; as --base-url."),
    ("PUSHSYNC_ENV", "The environment; as --env."),
    ("PUSHSYNC_STATE", "Where the state is; as --state."),
    ("PUSHSYNC_STATE_KEY", "The passphrase under which the state is encrypted."),
    ("PUSHSYNC_STATE_KEY_FILE", "A file whose first line is that passphrase."),
    ("PUSHSYNC_NEW_STATE_KEY", "The passphrase that state rekey sets."),
    ("PUSHSYNC_NEW_STATE_KEY_FILE", "A file whose first line is that passphrase."),
    ("PUSHSYNC_MASK_VISITORS", "auto, always or never; as --mask-visitors."),
    ("PUSHSYNC_LIMITS", "Higher limits, with commas between them; as --raise-limit."),
    (
        "PUSHSYNC_VAR_NAME",
        "Takes the place of ${PUSHSYNC_VAR_NAME} in the project's files; of `database:`, the URL.",
    ),
    ("CI", "Where it is set, the project cannot unmask visitors' ids."),
    ("NO_COLOR", "Where it is set, --color auto shows no colours."),
    ("CLICOLOR_FORCE", "Where it is set, --color auto shows colours everywhere."),
    ("TZ", "The time zone in which messages name times of day."),
    (
        "XDG_STATE_HOME",
        "Outcomes that a remote state could not record are kept below it, or below ~/.local/state.",
    ),
    ("PGPASSWORD, PGPASSFILE", "The password of a state in PostgreSQL."),
    (
        "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN",
        "The credentials of a state in a bucket; the variables of roles and web identities work too.",
    ),
    ("AWS_REGION, AWS_ENDPOINT_URL", "Where the bucket of a state is."),
];

/// The files that the program reads and writes.
pub(crate) const FILES: [(&str, &str); 8] = [
    ("pushsync.yaml", "The project: settings, senders, audiences, messages."),
    ("pushsync.lock", "Which state each environment has. Commit it."),
    ("messages/**/*.yaml", "The messages, unless include: says otherwise."),
    ("audiences/*.csv", "The visitors of an audience, where file: names them."),
    (
        "audiences/*.sql",
        "The SELECT that gives the visitors of an audience, where query: names it.",
    ),
    ("state/", "What was sent, unless state: says otherwise. Keep it, and keep it out of git."),
    ("state/sandbox/", "The state and the messages of --sandbox."),
    (".pushsync/*.json", "JSON Schemas of the project's files, for editors."),
];

/// Examples of each command, by the words after `pushsync`. Tests parse each, and run those that need no
/// account.
pub(crate) const EXAMPLES: [(&str, &[&str]); 40] = [
    (
        "",
        &[
            "pushsync init demo",
            "pushsync plan -C demo --sandbox",
            "pushsync apply -C demo --sandbox",
        ],
    ),
    ("init", &["pushsync init demo"]),
    (
        "validate",
        &["pushsync validate", "pushsync validate --offline", "pushsync validate --format sarif"],
    ),
    ("show", &["pushsync show welcome"]),
    ("audience", &["pushsync audience show beta"]),
    ("audience show", &["pushsync audience show beta", "pushsync audience show beta --count"]),
    (
        "plan",
        &[
            "pushsync plan",
            "pushsync plan --target welcome --out plan.json",
            "pushsync plan --at 2026-12-24T00:00:00Z",
        ],
    ),
    ("apply", &["pushsync apply", "pushsync apply --yes --max-duration 50m"]),
    ("ci", &["pushsync ci plan"]),
    ("run", &["pushsync run", "pushsync run --approved --listen 9090 --refresh-share 20%"]),
    ("status", &["pushsync status", "pushsync status --format json"]),
    ("refresh", &["pushsync refresh --max-requests 50"]),
    ("import", &["pushsync import welcome@kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg AXCR3k9bpSY7bpuh7"]),
    ("state", &["pushsync state list welcome"]),
    ("state list", &["pushsync state list welcome"]),
    ("state show", &["pushsync state show welcome@kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg"]),
    ("state rm", &["pushsync state rm welcome@kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg"]),
    (
        "state mv",
        &[
            "pushsync state mv welcome@kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg hello@kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg",
        ],
    ),
    (
        "state resolve",
        &["pushsync state resolve welcome@kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg --not-sent"],
    ),
    ("state settle", &["pushsync state settle events.jsonl"]),
    ("state approvals", &["pushsync state approvals"]),
    ("state export", &["pushsync state export backup.jsonl"]),
    ("state import", &["pushsync state import backup.jsonl"]),
    ("state migrate", &["pushsync state migrate --to s3://bucket/pushsync"]),
    ("state rename", &["pushsync state rename staging preprod"]),
    ("state set-api", &["pushsync state set-api https://api.brevo.com/v3"]),
    ("state forget-budget", &["pushsync state forget-budget"]),
    ("state rekey", &["pushsync state rekey"]),
    ("state restore", &["pushsync state restore"]),
    ("state unlock", &["pushsync state unlock"]),
    ("state compact", &["pushsync state compact"]),
    ("state verify", &["pushsync state verify"]),
    ("state history", &["pushsync state history welcome --limit 5"]),
    ("presence", &["pushsync presence --from liz --for 8h"]),
    (
        "sandbox",
        &["pushsync sandbox --limit 100/h", "pushsync sandbox --port 0 --drop-replies 0.1"],
    ),
    ("preview", &["pushsync preview --at 2026-12-24T00:00:00Z"]),
    (
        "completions",
        &["pushsync completions bash", "pushsync completions zsh", "pushsync completions fish"],
    ),
    ("schema", &["pushsync schema messages"]),
    ("explain", &["pushsync explain unknown-field"]),
    ("man", &["pushsync man --dir man"]),
];
