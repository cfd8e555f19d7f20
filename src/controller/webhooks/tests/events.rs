//! Events are read as the work of strangers.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::controller::webhooks::{MOST_BYTES, Sighting, UnreadableEvent, read};

fn event(name: &str, messages: Value) -> Vec<u8> {
    let visitor = json!({ "id": "kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg", "threadLink": "https://x" });
    json!({ "eventName": name, "conversationId": "c", "visitor": visitor, "messages": messages })
        .to_string()
        .into_bytes()
}

fn ids(found: &[Sighting]) -> Vec<&str> {
    let by_agents = found.iter().filter(|sighting| sighting.by_agent);
    by_agents.map(|sighting| sighting.id.as_str()).collect()
}

#[test]
fn only_messages_of_agents_in_fragments_and_transcripts_count() {
    let messages = json!([
        { "id": "m1", "type": "agent", "text": "a", "isPushed": true, "createdAt": 1, "novelty": [{}] },
        { "id": "m2", "type": "visitor", "text": "a" },
        { "id": "m3", "text": "a" },
        { "type": "agent", "text": "a" },
        { "id": "../x", "type": "agent", "text": "a" },
        { "id": "", "type": "agent", "text": "a" },
        ["m4", "agent", "a"],
        "m5",
        null,
        { "id": 6, "type": "agent", "text": 7, "createdAt": "soon", "agentId": [], "isPushed": "yes" },
    ]);
    for name in ["conversationFragment", "conversationTranscript"] {
        assert_eq!(ids(&read(&event(name, messages.clone())).expect("an event")), ["m1", "6"]);
    }
    for name in ["conversationStarted", "conversationfragment", "", "novelty"] {
        assert_eq!(read(&event(name, messages.clone())), Ok(Vec::new()));
    }
}

#[test]
fn whatever_is_missing_or_of_another_type_is_tolerated() {
    for event in [
        json!({}),
        json!({ "eventName": 7 }),
        json!({ "eventName": "conversationFragment" }),
        json!({ "eventName": "conversationFragment", "visitor": "v", "messages": {} }),
        json!({ "eventName": "conversationFragment", "visitor": { "id": 7 }, "messages": [{}] }),
        json!({ "eventName": "conversationFragment", "visitor": { "id": "a b" }, "messages": [] }),
        json!({ "eventName": "conversationFragment", "visitor": { "id": "v" }, "messages": null }),
    ] {
        assert_eq!(read(event.to_string().as_bytes()), Ok(Vec::new()), "{event}");
    }
}

#[test]
fn what_is_no_event_or_larger_than_any_is_refused_without_a_word_of_it() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested = format!(r#"{{"eventName":"conversationFragment","visitor":{deep}}}"#);
    for (bytes, words) in [
        (&b"kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg"[..], "not JSON"),
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"7", "not a JSON object"),
        (deep.as_bytes(), "not JSON"),
        (nested.as_bytes(), "not JSON"),
        (&[b' '; MOST_BYTES + 1], "at most"),
    ] {
        let error = read(bytes).expect_err("no event").to_string();
        assert!(error.contains(words) && !error.contains("kZMv"), "{error}");
    }
    let many = json!(vec![json!({}); 5_001]);
    let read = read(&event("conversationFragment", many));
    assert_eq!(read, Err(UnreadableEvent::TooManyMessages(5_001)));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("agent")),
        Just(json!("conversationFragment")),
    ];
    let name = proptest::sample::select(vec![
        "eventName",
        "visitor",
        "messages",
        "id",
        "type",
        "text",
        "isPushed",
        "createdAt",
        "agentId",
        "visitorId",
        "receivedFrom",
        "novelty",
    ]);
    leaf.prop_recursive(4, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((name.clone(), inner), 0..8).prop_map(|fields| {
                fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_and_no_json_make_it_panic(
        mut json in any_json(),
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
        at in any::<prop::sample::Index>(),
    ) {
        let _ = read(&bytes);
        let _ = read(json.to_string().as_bytes());
        let is_event = json.is_object();
        if is_event {
            json["eventName"] = json!("conversationFragment");
        }
        let mut mangled = json.to_string().into_bytes();
        prop_assert_eq!(read(&mangled).is_ok(), is_event);
        let at = at.index(mangled.len());
        mangled.splice(at..at, bytes);
        let _ = read(&mangled);
    }
}
