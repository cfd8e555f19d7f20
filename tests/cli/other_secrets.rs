//! The state remembers which secret each variable held, and refuses another one: visitors' ids would be others.

use std::{fs, path::Path};

use crate::support::{Project, Ran, Sandbox};

const SETTINGS: &str = "safety: { max_deletes: 100% }";

/// Users with these numbers.
fn users(count: usize) -> String {
    let row = |n| format!("visitor-number-{n:03},u{n}\n");
    format!("old_id,user\n{}", (0..count).map(row).collect::<String>())
}

const SECRET: &str = "PUSHSYNC_VISITOR_SECRET";
const FIRST: &str = "first-secret-of-the-website-7f3a";
const SECOND: &str = "second-secret-of-the-website-91bc";

/// The same message to ids that are made from users' ids.
fn derived(count: usize) -> Project {
    let project = Project::empty();
    project.file("people.csv", users(count));
    project.file("pushsync.yaml", with_secret("people", "news: { to: people, text: Hi }"));
    project
}

fn with_secret(name: &str, messages: &str) -> String {
    format!(
        "version: 1\n{SETTINGS}\naudiences: {{ {name}: {{ file: people.csv, visitor: {{ column: user, hmac_sha256: \
         {SECRET} }} }} }}\nmessages: {{ {messages} }}\n"
    )
}

impl Project {
    fn with_secret(&self, sandbox: &Sandbox, secret: &str, args: &str) -> Ran {
        self.with(sandbox, args).env(SECRET, secret).wait()
    }
}

#[track_caller]
fn exits(ran: Ran, status: i32) -> Ran {
    assert_eq!(ran.status, status, "{}{}", ran.out, ran.err);
    ran
}

/// Whether a file below holds this.
fn holds(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).expect("a folder").any(|entry| {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => holds(&path, text),
            false => {
                let bytes = fs::read(&path).expect("readable");
                bytes.windows(text.len()).any(|part| part == text.as_bytes())
            }
        }
    })
}

#[test]
fn another_visitor_secret_is_refused_with_what_would_be_sent_again_however_it_is_applied() {
    let (project, sandbox) = (derived(12), Sandbox::start());
    let mut said = String::new();
    let mut run = |secret: &str, args: &str, status| {
        let ran = exits(project.with_secret(&sandbox, secret, args), status);
        said += &ran.out;
        said += &ran.err;
        ran
    };
    run(FIRST, "apply --yes -vv", 0);
    run(FIRST, "plan --detailed-exitcode", 0);
    let words = [SECRET, "12 messages would be sent again", "--new-visitor-secret"];
    run(SECOND, "plan", 0).warns(&["apply will refuse"]).warns(&words);
    run(SECOND, "plan --format markdown", 0).says(&words);
    let plan = run(SECOND, "plan --format json --out plan.json", 0).json();
    assert_eq!(plan["diagnostics"][0]["code"], "other-visitor-secret");
    let review = plan["review"].as_str().expect("a review");
    let sent = sandbox.total();
    run(SECOND, "apply --yes --allow-change news", 1).warns(&words);
    run(SECOND, &format!("apply --reviewed {review}"), 1).warns(&words);
    run(SECOND, "apply plan.json", 1).warns(&words);
    assert_eq!(sandbox.total(), sent);
    // The export has the fingerprint, and a state that is read back knows it.
    run(FIRST, "state export backup.jsonl", 0);
    run(FIRST, "state verify", 0);
    run(FIRST, "state import backup.jsonl --state elsewhere", 0);
    run(SECOND, "apply --yes --state elsewhere", 1).warns(&words);
    // It is meant: the state knows the new one, and forgets the old one.
    run(SECOND, "plan --new-visitor-secret", 0).warns(&["apply --new-visitor-secret"]);
    run(SECOND, "apply plan.json --new-visitor-secret", 0);
    assert_eq!(sandbox.counts()[0], 24);
    run(SECOND, "plan --detailed-exitcode", 0);
    run(FIRST, "apply --yes", 1).warns(&words);
    for secret in [FIRST, SECOND] {
        assert!(!said.contains(secret), "the output has the secret");
        assert!(!holds(project.path(), secret), "a file has the secret");
    }
}

#[test]
fn a_wrong_secret_ends_no_approval_of_a_rollout() {
    let (project, sandbox) = (derived(10), Sandbox::start());
    exits(project.with_secret(&sandbox, FIRST, "apply --yes --max-requests 4"), 3);
    exits(project.with_secret(&sandbox, SECOND, "apply --resume"), 1).warns(&["4 messages"]);
    assert_eq!(sandbox.there().len(), 4);
    exits(project.with_secret(&sandbox, FIRST, "apply --resume"), 0);
    assert_eq!(sandbox.there().len(), 10);
}

