//! Plans in the middle of a rollout: what is approved and waits, what comes later, and what is withdrawn.

use jiff::Timestamp;

use super::{
    Format, address, masked,
    plans::{change, content, of},
    question, text,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::{BaseUrl, Endpoint, Key, Kind, MessageId, Place, Sender, Target, Window},
    plan::{
        Change, Later, Operation, Plan, Reason, Review, ReviewStatus, SenderNames, Upcoming,
        Withdrawn, wire,
    },
    render::wrap::display_width,
};

fn support() -> Sender {
    Sender::Group("PjRBMhWGen6aRHjif".into())
}

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn place(key: &str) -> Place {
    Place { file: format!("messages/{key}.yaml").into(), line: 3, column: 5, length: 1 }
}

fn create(key: &str, n: usize, text: &str, review: ReviewStatus) -> Change {
    let operation = Operation::Create { after: content(text, &support()) };
    Change { review, ..change(key, n, Reason::New, operation) }
}

fn later(key: &str, opens: Option<&str>, closes: Option<&str>, visitors: u64) -> Later {
    Later {
        key: Key::parse(key).expect("valid"),
        opens: opens.map(instant),
        closes: closes.map(instant),
        visitors,
        approved: 0,
        requests: visitors,
        takes_s: visitors * 36,
    }
}

fn upcoming(later: &Later, n: usize, text: &str, opened: bool) -> Upcoming {
    let (key, content) = (later.key.as_str(), content(text, &support()));
    let window = Window { from: later.opens, until: later.closes };
    Upcoming {
        address: address(key, n),
        kind: Kind::Pushed,
        target: Target::present(Kind::Pushed, &content, window),
        content,
        opened,
        language: None,
        source: Some(place(key)),
    }
}

fn withdrawn(n: usize) -> Withdrawn {
    Withdrawn { address: address("old-banner", n), target: Target::Absent, lapsed: false }
}

/// Two days of a rollout, and more to come.
pub(super) fn rollout() -> Plan {
    let mut changes = vec![
        Change {
            review: ReviewStatus::Covered,
            ..change(
                "drifted",
                1,
                Reason::Drift,
                Operation::Restore {
                    id: MessageId::new("AXCR3k9bpSY7bp01"),
                    before: content("Your order has shipped!", &support()),
                    after: content("Your order has shipped.", &support()),
                },
            )
        },
        create("welcome", 1, "Welcome to Acme.", ReviewStatus::ToReview),
        create("welcome", 2, "Welcome to Acme.", ReviewStatus::ToReview),
    ];
    let approved = |n| create("dark-mode", n, "Dark mode is here!", ReviewStatus::Approved);
    changes.extend((0..1_800).map(approved));
    let xmas = later("xmas", Some("2027-12-20T08:00:00Z"), Some("2027-12-27T00:00:00Z"), 5_000);
    let sale = later("sale", None, Some("2027-02-01T00:00:00Z"), 2);
    let spring = later("spring", Some("2027-03-01T00:00:00Z"), None, 40);
    let mixed = later("mixed", Some("2027-03-01T00:00:00Z"), None, 10);
    let mut upcoming_all = vec![
        upcoming(&mixed, 7, "Half of it.", false),
        upcoming(&sale, 1, "Half price!\nToday only.", true),
        upcoming(&sale, 2, "Half price!\nToday only.", true),
    ];
    upcoming_all.extend((0..4_998).map(|n| upcoming(&xmas, n, "Merry Christmas!", false)));
    upcoming_all.push(upcoming(&xmas, 4_998, "Joyeux Noël !", false));
    upcoming_all.push(upcoming(&xmas, 4_999, "Frohe Weihnachten!", false));
    let short = Diagnostic::warning(
        Code::WindowTooShort,
        "the window of xmas is open for 1 d, and its 5,000 sends take about 2 d 2 h at 100 requests an hour",
    );
    let plan = Plan {
        upcoming: upcoming_all,
        later: vec![Later { approved: 9, ..mixed }, sale, Later { approved: 40, ..spring }, xmas],
        withdrawn: vec![withdrawn(1), withdrawn(2), withdrawn(3)],
        finished: vec![address("old-banner", 4)],
        diagnostics: vec![short.at(place("xmas")).help("let the window open earlier")],
        api: Endpoint::At(BaseUrl::parse("http://127.0.0.1:8080/v3").expect("a URL")),
        environment: "production".into(),
        ..of(changes)
    };
    let senders = SenderNames::of(&plan, &[("support".to_owned(), support())].into());
    Plan { senders, ..plan }
}

