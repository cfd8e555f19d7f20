//! Visitor ids that are made from user ids: where the secret comes from, and where it never appears.

use std::{fs, path::Path};

use crate::support::{Fake, Project, Sandbox};

const SECRET: &str = "correct-horse-battery-staple-0123456789";
const NAME: &str = "PUSHSYNC_VISITOR_SECRET";
/// Of the user 42, by Python's hmac.
const ID: &str = "a15a91ad7b46378dca66a8a6d746a0ca03858552cb7147b597193ee484a9c32b";

fn project() -> Project {
    let project = Project::empty();
    project.file(
        "pushsync.yaml",
        format!(
            "version: 1\naudiences:\n  users: {{ file: users.csv, visitor: {{ column: user_id, hmac_sha256: {NAME} }} }}\n\
             messages: {{ note: {{ to: users, text: 'Hi {{{{ name }}}}' }} }}\n"
        ),
    );
    project.file("users.csv", "user_id,name\n42,Ada\nben@example.com,Ben\n");
    project
}

/// All that lies in a folder, and what is in it.
fn everything(folder: &Path, all: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        all.extend_from_slice(path.as_os_str().as_encoded_bytes());
        match path.is_dir() {
            true => everything(&path, all),
            false => all.extend(fs::read(&path).expect("readable")),
        }
    }
}

fn holds(all: &[u8], text: &str) -> bool {
    all.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn the_secret_makes_the_ids_and_is_in_no_output_plan_or_state() {
    let project = project();
    let sandbox = Sandbox::start();
    let mut said = Vec::new();
    for args in [
        "validate -vv",
        "plan --format json -vv",
        "plan --format markdown",
        "plan --format html",
        "plan --out plan.json",
        "apply plan.json --yes -vv --log-format json",
        "state export",
        "state show note",
        "state history",
        "plan --format github",
    ] {
        let run = project.run(args).env(NAME, SECRET).env("BREVO_BASE_URL", sandbox.base_url());
        let ran = run.env("BREVO_API_KEY", "any").wait();
        assert!(args.starts_with("state show") || ran.status == 0, "{args}: {ran:?}");
        said.push(format!("{}{}", ran.out, ran.err));
    }
    assert!(said[1].contains(&format!("note@{ID}")), "{}", said[1]);
    let mut all = said.concat().into_bytes();
    everything(project.path(), &mut all);
    assert!(holds(&all, ID) && !holds(&all, SECRET));
    assert!(!holds(&all, &SECRET[8..]));
}

#[test]
fn nothing_is_planned_or_sent_without_the_secret_or_with_one_that_came_out_of_a_file() {
    let project = project();
    let server = Fake::untouched();
    let commands = ["plan", "apply --yes", "plan --destroy", "show note", "plan --target note"];
    for args in commands {
        for (secret, told) in [
            (None, "is not set"),
            (Some(String::new()), "is empty"),
            (Some(format!("{SECRET}\n")), "line break"),
            (Some(format!(" {SECRET}")), "white space"),
        ] {
            let run = project.run(args).env("BREVO_BASE_URL", server.base_url());
            let run = run.env("BREVO_API_KEY", "any");
            let run = match &secret {
                Some(secret) => run.env(NAME, secret),
                None => run,
            };
            let ran = run.exits(1);
            let all = format!("{}{}", ran.out, ran.err);
            assert!(all.contains("visitor-secret") && all.contains(told), "{args}: {all}");
            assert!(all.contains(NAME) && !all.contains(SECRET), "{args}: {all}");
        }
    }
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn a_manifest_cannot_ask_for_a_variable_that_holds_something_else() {
    for name in
        ["BREVO_API_KEY", "PUSHSYNC_STATE_KEY", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "PATH"]
    {
        let project = project();
        let manifest = fs::read_to_string(project.join("pushsync.yaml")).expect("readable");
        project.file("pushsync.yaml", manifest.replace(NAME, name));
        // Whether it is set makes no difference.
        let told = [None, Some("a value of twenty characters and more")].map(|value| {
            let run = project.run("plan");
            let ran = match value {
                Some(value) if name != "PATH" => run.env(name, value),
                _ => run,
            };
            ran.exits(1).err
        });
        assert_eq!(told[0], told[1]);
        assert!(told[0].contains("is for something else"), "{}", told[0]);
    }
}

#[test]
fn a_short_secret_is_a_warning() {
    let project = project();
    let ran = project.run("plan").env(NAME, "hunter2").ok();
    assert!(ran.err.contains("warning[visitor-secret]"), "{}", ran.err);
    assert!(!ran.err.contains("hunter2") && !ran.out.contains("hunter2"));
}

#[test]
fn validate_works_without_the_secret_and_checks_all_else() {
    let project = project();
    project.run("validate").ok();
    // An input that a job lacks is an empty variable.
    project.run("validate").env(NAME, "").ok();
    project.file("users.csv", "user_id,name\n42,\n42,Ada\nNULL,Ben\n");
    let told = project.run("validate").exits(1).out;
    assert!(told.contains("error[duplicate-visitor]: the user"), "{told}");
    assert!(told.contains("stands where a user id belongs"), "{told}");
    assert!(!told.contains("visitor-secret"), "{told}");
}
