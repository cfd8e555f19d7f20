//! Which message proves which delivery.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    controller::webhooks::{Misfit, Sightings, Unsettled, findings, read},
    model::{Address, Content, Intent, Kind, Sender},
};

fn sent_at() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("in range")
}

fn intent(address: &str, text: &str) -> Intent {
    Intent {
        address: Address::parse(address).expect("an address"),
        kind: Kind::Pushed,
        content: Content { text: text.into(), from: Sender::Random },
        protect: false,
        at: sent_at(),
        run: Uuid::from_u128(7),
        again: 0,
        trouble: None,
        request_id: None,
    }
}

fn from(intent: Intent, kind: Kind, from: Sender) -> Intent {
    Intent { kind, content: Content { from, ..intent.content }, ..intent }
}

/// An event about a visitor, with these messages.
fn event(visitor: &str, messages: &[Value]) -> Vec<u8> {
    let event = json!({
        "eventName": "conversationFragment", "visitor": { "id": visitor }, "messages": messages,
    });
    event.to_string().into_bytes()
}

/// The message that the create of `note@v` makes, with other fields.
fn message(id: &str, other: Value) -> Value {
    let mut message = json!({
        "id": id, "type": "agent", "text": "hi", "isPushed": true,
        "createdAt": sent_at().as_millisecond(),
    });
    for (name, value) in other.as_object().expect("fields") {
        message[name] = value.clone();
    }
    message
}

fn seen(events: &[Vec<u8>]) -> Sightings {
    let mut sightings = Sightings::default();
    for event in events {
        read(event).expect("an event").into_iter().for_each(|one| _ = sightings.add(one));
    }
    sightings
}

/// What the events say of each intent: the id of its message, or why there is none.
fn found(intents: &[Intent], events: &[Vec<u8>]) -> Vec<Result<String, Unsettled>> {
    let all = findings(intents, &seen(events), |_, id| id.as_str() == "known");
    all.into_iter().map(|one| one.proof.map(|proof| proof.id.to_string())).collect()
}

fn of_one(intent: Intent, events: &[Vec<u8>]) -> Result<String, Unsettled> {
    found(&[intent], events).remove(0)
}

fn of_note(messages: &[Value]) -> Result<String, Unsettled> {
    of_one(intent("note@v", "hi"), &[event("v", messages)])
}

fn at(after: SignedDuration) -> Value {
    json!({ "createdAt": (sent_at() + after).as_millisecond() })
}

#[test]
fn exactly_one_message_of_an_agent_that_fits_is_a_proof() {
    assert_eq!(of_note(&[message("m1", json!({}))]), Ok("m1".to_owned()));
    let others = [
        message("m1", json!({})),
        message("m2", json!({ "type": "visitor" })),
        message("m3", json!({ "text": "ho" })),
        message("m4", json!({ "isPushed": false })),
        message("known", json!({})),
    ];
    assert_eq!(of_note(&others), Ok("m1".to_owned()));
    let two = [message("m1", json!({})), message("m2", json!({}))];
    assert_eq!(of_note(&two), Err(Unsettled::SeveralMessages(2)));
    assert_eq!(of_note(&[]), Err(Unsettled::NothingSeen));
    let elsewhere = event("w", &[message("m1", json!({}))]);
    assert_eq!(of_one(intent("note@v", "hi"), &[elsewhere]), Err(Unsettled::NothingSeen));
}

#[test]
fn a_message_that_differs_is_none_and_it_is_said_how() {
    let minutes = SignedDuration::from_mins;
    for (other, misfit) in [
        (json!({ "text": "hi " }), Misfit::Text),
        (json!({ "text": null }), Misfit::Text),
        (json!({ "isPushed": false }), Misfit::Kind),
        (json!({ "isPushed": null }), Misfit::Kind),
        (json!({ "visitorId": "w" }), Misfit::Contradicted),
        (json!({ "visitorId": 7 }), Misfit::Contradicted),
        (at(-minutes(2)), Misfit::TooEarly),
        (at(minutes(24 * 60 + 1)), Misfit::TooLate),
    ] {
        let found = of_note(&[message("m1", other.clone())]);
        assert_eq!(found, Err(Unsettled::NoneFits(1, misfit)), "{other}");
    }
    let known = of_note(&[message("known", json!({}))]);
    assert_eq!(known, Err(Unsettled::NoneFits(1, Misfit::Known)));
    for other in
        [at(-minutes(1)), at(minutes(30)), json!({ "text": "hi\r\n" }), json!({ "visitorId": "v" })]
    {
        assert_eq!(of_note(&[message("m1", other)]), Ok("m1".to_owned()));
    }
}

#[test]
fn what_an_event_leaves_out_proves_nothing_and_stands_in_the_way() {
    for other in
        [json!({ "createdAt": null }), json!({ "createdAt": "now" }), json!({ "isPushed": "yes" })]
    {
        let unclear = message("m1", other);
        assert_eq!(of_note(std::slice::from_ref(&unclear)), Err(Unsettled::Unclear));
        let both = [unclear, message("m2", json!({}))];
        assert_eq!(of_note(&both), Err(Unsettled::SeveralMessages(2)));
    }
}

