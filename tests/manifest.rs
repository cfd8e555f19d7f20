//! Every folder of `fixtures/manifest` is a project, and its `expected.txt` says what comes of it:
//! the diagnostics, and if there is no error, the deliveries.
//!
//! `UPDATE_EXPECT=1 cargo test --test manifest` writes the files anew; read them before you
//! commit them.

#![expect(clippy::expect_used, reason = "a test that cannot go on says so by failing")]

use std::{fmt::Write as _, fs, path::Path};

use proptest::prelude::*;
use pushsync::{
    desired::Deliveries,
    diagnostics::show::Style,
    manifest::{self, LoadOptions, Loaded, Project},
    model::{Key, StateLocation, VisitorId, WindowState},
};
use secrecy::ExposeSecret;

const NOW: &str = "2026-11-22T12:00:00Z";

fn environment(name: &str) -> Option<String> {
    match name {
        "PUSHSYNC_VAR_AUDIENCE" => Some("beta".into()),
        "PUSHSYNC_VAR_STATE" => Some("postgres://user:secret@db/x".into()),
        "PUSHSYNC_VAR_PORT" => Some("4010".into()),
        "PUSHSYNC_VISITOR_SECRET" => Some("a secret of the website, 32 characters long".into()),
        "PUSHSYNC_VISITOR_SECRET_2" => Some("another secret of the website".into()),
        "PUSHSYNC_VISITOR_SHORT" => Some("hunter2".into()),
        "PUSHSYNC_VISITOR_BREAK" => Some("a secret that came out of a file\n".into()),
        "PUSHSYNC_VISITOR_QUOTED" => Some("'a secret of a file of variables'".into()),
        "PUSHSYNC_VISITOR_MARKED" => Some("\u{feff}a secret that an editor saved".into()),
        "PUSHSYNC_VISITOR_EMPTY" => Some(String::new()),
        "PUSHSYNC_VAR_HUSH" => Some("hush".into()),
        // Nothing but the last ones is for a manifest.
        "HUSH" | "PUSHSYNC_STATE_KEY" | "BREVO_API_KEY" => Some("hush".into()),
        _ => None,
    }
}

/// `options` may hold `env: NAME`, `allow-outside`, `mask`, and `secrets` if they are needed, one a line.
fn load(folder: &Path, options: &str) -> Loaded {
    let environment_name = options.lines().find_map(|line| line.strip_prefix("env: "));
    manifest::load(
        folder,
        &LoadOptions {
            environment: environment_name.map(Into::into),
            allow_outside: options.lines().any(|line| line == "allow-outside"),
            env: &environment,
            limits: Default::default(),
            now: NOW.parse().expect("an instant"),
            queries: pushsync::manifest::Queries::LeaveOut,
            allow_change: &[],
            secrets: match options.lines().any(|line| line == "secrets") {
                true => pushsync::manifest::VisitorSecrets::Needed,
                false => pushsync::manifest::VisitorSecrets::Optional,
            },
        },
    )
}

fn outcome(folder: &Path) -> String {
    let options = fs::read_to_string(folder.join("options.txt")).unwrap_or_default();
    let mut loaded = load(folder, &options);
    pushsync::desired::check(&mut loaded);
    let mask = options.lines().any(|line| line == "mask");
    let mut out = loaded.report.text(Style { color: false, mask });
    // The folder of the checkout is none of the fixture's business.
    let here = folder.display().to_string();
    out = out.replace(&here, "FOLDER");
    if let Some(project) = &loaded.project {
        describe(project, &mut out);
    }
    out
}

fn describe(project: &Project, out: &mut String) {
    let now = NOW.parse().expect("an instant");
    for delivery in Deliveries::new(project, now) {
        let delivery = delivery.expect("checked before");
        let (address, spec) = (delivery.address.as_str(), &delivery.spec);
        let text: String = delivery.text.chars().take(80).collect();
        let language =
            delivery.language.map_or(String::new(), |language| format!(" in {language}"));
        let _ = writeln!(out, "{address} | {} | {} | {text:?}{language}", spec.kind, spec.sender);
    }
    for (key, presence) in project.keys_at(now) {
        if presence != WindowState::Active {
            let _ = writeln!(out, "{key}: {presence:?}");
        }
    }
    for moved in &project.moved {
        let _ = writeln!(out, "moved: {} -> {}", moved.from, moved.to);
    }
    for adoption in &project.imports {
        let _ = writeln!(out, "import: {} = {}", adoption.to.as_str(), adoption.id);
    }
    for removed in &project.removed {
        let _ = writeln!(out, "removed: {} (delete: {})", removed.key, removed.delete);
    }
}

