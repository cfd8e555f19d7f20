//! Words that mean harm, in every place that others can write to, through every format.
//!
//! Each of them has `PWNED` in it, so that a test can see where they end up.

use jiff::Timestamp;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{
    Format, View,
    markup::{Token, read},
    plans::{change, of},
    show,
};
use crate::{
    diagnostics::{Code, Diagnostic, Report, Sources, show::Style},
    model::{
        Address, Content, Key, Kind, MessageId, Place, Sender, Superseded, Target, VisitorId,
        Window, is_hostile, one_line, printable,
    },
    plan::{
        Change, Operation, Plan, ProtectMark, Reason, ReviewStatus, Upcoming, Withdrawn,
        safety::Refusal, wire,
    },
};

const FORMATS: [Format; 5] =
    [Format::Text, Format::Json, Format::Markdown, Format::Html, Format::Github];

fn corpus(json: &str) -> Vec<String> {
    serde_json::from_str(json).expect("a list of texts")
}

fn texts() -> Vec<String> {
    corpus(include_str!("../../../tests/fixtures/hostile/texts.json"))
}

/// All operations with all texts, for visitors, files, senders and answers that are no better.
fn plan() -> Plan {
    let texts = texts();
    let visitors = corpus(include_str!("../../../tests/fixtures/hostile/visitors.json"));
    let keys = corpus(include_str!("../../../tests/fixtures/hostile/keys.json"));
    let files = corpus(include_str!("../../../tests/fixtures/hostile/files.json"));
    let messages = corpus(include_str!("../../../tests/fixtures/hostile/messages.json"));
    let mut changes = Vec::new();
    let mut diagnostics = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        let other = &texts[(n + 1) % texts.len()];
        let message = &messages[n % messages.len()];
        let sender = match n % 3 {
            0 => Sender::Group(text.clone()),
            1 => Sender::Agent { id: message.clone(), received_from: Some(text.clone()) },
            _ => Sender::Helpdesk {
                email: text.clone(),
                name: message.clone(),
                received_from: text.clone(),
            },
        };
        let content = |text: &str| Content { text: text.into(), from: sender.clone() };
        let (before, after) = (content(text), content(other));
        let near = content(&format!("{text} and more"));
        let id = || MessageId::new(text.clone());
        let old = || Superseded { id: id(), kind: Kind::Agent };
        let address = |m: usize| {
            let visitor = VisitorId::parse(&visitors[(n + m) % visitors.len()]).expect("valid");
            let key = Key::parse(&keys[(n + m) % keys.len()]).expect("valid");
            Address::new(&key, &visitor)
        };
        let place = Place {
            file: files[n % files.len()].as_str().into(),
            line: 1 + u32::try_from(n).expect("small"),
            column: 1,
            length: 1,
        };
        let operations = [
            (Reason::New, Operation::Create { after: after.clone() }),
            (
                Reason::Text,
                Operation::Update { id: id(), before: before.clone(), after: near.clone() },
            ),
            (
                Reason::Drift,
                Operation::Restore { id: id(), before: before.clone(), after: after.clone() },
            ),
            (
                Reason::Sender,
                Operation::Replace {
                    old: old(),
                    before: Content { from: Sender::Random, ..before.clone() },
                    after: after.clone(),
                },
            ),
            (
                Reason::ReplaceUnfinished,
                Operation::FinishReplace { old: old(), id: id(), content: before.clone() },
            ),
            (Reason::NotInManifest, Operation::Delete { id: id(), before: before.clone() }),
            (Reason::Gone, Operation::Resend { gone: None, after: after.clone() }),
            (Reason::Gone, Operation::Forget { id: id(), before: before.clone(), remember: false }),
            (Reason::Moved, Operation::Move { from: address(1), id: id() }),
            (Reason::Import, Operation::Adopt { id: id(), after: after.clone() }),
            (
                Reason::LostAnswer,
                Operation::Unknown {
                    sent: before.clone(),
                    at: Timestamp::UNIX_EPOCH,
                    trouble: Some(message.clone()),
                    request_id: Some(text.clone()),
                },
            ),
        ];
        changes.extend(operations.into_iter().enumerate().map(|(m, (reason, operation))| Change {
            address: address(m),
            source: Some(place.clone()),
            ..change("any", m, reason, operation)
        }));
        diagnostics.push(
            Diagnostic::warning(Code::SameText, text.clone())
                .at(place.clone())
                .related(place, message.clone())
                .help(text.clone()),
        );
    }
    let key = |name: &String| Key::parse(name).expect("valid");
    let protect = keys.iter().map(|name| ProtectMark { key: key(name), protect: true }).collect();
    Plan {
        environment: "x--><b>PWNED</b>`::error::PWNED".into(),
        commit: Some(crate::plan::Commit {
            id: crate::model::CommitId::parse(&"c0".repeat(20)).expect("a hash"),
            dirty: false,
        }),
        protect,
        diagnostics,
        ..of(changes)
    }
}

