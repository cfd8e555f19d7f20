//! Formats for review: what a plan looks like elsewhere than at a terminal.

use crate::support::{ADA, BEN, Project};

fn project() -> Project {
    Project::new("messages:\n  note: { from: support, to: team, text: Dark mode is here }")
}

#[test]
fn a_plan_is_a_comment_a_page_or_annotations() {
    let project = project();
    let comment = project.run("plan --format markdown").ok();
    assert!(
        comment.out.starts_with("<!-- pushsync:plan environment=default changes="),
        "{}",
        comment.out
    );
    comment.says(&["| `+` | create | 2 |", "+ Dark mode is here"]).never_says(&[ADA, BEN]);
    let page = project.run("plan --format html").ok();
    assert!(page.out.starts_with("<!doctype html>"), "{}", page.out);
    page.says(&["<strong>2</strong> to create", "Dark mode is here"]).never_says(&[ADA, BEN]);
    let commands = project.run("plan --format github").ok();
    let commented = ["::notice ", "::warning title=new-state::"];
    let is_command = |line: &str| commented.iter().any(|start| line.starts_with(start));
    assert!(commands.out.lines().all(is_command), "{}", commands.out);
    commands.says(&["file=pushsync.yaml,line="]).never_says(&[ADA, BEN]);
    for format in ["markdown", "html", "github"] {
        let ran = project.run(&format!("plan --detailed-exitcode --format {format}")).exits(2);
        ran.never_says(&["next:"]);
    }
}

#[test]
fn masks_are_as_the_project_says() {
    let project = Project::empty();
    let yaml = "messages: { note: { from: support, to: ada, text: hi } }";
    for format in ["text", "markdown", "html", "github"] {
        project.settings("privacy: { mask_visitors: never }", yaml);
        // What is published, the project cannot unmask: see `masks/settings.rs`.
        if matches!(format, "text" | "html") {
            project.run(&format!("plan --format {format}")).env("CI", "").ok().says(&[ADA]);
        }
        project.settings("privacy: { mask_visitors: always }", yaml);
        project.run(&format!("plan --format {format}")).ok().never_says(&[ADA]);
    }
}

#[test]
fn every_format_says_which_commit_the_manifest_is_of() {
    let project = project();
    project.git("init -q");
    project.git("add .");
    project.git("commit -qm x");
    let commit = project.git("rev-parse HEAD");
    for format in ["text", "markdown", "html", "github", "json"] {
        project.run(&format!("plan --format {format}")).ok().says(&[&commit[..12]]);
    }
}

#[test]
fn annotations_name_files_from_the_root_of_the_repository_on() {
    let project = Project::empty();
    project.git("init -q");
    project.file(
        "chat/eu/pushsync.yaml",
        format!("version: 1\nmessages:\n  note: {{ to: {{ visitor: {ADA} }}, text: hi }}\n"),
    );
    project
        .run("plan -C chat/eu --format github")
        .ok()
        .says(&["file=chat/eu/pushsync.yaml,line=3"]);
    project.file("chat/eu/pushsync.yaml", "version: 1\nmessages: { note: { colour: red } }");
    let ran = project.run("validate -C chat/eu --format github").exits(1);
    ran.says(&["file=chat/eu/pushsync.yaml,line=2"]);
    let ran = project.run("validate -C chat/eu --format sarif").exits(1);
    let document = ran.json();
    let result = &document["runs"][0]["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "chat/eu/pushsync.yaml");
    assert_eq!(place["region"]["startLine"], 2);
    assert_eq!(document["version"], "2.1.0");
}

#[test]
fn a_plan_for_a_review_says_only_what_is_refused_after_the_review_too() {
    let sandbox = crate::support::Sandbox::start();
    let project = Project::many(8);
    project.apply(&sandbox);
    project.rewrite("messages: { other: { from: support, to: ada, text: hi } }");
    for format in ["markdown", "html", "github"] {
        let plan = project.with(&sandbox, &format!("plan --format {format}")).ok();
        plan.never_says(&["will refuse", "max_deletes", "--allow-deletes"]);
    }
    for args in ["plan", "plan --format json", "plan --format markdown --out plan.json"] {
        project.with(&sandbox, args).ok().warns(&[
            "apply will refuse, unless the plan is reviewed (--reviewed): this plan deletes 8 of 8",
            "apply with --allow-deletes 8",
        ]);
    }
    let review = project.with(&sandbox, "plan --format json").ok().json()["review"].clone();
    let review = review.as_str().expect("a digest");
    project.with(&sandbox, "apply --yes").exits(1);
    project.with(&sandbox, &format!("apply --reviewed {review}")).ok();
}

#[test]
fn a_plan_for_a_review_says_what_is_protected() {
    let sandbox = crate::support::Sandbox::start();
    let project =
        Project::new("messages: { vip: { from: support, to: ada, text: hi, protect: true } }");
    project.apply(&sandbox);
    project.rewrite("messages: { other: { from: support, to: ada, text: hi } }");
    for format in ["markdown", "html", "github"] {
        let plan = project.with(&sandbox, &format!("plan --format {format}")).exits(1);
        plan.says(&["will refuse this plan", "is protected"]).warns(&["is protected"]);
    }
}
