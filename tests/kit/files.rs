//! What the files of the kit promise, whatever linters there are.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::action::root;

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn yaml(name: &str) -> Value {
    serde_yaml::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

const WORKFLOWS: [&str; 4] = [
    ".github/workflows/ci.yml",
    ".github/workflows/release.yml",
    "ci/templates/github.yml",
    "ci/templates/github-run.yml",
];

fn steps(name: &str) -> Vec<Value> {
    let workflow = yaml(name);
    let jobs = workflow["jobs"].as_object().expect("jobs").clone();
    jobs.values().flat_map(|job| job["steps"].as_array().expect("steps").clone()).collect()
}

#[test]
fn workflows_start_without_permissions_and_use_actions_by_commit() {
    for name in WORKFLOWS {
        let workflow = yaml(name);
        assert_eq!(
            workflow["permissions"].as_object().map(serde_json::Map::len),
            Some(0),
            "{name}"
        );
        assert!(!read(name).contains("pull_request_target"), "{name}");
        for (job, body) in workflow["jobs"].as_object().expect("jobs") {
            assert!(body["permissions"].is_object(), "{name}: {job}");
            assert!(body["timeout-minutes"].is_number(), "{name}: {job}");
        }
        for step in steps(name) {
            if let Some(uses) = step["uses"].as_str() {
                let commit = uses.split_once('@').expect("an action at a commit").1;
                assert!(
                    commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()),
                    "{name}: {uses}"
                );
                if uses.starts_with("actions/checkout@") {
                    assert_eq!(step["with"]["persist-credentials"], false, "{name}");
                }
            }
            assert!(!step["run"].as_str().unwrap_or_default().contains("${{"), "{name}: {step}");
        }
    }
}

#[test]
fn the_template_gives_the_key_to_what_was_merged_alone() {
    let workflow = yaml("ci/templates/github.yml");
    let plan = workflow["jobs"]["plan"].to_string();
    assert!(!plan.contains("BREVO_API_KEY") && !plan.contains("secrets.PUSHSYNC_STATE }}"));
    assert_eq!(workflow["jobs"]["plan"]["if"], "github.event_name == 'pull_request'");
    for job in ["apply", "resume"] {
        assert_eq!(workflow["jobs"][job]["concurrency"]["cancel-in-progress"], false);
        assert!(
            !workflow["jobs"][job]["if"].as_str().expect("a condition").contains("pull_request")
        );
    }
    // Its inputs are those of the action.
    let action = yaml("action.yml");
    for step in steps("ci/templates/github.yml") {
        if step["uses"].as_str().is_some_and(|uses| uses.starts_with("OWNER/pushsync@")) {
            for name in step["with"].as_object().expect("inputs").keys() {
                assert!(action["inputs"].get(name).is_some(), "{name}");
            }
        }
    }
}

/// What tests and the kit itself set, and the start of all names.
const NOT_INPUTS: [&str; 4] =
    ["PUSHSYNC_CI_", "PUSHSYNC_CI_CLIENT_", "PUSHSYNC_CI_DOWNLOAD", "PUSHSYNC_CI_PAUSE"];

/// The text of a file, or of all files in a folder.
fn all_of(name: &str) -> String {
    let Ok(folder) = fs::read_dir(root().join(name)) else { return read(name) };
    let mut names: Vec<_> = folder.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    names.iter().map(|one| all_of(&format!("{name}/{}", one.to_string_lossy()))).collect()
}

#[test]
fn every_input_and_output_of_the_action_is_described_used_and_in_the_documentation() {
    let (action, text, docs) = (yaml("action.yml"), read("action.yml"), read("docs/ci.md"));
    let sources = ["ci/start.sh", "src/ci", "src/cli/ci"].map(all_of).concat();
    for (name, input) in action["inputs"].as_object().expect("inputs") {
        assert!(input["description"].is_string(), "{name}");
        assert!(text.contains(&format!("${{{{ inputs.{name} }}}}")), "{name} is not passed on");
        assert!(docs.contains(&format!("| `{name}` |")), "{name} is not in docs/ci.md");
    }
    for (name, output) in action["outputs"].as_object().expect("outputs") {
        assert_eq!(output["value"], format!("${{{{ steps.pushsync.outputs.{name} }}}}"));
        assert!(sources.contains(&format!("output(\"{name}\", ")), "nobody writes {name}");
        assert!(docs.contains(&format!("`{name}`")), "{name} is not in docs/ci.md");
    }
    let used: BTreeSet<_> = sources
        .match_indices("PUSHSYNC_CI_")
        .map(|(at, _)| {
            sources[at..]
                .chars()
                .take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == '_')
                .collect::<String>()
        })
        .collect();
    for name in used.iter().filter(|name| !NOT_INPUTS.contains(&name.as_str())) {
        assert!(text.contains(&format!("{name}:")), "nobody sets {name}");
    }
}

#[test]
fn the_image_is_static_small_and_not_roots() {
    let text = read("Dockerfile");
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect();
    let froms: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("FROM ")).collect();
    assert_eq!(froms.len(), 2);
    let (_, tag) = froms[0].split(' ').next().expect("an image").rsplit_once(':').expect("a tag");
    assert!(
        tag.split('-').next().expect("a version").split('.').count() == 3,
        "a version in full: {tag}"
    );
    assert_eq!(froms[1], "scratch");
    assert!(text.contains("-unknown-linux-musl") && text.contains("--locked"));
    let user =
        lines.iter().filter_map(|line| line.strip_prefix("USER ")).next_back().expect("a user");
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{user}");
    assert_eq!(lines.last(), Some(&"ENTRYPOINT [\"/pushsync\"]"));
    assert!(
        read(".dockerignore").lines().any(|line| line == "*"),
        "nothing is sent that is not named"
    );
}

#[test]
fn the_release_has_every_target_and_is_checked_against_its_tag() {
    let text = read(".github/workflows/release.yml");
    for part in [
        "x86_64-unknown-linux-musl",
        "aarch64-unknown-linux-musl",
        "aarch64-apple-darwin",
        "x86_64-apple-darwin",
        "ci/package.sh --check",
        "SHA256SUMS",
        "attest-build-provenance",
    ] {
        assert!(text.contains(part), "{part}");
    }
    // What is released can be installed.
    let install = read("ci/install.sh");
    for target in
        yaml(".github/workflows/release.yml")["jobs"]["build"]["strategy"]["matrix"]["include"]
            .as_array()
            .expect("targets")
    {
        let target = target["target"].as_str().expect("a name");
        assert!(install.contains(&format!("target={target}")), "{target}");
    }
}

#[test]
fn hooks_need_no_files_and_run_a_command_that_exists() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    let hooks = hooks.as_array().expect("hooks");
    assert_eq!(hooks.len(), 2);
    for hook in hooks {
        assert_eq!(
            (&hook["pass_filenames"], hook["entry"].as_str()),
            (&Value::Bool(false), Some("pushsync validate"))
        );
    }
}
