//! Backups.

use pushsync::{
    model::SecretFingerprint,
    state::{
        StateError, Store, Write,
        export::{Counts, export, import},
    },
};

use super::support::*;

fn exported(store: &dyn Store) -> Vec<u8> {
    let mut out = Vec::new();
    runtime().block_on(export(store, &mut out)).expect("can be exported");
    out
}

fn imported(bytes: &[u8], store: &dyn Store) -> Result<Counts, StateError> {
    runtime().block_on(import(&mut &bytes[..], store))
}

/// All lines but the first, which has the serial.
fn body(export: &[u8]) -> String {
    let text = std::str::from_utf8(export).expect("is text");
    text.split_once('\n').expect("has lines").1.to_owned()
}

fn filled() -> impl Store {
    let store = memory();
    fill(&store);
    store
}

#[test]
fn an_export_read_back_is_the_same_state() {
    let store = filled();
    let first = exported(&store);
    let folder = tempfile::tempdir().expect("a folder");
    let copy = open(folder.path()).expect("opens");
    let counts = imported(&first, &*copy).expect("can be imported");
    assert_eq!(counts, Counts { records: 40, intents: 1, approvals: 3, runs: 6 });
    assert_eq!(scan(&*copy).expect("reads"), scan(&store).expect("reads"));
    let approvals = |store: &dyn Store| runtime().block_on(store.approvals()).expect("reads");
    assert_eq!(approvals(&*copy), approvals(&store));

    let (old, new) = runtime().block_on(async { (store.meta().await, copy.meta().await) });
    let (old, new) = (old.expect("answers"), new.expect("answers"));
    assert_eq!(new.lineage, old.lineage);
    assert_eq!(new.created_at, old.created_at);
    assert_eq!((new.records, new.digest), (old.records, old.digest));
    assert_eq!(new.serial, old.serial + 1);

    let again = exported(&*copy);
    let lines = |export: &[u8]| body(export).lines().map(str::to_owned).collect::<Vec<_>>();
    let (mut one, mut two) = (lines(&first), lines(&again));
    // The last line's checksum covers the serial.
    assert!(one.pop() != two.pop());
    assert_eq!(one, two);
    drop(copy);
    let copy = open(folder.path()).expect("opens again, under its new lineage");
    assert_eq!(exported(&*copy), again);
}

#[test]
fn an_export_read_back_knows_the_secrets_of_visitors_ids() {
    let store = filled();
    let without = exported(&store);
    assert!(!String::from_utf8_lossy(&without).contains("secrets"));
    let secrets = [("TWO", 3), ("ONE", 0xab)]
        .map(|(name, number)| (name.to_owned(), SecretFingerprint([number; 8])))
        .into();
    commit(&store, vec![Write::Secrets(secrets)]);
    let whole = exported(&store);
    let list = r#""secrets":{"ONE":"abababababababab","TWO":"0303030303030303"}"#;
    assert!(String::from_utf8_lossy(&whole).contains(list));
    for (export, known) in [(&without, 0), (&whole, 2)] {
        let copy = memory();
        imported(export, &copy).expect("can be imported");
        assert_eq!(runtime().block_on(copy.meta()).expect("answers").secrets.len(), known);
    }
}

#[test]
fn an_import_brings_its_own_lineage() {
    let store = pushsync::state::MemoryStore::new("default", uuid::Uuid::from_u128(9), time(0))
        .expect("can be made");
    commit(&store, vec![put("a@v", "x")]);
    let folder = tempfile::tempdir().expect("a folder");
    imported(&exported(&store), &*open(folder.path()).expect("opens")).expect("imports");
    let copy = open(folder.path()).expect("opens again");
    let meta = runtime().block_on(copy.meta()).expect("answers");
    assert_eq!(meta.lineage, uuid::Uuid::from_u128(9));
}

#[test]
fn the_same_contents_give_the_same_lines_in_any_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = open(folder.path()).expect("opens");
    fill(&*other);
    assert_eq!(exported(&filled()), exported(&*other));
}

#[test]
fn lines_are_sorted_and_named() {
    let store = memory();
    commit(&store, vec![put("b@v", "x"), put("a@v", "y"), intend("c@v"), log(2), log(1)]);
    let approvals = ["c@v", "a@w"].map(|name| approval(name, "x", until(60)));
    commit(&store, approvals.iter().map(approve).collect());
    let text = String::from_utf8(exported(&store)).expect("is text");
    let starts: Vec<_> = text.lines().map(|line| &line[..23]).collect();
    assert_eq!(
        starts,
        [
            r#"{"format":"pushsync/sta"#,
            r#"{"record":{"address":"a"#,
            r#"{"record":{"address":"b"#,
            r#"{"intent":{"address":"c"#,
            r#"{"approval":{"address":"#,
            r#"{"approval":{"address":"#,
            r#"{"run":{"id":"00000000-"#,
            r#"{"run":{"id":"00000000-"#,
            r#"{"end":{"counts":{"reco"#,
        ]
    );
}

