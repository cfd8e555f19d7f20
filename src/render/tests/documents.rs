//! The documents for programs, and their schemas: neither has what the other lacks.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    plans::{address, change, content, everything, of, sized},
    rollouts::rollout,
};
use crate::{
    apply::{self, Failure, Outcome, Problem, Rewritten, Stop},
    brevo::{self, Error, ErrorKind},
    diagnostics::{Code, Diagnostic},
    model::{
        ChangeLimit, CommitId, Endpoint, Key, Kind, Language, Place, SecretFingerprint, Sender,
    },
    plan::{self, Action, Commit, Operation, Plan, ProtectMark, Reason, wire},
};

fn document(plan: &Plan) -> Value {
    serde_json::from_slice(&wire::encode(plan).expect("JSON")).expect("a document")
}

/// All that a plan may have.
fn rich() -> Plan {
    let place = || Place { file: "a.yaml".into(), line: 3, column: 5, length: 1 };
    let mut plan = everything();
    let senders = [
        Sender::Agent { id: "a".into(), received_from: Some("pushsync".into()) },
        Sender::Helpdesk { email: "e@x.y".into(), name: "N".into(), received_from: "p".into() },
    ];
    for (n, sender) in senders.iter().enumerate() {
        let after = content("Hello", sender);
        let mut change = change("mail", n, Reason::New, Operation::Create { after });
        (change.kind, change.priority, change.protect) = (Kind::Agent, 5, true);
        plan.changes.push(change);
    }
    for change in &mut plan.changes {
        if let Operation::Forget { remember, .. } = &mut change.operation {
            *remember = true;
        }
    }
    let french = Language::parse("fr").expect("a language");
    plan.changes[0].language = Some(french);
    let secret = SecretFingerprint([7; 8]);
    plan.guarded = vec![plan::Guarded {
        key: Key::parse("news").expect("a key"),
        earlier: vec![Key::parse("old-news").expect("a key")],
        sent: 9,
        waiting: 2,
        before: 9,
        after: Some(0),
        change: Some(ChangeLimit::Percent(20)),
        empty_query: true,
        secret: Some(secret),
        variable: Some("PUSHSYNC_VISITOR_SECRET".to_owned()),
    }];
    plan.secrets = [("PUSHSYNC_VISITOR_SECRET".to_owned(), secret)].into();
    let rollout = rollout();
    plan.changes.extend(rollout.changes);
    plan.upcoming = rollout.upcoming;
    plan.later = rollout.later;
    plan.withdrawn = rollout.withdrawn;
    plan.withdrawn[0].lapsed = true;
    plan.finished = rollout.finished;
    plan.api = Endpoint::Sandbox;
    plan.destroy = true;
    plan.selection.keys.insert(address("text", 1).key());
    plan.commit =
        Some(Commit { id: CommitId::parse(&"0123".repeat(10)).expect("a hash"), dirty: true });
    plan.protect = vec![ProtectMark { key: address("text", 1).key(), protect: true }];
    plan.diagnostics = vec![
        Diagnostic::warning(Code::ALL[0], "what is wrong")
            .at(place())
            .help("what to do")
            .related(place(), "first defined here"),
    ];
    plan
}

fn outcome() -> Outcome {
    let refused = ErrorKind::Status {
        status: 400,
        code: Some("invalid_parameter".into()),
        message: Some("refused".into()),
        gone: true,
    };
    let not_built = ErrorKind::NotBuilt { why: "no such sender".into() };
    let failed = [refused, not_built].map(|kind| Failure {
        address: address("text", 1),
        action: "create",
        problem: Problem::Api(Error::new(brevo::Operation::SendPushedMessage, kind)),
    });
    Outcome {
        applied: 1,
        failed: failed.into(),
        unknown: vec![address("lost", 1)],
        remaining: 2,
        unapproved: 1,
        rewritten: Rewritten { messages: 2, first: None },
        requests: 3,
        stopped: Some(Stop::Budget),
        resets_at: Some(jiff::Timestamp::UNIX_EPOCH),
        fatal: None,
    }
}

fn fits(schema: &str, documents: &[Value]) {
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for document in documents {
        if let Some(error) = validator.iter_errors(document).next() {
            panic!("{error} at {}", error.instance_path());
        }
    }
}

#[test]
fn what_plan_and_apply_print_fits_their_schemas() {
    let plans = [rich(), rollout(), everything(), of(Vec::new()), sized(3), sized(300)];
    fits(plan::SCHEMA, &plans.map(|plan| document(&plan)));
    let ends = [None, Some(Stop::Duration), Some(Stop::Signal), Some(Stop::Fatal)];
    let mut outcomes = vec![outcome()];
    outcomes.extend(ends.map(|stopped| Outcome { stopped, ..Outcome::default() }));
    let outcomes: Vec<_> =
        outcomes.iter().map(|outcome| serde_json::to_value(outcome).expect("JSON")).collect();
    fits(apply::SCHEMA, &outcomes);
}

/// The names of all properties in a document, or in a schema.
fn names(value: &Value, inside: Option<&str>, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(all) => {
            for (name, value) in all {
                let is_property = inside.is_none_or(|keyword| keyword == "properties");
                if is_property {
                    found.insert(name.clone());
                }
                match inside {
                    // What is below has the names of variables.
                    None if name == "secrets" => {}
                    None => names(value, None, found),
                    Some(_) if name == "examples" => {}
                    Some(_) => names(value, Some(if is_property { "" } else { name }), found),
                }
            }
        }
        Value::Array(all) => all.iter().for_each(|value| names(value, inside, found)),
        _ => {}
    }
}

#[test]
fn what_the_schemas_describe_is_printed() {
    let rehearsed = rich();
    let rehearsed =
        Plan { budget: plan::Budget { unlimited: true, ..rehearsed.budget }, ..rehearsed };
    for (schema, document) in [
        (plan::SCHEMA, document(&rehearsed)),
        (apply::SCHEMA, serde_json::to_value(outcome()).expect("JSON")),
    ] {
        let (mut described, mut printed) = (BTreeSet::new(), BTreeSet::new());
        names(&serde_json::from_str(schema).expect("JSON"), Some(""), &mut described);
        names(&document, None, &mut printed);
        assert_eq!(described, printed);
    }
}

#[test]
fn the_schemas_know_every_action_and_reason() {
    let schema: Value = serde_json::from_str(plan::SCHEMA).expect("JSON");
    let known = |name: &str| {
        let words = &schema["definitions"]["Change"]["properties"][name]["enum"];
        words.as_array().expect("a list").clone()
    };
    assert_eq!(known("action"), Action::ALL.map(|action| Value::from(action.as_str())));
    for word in known("reason") {
        let reason: Reason = serde_json::from_value(word.clone()).expect("a reason");
        assert_eq!(word, reason.as_str());
    }
    // A list that is too short, and no other word, is what serde tells of a word that is none.
    let told = serde_json::from_str::<Reason>("\"none\"").expect_err("no reason").to_string();
    assert_eq!(told.matches('`').count() / 2 - 1, known("reason").len(), "{told}");
}
