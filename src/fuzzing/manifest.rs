use std::{fs, path::Path};

use super::{assert_harmless, choice, folder};
use crate::{
    desired::Deliveries,
    diagnostics::show::Style,
    manifest::{LoadOptions, Loaded, PROJECT_FILE, load},
};

/// Any bytes as the manifest.
pub fn yaml(data: &[u8]) {
    let folder = folder("yaml");
    write(&folder, PROJECT_FILE, data);
    run(&folder, None);
    run(&folder, Some("staging"));
}

/// Any text as YAML, for both parsers.
pub fn parsers(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        crate::manifest::yaml::agreement::check(text);
    }
}

/// Any bytes as the audience of a manifest. A control character in front says how the file is read.
pub fn csv(data: &[u8]) {
    let folder = folder("csv");
    let (form, data) = match data {
        [form @ 1..=0x1f, rest @ ..] if !matches!(form, b'\t' | b'\n' | b'\r') => (*form, rest),
        _ => (0, data),
    };
    let delimiter = [",", ";", "tab", "|"][usize::from(form % 4)];
    let label =
        ["utf-8", "utf-16le", "utf-16be", "windows-1252", "shift_jis", "gb18030", "iso-2022-jp"]
            [usize::from(form / 4) % 7];
    let visitor = match form {
        0..=15 => "visitor_id",
        _ => "{ column: visitor_id, hmac_sha256: SECRET, length: 16 }",
    };
    let manifest = format!(
        "audiences: {{ a: {{ file: a.csv, delimiter: '{delimiter}', encoding: {label}, missing: ['NULL'], visitor: \
         {visitor} }} }}\n\
         messages:\n  m: {{ to: a, text: '{{{{ name|default(\"you\") }}}}' }}\n  \
         w: {{ to: {{ audience: a, where: plan == 'pro' }}, text: '{{{{ plan }}}}' }}\n"
    );
    write(&folder, PROJECT_FILE, manifest.as_bytes());
    write(&folder, "a.csv", data);
    run(&folder, None);
}

/// Any text as a template: quoted, as a block, or as a condition.
pub fn template(data: &[u8]) {
    let (form, text) = choice(data);
    let Ok(text) = std::str::from_utf8(text) else { return };
    let quoted = serde_json::Value::from(text).to_string();
    let message = match form % 4 {
        0 => format!("{{ to: a, text: {quoted} }}"),
        1 => format!("\n    to: a\n    text: |\n      {}", text.replace('\n', "\n      ")),
        2 => format!("\n    to: a\n    text: >-\n      {}", text.replace('\n', "\n      ")),
        _ => format!("{{ to: {{ audience: a, where: {quoted} }}, text: b }}"),
    };
    let manifest = format!(
        "vars: {{ name: Ada, n: 3, yes: true, list: [a, b, [c]], map: {{ k: v }} }}\n\
         audiences: {{ a: {{ file: a.csv }} }}\nmessages:\n  m: {message}\n"
    );
    let folder = folder("template");
    write(&folder, "a.csv", b"visitor_id,plan,empty,price\nv1,pro,,9.50\nv2,\"a\nb\",,x\n");
    write(&folder, PROJECT_FILE, manifest.as_bytes());
    run(&folder, None);
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let written = fs::write(folder.join(name), bytes);
    assert!(written.is_ok(), "could not write {name}");
}

fn run(folder: &Path, environment: Option<&str>) {
    let options = LoadOptions {
        environment: environment.map(str::to_owned),
        allow_outside: false,
        env: &|name| (name == "HOME").then(|| "\u{1b}[31m".to_owned()),
        limits: Default::default(),
        now: jiff::Timestamp::UNIX_EPOCH,
        queries: crate::manifest::Queries::LeaveOut,
        secrets: crate::manifest::VisitorSecrets::Optional,
        allow_change: &[],
    };
    let mut loaded = load(folder, &options);
    let _ = loaded.settings();
    if let Some(project) = &loaded.project {
        let mut deliveries = Deliveries::new(project, options.now);
        for delivery in deliveries.by_ref().take(1000).flatten() {
            assert!(!delivery.text.trim().is_empty(), "an empty text");
            assert!(delivery.text.len() <= 1 << 20 || delivery.text.len() <= folder_size(folder));
        }
        let _ = deliveries.take_warnings();
    }
    crate::desired::check(&mut loaded);
    show(&loaded);
    assert_eq!(loaded.project.is_none(), loaded.report.errors() > 0, "a project with errors");
}

/// A text that is not a template is as long as it is written.
fn folder_size(folder: &Path) -> usize {
    let size = fs::metadata(folder.join(PROJECT_FILE)).map_or(0, |meta| meta.len());
    usize::try_from(size).unwrap_or(usize::MAX)
}

fn show(loaded: &Loaded) {
    let report = &loaded.report;
    for mask in [false, true] {
        assert_harmless(&report.text(Style { color: false, mask }));
    }
    let colored = report.text(Style { color: true, mask: true });
    assert_eq!(colored.is_empty(), report.diagnostics().is_empty());
    let commands = report.github("");
    assert_harmless(&commands);
    assert_eq!(commands.lines().count(), report.diagnostics().len(), "{commands}");
    let _ = report.json().to_string();
}
