//! Who decides whether ids are masked.

use crate::support::{ADA, Project};

fn project(setting: &str) -> Project {
    let project = Project::empty();
    project.settings(
        &format!("privacy: {{ mask_visitors: {setting} }}"),
        "messages: { note: { from: support, to: ada, text: hi } }",
    );
    project
}

#[test]
fn a_pull_request_cannot_unmask_its_own_comment() {
    let project = project("never");
    for format in ["markdown", "github"] {
        project.run(&format!("plan --format {format}")).ok().never_says(&[ADA]);
    }
    for format in ["text", "html"] {
        project.run(&format!("plan --format {format}")).env("CI", "").ok().says(&[ADA]);
        project.run(&format!("plan --format {format}")).env("CI", "true").ok().never_says(&[ADA]);
    }
    project.run("plan").env("CI", "false").ok().says(&[ADA]);
}

#[test]
fn the_command_line_has_the_last_word() {
    for setting in ["never", "always", "auto"] {
        let project = project(setting);
        for format in ["text", "html", "markdown", "github"] {
            let plan = |masks: &str| {
                project
                    .run(&format!("plan --format {format}"))
                    .env("CI", "true")
                    .env("PUSHSYNC_MASK_VISITORS", masks)
            };
            plan("never").ok().says(&[ADA]);
            plan("always").ok().never_says(&[ADA]);
            plan("auto").ok().never_says(&[ADA]);
            project.run(&format!("plan --format {format} --mask-visitors never")).ok().says(&[ADA]);
        }
    }
}

#[test]
fn nothing_unmasks_annotations_and_documents_of_problems() {
    let project = Project::new(&format!("messages: {{ note: {{ to: {ADA}, text: hi }} }}"));
    for format in ["json", "github", "sarif"] {
        let ran =
            project.run(&format!("validate --mask-visitors never --format {format}")).exits(1);
        ran.never_says(&[ADA]);
    }
    project.run("validate --mask-visitors never").exits(1).says(&[ADA]);
    project.run("plan --mask-visitors never --log-format json").exits(1).never_says(&[ADA]);
}