#[test]
fn a_message_that_fits_two_deliveries_settles_none() {
    let both = [intent("note@v", "hi"), intent("other@v", "hi"), intent("third@v", "ho")];
    let events = [event("v", &[message("m1", json!({})), message("m3", json!({ "text": "ho" }))])];
    let several = Err(Unsettled::SeveralDeliveries(2));
    assert_eq!(found(&both, &events), [several.clone(), several, Ok("m3".to_owned())]);
    // Not even two messages settle two such deliveries.
    let events = [event("v", &[message("m1", json!({})), message("m2", json!({}))])];
    let several = Err(Unsettled::SeveralMessages(2));
    assert_eq!(found(&both[..2], &events), [several.clone(), several]);
}

#[test]
fn the_order_and_the_number_of_events_do_not_matter() {
    let fragment = event("v", &[message("m1", json!({}))]);
    let transcript = event(
        "v",
        &[
            message("m0", json!({ "text": "ho" })),
            message("m1", json!({ "agentId": "a", "receivedFrom": "x" })),
        ],
    );
    let stranger = event("w", &[message("m9", json!({}))]);
    for events in [
        vec![fragment.clone(), transcript.clone(), stranger.clone()],
        vec![stranger, transcript.clone(), fragment.clone(), fragment.clone(), transcript],
        vec![event("v", &[message("m1", json!({})), message("m1", json!({}))])],
    ] {
        assert_eq!(of_one(intent("note@v", "hi"), &events), Ok("m1".to_owned()));
    }
}

#[test]
fn a_message_of_which_events_say_different_things_is_none() {
    let first = message("m1", json!({ "agentId": "a" }));
    for (visitor, other) in [
        ("v", json!({ "text": "ho" })),
        ("v", json!({ "isPushed": false })),
        ("v", json!({ "agentId": "b" })),
        ("v", json!({ "createdAt": sent_at().as_millisecond() + 1 })),
        ("v", json!({ "visitorId": "w" })),
        ("v", json!({ "type": "visitor" })),
        ("v", json!({ "type": "bot", "text": "ho" })),
        ("w", json!({})),
    ] {
        let (one, two) =
            (event("v", std::slice::from_ref(&first)), event(visitor, &[message("m1", other)]));
        for events in [[one.clone(), two.clone()], [two, one]] {
            assert!(of_one(intent("note@v", "hi"), &events).is_err(), "{events:?}");
        }
    }
}

#[test]
fn another_agent_or_another_mark_than_was_sent_excludes_a_message() {
    let agent = |id: &str, mark: Option<&str>| Sender::Agent {
        id: id.to_owned(),
        received_from: mark.map(str::to_owned),
    };
    let helpdesk = Sender::Helpdesk {
        email: "liz@example.com".to_owned(),
        name: "Liz".to_owned(),
        received_from: "pushsync".to_owned(),
    };
    let group = Sender::Group("g".to_owned());
    let (fits, none) = (Ok("m1".to_owned()), |misfit| Err(Unsettled::NoneFits(1, misfit)));
    for (kind, sender, other, expected) in [
        (Kind::Pushed, agent("a", None), json!({ "agentId": "a" }), fits.clone()),
        (Kind::Pushed, agent("a", None), json!({}), fits.clone()),
        (Kind::Pushed, agent("a", None), json!({ "agentId": "b" }), none(Misfit::Agent)),
        (Kind::Pushed, group, json!({ "agentId": "b" }), fits.clone()),
        (Kind::Agent, agent("a", Some("x")), json!({ "receivedFrom": "x" }), fits.clone()),
        (Kind::Agent, agent("a", Some("x")), json!({}), fits.clone()),
        (Kind::Agent, agent("a", Some("x")), json!({ "receivedFrom": "y" }), none(Misfit::Mark)),
        (Kind::Agent, agent("a", None), json!({ "receivedFrom": "y" }), none(Misfit::Mark)),
        (Kind::Agent, helpdesk.clone(), json!({ "receivedFrom": "pushsync" }), fits.clone()),
        (Kind::Agent, helpdesk, json!({ "receivedFrom": "zap" }), none(Misfit::Mark)),
    ] {
        let intent = from(intent("note@v", "hi"), kind, sender);
        let mut message = message("m1", other.clone());
        if kind == Kind::Agent {
            message.as_object_mut().expect("fields").remove("isPushed");
        }
        assert_eq!(of_one(intent, &[event("v", &[message])]), expected, "{other}");
    }
}

#[test]
fn an_automated_message_is_no_message_of_an_agent() {
    let intent = from(
        intent("note@v", "hi"),
        Kind::Agent,
        Sender::Agent { id: "a".to_owned(), received_from: None },
    );
    for (pushed, is_proof) in
        [(json!(true), false), (json!(false), true), (json!(null), true), (json!("true"), false)]
    {
        let messages = [message("m1", json!({ "isPushed": pushed }))];
        assert_eq!(of_one(intent.clone(), &[event("v", &messages)]).is_ok(), is_proof, "{pushed}");
    }
}

#[test]
fn times_far_outside_of_any_clock_do_no_harm() {
    for created in [i64::MIN, i64::MAX, -1, 0, sent_at().as_millisecond() * 1000] {
        let found = of_note(&[message("m1", json!({ "createdAt": created }))]);
        assert!(found.is_err(), "{created}");
    }
    let mut early = intent("note@v", "hi");
    early.at = Timestamp::MIN;
    let mut late = intent("note@v", "hi");
    late.at = Timestamp::MAX;
    for intent in [early, late] {
        assert!(of_one(intent, &[event("v", &[message("m1", json!({}))])]).is_err());
    }
}
