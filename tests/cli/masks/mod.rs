//! No visitor's id comes out of anything that is published: whatever is wrong, in whatever format.

mod answers;
mod csv;
mod settings;
mod yaml;

use crate::support::{Project, run};

/// Ids as people have them: Brevo's, a UUID, a hash, a name, an address, a counter, another script.
const IDS: &[&str] = &[
    "kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg",
    "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "anna",
    "liz@chat.acme.io",
    "customer-000123",
    "ben+test_0f1e2d3c4b5a6978",
    "größe-7-münchen",
];

/// The part of an id that a text has, if that is more than half of it.
fn leak(text: &str, id: &str) -> Option<String> {
    let chars: Vec<char> = id.chars().collect();
    if chars.len() < 8 {
        let word = |c: char| !(c.is_alphanumeric() || c == '_' || c == '-');
        return text.split(word).any(|part| part == id).then(|| id.to_owned());
    }
    let text = text.to_lowercase();
    let parts = chars.windows(chars.len() / 2 + 1).map(|part| part.iter().collect::<String>());
    parts.into_iter().find(|part| text.contains(&part.to_lowercase()))
}

/// Runs the commands in a project, and tells what came out of them with the id in it.
fn leaks(project: &Project, commands: &[&str], id: &str, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for command in commands {
        let run = project.run(command).env("BREVO_API_KEY", "x");
        let ran = run.env("PUSHSYNC_VISITOR_SECRET", "a secret of the website").wait();
        assert!((0..=1).contains(&ran.status), "{name}: {command}: {ran:?}");
        let all = format!("{}\n{}", ran.out, ran.err);
        if let Some(part) = leak(&all, id) {
            found.push(format!("=== {name}\n--- {command}: {part}\n{all}"));
        }
    }
    found
}

const VALIDATE: [&str; 1] = ["validate"];
const ALL: [&str; 7] = [
    "validate",
    "validate --format json",
    "validate --format github",
    "validate --format sarif",
    "plan --format markdown",
    "plan --log-format json",
    "show note",
];

/// Every input with every id, as text; and with one of them in every other way.
fn each(inputs: &[&str], project: impl Fn(&str, &str) -> Project) -> Vec<String> {
    let mut found = Vec::new();
    for (number, input) in inputs.iter().enumerate() {
        for (at, id) in IDS.iter().enumerate() {
            let project = project(input, id);
            // Each takes a process: another id for each input, and those for the others.
            if number % 4 != at % 4 {
                continue;
            }
            let commands = if number % IDS.len() == at { &ALL[..] } else { &VALIDATE[..] };
            found.extend(leaks(&project, commands, id, &input.replace("ID", id)));
        }
    }
    found
}

fn none(found: &[String]) {
    assert!(found.is_empty(), "{} leaks\n{}", found.len(), found.join("\n"));
}

#[test]
fn whatever_stands_where_an_id_belongs_is_masked() {
    none(&each(yaml::MISPLACED, |input, id| {
        let project = Project::empty();
        project.file("pushsync.yaml", input.replace("ID", id));
        project
    }));
}

#[test]
fn an_id_that_is_known_is_masked_wherever_it_stands() {
    none(&each(yaml::KNOWN, |input, id| {
        let project = Project::empty();
        project.file("pushsync.yaml", input.replace("ID", id));
        project.file(
            "messages/vips.yaml",
            format!("audiences: {{ vips: {{ visitors: [\"{id}\", x] }} }}\n"),
        );
        project
    }));
}

#[test]
fn rows_that_are_read_wrongly_are_hidden() {
    let manifest = "audiences: { list: { file: list.csv } }\n\
                    messages: { note: { to: list, text: 'hi {{ name }}' } }\n";
    none(&each(csv::ROWS, |input, id| {
        let project = Project::empty();
        project.file("pushsync.yaml", manifest);
        project.file("list.csv", input.replace("ID", id));
        project
    }));
}

/// A file of rows with another delimiter, in an encoding.
fn rewritten(rows: &str, delimiter: &str, encoding: &str) -> Vec<u8> {
    let rows = match delimiter {
        "," => rows.to_owned(),
        // One of these files has the other sign already.
        other => rows.replace(other, "\u{1}").replace(',', other).replace('\u{1}', ","),
    };
    match encoding {
        "utf-16le" => rows.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => format!("\u{feff}{rows}").encode_utf16().flat_map(u16::to_be_bytes).collect(),
        label => {
            let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).expect("a label");
            encoding.encode(&rows).0.into_owned()
        }
    }
}