#[test]
fn a_new_message_with_a_wrong_secret_is_refused_while_others_have_deliveries_by_the_right_one() {
    let (project, sandbox) = (derived(6), Sandbox::start());
    exits(project.with_secret(&sandbox, FIRST, "apply --yes"), 0);
    let both = "news: { to: people, text: Hi }, more: { to: people, text: New }";
    project.file("pushsync.yaml", with_secret("people", both));
    let ran = project.with_secret(&sandbox, SECOND, "apply --yes --target more");
    exits(ran, 1).warns(&["6 messages would be sent to other visitors' ids"]);
    // What has nothing to do with it may go on.
    let plain =
        "plain: { to: { visitor: visitor-number-999 }, text: Hi }, news: { to: people, text: Hi }";
    project.file("pushsync.yaml", with_secret("people", plain));
    exits(project.with_secret(&sandbox, SECOND, "apply --yes --target plain"), 0);
    exits(project.with_secret(&sandbox, FIRST, "plan --detailed-exitcode"), 0);
}

#[test]
fn a_state_that_knew_no_secret_learns_it_also_when_there_is_nothing_to_do() {
    let (project, sandbox) = (derived(8), Sandbox::start());
    // The ids as somebody else made them, in a file.
    let plan = exits(project.with_secret(&sandbox, FIRST, "plan --format json"), 0).json();
    let ids = plan["changes"].as_array().expect("changes").iter();
    let ids: Vec<_> =
        ids.map(|change| change["visitor"].as_str().expect("an id").to_owned()).collect();
    project.file("ids.csv", format!("visitor_id\n{}\n", ids.join("\n")));
    let written = project.read("pushsync.yaml");
    project.file(
        "pushsync.yaml",
        "version: 1\naudiences: { people: { file: ids.csv } }\nmessages: { news: { to: people, text: Hi } }\n",
    );
    project.apply(&sandbox);
    project.file("pushsync.yaml", written);
    // The first secret is not refused, whichever it is; what is there already was made with the right one.
    exits(project.with_secret(&sandbox, SECOND, "plan"), 0).never_says(&["visitor secret", SECRET]);
    exits(project.with_secret(&sandbox, FIRST, "apply --yes"), 0).says(&["No changes"]);
    exits(project.with_secret(&sandbox, SECOND, "apply --yes"), 1).warns(&["8 messages"]);
    exits(project.with_secret(&sandbox, FIRST, "plan --detailed-exitcode"), 0);
}

const OTHER: &str = "WEBSITE_VISITOR_SECRET";

/// Two audiences, each with the secret of its own variable.
fn two_audiences(messages: &str) -> Project {
    let project = derived(6);
    let audience = |name: &str, variable: &str| {
        format!(
            "  {name}: {{ file: people.csv, visitor: {{ column: user, hmac_sha256: {variable} }} }}\n"
        )
    };
    let audiences = audience("ones", SECRET) + &audience("others", OTHER);
    let messages = format!("messages: {{ {messages} }}\n");
    project.file(
        "pushsync.yaml",
        format!("version: 1\n{SETTINGS}\naudiences:\n{audiences}{messages}"),
    );
    project
}

#[test]
fn secrets_that_have_changed_places_send_nothing() {
    let messages = "a: { to: ones, text: Hi }, b: { to: others, text: Hi }";
    let (project, sandbox) = (two_audiences(messages), Sandbox::start());
    let run = |one: &str, other: &str, args: &str, status| {
        exits(project.with(&sandbox, args).env(SECRET, one).env(OTHER, other).wait(), status)
    };
    run(FIRST, SECOND, "apply --yes", 0);
    let (sent, there) = (sandbox.total(), sandbox.there());
    for (one, other, told) in [
        (SECOND, FIRST, vec![SECRET, OTHER]),
        (SECOND, SECOND, vec![SECRET]),
        (FIRST, FIRST, vec![OTHER]),
    ] {
        let words: Vec<_> = told
            .into_iter()
            .chain(["6 messages would be sent again", "--new-visitor-secret"])
            .collect();
        run(one, other, "plan", 0).warns(&words);
        let plan = run(one, other, "plan --format json --out plan.json", 0).json();
        let review = plan["review"].as_str().expect("a review");
        run(one, other, "apply --yes", 1).warns(&words);
        run(one, other, &format!("apply --reviewed {review}"), 1).warns(&words);
        run(one, other, "apply plan.json", 1).warns(&words);
        run(one, other, "apply --resume", 1).warns(&words);
    }
    assert_eq!((sandbox.total(), sandbox.there()), (sent, there));
    run(FIRST, SECOND, "plan --detailed-exitcode", 0);
    // One of them is to be another one; the other one is still known.
    run(SECOND, SECOND, "apply --yes --new-visitor-secret", 0);
    run(SECOND, FIRST, "apply --yes", 1).warns(&[OTHER]);
    run(SECOND, SECOND, "plan --detailed-exitcode", 0);
}

