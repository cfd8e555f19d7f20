use std::collections::BTreeMap;

use super::*;
use crate::controller::{BudgetStatus, ManifestStatus, StateStatus, UnknownDelivery, WindowEdge};

const NOW: &str = "2026-12-03T14:02:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn message(key: &str, wanted: Option<u64>, live: u64) -> MessageStatus {
    MessageStatus {
        key: key.to_owned(),
        wanted,
        live,
        statuses: BTreeMap::from([(DeliveryStatus::Ok, live)]),
        ..MessageStatus::default()
    }
}

fn wait(what: WaitFor, count: u64) -> Wait {
    Wait { what, key: None, count, until: None, done_at: None }
}

fn status() -> Status {
    let late = MessageStatus {
        statuses: BTreeMap::from([(DeliveryStatus::Ok, 4980), (DeliveryStatus::Unknown, 1)]),
        changes: BTreeMap::from([(Action::Create, 19), (Action::Unknown, 1)]),
        closes: Some(at("2026-12-27T00:00:00Z")),
        ..message(&"a-long-key".repeat(12), Some(5000), 4980)
    };
    let xmas =
        MessageStatus { opens: Some(at("2026-12-24T00:00:00Z")), ..message("xmas", Some(0), 0) };
    Status {
        format: Status::FORMAT,
        environment: "production".to_owned(),
        as_of: at(NOW),
        api: Some("https://api.brevo.com/v3".to_owned()),
        manifest: ManifestStatus { ok: true, ..ManifestStatus::default() },
        state: StateStatus {
            location: "postgres://pushsync@db.example.com:5432/pushsync".to_owned(),
            exists: Some(true),
            ..StateStatus::default()
        },
        deliveries: None,
        messages: vec![late, message("welcome", Some(2), 2), xmas],
        waits: vec![
            Wait {
                until: Some(at("2026-12-03T15:00:00Z")),
                done_at: Some(at("2026-12-03T16:00:00Z")),
                ..wait(WaitFor::Budget, 19)
            },
            wait(WaitFor::Approval, 3),
            wait(WaitFor::Decision, 1),
            Wait {
                key: Some("xmas".to_owned()),
                until: Some(at("2026-12-24T00:00:00Z")),
                ..wait(WaitFor::Opening, 40)
            },
        ],
        unknown: vec![UnknownDelivery {
            address: "welcome@kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg".to_owned(),
            sent_at: at("2026-12-03T13:01:00Z"),
            trouble: Some("timed out after 30 s".to_owned()),
        }],
        budget: Some(BudgetStatus {
            limit: 100,
            remaining: 0,
            resets_at: Some(at("2026-12-03T15:00:00Z")),
            retry_at: None,
            assumed: false,
        }),
        next_window: Some(WindowEdge {
            key: "xmas".to_owned(),
            at: at("2026-12-24T00:00:00Z"),
            opens: true,
        }),
        runs: vec![RunSummary {
            command: "apply".to_owned(),
            started_at: at("2026-12-03T13:00:00Z"),
            ended_at: at("2026-12-03T13:02:00Z"),
            commit: Some("0123456789abcdef".to_owned()),
            dirty: true,
            requests: 100,
            done: 99,
            failed: 0,
            unknown: 1,
            stopped: Some("budget".to_owned()),
        }],
    }
}

fn shown(status: &Status, width: usize, mask: bool) -> String {
    let screen = Screen {
        width,
        mask,
        zone: TimeZone::UTC,
        plan: "pushsync plan",
        resolve: "pushsync state resolve",
        validate: "pushsync validate",
        list: "pushsync status --format json",
    };
    text(status, &screen)
}

#[test]
fn a_screen_of_60_columns_has_all_of_it() {
    let shown = shown(&status(), 60, true);
    assert_eq!(
        shown,
        "\
production at https://api.brevo.com/v3

MESSAGE                                 LIVE
a-long-keya-long-keya-long-…  4,980 of 5,000
    19 to create, 1 unknown, closes 2026-12-27 00:00 (in 23
    d 9 h)
welcome                               2 of 2
xmas                                  0 of 0
    opens 2026-12-24 00:00 (in 20 d 9 h)

WAITS
  19 changes for the budget, until 15:00 (in 58 min); the
  last about 16:00 (in 1 h 58 min)
  3 changes for somebody who agrees: pushsync plan
  1 delivery for a decision: pushsync state resolve
  xmas opens 2026-12-24 00:00 (in 20 d 9 h): 40 deliveries

UNKNOWN
  welcome@kZMv…xvg: sent 2026-12-03T13:01:00Z, timed out
  after 30 s

BUDGET
  0 of 100 requests left; whole again 15:00 (in 58 min)

LAST RUNS
  2026-12-03 13:00  apply: 99 done, 1 unknown, 100 requests,
                    stopped: budget, 0123456 with changes
"
    );
    assert!(shown.lines().all(|line| display_width(line) <= 60), "{shown}");
}

#[test]
fn ids_are_masked_where_they_must_be() {
    let masked = shown(&status(), 100, true);
    assert!(masked.contains("welcome@kZMv…xvg: sent 2026-12-03T13:01:00Z, timed out"), "{masked}");
    let whole = shown(&status(), 100, false);
    assert!(whole.contains("welcome@kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg: sent"), "{whole}");
}