#[test]
fn rows_that_are_read_wrongly_are_hidden_whatever_the_delimiter_the_encoding_and_the_column() {
    let forms = [
        (";", "windows-1252", "visitor_id"),
        ("\t", "utf-16le", "user_id"),
        ("|", "utf-8", "Kundennummer"),
        (";", "utf-16be", "user_id"),
        (",", "shift_jis", "user_id"),
    ];
    let mut found = Vec::new();
    for (number, input) in csv::ROWS.iter().enumerate() {
        // Each takes a process.
        let (delimiter, encoding, column) = forms[number % forms.len()];
        for id in [IDS[number % IDS.len()], IDS[(number + 3) % IDS.len()]] {
            let visitor = match column {
                "user_id" => "{ column: user_id, hmac_sha256: PUSHSYNC_VISITOR_SECRET }",
                column => column,
            };
            // It may also be declared wrongly.
            let declared = if number % 4 == 3 { "," } else { delimiter };
            let project = Project::empty();
            project.file(
                "pushsync.yaml",
                format!(
                    "audiences: {{ list: {{ file: list.csv, delimiter: \"{}\", encoding: {encoding}, visitor: {visitor} }} }}\n\
                     messages: {{ note: {{ to: list, text: 'hi {{{{ name }}}}' }} }}\n",
                    declared.replace('\t', "\\t")
                ),
            );
            let rows = input.replace("ID", id).replace("visitor_id", column);
            project.file("list.csv", rewritten(&rows, delimiter, encoding));
            let name = format!("{declared:?} {encoding} {column}: {rows}");
            found.extend(leaks(&project, &["validate", "validate --format github"], id, &name));
        }
    }
    none(&found);
}

#[test]
fn a_file_that_is_read_in_two_ways_hides_the_ids_of_both() {
    let project = Project::empty();
    project.file(
        "pushsync.yaml",
        "audiences:\n  users: { file: list.csv, visitor: { column: user, hmac_sha256: PUSHSYNC_VISITOR_SECRET } }\n  \
         visitors: { file: list.csv, visitor: chat }\n\
         environments: { staging: { audiences: { users: { visitor: third } } } }\n",
    );
    project.file("list.csv", "user,chat,third,name\nuser-000123,chat-000456,three-000789,\u{7}\n");
    for id in ["user-000123", "chat-000456", "three-000789"] {
        none(&leaks(&project, &ALL[..5], id, "two ways"));
    }
}

#[test]
fn files_that_are_not_utf_8_show_no_id() {
    for id in IDS {
        let project = Project::empty();
        project.file(
            "pushsync.yaml",
            "audiences: { list: { file: list.csv } }\nmessages: { note: { to: list, text: hi } }\n",
        );
        let latin =
            [format!("visitor_id,name\n{id},Ann").as_bytes(), &[0xe9, b'e', b'\n']].concat();
        let wide: Vec<u8> = format!("visitor_id,name\n{id},Anna\n")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        for bytes in [latin.clone(), wide.clone(), [&[0xff, 0xfe], &wide[..]].concat()] {
            project.file("list.csv", &bytes);
            let dense = |text: &str| text.replace(['\0', '␀', ' '], "");
            let ran = project.run("validate").exits(1);
            assert_eq!(leak(&dense(&ran.out), id), None, "{}", ran.out);
        }
        let mut yaml = format!("audiences: {{ beta: {{ visitors: [{id}] }} }} # caf").into_bytes();
        yaml.push(0xe9);
        project.file("messages/a.yaml", yaml);
        none(&leaks(&project, &ALL, id, "not UTF-8"));
    }
}

#[test]
fn a_name_of_a_file_or_an_argument_shows_no_id() {
    let id = IDS[0];
    let project = Project::note("hi");
    project.file(
        &format!("messages/{id}.yaml"),
        format!("audiences: {{ a: {{ visitors: [{id}], x: y }} }}"),
    );
    none(&leaks(&project, &ALL, id, "a file's name"));
    for args in [
        format!("show note --visitor {id},x\u{7}"),
        format!("state show note@{id}\u{7}"),
        format!("state rm Bad@{id}"),
        format!("plan --target note@{id}\u{7}"),
        format!("plan --target note@{id}"),
        format!("state mv note@{id} other@{id}x"),
        format!("import Note@{id} x"),
        format!("import note@{id}"),
        format!("state resolve {id} --not-sent"),
        format!("show note --visitor {id}"),
    ] {
        let ran = run(project.path(), args.split(' ')).wait();
        let all = format!("{}{}", ran.out, ran.err);
        assert_eq!(leak(&all, id), None, "{args}: {all}");
    }
}
