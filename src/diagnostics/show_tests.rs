use std::sync::Arc;

use super::*;
use crate::{
    diagnostics::{Code, Excerpts, Names, Report, Secrets},
    model::KnownIds,
};

struct Text(&'static str);

impl Excerpts for Text {
    fn line(&self, number: u32) -> Option<String> {
        self.0.lines().nth(number as usize - 1).map(str::to_owned)
    }

    fn secrets(&self, _: u32, line: &str, _: &Names) -> Secrets {
        Secrets::Ids(line.find("kZMv").map(|at| at..at + 32).into_iter().collect())
    }
}

fn text(diagnostic: &Diagnostic, sources: &Sources, style: Style) -> String {
    let masks = style.mask.then(|| Masks::new(sources, &KnownIds::default()));
    super::text(diagnostic, sources, masks.as_ref(), style.color)
}

fn place(file: &str, line: u32, column: u32, length: u32) -> Place {
    Place { file: file.into(), line, column, length }
}

fn sources(text: &'static str) -> Sources {
    let mut sources = Sources::default();
    sources.add("a.yaml".into(), Arc::new(Text(text)));
    sources
}

#[test]
fn an_error_shows_its_place_a_caret_and_the_cure() {
    let diagnostic = Diagnostic::error(Code::UnknownField, "unknown field `txt`")
        .at(place("a.yaml", 2, 3, 3))
        .related(place("a.yaml", 1, 1, 8), "in this message")
        .help("did you mean `text`?");
    let shown = text(&diagnostic, &sources("messages:\n  txt: hello\n"), Style::default());
    assert_eq!(
        shown,
        "\
error[unknown-field]: unknown field `txt`
 --> a.yaml:2:3
  |
2 |   txt: hello
  |   ^^^
  |
  = help: did you mean `text`?
note: in this message
 --> a.yaml:1:1
  |
1 | messages:
  | --------
"
    );
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let diagnostic = Diagnostic::error(Code::BadValue, "bad \u{1b}[31m\u{9b}value")
        .at(place("a.yaml", 1, 4, 1))
        .help("\u{7}");
    let shown = text(&diagnostic, &sources("a: \u{1b}]0;x\u{7}\u{202e}\u{85}"), Style::default());
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    assert!(!shown.contains('\u{202e}'));
    assert!(!crate::diagnostics::workflow::diagnostic(&diagnostic, "").contains('\u{1b}'));
}

#[test]
fn long_lines_are_cut_around_the_caret_and_keep_their_column() {
    let long: &'static str =
        Box::leak(format!("{}HERE{}", "x".repeat(5000), "y".repeat(500_000)).into());
    let diagnostic = Diagnostic::error(Code::BadValue, "bad").at(place("a.yaml", 1, 5001, 4));
    let shown = text(&diagnostic, &sources(long), Style::default());
    assert!(shown.contains("a.yaml:1:5001"), "{shown}");
    assert!(shown.contains("HERE") && shown.contains("^^^^"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() < 150), "{shown}");
}

#[test]
fn a_place_past_the_end_of_its_line_or_file_is_still_shown() {
    for (line, column) in [(1, 99), (99, 1), (0, 0)] {
        let diagnostic =
            Diagnostic::error(Code::BadValue, "bad").at(place("a.yaml", line, column, u32::MAX));
        let shown = text(&diagnostic, &sources("short\n"), Style::default());
        assert!(shown.contains("--> a.yaml:"), "{shown}");
    }
}

#[test]
fn masked_excerpts_never_show_a_visitor_whole() {
    let style = Style { mask: true, ..Style::default() };
    let id = "kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg";
    let diagnostic = Diagnostic::error(Code::BadValue, "bad").at(place("a.yaml", 1, 3, 32));
    let shown = text(&diagnostic, &sources("- kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg"), style);
    assert!(!shown.contains(id) && shown.contains("kZMv·"), "{shown}");
}

#[test]
fn a_report_is_sorted_counted_and_free_of_repetitions() {
    let error = Diagnostic::error(Code::BadValue, "b").at(place("b.yaml", 1, 1, 1));
    let warning = Diagnostic::warning(Code::SameText, "a").at(place("a.yaml", 9, 1, 1));
    let report = Report::new(vec![error.clone(), warning, error], Sources::default());
    assert_eq!(report.summary(), "1 error, 1 warning");
    let files: Vec<_> = report.json()["diagnostics"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|d| d["file"].clone())
        .collect();
    assert_eq!(files, ["a.yaml", "b.yaml"]);
}

#[test]
fn json_is_complete_and_says_its_format() {
    let diagnostic = Diagnostic::error(Code::DuplicateKey, "`a` is here a second time")
        .at(place("a.yaml", 2, 3, 1))
        .related(place("b.yaml", 4, 5, 1), "the first time is here")
        .help("rename it");
    let whole = Diagnostic::warning(Code::NoProject, "nowhere");
    let report = Report::new(vec![diagnostic, whole], Sources::default());
    assert_eq!(
        report.json(),
        serde_json::json!({
            "format": "pushsync/diagnostics/1",
            "diagnostics": [
                { "severity": "warning", "code": "no-project", "message": "nowhere" },
                {
                    "severity": "error",
                    "code": "duplicate-key",
                    "message": "`a` is here a second time",
                    "file": "a.yaml", "line": 2, "column": 3,
                    "related": [
                        { "file": "b.yaml", "line": 4, "column": 5, "message": "the first time is here" },
                    ],
                    "help": "rename it",
                },
            ],
        })
    );
}

#[test]
fn names_of_codes_are_kebab_case_and_unique() {
    let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert!(names.iter().all(|name| {
        name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    }));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Code::ALL.len());
}

#[test]
fn colours_are_the_callers_choice() {
    let diagnostic = Diagnostic::error(Code::BadValue, "bad").at(place("a.yaml", 1, 1, 1));
    let shown = |color| text(&diagnostic, &sources("x"), Style { color, mask: false });
    assert!(shown(true).contains("\u{1b}["));
    assert!(!shown(false).contains('\u{1b}'));
}

#[test]
fn a_tab_in_words_is_written_out() {
    let place = Place { file: "a\tb.yaml".into(), line: 1, column: 1, length: 1 };
    let problem = Diagnostic::error(Code::BadKey, "`a\tb` is none").at(place).help("not `a\tb`");
    let shown = super::text(&problem, &Sources::default(), None, false);
    assert!(!shown.contains('\t') && shown.contains("`a\\tb` is none"), "{shown}");
}