/// Parts of the plan that find room together.
fn parts(plan: &Plan) -> Vec<Plan> {
    let some = plan.changes.chunks(11).zip(&plan.diagnostics);
    some.map(|(changes, diagnostic)| Plan {
        environment: plan.environment.clone(),
        diagnostics: vec![diagnostic.clone()],
        ..of(changes.to_vec())
    })
    .collect()
}

/// The same, approved; and all texts once more, for a later window, and with approvals that end.
fn rollouts(plan: &Plan) -> Vec<Plan> {
    let window = Window { from: Some(Timestamp::MAX), until: None };
    let later = |change: &Change| {
        let content = change.after()?.clone();
        let target = Target::present(change.kind, &content, window);
        let (address, source) = (change.address.clone(), change.source.clone());
        let language = change.language.clone();
        Some(Upcoming {
            address,
            kind: change.kind,
            target,
            content,
            opened: false,
            language,
            source,
        })
    };
    let all = parts(plan).into_iter().map(|part| {
        let withdrawn = part.changes.iter().map(|change| &change.address);
        let withdrawn = withdrawn.map(|address| Withdrawn {
            address: address.clone(),
            target: Target::Absent,
            lapsed: false,
        });
        let mut approved = part.changes.clone();
        approved.iter_mut().for_each(|change| change.review = ReviewStatus::Approved);
        Plan {
            upcoming: part.changes.iter().filter_map(later).collect(),
            withdrawn: withdrawn.collect(),
            environment: part.environment,
            diagnostics: part.diagnostics,
            ..of(approved)
        }
    });
    all.collect()
}

fn shown(plan: &Plan, format: Format, mask: bool) -> String {
    let refusals: Vec<_> = plan
        .changes
        .iter()
        .take(20)
        .map(|change| Refusal::Protected {
            address: change.address.clone(),
            action: change.action(),
        })
        .collect();
    let view = View { refusals: &refusals, ..View::new(mask, 100) };
    let mut out = anstream::StripStream::new(Vec::new());
    show(plan, format, view, &mut out).expect("a Vec takes all");
    String::from_utf8(out.into_inner()).expect("utf-8")
}

/// The whole plan and its parts, with and without masks.
fn all(format: Format) -> Vec<String> {
    let plan = plan();
    let mut out = Vec::new();
    for mask in [true, false] {
        out.push(shown(&plan, format, mask));
        out.extend(parts(&plan).iter().map(|part| shown(part, format, mask)));
        out.extend(rollouts(&plan).iter().map(|part| shown(part, format, mask)));
    }
    assert!(out.iter().any(|text| text.contains("PWNED")), "the corpus is not shown at all");
    out
}

fn assert_harmless(text: &str) {
    let bad = text.char_indices().find(|(_, c)| !matches!(c, '\n' | '\t') && is_hostile(*c));
    assert!(bad.is_none(), "{bad:?}");
}

/// What GitHub's runner does with a line: `::` behind white space, `##[` anywhere.
fn assert_commands_nothing(text: &str) {
    for line in text.lines() {
        assert!(!line.trim_start().starts_with("::"), "{line}");
        assert!(!line.contains("##["), "{line}");
    }
}

#[test]
fn no_format_has_a_character_that_steers_or_misleads() {
    for format in FORMATS {
        for text in all(format) {
            assert_harmless(&text);
        }
    }
}

#[test]
fn no_format_but_the_one_for_it_gives_commands_to_a_workflow() {
    for format in [Format::Text, Format::Json, Format::Markdown, Format::Html] {
        for text in all(format) {
            assert_commands_nothing(&text);
        }
    }
}

#[test]
fn masked_visitors_are_whole_in_no_format_for_people() {
    let plan = plan();
    for format in [Format::Text, Format::Markdown, Format::Html, Format::Github] {
        for part in parts(&plan).into_iter().chain(rollouts(&plan)) {
            let text = shown(&part, format, true);
            for change in &part.changes {
                let whole = change.address.visitor();
                let escaped = super::super::escape::html(whole.as_str());
                assert!(
                    !text.contains(whole.as_str()) && !text.contains(&escaped),
                    "{format:?}: {whole:?}"
                );
            }
        }
    }
}

#[test]
fn json_is_read_back_as_it_was() {
    let plan = Plan { diagnostics: Vec::new(), ..plan() };
    let saved = shown(&plan, Format::Json, true);
    assert_eq!(wire::decode(saved.as_bytes()).expect("a plan").changes.len(), plan.changes.len());
}

/// What is ours outside of code: no word of it comes from elsewhere.
fn assert_ours(text: &str, whole: &str) {
    for bad in ["PWNED", "@", "://", "www."] {
        assert!(!text.contains(bad), "{bad} outside of code: {text:?} in\n{whole}");
    }
}

