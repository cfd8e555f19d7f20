//! Which files belong to a project, and which project a command is about.

use std::{
    fs,
    os::unix::fs::{chown, symlink},
};

use crate::support::{ADA, Project, Sandbox, run};

/// A project with a message in a folder of its own.
fn project() -> Project {
    let project = Project::empty();
    project.settings("", "");
    fs::create_dir_all(project.join("messages/may")).expect("a folder");
    project.file("messages/may/a.yaml", message("hi"));
    project
}

fn message(key: &str) -> String {
    format!("messages:\n  {key}:\n    to: {{ visitor: {ADA} }}\n    text: Hello from {key}\n")
}

#[test]
fn a_command_in_a_folder_of_a_project_is_about_the_project() {
    let project = project();
    let below = project.join("messages/may");
    let said = run(&below, ["validate"]).ok().says(&["1 message"]);
    said.warns(&["using the project in ../.."]);
    // Paths of flags start where the command is run; what is hinted works there.
    let said = run(&below, ["plan", "--sandbox", "--out", "saved.plan"]).ok();
    assert!(below.join("saved.plan").is_file());
    said.warns(&["-C ../.."]);
    run(&below, ["apply", "saved.plan", "--yes", "--sandbox", "-C", "../.."]).ok();
    project.run("plan --sandbox --detailed-exitcode").exits(0);
    run(&below, ["show", "hi", "-q"]).ok().never_says(&["using"]);
    run(&project.join("messages"), ["state", "list", "--sandbox"]).ok().says(&["hi@"]);
}

#[test]
fn a_folder_that_is_named_and_a_new_project_are_where_they_are_said_to_be() {
    let project = project();
    project.run("validate -C messages").exits(1).says(&["no-project"]);
    let below = project.join("messages/may");
    run(&below, ["init"]).ok();
    assert!(below.join("pushsync.yaml").is_file());
    run(&below, ["validate"]).ok().never_says(&["using"]);
}

#[test]
fn a_project_above_a_repository_or_of_another_user_is_not_taken() {
    let project = project();
    let below = project.join("messages/may");
    fs::create_dir(below.join(".git")).expect("a folder");
    run(&below, ["validate"]).exits(1).says(&["no-project"]);
    fs::remove_dir(below.join(".git")).expect("removable");
    // Its own folder may be the repository's.
    fs::create_dir(project.join(".git")).expect("a folder");
    run(&below, ["validate"]).ok();
    fs::remove_dir(project.join(".git")).expect("removable");
    if chown(project.join("pushsync.yaml"), Some(12_345), None).is_err() {
        eprintln!("left out: only root gives a file to another user");
        return;
    }
    let said = run(&below, ["plan"]).exits(1);
    said.warns(&["belongs to another user", "-C ../.."]);
    run(&below, ["validate", "-C", "../.."]).ok();
}

#[test]
fn a_wrong_name_of_the_project_is_found_from_below_too() {
    let project = project();
    fs::rename(project.join("pushsync.yaml"), project.join("pushsync.yml")).expect("movable");
    let said = run(&project.join("messages"), ["validate"]).exits(1);
    said.says(&["rename `pushsync.yml` to pushsync.yaml"]).warns(&["using the project in .."]);
}

#[test]
fn a_pattern_that_matches_nothing_deletes_nothing() {
    let (project, sandbox) = (project(), Sandbox::start());
    project.settings("include: [\"messages/may/*.yaml\"]", "");
    project.with(&sandbox, "apply --yes").ok();
    let before = sandbox.there();
    fs::rename(project.join("messages/may"), project.join("messages/May")).expect("movable");
    project.run("validate").ok().says(&["warning[empty-pattern]", "did you mean `messages/May`?"]);
    for command in ["plan", "apply --yes", "apply --yes --allow-deletes all"] {
        let said = project.with(&sandbox, command).exits(1);
        said.warns(&["error[empty-pattern]", "1 delivery of `hi` would go"]);
    }
    assert_eq!(sandbox.there(), before);
    // What is said on purpose is done.
    project.with(&sandbox, "plan --destroy").ok().says(&["1 to delete"]);
    project
        .settings("include: [\"messages/may/*.yaml\"]\nremoved: [{ key: hi, delete: true }]", "");
    project.with(&sandbox, "apply --yes").ok();
    assert!(sandbox.there().is_empty());
}

