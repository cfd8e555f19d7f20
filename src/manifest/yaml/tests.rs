use std::sync::Arc;

use super::*;
use crate::manifest::{
    source_file::SourceFile,
    unions::{Entries, NameOr, Texts, Var},
};

fn read_text(text: &str) -> Document {
    read(&SourceFile::new("a.yaml".into(), text.to_owned()))
}

fn codes(text: &str) -> Vec<&'static str> {
    read_text(text).diagnostics.iter().map(|d| d.code.as_str()).collect()
}

/// The texts of all messages.
fn texts(text: &str) -> Vec<Option<String>> {
    let document = read_text(text);
    assert!(document.diagnostics.is_empty(), "{:?}", document.diagnostics);
    let Some(Entries(messages)) = document.raw.messages else { return Vec::new() };
    let one = |text| match text {
        Texts::One(text) => Some(text),
        Texts::ByLanguage(_) => None,
    };
    messages.into_iter().map(|(_, message)| message.text.and_then(one)).collect()
}

#[test]
fn scalars_stay_as_they_are_written() {
    for (written, meant) in [
        ("NO", "NO"),
        ("012", "012"),
        ("1.10", "1.10"),
        ("true", "true"),
        ("0x10", "0x10"),
        ("1e3", "1e3"),
        ("2026-12-01", "2026-12-01"),
        ("'~'", "~"),
        ("\"\"", ""),
        ("\"a\\tb\"", "a\tb"),
        ("|\n    a\n\n    b\n", "a\n\nb\n"),
        ("|-\n    a\n", "a"),
        (">\n    a\n    b\n", "a b\n"),
        (".inf", ".inf"),
        ("!!str 5", "5"),
    ] {
        for other in ["", "vars: { n: 1 }\n", "senders: { s: { group: 12 } }\n"] {
            let texts = texts(&format!("{other}messages:\n  m:\n   text: {written}\n"));
            assert_eq!(texts, [Some(meant.to_owned())], "{written} after {other}");
        }
    }
    for nothing in ["~", "null", ""] {
        let text = format!("messages:\n  m:\n   text: {nothing}\n");
        assert_eq!(codes(&text), ["empty-text"], "{nothing}");
    }
}

#[test]
fn names_that_look_like_numbers_stay_as_written() {
    for name in ["12", "012", "0x10", "1.10", "true", "1e3", "-5", "+5"] {
        let document = read_text(&format!("messages: {{ m: {{ from: {name}, to: {name} }} }}"));
        assert!(document.diagnostics.is_empty(), "{name}: {:?}", document.diagnostics);
        let Some(Entries(messages)) = document.raw.messages else { panic!("messages") };
        let (NameOr::Name(from), NameOr::Name(to)) =
            (messages[0].1.from.as_ref().expect("from"), messages[0].1.to.as_ref().expect("to"))
        else {
            panic!("names")
        };
        assert_eq!((from.as_str(), to.as_str()), (name, name));
    }
}

#[test]
fn variables_are_what_they_look_like() {
    let text = "vars: { a: true, b: 'true', c: 12, d: '12', e: 012, f: 1.10, g: ~, h: [1, x], i: {j: k}, l: TRUE, m: +1 }";
    let Some(Entries(vars)) = read_text(text).raw.vars else { panic!("vars") };
    let text = |text: &str| Var::Text(text.to_owned());
    let expected = [
        Var::Bool(true),
        text("true"),
        Var::Int(12),
        text("12"),
        text("012"),
        text("1.10"),
        Var::Null,
        Var::List(vec![Var::Int(1), text("x")]),
        Var::Map(vec![("j".to_owned(), text("k"))]),
        text("TRUE"),
        text("+1"),
    ];
    let found: Vec<_> = vars.into_iter().map(|(_, var)| var).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_problem_of_a_file_is_found_and_the_rest_is_kept() {
    let document = read_text(
        "messages:\n  a: { txt: 1, text: [], prio: 2, text: x }\n  b: { text: fine }\n  c: 5\nbanana: 1\n",
    );
    let mut codes: Vec<_> = document.diagnostics.iter().map(|d| d.code.as_str()).collect();
    codes.sort_unstable();
    assert_eq!(
        codes,
        [
            "duplicate-key",
            "needs-quotes",
            "unknown-field",
            "unknown-field",
            "unknown-field",
            "wrong-type"
        ]
    );
    let Some(Entries(messages)) = &document.raw.messages else { panic!("messages") };
    let names: Vec<_> = messages.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let faulty = |name: &str| document.faulty.contains(&vec![Arc::from("messages"), name.into()]);
    assert_eq!((faulty("a"), faulty("b"), faulty("c")), (true, false, true));
}

#[test]
fn bombs_and_depths_are_refused() {
    assert_eq!(codes(&format!("vars: {}", "[".repeat(100_000))), ["yaml-limit"]);
    let bomb: String =
        (1..20).map(|n| format!("  a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1)).collect();
    assert_eq!(codes(&format!("vars:\n  a0: &a0 x\n{bomb}")), ["limit"]);
    let fields = "messages:\n  a0: &a0 { to: x }\n".to_owned()
        + &(1..40)
            .map(|n| format!("  a{n}: &a{n} {{ to: *a{0}, from: *a{0}, active: *a{0} }}\n", n - 1))
            .collect::<String>();
    assert!(!codes(&fields).is_empty());
}

#[test]
fn many_directives_are_refused_before_they_take_long() {
    let directives: String =
        (0..100_000).map(|n| format!("%TAG !t{n}! tag:x{n},2000:\n")).collect();
    assert_eq!(codes(&format!("{directives}---\nvars: {{}}\n")), ["yaml-limit"]);
    assert_eq!(codes(&format!("vars: {{}}\n...\n{directives}---\nvars: {{}}\n")), ["yaml-limit"]);
    assert_eq!(codes(&directives.replace('\n', "\r")), ["yaml-limit"]);
    assert!(codes("%TAG !t! tag:x,2000:\n---\nvars: {}\n").is_empty());
}

#[test]
fn a_tag_is_never_silently_dropped() {
    for text in ["!include a.txt", "!foo [x]", "!<tag:x> y", "\n    !late x"] {
        let found = codes(&format!("messages: {{ a: {{ text: {text} }} }}"));
        assert!(found.contains(&"yaml-tag"), "{text}: {found:?}");
    }
    assert!(codes("messages: { a: { text: 'hello !there' } }").is_empty());
}

#[test]
fn duplicates_are_found_at_every_depth() {
    let text = "a: { x: 1, y: 2, x: 3 }\nb:\n- { z: 1, 'z': 2 }\na: 4\n";
    let values = values::Values::read(text, &Default::default()).expect("YAML");
    let again = values.duplicates();
    let mut names: Vec<_> =
        again.iter().map(|(_, again)| values.text(*again).expect("a key")).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "x", "z"]);
}
