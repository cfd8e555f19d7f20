//! Every folder of `fixtures/manifest` is a project, and its `expected.txt` says what comes of it:
//! the diagnostics, and if there is no error, the deliveries.
//!
//! `UPDATE_EXPECT=1 cargo test --test manifest` writes the files anew; read them before you
//! commit them.

use std::{fmt::Write as _, fs, path::Path};

use pushsync::{
    desired::{self, Deliveries},
    diagnostics::show::Style,
    manifest::{self, LoadOptions, Presence, Project},
};

const NOW: &str = "2026-11-22T12:00:00Z";

fn environment(name: &str) -> Option<String> {
    match name {
        "AUDIENCE" => Some("beta".into()),
        "STATE_URL" => Some("postgres://user:secret@db/x".into()),
        _ => None,
    }
}

/// `options.txt` may hold `env: NAME` and `allow-outside`.
fn outcome(folder: &Path) -> String {
    let options = fs::read_to_string(folder.join("options.txt")).unwrap_or_default();
    let now = NOW.parse().expect("an instant");
    let loaded = manifest::load(
        folder,
        &LoadOptions {
            environment: options
                .lines()
                .find_map(|line| line.strip_prefix("env: "))
                .map(Into::into),
            allow_outside: options.lines().any(|line| line == "allow-outside"),
            env: &environment,
            now,
        },
    );
    let mut report = loaded.report;
    if let Some(project) = &loaded.project {
        report.extend(desired::check(project));
    }
    let mut out = report.text(Style::default());
    // The folder of the checkout is none of the fixture's business.
    let here = folder.display().to_string();
    out = out.replace(&here, "FOLDER");
    if let (Some(project), 0) = (&loaded.project, report.errors()) {
        describe(project, &mut out);
    }
    out
}

fn describe(project: &Project, out: &mut String) {
    let now = NOW.parse().expect("an instant");
    for delivery in Deliveries::new(project, now) {
        let delivery = delivery.expect("checked before");
        let (address, spec) = (delivery.address.as_str(), &delivery.spec);
        let _ = writeln!(out, "{address} | {} | {} | {:?}", spec.kind, spec.sender, delivery.text);
    }
    for (key, presence) in project.keys_at(now) {
        if presence != Presence::Active {
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