#[test]
fn nothing_in_a_comment_is_markdown_html_a_link_or_a_mention_but_ours() {
    for text in all(Format::Markdown) {
        assert!(text.len() <= 65_536, "{} bytes", text.len());
        assert!(text.starts_with(
            "<!-- pushsync:plan environment=x--%3E%3Cb%3EPWNED%3C%2Fb%3E%60%3A%3Aerror%3A%3APWNED changes="
        ));
        let mut html = String::new();
        let mut in_code = false;
        for event in Parser::new_ext(&text, Options::all()) {
            match event {
                Event::Start(Tag::CodeBlock(_)) => in_code = true,
                Event::End(TagEnd::CodeBlock) => in_code = false,
                Event::Start(
                    Tag::Paragraph
                    | Tag::Heading { .. }
                    | Tag::List(_)
                    | Tag::Item
                    | Tag::Table(_)
                    | Tag::TableHead
                    | Tag::TableRow
                    | Tag::TableCell
                    | Tag::Strong
                    | Tag::HtmlBlock,
                )
                | Event::End(_)
                | Event::Code(_)
                | Event::SoftBreak
                | Event::HardBreak => {}
                Event::Text(_) if in_code => {}
                Event::Text(ours) => assert_ours(&ours, &text),
                Event::Html(some) | Event::InlineHtml(some) => html.push_str(&some),
                other => panic!("{other:?} is not ours, in\n{text}"),
            }
        }
        // All HTML of a comment is read as one: what is opened is closed.
        let mut code = 0;
        for token in read(&html) {
            match token {
                Token::Open { name, attributes } => {
                    assert!(["details", "summary", "code", "sub"].contains(&&*name), "<{name}>");
                    assert_eq!(attributes, []);
                    code += usize::from(name == "code");
                }
                Token::Close(name) => code -= usize::from(name == "code"),
                Token::Text(ours) if code == 0 => assert_ours(&ours, &text),
                Token::Text(_) => {}
                Token::Comment(comment) => {
                    assert!(comment.starts_with(" pushsync:plan environment=x--%3E"))
                }
                Token::Doctype => panic!("a doctype"),
            }
        }
    }
}

#[test]
fn everything_of_others_on_a_page_is_text() {
    for page in all(Format::Html) {
        for token in read(&page) {
            match token {
                Token::Open { name, attributes } => {
                    for (attribute, value) in attributes {
                        assert!(!value.contains("PWNED"), "{attribute} of <{name}>: {value}");
                    }
                }
                Token::Comment(comment) => panic!("{comment}"),
                Token::Close(_) | Token::Text(_) | Token::Doctype => {}
            }
        }
        for code in ["style", "script"] {
            assert_eq!(page.matches(&format!("<{code}")).count(), 1);
        }
        let script = page.split("<script>").nth(1).and_then(|rest| rest.split("</script>").next());
        assert!(!script.expect("a script").contains("PWNED"));
    }
}

/// A command as GitHub's runner reads it: its name, its properties, its message.
fn command(line: &str) -> (String, Vec<(String, String)>, String) {
    let rest = line.strip_prefix("::").unwrap_or_else(|| panic!("no command: {line}"));
    let (head, message) = rest.split_once("::").expect("an end");
    let (name, properties) = head.split_once(' ').expect("properties");
    let decoded = |text: &str| {
        let text = text.replace("%0D", "\r").replace("%0A", "\n");
        text.replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
    };
    let properties = properties
        .split(',')
        .map(|one| one.split_once('=').expect("a value"))
        .map(|(name, value)| (name.to_owned(), decoded(value)));
    (name.to_owned(), properties.collect(), decoded(message))
}

fn assert_commands_are_ours(text: &str) -> usize {
    for line in text.lines() {
        let (name, properties, _) = command(line);
        assert!(["error", "warning", "notice"].contains(&&*name), "{line}");
        for (name, _) in properties {
            assert!(["file", "line", "col", "endColumn", "title"].contains(&&*name), "{line}");
        }
    }
    text.lines().count()
}

#[test]
fn every_line_of_annotations_is_one_command_of_ours() {
    for text in all(Format::Github) {
        assert!(assert_commands_are_ours(&text) <= 30, "{text}");
    }
    let one = parts(&plan()).swap_remove(14);
    let text = shown(&one, Format::Github, true);
    // The summary, 10 of 11 refusals, unknown left out; 4 warnings and a diagnostic; 6 notices.
    assert_eq!(assert_commands_are_ours(&text), 1 + 10 + 5 + 6, "{text}");
}

#[test]
fn diagnostics_are_as_harmless_as_plans() {
    let plan = plan();
    let report = Report::new(plan.diagnostics.clone(), Sources::default());
    let text = report.text(Style { color: false, mask: true });
    assert_harmless(&text);
    assert_commands_nothing(&text);
    let github = report.github("chat/");
    assert_harmless(&github);
    assert_eq!(assert_commands_are_ours(&github), report.diagnostics().len());
    let sarif = report.sarif("chat/").to_string();
    assert_harmless(&sarif);
    assert!(sarif.contains("chat/messages/%3A%3Aerror%3A%3APWNED.yaml"), "{sarif}");
    // The rest of the house says it this way.
    for text in texts() {
        assert_harmless(&printable(&text));
        assert_commands_nothing(&printable(&text));
        assert!(!one_line(&text).contains(['\n', '\t']));
    }
}
