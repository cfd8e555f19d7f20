use std::{fs, path::Path};

use super::{assert_harmless, choice, folder};
use crate::{
    diagnostics::show::Style,
    manifest::{LoadOptions, PROJECT_FILE, load},
    model::mask::likely_ids,
};

/// The ids that are known: from `pushsync.yaml`, from a list, from a row. Each looks like none.
const KNOWN: [&str; 4] = ["annabelle.x", "liz@chat.acme.io", "Kundin_Nr_4711", "größe-sieben"];

/// Any bytes as a part of a project, which has four visitors elsewhere: the first byte says which part.
/// In the bytes, `\x01` to `\x04` stand for their ids. None comes out of any diagnostic, and neither does
/// anything that looks like an id.
pub fn diagnostics(data: &[u8]) {
    let (part, bytes) = choice(data);
    let mut input = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match usize::from(*byte).checked_sub(1).and_then(|at| KNOWN.get(at)) {
            Some(id) => input.extend_from_slice(id.as_bytes()),
            None => input.push(*byte),
        }
    }
    let folder = folder("diagnostics");
    let [a, b, c, d] = KNOWN;
    let main = format!(
        "audiences: {{ one: {{ visitors: [\"{a}\", \"{b}\"] }}, rows: {{ file: rows.csv }} }}\n"
    );
    write(&folder, PROJECT_FILE, main.as_bytes());
    write(&folder, "rows.csv", format!("visitor_id,name\n{c},Ada\n{d},Ben\n").as_bytes());
    let fuzzed = "messages: { m: { to: fuzzed, text: '{{ name }}' } }\n\
                  audiences: { fuzzed: { file: ../fuzzed.csv } }\n";
    match part % 3 {
        0 => write(&folder, "messages/a.yaml", &input),
        1 => {
            write(&folder, "messages/a.yaml", fuzzed.as_bytes());
            write(&folder, "fuzzed.csv", &input);
        }
        _ => {
            let manifest = [b"messages: { m: { to: one, text: hi, where: ", &input[..]].concat();
            write(&folder, "messages/a.yaml", &manifest);
        }
    }
    check(&folder);
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    let made = path.parent().map(fs::create_dir_all);
    assert!(matches!(made, Some(Ok(()))), "could not make the folder of {name}");
    assert!(fs::write(path, bytes).is_ok(), "could not write {name}");
}

fn check(folder: &Path) {
    let options = LoadOptions {
        environment: None,
        allow_outside: false,
        env: &|_| None,
        now: jiff::Timestamp::UNIX_EPOCH,
        limits: Default::default(),
        queries: crate::manifest::Queries::LeaveOut,
        secrets: crate::manifest::VisitorSecrets::Optional,
        allow_change: &[],
    };
    let mut loaded = load(folder, &options);
    crate::desired::check(&mut loaded);
    let report = &loaded.report;
    let shown = [
        report.text(Style { color: false, mask: true }),
        report.github("chat/"),
        report.json().to_string(),
        report.sarif("chat/").to_string(),
    ];
    assert_harmless(&shown[0]);
    for text in &shown {
        let lower = text.to_lowercase();
        for id in KNOWN {
            assert!(!lower.contains(&id.to_lowercase()), "{id} comes out: {text}");
        }
    }
    // The folder's name and the digests of documents are not in the text.
    let strange = likely_ids(&shown[0]);
    assert!(strange.is_empty(), "{:?} comes out: {}", &shown[0][strange[0].clone()], shown[0]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// A project that is right, with a visitor wherever one may be.
    const RIGHT: &str = "messages:\n  note:\n    to: { visitors: [\"\u{1}\", '\u{2}', \u{3}] } # for \u{1}\n    \
        text: |\n      Hello \u{4}, {{ 1 + 1 }}\n  more: { to: { visitor: \u{4} }, text: \u{2} }\n\
        audiences:\n  vips: { visitors: [\u{1}, \u{4}] }\nmoved: [ { from: old, to: note } ]\n\
        import: [ { to: \"note@\u{3}\", id: AXCR3k9bpSY7bpuh7 } ]\nremoved: [ { key: gone } ]\n";
    const ROWS: &str = "visitor_id,name,plan\n\u{1},\"Ada, A.\",pro\n\u{2},\"B \"\"x\"\"\",free\n\u{3},,\n\u{4},D,pro\n";

    #[derive(Debug, Clone)]
    enum Edit {
        Delete,
        Double,
        Insert(char),
        Swap,
    }

    fn edits() -> impl Strategy<Value = Vec<(usize, Edit)>> {
        let edit = prop_oneof![
            Just(Edit::Delete),
            Just(Edit::Double),
            Just(Edit::Swap),
            "[\\[\\]{}\"':,;#@&*!|>\\-\r\n\t a-z\u{0}\u{7f}\u{85}\u{200b}\u{fffd}]"
                .prop_map(|text| Edit::Insert(text.chars().next().unwrap_or(' '))),
        ];
        prop::collection::vec((0..1000_usize, edit), 1..5)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

        #[test]
        fn no_typo_brings_an_id_out_of_a_project(rows in any::<bool>(), edits in edits()) {
            let mut chars: Vec<char> = if rows { ROWS } else { RIGHT }.chars().collect();
            for (at, edit) in edits {
                let at = at % chars.len().max(1);
                match edit {
                    Edit::Delete if at < chars.len() => _ = chars.remove(at),
                    Edit::Double if at < chars.len() => chars.insert(at, chars[at]),
                    Edit::Swap if at + 1 < chars.len() => chars.swap(at, at + 1),
                    Edit::Insert(c) => chars.insert(at.min(chars.len()), c),
                    _ => {}
                }
            }
            let text: String = chars.into_iter().collect();
            let mut data = vec![u8::from(rows)];
            data.extend(text.bytes());
            super::diagnostics(&data);
        }
    }
}