#[test]
fn a_wrong_secret_is_refused_although_nothing_is_there_any_more() {
    let (project, sandbox) = (derived(6), Sandbox::start());
    let run =
        |secret, args: &str, status| exits(project.with_secret(&sandbox, secret, args), status);
    run(FIRST, "apply --yes", 0);
    // The end of everything takes no secret.
    run(SECOND, "apply --destroy --yes", 0);
    assert_eq!(sandbox.there().len(), 0);
    let words = [SECRET, "6 messages would be sent to other visitors' ids"];
    run(SECOND, "plan", 0).warns(&words);
    run(SECOND, "apply --yes", 1).warns(&words);
    // The window of the only message is over, and another one is new.
    let over = "news: { to: people, text: Hi, active: { until: 2020-01-01T00:00:00Z } }";
    project.file("pushsync.yaml", with_secret("people", over));
    run(SECOND, "apply --yes", 1).warns(&["visitors would have other ids"]);
    let more = format!("{over}, more: {{ to: people, text: New }}");
    project.file("pushsync.yaml", with_secret("people", &more));
    run(SECOND, "apply --yes", 1).warns(&words);
    run(SECOND, "apply --yes --target more", 1).warns(&words);
    assert_eq!(sandbox.there().len(), 0);
    run(FIRST, "apply --yes", 0);
    assert_eq!(sandbox.there().len(), 6);
}

#[test]
fn a_wrong_secret_ends_no_approval_of_a_message_that_is_to_come() {
    let (project, sandbox) = (derived(6), Sandbox::start());
    let run =
        |secret, args: &str, status| exits(project.with_secret(&sandbox, secret, args), status);
    let later = "news: { to: people, text: Hi, active: { from: 2999-01-01T00:00:00Z } }";
    project.file("pushsync.yaml", with_secret("people", later));
    run(FIRST, "apply --yes", 0);
    let before = run(FIRST, "state export", 0).out;
    assert_eq!(before.matches("\"approval\"").count(), 6, "{before}");
    let words = ["6 messages would be sent to other visitors' ids"];
    for args in ["apply --yes", "apply --resume"] {
        run(SECOND, args, 1).warns(&words);
    }
    assert_eq!(run(FIRST, "state export", 0).out, before);
    run(FIRST, "plan --detailed-exitcode", 0);
}

#[test]
fn a_variable_with_a_new_name_is_the_same_secret_and_a_new_audience_may_have_a_new_one() {
    let (project, sandbox) = (two_audiences("a: { to: ones, text: Hi }"), Sandbox::start());
    let run = |one: &str, other: &str, args: &str, status| {
        exits(project.with(&sandbox, args).env(SECRET, one).env(OTHER, other).wait(), status)
    };
    run(FIRST, SECOND, "apply --yes", 0);
    let renamed = project.read("pushsync.yaml").replace("to: ones", "to: others");
    let written = project.read("pushsync.yaml");
    project.file("pushsync.yaml", &renamed);
    let words = [OTHER, "6 messages would be sent again"];
    run(FIRST, SECOND, "apply --yes", 1).warns(&words);
    run(SECOND, FIRST, "apply --yes", 0).says(&["No changes"]);
    // Both names are known from now on.
    run(SECOND, SECOND, "apply --yes", 1).warns(&words);
    project.file("pushsync.yaml", &written);
    run(FIRST, SECOND, "plan --detailed-exitcode", 0);
    // What a new audience has is not what the state knows, and nothing was sent to it.
    let third = "third-secret-of-the-website-5e0d";
    let more = written.replace("messages: {", "messages: { b: { to: new, text: Hi },").replace(
        "messages:",
        "  new: { file: people.csv, visitor: { column: user, hmac_sha256: NEW_VISITOR_SECRET } }\nmessages:",
    );
    project.file("pushsync.yaml", more);
    let with = |secret: &str, args: &str, status| {
        let run = project.with(&sandbox, args).env(SECRET, FIRST).env(OTHER, SECOND);
        exits(run.env("NEW_VISITOR_SECRET", secret).wait(), status)
    };
    with(third, "apply --yes", 0);
    assert_eq!(sandbox.there().len(), 12);
    with(SECOND, "apply --yes", 1).warns(&["NEW_VISITOR_SECRET", "6 messages"]);
    with(third, "plan --detailed-exitcode", 0);
}

#[test]
fn a_state_that_moves_or_gets_another_name_still_knows_the_secrets() {
    let (project, sandbox) = (derived(6), Sandbox::start());
    let run =
        |secret, args: &str, status| exits(project.with_secret(&sandbox, secret, args), status);
    let words = [SECRET, "6 messages would be sent again"];
    run(FIRST, "apply --yes", 0);
    run(FIRST, "state migrate --to second", 0);
    run(SECOND, "apply --yes --state second", 1).warns(&words);
    run(FIRST, "plan --detailed-exitcode --state second", 0);
    let written = project.read("pushsync.yaml");
    project.file("pushsync.yaml", format!("{written}environments: {{ live: {{}} }}\n"));
    run(FIRST, "state rename default live --state second", 0);
    run(SECOND, "apply --yes --state second --env live", 1).warns(&words);
    run(FIRST, "plan --detailed-exitcode --state second --env live", 0);
}