fn only_approved() -> Plan {
    of(vec![create("dark-mode", 1, "Dark mode is here!", ReviewStatus::Approved)])
}

fn only_later(approved: u64) -> Plan {
    let xmas = later("xmas", Some("2027-12-20T08:00:00Z"), None, 1);
    let upcoming =
        if approved == 0 { vec![upcoming(&xmas, 1, "Ho ho ho.", false)] } else { vec![] };
    Plan { upcoming, later: vec![Later { approved, ..xmas }], ..of(Vec::new()) }
}

fn only_withdrawn() -> Plan {
    Plan { withdrawn: vec![withdrawn(1)], ..of(Vec::new()) }
}

/// A plan in a format for people, without colours.
fn shown(plan: &Plan, format: Format) -> String {
    anstream::adapter::strip_str(&masked(plan, format)).to_string()
}

/// The last lines of the text.
fn end(plan: &Plan) -> String {
    let text = text(plan, 100, true);
    let (_, end) = text.split_once("are not committed.\n").expect("a commit");
    end.to_owned()
}

#[test]
fn a_rollout_at_100_columns() {
    insta::assert_snapshot!(text(&rollout(), 100, true));
}

#[test]
fn a_rollout_at_60_columns() {
    let text = text(&rollout(), 60, true);
    let longest = text.lines().map(display_width).max();
    insta::assert_snapshot!(&text);
    assert!(longest <= Some(60), "{longest:?} columns");
}

#[test]
fn a_rollout_as_a_comment() {
    insta::assert_snapshot!(masked(&rollout(), Format::Markdown));
}

#[test]
fn a_rollout_as_annotations() {
    insta::assert_snapshot!(masked(&rollout(), Format::Github));
}

#[test]
fn a_rollout_as_a_page() {
    let page = masked(&rollout(), Format::Html);
    let (_, body) = page.split_once("<body>").expect("a body");
    let (body, _) = body.split_once("<script>").expect("a script");
    insta::assert_snapshot!(body);
}

#[test]
fn what_is_approved_is_told_in_a_line_and_its_text_only_if_it_is_asked_for() {
    let told = "  + 1 approved create of dark-mode waits for the budget\n";
    let plan = only_approved();
    assert!(text(&plan, 80, true).contains(told));
    assert!(!text(&plan, 80, true).contains("Dark mode is here!"));
    let view = super::View { approved: true, ..super::View::new(true, 80) };
    let mut out = anstream::StripStream::new(Vec::new());
    super::show(&plan, Format::Text, view, &mut out).expect("a Vec takes all");
    let whole = String::from_utf8(out.into_inner()).expect("utf-8");
    assert!(whole.contains("Approved:\n\n  + dark-mode@"), "{whole}");
    assert!(whole.contains("Dark mode is here!") && !whole.contains(told), "{whole}");
}

#[test]
fn a_plan_with_only_one_kind_of_news_has_the_right_last_lines() {
    assert_eq!(
        end(&only_approved()),
        "Nothing to review: 1,234 unchanged.\nApproved: + 1 to create, waiting.\n\
         1 visitor; 1 request; 88 left in this hour: fits\n"
    );
    assert_eq!(end(&only_later(0)), "Plan: 1 for a later window, 1,234 unchanged.\n");
    assert_eq!(end(&only_later(1)), "No changes: 1,234 deliveries are as they should be.\n");
    assert_eq!(end(&only_withdrawn()), "Plan: 1 approval that ends, 1,234 unchanged.\n");
    assert_eq!(end(&of(Vec::new())), "No changes: 1,234 deliveries are as they should be.\n");
    let mut none_yet = only_later(1);
    none_yet.summary.unchanged = 0;
    assert_eq!(end(&none_yet), "No changes: the first window opens 2027-12-20T08:00:00Z.\n");
}