#[test]
fn every_fixture_comes_out_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/manifest");
    let update = std::env::vars().any(|(name, _)| name == "UPDATE_EXPECT");
    let mut folders: Vec<_> = fs::read_dir(root)
        .expect("the fixtures")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() >= 40, "only {} fixtures", folders.len());
    let mut wrong = Vec::new();
    for folder in folders {
        let found = outcome(&folder);
        let file = folder.join("expected.txt");
        if update {
            fs::write(&file, &found).expect("writable");
            continue;
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if expected != found {
            wrong.push(format!(
                "=== {}\n--- expected\n{expected}\n--- found\n{found}",
                folder.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Pieces that YAML, templates and CSV files are made of, and some that they are not.
const PIECES: &[&str] = &[
    "messages:",
    "senders:",
    "audiences:",
    "vars:",
    "environments:",
    "moved:",
    "import:",
    "removed:",
    "include:",
    "text:",
    "to:",
    "from:",
    "visitor:",
    "visitors:",
    "file:",
    "where:",
    "audience:",
    "active:",
    "until:",
    "kind:",
    "raw:",
    "a",
    "b",
    "a: ",
    "b: ",
    "\n",
    "\n  ",
    "\n    ",
    "\n      ",
    "\n- ",
    "- ",
    ": ",
    "{ ",
    " }",
    "[ ",
    " ]",
    ", ",
    "\"",
    "'",
    "|",
    ">",
    "|-\n",
    ">+2\n",
    "&a ",
    "*a",
    "*b",
    "!x ",
    "!!str ",
    "<<: *a",
    "? ",
    "# c",
    "---",
    "...",
    "%",
    "@",
    "`",
    "\t",
    "\r",
    "\r\n",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "é",
    "\u{1f600}",
    "\0",
    "\u{1b}",
    "~",
    "null",
    "true",
    "012",
    "1e9",
    "-1",
    "99999999999999999999",
    "{{ a }}",
    "{{ b.c }}",
    "{% for x in range(9) %}",
    "{% endfor %}",
    "{{ a | default(\"x\") }}",
    "{{",
    "}}",
    "{#",
    "b.csv",
    "${PUSHSYNC_VAR_AUDIENCE}",
    "${",
    "visitor_id",
    "visitor_id,a\n",
    "v1,x\n",
    "v1,\"",
    "a@v1",
    "2026-12-01T09:00:00Z",
    "\\",
    "\u{202e}",
];

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        20 => proptest::sample::select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// A soup that is likely to get past the parser.
fn project() -> impl Strategy<Value = Vec<u8>> {
    soup().prop_map(|soup| {
        let mut text =
            b"audiences: { b: { file: b.csv } }\nvars: { a: 1 }\nmessages:\n  m:\n    to: b\n    text: ".to_vec();
        text.extend(soup);
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_input_makes_the_loader_panic(
        yaml in prop_oneof![soup(), project()],
        csv in soup(),
        header in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("pushsync.yaml"), yaml).expect("writable");
        let csv = if header { [b"visitor_id,a\n", &csv[..]].concat() } else { csv };
        fs::write(folder.path().join("b.csv"), csv).expect("writable");
        let mut loaded = load(folder.path(), "");
        pushsync::desired::check(&mut loaded);
        for (color, mask) in [(false, true), (true, false)] {
            let shown = loaded.report.text(Style { color, mask });
            let controls = |c: char| c.is_control() && c != '\n';
            prop_assert!(color || !shown.contains(controls), "{:?}", shown);
        }
        prop_assert_eq!(
            loaded.report.github("").lines().count(),
            loaded.report.diagnostics().len()
        );
        prop_assert!(loaded.report.json()["diagnostics"].is_array());
        prop_assert_eq!(loaded.project.is_none(), loaded.report.errors() > 0);
        if let Some(project) = &loaded.project {
            let all: Result<Vec<_>, _> = Deliveries::everything(project).collect();
            let all = all.expect("checked");
            prop_assert!(all.is_sorted_by(|a, b| a.address < b.address));
            prop_assert!(all.iter().all(|delivery| !delivery.text.trim().is_empty()));
        }
    }
}

#[cfg(unix)]
#[test]
fn links_that_lead_outside_are_refused_unless_allowed() {
    let outside = tempfile::tempdir().expect("a folder");
    fs::write(outside.path().join("secret.csv"), "visitor_id\nv1\n").expect("writable");
    fs::write(
        outside.path().join("more.yaml"),
        "messages: { b: { to: { visitor: v1 }, text: b } }\n",
    )
    .expect("writable");
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    fs::create_dir(root.join("messages")).expect("writable");
    let text = "audiences: { x: { file: x.csv } }\nmessages: { a: { to: x, text: a } }\n";
    fs::write(root.join("pushsync.yaml"), text).expect("writable");
    let link = |from: &Path, to: &Path| std::os::unix::fs::symlink(from, to).expect("a link");
    link(&outside.path().join("secret.csv"), &root.join("x.csv"));
    link(outside.path(), &root.join("messages/more"));

    let refused = load(root, "");
    assert!(refused.project.is_none());
    let codes: Vec<_> = refused.report.diagnostics().iter().map(|d| d.code.as_str()).collect();
    assert_eq!(codes, ["outside-project", "outside-project"]);

    let allowed = load(root, "allow-outside").project.expect("a project");
    assert_eq!(allowed.messages().len(), 2);
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_are_an_error_and_do_not_hang() {
    let folder = tempfile::tempdir().expect("a folder");
    let messages = folder.path().join("messages");
    fs::create_dir(&messages).expect("writable");
    fs::write(folder.path().join("pushsync.yaml"), "").expect("writable");
    std::os::unix::fs::symlink(&messages, messages.join("again")).expect("a link");
    let loaded = load(folder.path(), "");
    assert!(loaded.report.text(Style::default()).contains("circle"));
}

#[test]
fn a_stream_can_be_narrowed_to_keys_and_a_visitor() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/manifest/good-where");
    let project = load(&folder, "").project.expect("a project");
    let addresses = |deliveries: Deliveries<'_>| {
        let all = deliveries.map(|d| d.expect("valid").address.as_str().to_owned());
        all.collect::<Vec<_>>()
    };
    let pro = |key: &Key| key.as_str() == "pro";
    assert_eq!(addresses(Deliveries::everything(&project).only(pro)), ["pro@v1"]);
    let visitor = |id| VisitorId::parse(id).expect("an id");
    assert_eq!(
        addresses(Deliveries::everything(&project).for_visitor(&visitor("v4"))),
        ["other@v4"]
    );
    assert!(addresses(Deliveries::everything(&project).for_visitor(&visitor("v9"))).is_empty());
    let key = Key::parse("pro").expect("a key");
    assert!(project.message(&key).is_some_and(|message| message.is_template()));
    assert!(project.message(&Key::parse("prox").expect("a key")).is_none());
}

#[test]
fn the_state_starts_at_the_project_and_urls_stay_as_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let within = |path: &str| folder.path().join(path).display().to_string();
    for (written, expected) in [
        ("", within("state")),
        ("state: ../../state/x", within("../../state/x")),
        ("state: /var/x", "/var/x".to_owned()),
        ("state: ./s3:/x", within("./s3:/x")),
        ("state: \"${PUSHSYNC_VAR_STATE}\"", "postgres://user:secret@db/x".to_owned()),
    ] {
        fs::write(folder.path().join("pushsync.yaml"), written).expect("writable");
        let project = load(folder.path(), "").project.expect("a project");
        let state = match &project.settings.state.location {
            StateLocation::Folder(path) => path.display().to_string(),
            StateLocation::Postgres(url) | StateLocation::Bucket(url) => {
                url.expose_secret().to_owned()
            }
        };
        assert_eq!(state, expected);
        assert!(!format!("{:?}", project.settings).contains("secret"));
    }
}

#[test]
fn the_default_environment_needs_no_declaration() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("pushsync.yaml"), "").expect("writable");
    for options in ["", "env: default"] {
        let project = load(folder.path(), options).project.expect("a project");
        assert_eq!(project.environment, "default");
    }
}

#[test]
fn projects_and_streams_may_cross_threads() {
    fn crosses<T: Send>() {}
    fn shared<T: Send + Sync>() {}
    shared::<Project>();
    crosses::<Deliveries<'_>>();
}

#[test]
fn windows_are_half_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "messages: { a: { to: { visitor: v1 }, text: a, active: \
                { from: 2026-12-01T09:00:00Z, until: 2026-12-02T10:00:00+01:00 } } }";
    fs::write(folder.path().join("pushsync.yaml"), text).expect("writable");
    let project = load(folder.path(), "").project.expect("a project");
    for (at, count) in [
        ("2026-12-01T08:59:59Z", 0),
        ("2026-12-01T09:00:00Z", 1),
        ("2026-12-02T08:59:59Z", 1),
        ("2026-12-02T09:00:00Z", 0),
    ] {
        let at = at.parse().expect("an instant");
        assert_eq!(Deliveries::new(&project, at).count(), count, "{at}");
    }
}

/// Tags, those of cells written as data has them.
const CELLS: [&str; 12] = [
    "de",
    "de_AT",
    "DE-ch",
    "fr",
    "fr-CA",
    "pt-BR",
    "zh-Hant-TW",
    "zh-Hans",
    "en",
    "",
    "German",
    "it",
];
const TEXTS: [&str; 8] = ["de", "de-AT", "fr", "fr-CA", "pt-BR", "zh-Hant", "zh-Hant-TW", "it"];

/// The language of the text that each visitor gets, in the order of the rows.
fn languages_of(rows: &[&str], texts: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let written: Vec<_> = texts.iter().map(|tag| format!("{tag}: text in {tag}")).collect();
    let yaml = format!(
        "locale: {{ column: lang, fallback: en }}\naudiences: {{ all: {{ file: all.csv }} }}\nmessages:\n  m: {{ to: all, \
         text: {{ {} }} }}\n",
        written.join(", ")
    );
    fs::write(folder.path().join("pushsync.yaml"), yaml).expect("writable");
    let rows = rows.iter().enumerate().map(|(n, cell)| format!("visitor-{n:02},{cell}\n"));
    let csv = format!("visitor_id,lang\n{}", rows.collect::<String>());
    fs::write(folder.path().join("all.csv"), csv).expect("writable");
    let project = load(folder.path(), "").project.expect("valid");
    let all = Deliveries::everything(&project).map(|delivery| {
        let delivery = delivery.expect("renders");
        let language = delivery.language.expect("has a language").to_string();
        assert_eq!(&*delivery.text, format!("text in {language}"));
        language
    });
    all.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn each_visitor_gets_the_nearest_text_whatever_the_order_of_the_texts(
        rows in proptest::collection::vec(proptest::sample::select(&CELLS[..]), 1..20),
        texts in proptest::sample::subsequence(&TEXTS[..], 0..TEXTS.len()).prop_shuffle(),
        gone in any::<proptest::sample::Index>(),
    ) {
        let with_fallback = |texts: &[&'static str]| [texts, &["en"]].concat();
        let found = languages_of(&rows, &with_fallback(&texts));
        prop_assert_eq!(found.len(), rows.len());
        for (cell, found) in rows.iter().zip(&found) {
            let cell = cell.to_lowercase().replace('_', "-");
            let parts: Vec<&str> = cell.split('-').collect();
            let tags = (1..=parts.len()).rev().map(|count| parts[..count].join("-"));
            let near = tags.filter_map(|tag| texts.iter().find(|text| text.to_lowercase() == tag)).next();
            prop_assert_eq!(found, near.copied().unwrap_or("en"));
        }
        let mut reversed = with_fallback(&texts);
        reversed.reverse();
        prop_assert_eq!(&languages_of(&rows, &reversed), &found);
        if !texts.is_empty() {
            let gone = texts[gone.index(texts.len())];
            let fewer: Vec<_> = texts.iter().copied().filter(|text| *text != gone).collect();
            for (before, after) in found.iter().zip(languages_of(&rows, &with_fallback(&fewer))) {
                prop_assert!(*before == after || before == gone, "{} became {}", before, after);
            }
        }
    }
}
