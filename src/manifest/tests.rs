//! Whatever the number of threads, a project is the same, and so is everything said of it.

use std::{fmt::Write as _, fs, path::Path};

use proptest::{prelude::*, sample::select};
use tempfile::TempDir;

use super::*;
use crate::{desired::Deliveries, diagnostics::show::Style};

fn outcome(folder: &Path, threads: usize) -> String {
    let environment = |name: &str| (name == "AUDIENCE").then(|| "beta".to_owned());
    let now = "2026-11-22T12:00:00Z".parse().expect("an instant");
    let options = LoadOptions {
        environment: None,
        allow_outside: true,
        env: &environment,
        limits: Default::default(),
        now,
    };
    let mut loaded = load_on(Threads::Exactly(threads), folder, &options);
    loaded.check();
    let mut out = loaded.report.text(Style { color: false, mask: false });
    if let Some(project) = &loaded.project {
        write!(out, "{:?} {:?}", project.settings, project.senders).expect("a text");
        for delivery in Deliveries::everything(project) {
            write!(out, "\n{delivery:?}").expect("a text");
        }
    }
    out
}

#[test]
fn every_fixture_is_the_same_on_one_thread_and_on_several() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/manifest");
    let mut compared = 0;
    for fixture in fs::read_dir(fixtures).expect("a folder") {
        let folder = fixture.expect("readable").path();
        let one = outcome(&folder, 1);
        assert_eq!(one, outcome(&folder, 4), "{}", folder.display());
        compared += usize::from(!one.is_empty());
    }
    assert!(compared > 50, "only {compared} fixtures say something");
}

/// A project of several files and audiences, with a defect in some of them.
fn project(files: &[(&str, &str)], audiences: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        fs::write(path, text).expect("writable");
    };
    let mut main =
        "include: [messages/0*.yaml, missing.yaml, messages/*.yaml]\naudiences:\n".to_owned();
    for (at, (_, text)) in audiences.iter().enumerate() {
        writeln!(main, "  a{at}: {{ file: a{at}.csv }}").expect("a text");
        write(&format!("a{at}.csv"), text.as_bytes());
    }
    main.push_str("  unused: { file: unused.csv }\n");
    write("unused.csv", b"visitor_id\n");
    write("pushsync.yaml", main.as_bytes());
    for (at, (_, text)) in files.iter().enumerate() {
        let text = text.replace("KEY", &format!("key-{at}"));
        let bytes = text.replace("AUDIENCE", &format!("a{}", at % audiences.len())).into_bytes();
        let bytes = bytes.into_iter().map(|byte| if byte == b'%' { 0xff } else { byte });
        write(&format!("messages/{at}.yaml"), &bytes.collect::<Vec<u8>>());
    }
    folder
}

const FILES: [(&str, &str); 7] = [
    ("good", "messages: { KEY: { to: AUDIENCE, text: 'Hi {{ name }}' } }\n"),
    ("same key", "messages: { again: { to: AUDIENCE, text: x } }\n"),
    ("unknown field", "messages: { KEY: { to: AUDIENCE, txt: x } }\n"),
    ("no YAML", "messages: { KEY: [\n"),
    ("no UTF-8", "messages: { KEY: { to: AUDIENCE, text: '%' } }\n"),
    ("alias bomb", "vars: { a: &a [x, x], b: &b [*a, *a], c: &c [*b, *b] }\n"),
    ("unknown audience", "messages: { KEY: { to: b7, text: x } }\n"),
];

const AUDIENCES: [(&str, &str); 5] = [
    ("good", "visitor_id,name\nv2,Liz\nv1,Tom\n"),
    ("empty", "visitor_id,name\n"),
    ("bad rows", "visitor_id,name\nv1\nv 2,x\nv3,x\nv3,y\n"),
    ("bad header", "visitor,name\nv1,x\n"),
    ("open quote", "visitor_id,name\nv1,\"x\n"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn diagnostics_and_deliveries_do_not_depend_on_the_number_of_threads(
        files in proptest::collection::vec(select(&FILES[..]), 1..6),
        audiences in proptest::collection::vec(select(&AUDIENCES[..]), 1..4),
        threads in 2_usize..9,
    ) {
        let folder = project(&files, &audiences);
        let one = outcome(folder.path(), 1);
        prop_assert!(one.contains("missing.yaml"), "{one}");
        prop_assert_eq!(one, outcome(folder.path(), threads));
    }
}