#[test]
fn no_format_says_no_changes_where_there_is_something_to_approve_or_to_end() {
    for format in [Format::Text, Format::Markdown, Format::Html, Format::Github] {
        for (plan, quiet) in [
            (only_approved(), false),
            (only_later(0), false),
            (only_later(1), true),
            (only_withdrawn(), false),
            (rollout(), false),
            (of(Vec::new()), true),
        ] {
            let shown = shown(&plan, format);
            assert_eq!(shown.contains("No changes"), quiet, "{format:?}\n{shown}");
            assert!(!shown.contains(" 0 requests"), "{format:?}\n{shown}");
        }
    }
}

#[test]
fn every_format_names_what_is_approved_later_and_withdrawn_the_environment_and_the_api() {
    for format in [Format::Text, Format::Json, Format::Markdown, Format::Html, Format::Github] {
        let shown = shown(&rollout(), format);
        let plain = shown.replace(['`', '*'], "").replace("&#39;", "'");
        for word in ["production", "http://127.0.0.1:8080/v3", "2027-12-20T08:00:00Z"] {
            assert!(plain.replace("%3A", ":").contains(word), "{format:?}: {word}");
        }
        let words: &[&str] = match format {
            Format::Json => &["\"approved\": 1800", "\"later\": [", "\"withdrawn\": ["],
            _ => &[
                "1,800 ",
                "opens 2027-12-20T08:00:00Z, closes 2027-12-27T00:00:00Z",
                "3 approvals of old-banner end: the manifest does not say that any more",
                "5,000 requests at 100 an hour: about 2 d 2 h",
                "Merry Christmas!",
                "to be reviewed",
            ],
        };
        // The text leaves diagnostics to the caller.
        assert_eq!(plain.contains("window-too-short"), format != Format::Text, "{format:?}");
        for word in words {
            assert!(plain.contains(word), "{format:?}: {word}\n{plain}");
        }
    }
}

#[test]
fn nobody_overlooks_a_new_state_or_a_window_that_is_too_short_however_long_the_plan_is() {
    let warning = |code, n: usize| Diagnostic::warning(code, format!("{n} is wrong")).help("help");
    let mut diagnostics: Vec<_> = (0..2_500).map(|n| warning(Code::ALL[0], n)).collect();
    diagnostics.extend((0..1_250).map(|n| {
        Diagnostic::warning(Code::WindowTooShort, format!("the window of sale{n} is too short"))
    }));
    let words = "nothing is known to have been sent from here";
    diagnostics.push(Diagnostic::warning(Code::NewState, words).help("do not apply"));
    let changes =
        (0..5_000).map(|n| create(&format!("key-{n}"), n, "Hello.", ReviewStatus::ToReview));
    let plan = Plan { diagnostics, ..of(changes.collect()) };
    for format in [Format::Markdown, Format::Html, Format::Github] {
        let shown = shown(&plan, format);
        let at = |word: &str| shown.find(word).unwrap_or_else(|| panic!("{format:?}: {word}"));
        assert!(at(words) < at("sale0 is"), "{format:?}");
        assert!(at("sale2 is") < at("key-"), "{format:?}");
        assert_eq!(shown.matches(words).count(), 1, "{format:?}");
        match format {
            Format::Markdown => {
                assert!(shown.len() <= 65_536);
                let head = shown.split("\n| | action").next().expect("a head");
                assert!(head.contains("\n> **Warning (new-state):** `nothing is known"), "{head}");
                assert!(head.contains("1,247 more windows are too short."), "{head}");
                assert!(shown.contains("3,747 more warnings"));
            }
            Format::Html => {
                assert!(at(words) < at("id=\"summary\""));
                assert!(shown.contains("1,247 more windows are too short"));
            }
            _ => {}
        }
    }
}