#[test]
fn a_run_of_many_changes_is_exported_in_lines_of_bounded_length_and_read_back_whole() {
    let mut run = run(1);
    run.changes = vec![run.changes[0].clone(); 2500];
    let store = memory();
    commit(&store, vec![Write::Run(Box::new(run.clone())), part(1, 1, "update"), log(2)]);
    let text = exported(&store);
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    let starts = |name: &str| {
        lines.iter().filter(|line| line.starts_with(format!("{{\"{name}\"").as_bytes())).count()
    };
    assert_eq!((starts("run"), starts("part")), (2, 2));
    assert!(lines.iter().all(|line| line.len() < 256 << 10));
    let fresh = memory();
    imported(&text, &fresh).expect("imports");
    let runs = runtime().block_on(fresh.runs(9)).expect("answers");
    assert_eq!((runs.len(), runs[1].changes.len()), (2, 2501));
    assert_eq!(runs[1].changes[2500].action, "update");
    // But for the serial, which rises.
    let again = exported(&fresh);
    let same = lines[1..lines.len() - 2].join(&b'\n');
    assert!(again.windows(same.len()).any(|part| part == same));
}

#[test]
fn every_cut_is_noticed_and_nothing_is_imported() {
    let store = memory();
    commit(&store, vec![put("a@v", "x"), put("b@v", "x"), intend("c@v"), log(1)]);
    let whole = exported(&store);
    for length in 0..whole.len() {
        let fresh = memory();
        let error = imported(&whole[..length], &fresh).expect_err("is cut off");
        assert!(matches!(error, StateError::BadExport { .. }), "{length}: {error}");
        assert_eq!(runtime().block_on(fresh.meta()).expect("answers").serial, 0);
    }
}

#[test]
fn every_changed_byte_is_noticed_and_nothing_is_imported() {
    let store = memory();
    commit(&store, vec![put("a@v", "x"), intend("c@v"), log(1)]);
    let whole = exported(&store);
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        let fresh = memory();
        imported(&bytes, &fresh).expect_err("was changed");
        assert_eq!(runtime().block_on(fresh.meta()).expect("answers").serial, 0, "byte {at}");
    }
}

fn edited(edit: impl FnOnce(&mut Vec<String>)) -> StateError {
    let store = memory();
    commit(&store, vec![put("a@v", "x"), put("b@v", "x"), put("c@v", "x")]);
    let text = String::from_utf8(exported(&store)).expect("is text");
    let mut lines: Vec<_> = text.lines().map(|line| format!("{line}\n")).collect();
    edit(&mut lines);
    imported(lines.concat().as_bytes(), &memory()).expect_err("was edited")
}

fn line_of(error: &StateError) -> u64 {
    let StateError::BadExport { line, .. } = error else { panic!("{error}") };
    *line
}

#[test]
fn a_problem_is_told_with_its_line() {
    assert_eq!(line_of(&edited(|lines| lines.swap(1, 2))), 3);
    assert_eq!(line_of(&edited(|lines| lines.insert(2, lines[1].clone()))), 3);
    assert_eq!(line_of(&edited(|lines| drop(lines.remove(2)))), 4);
    assert_eq!(line_of(&edited(|lines| lines[2] = "{}\n".to_owned())), 3);
    assert_eq!(line_of(&edited(|lines| lines.push(lines[1].clone()))), 6);
    assert_eq!(line_of(&edited(|lines| drop(lines.remove(0)))), 1);
}

#[test]
fn an_export_of_a_newer_version_or_another_environment_is_refused() {
    let error = edited(|lines| lines[0] = lines[0].replace("state/1", "state/2"));
    assert!(matches!(error, StateError::Newer { found: 2, .. }), "{error}");
    let store = pushsync::state::MemoryStore::new("staging", LINEAGE, time(0)).expect("made");
    let error = imported(&exported(&filled()), &store).expect_err("is of another");
    assert!(matches!(error, StateError::OtherEnvironment { .. }), "{error}");
}

#[test]
fn an_export_is_read_back_into_an_empty_state_only() {
    let whole = exported(&filled());
    for writes in [vec![put("a@v", "x")], vec![intend("a@v")]] {
        let store = memory();
        commit(&store, writes);
        let before = contents(&store).expect("reads");
        let error = imported(&whole, &store).expect_err("is not empty");
        assert!(matches!(error, StateError::NotEmpty { .. }), "{error}");
        assert_eq!(contents(&store).expect("reads"), before);
        let restore = Write::Restore {
            lineage: LINEAGE,
            serial: 1,
            created_at: time(0),
            api: None,
            secrets: Default::default(),
        };
        let error = runtime().block_on(store.commit(vec![restore])).expect_err("is not empty");
        assert!(matches!(error, StateError::NotEmpty { .. }), "{error}");
    }
}

#[test]
fn problems_never_quote_a_visitor() {
    let secret = "kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg";
    let error = edited(|lines| lines[1] = lines[1].replace("a@v", &format!("A@{secret}")));
    assert!(!error.to_string().contains(secret), "{error}");
    let error = edited(|lines| lines[1] = lines[1].replace("\"kind\"", &format!("\"{secret}\"")));
    assert!(!error.to_string().contains(secret), "{error}");
}