#[test]
fn a_file_whose_ending_changed_deletes_nothing() {
    let (project, sandbox) = (project(), Sandbox::start());
    project.with(&sandbox, "apply --yes").ok();
    let may = project.join("messages/may");
    for ending in ["YAML", "yml"] {
        let renamed = may.join("a").with_extension(ending);
        fs::rename(may.join("a.yaml"), &renamed).expect("movable");
        for command in ["plan", "apply --yes --allow-deletes all"] {
            let said = project.with(&sandbox, command).exits(1);
            said.warns(&["error[not-included]", ending, "1 delivery of `hi` would go"]);
        }
        fs::rename(renamed, may.join("a.yaml")).expect("movable");
    }
    project.with(&sandbox, "plan --detailed-exitcode").exits(0);
}

#[test]
fn a_link_that_leads_nowhere_deletes_nothing_and_an_editors_lock_disturbs_nobody() {
    let (project, sandbox) = (project(), Sandbox::start());
    let may = project.join("messages/may");
    symlink("ada@host.4711:1764", may.join(".#a.yaml")).expect("a link");
    for left in ["a.yaml~", "#a.yaml#", ".a.yaml.swp"] {
        fs::write(may.join(left), "not: [yaml").expect("writable");
    }
    project.with(&sandbox, "apply --yes").ok();
    project.run("validate").ok().never_says(&["warning"]);
    project.settings("include: [\"messages/may/*\"]", "");
    project.run("validate").ok().never_says(&["warning"]);
    let elsewhere = project.join("elsewhere.yaml");
    fs::rename(may.join("a.yaml"), &elsewhere).expect("movable");
    symlink(&elsewhere, may.join("a.yaml")).expect("a link");
    project.with(&sandbox, "plan --detailed-exitcode").exits(0);
    fs::remove_file(&elsewhere).expect("removable");
    project.file("messages/may/b.yaml", message("more"));
    project.run("validate").ok().says(&["warning[broken-link]"]);
    let said = project.with(&sandbox, "apply --yes").exits(1);
    said.warns(&["`messages/may/a.yaml` is a link to a file that does not exist", "would go"]);
}

#[test]
fn a_folder_of_messages_behind_a_link_that_leads_nowhere_is_no_empty_folder() {
    let (project, sandbox) = (Project::empty(), Sandbox::start());
    project.settings("", "");
    let away = project.join("away");
    project.file("cur/messages/a.yaml", message("one"));
    symlink("cur/messages", project.join("messages")).expect("a link");
    project.with(&sandbox, "apply --yes").ok();
    let sent = sandbox.total();
    for moved in ["cur", "cur/messages"] {
        fs::rename(project.join(moved), &away).expect("renamed");
        let said = project.with(&sandbox, "apply --yes").exits(1);
        said.warns(&["broken-link", "`messages` is a link to a file that does not exist"]);
        fs::rename(&away, project.join(moved)).expect("renamed");
    }
    // A link to itself cannot be looked at.
    fs::remove_file(project.join("messages")).expect("removed");
    symlink("messages", project.join("messages")).expect("a link");
    project.with(&sandbox, "apply --yes").exits(1).warns(&["could not read `messages`"]);
    assert_eq!(sandbox.total(), sent, "nothing was deleted");
    // There is really none.
    fs::remove_file(project.join("messages")).expect("removed");
    project.run("plan").ok().says(&["to delete"]);
}

#[test]
fn validate_looks_at_every_environment_and_says_where_a_problem_is() {
    let project = Project::empty();
    let settings = "vars: { shop: Acme }\nenvironments:\n  north: { vars: { shop: ~ } }\n  \
                    south: { vars: { shop: ~ } }\n  east: {}";
    project.settings(
        settings,
        "messages:\n  a: { to: team, text: 'Welcome to {{ shop }}' }\n  b: { to: tam, text: Hello }",
    );
    let said = project.run("validate").exits(1);
    let said = said.says(&["there is no variable `shop` (environments north, south)", "2 errors"]);
    assert_eq!(said.out.matches("there is no audience `tam`\n").count(), 1, "{}", said.out);
    project.run("validate --env east").exits(1).says(&["1 error,"]).never_says(&["shop"]);
    let said = project.run("validate --format github").exits(1);
    said.says(&["(environments north, south)"]);
    project.settings(settings, "messages: { a: { to: team, text: Hello } }");
    project.run("validate").ok().says(&["environment default", "environment north", "east"]);
    project.run("validate").env("PUSHSYNC_ENV", "south").ok().never_says(&["north"]);
    project.run("validate --env nord").exits(1).says(&["did you mean `north`?"]);
}