#[test]
fn the_question_names_what_is_approved_later_and_withdrawn() {
    assert_eq!(
        question(&rollout()),
        "Apply to production, at http://127.0.0.1:8080/v3: 2 messages to 2 visitors and 1 update; \
         agree to 5,003 deliveries of 3 messages in later windows; end 3 approvals; go on with 1,800 approved changes?"
    );
    assert_eq!(question(&only_approved()), "Apply to default: go on with 1 approved change?");
    assert_eq!(
        question(&only_later(0)),
        "Apply to default: agree to 1 delivery of xmas in a later window?"
    );
    assert_eq!(question(&only_withdrawn()), "Apply to default: end 1 approval?");
}

#[test]
fn a_comment_on_many_later_messages_keeps_to_the_limit() {
    for messages in [64, 65, 900] {
        let mut plan = of(Vec::new());
        for n in 0..messages {
            let key = format!("{}-{n:03}", "k".repeat(120));
            let window = later(&key, Some("2027-12-20T08:00:00Z"), None, 1);
            plan.upcoming.push(upcoming(&window, 1, &"<b>PWNED</b> ".repeat(400), false));
            plan.later.push(window);
        }
        let comment = masked(&plan, Format::Markdown);
        assert!(comment.len() <= 65_536, "{} bytes", comment.len());
        let review = Review::of(&plan).to_string();
        assert_eq!(review.len() > 64, messages <= 64);
        assert!(comment.lines().next().expect("a marker").contains(&format!("changes={review} ")));
        assert!(comment.contains(&format!("| | for later windows | {messages} |")), "{comment}");
    }
}

#[test]
fn a_saved_plan_whose_targets_are_not_those_of_its_texts_is_refused() {
    let plan = rollout();
    let bytes = wire::encode(&plan).expect("JSON");
    let read = wire::decode(&bytes).expect("whole");
    assert_eq!((&read.upcoming[0].target, &read.later), (&plan.upcoming[0].target, &plan.later));
    assert_eq!((read.withdrawn, read.finished), (plan.withdrawn.clone(), plan.finished.clone()));
    // With a digest that fits, as somebody could make it.
    let other = Target::present(Kind::Agent, &plan.upcoming[0].content, Window::default());
    let altered = |alter: &dyn Fn(&mut Plan)| {
        let mut plan = plan.clone();
        alter(&mut plan);
        matches!(wire::decode(&wire::encode(&plan).expect("JSON")), Err(wire::WireError::Altered))
    };
    assert!(!altered(&|_| ()));
    assert!(altered(&|plan| plan.upcoming[0].target = other));
    assert!(altered(&|plan| plan.upcoming[0].target = Target::Absent));
    assert!(altered(&|plan| {
        let content = plan.upcoming[0].content.clone();
        plan.upcoming[0].target = Target::present(Kind::Pushed, &content, Window::default());
    }));
    assert!(altered(&|plan| plan.changes[1].target = other));
    assert!(altered(&|plan| plan.changes[1].target = Target::Absent));
    assert!(altered(&|plan| plan.summary.approved += 1));
    let text = String::from_utf8(bytes).expect("UTF-8");
    let text = text.replacen("\"approved\": true", "\"approved\": true, \"covered\": true", 1);
    assert!(matches!(wire::read(text.as_bytes()), Err(wire::WireError::Altered)));
}

#[test]
fn approved_changes_and_their_requests_are_in_the_counts_of_a_document() {
    let document: serde_json::Value =
        serde_json::from_str(&masked(&rollout(), Format::Json)).expect("JSON");
    assert_eq!(document["summary"]["approved"], 1_800);
    assert_eq!(document["summary"]["requests"], 1_803);
    let xmas = serde_json::json!({
        "key": "xmas", "opens": "2027-12-20T08:00:00Z", "closes": "2027-12-27T00:00:00Z",
        "visitors": 5000, "approved": 0, "requests": 5000, "takes_s": 180_000
    });
    assert_eq!(document["later"][3], xmas);
    let changes = document["changes"].as_array().expect("a list");
    assert_eq!(changes.iter().filter(|change| change["approved"] == true).count(), 1_800);
    assert_eq!(changes.iter().filter(|change| change["covered"] == true).count(), 1);
}
