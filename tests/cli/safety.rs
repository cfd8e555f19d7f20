//! What apply refuses before the first request.

use crate::support::{ADA, Project, Sandbox, many};

#[test]
fn many_deletes_are_refused_with_their_numbers_unless_allowed() {
    let (project, sandbox) = (Project::many(10), Sandbox::start());
    project.apply(&sandbox);
    let before = sandbox.total();
    project.rewrite(&many(4, "text"));
    project.run("plan").ok().warns(&["apply will refuse"]);
    let ran = project.with(&sandbox, "apply --yes").exits(1);
    ran.warns(&["6", "10", "max_deletes", "--allow-deletes"]);
    project.with(&sandbox, "apply --yes --allow-deletes 5").exits(1);
    assert_eq!(sandbox.total(), before);
    project.with(&sandbox, "apply --yes --allow-deletes 6").ok();
    assert_eq!(sandbox.there().len(), 4);
    // Five or fewer are nobody's concern.
    project.rewrite(&many(1, "text"));
    project.with(&sandbox, "apply --yes").ok();
}

#[test]
fn a_count_and_a_share_in_the_project_are_heeded() {
    for (setting, status) in [("3", 1), ("50%", 1), ("6", 0), ("60%", 0)] {
        let (project, sandbox) = (Project::many(10), Sandbox::start());
        project.apply(&sandbox);
        project.settings(&format!("safety: {{ max_deletes: {setting} }}"), &many(4, "text"));
        project.with(&sandbox, "apply --yes").exits(status);
    }
}

#[test]
fn many_resends_are_refused_unless_allowed() {
    let (project, sandbox) = (Project::many(8), Sandbox::start());
    project.apply(&sandbox);
    for message in sandbox.created() {
        sandbox.lose("pushed", message["id"].as_str().expect("an id"));
    }
    project.with(&sandbox, "refresh").ok();
    project.with(&sandbox, "apply --yes").exits(1).warns(&["8", "max_resends", "--allow-resends"]);
    assert_eq!(sandbox.counts()[0], 8);
    project.with(&sandbox, "apply --yes --allow-resends all").ok();
    assert_eq!(sandbox.counts()[0], 16);
}

#[test]
fn a_manifest_without_deliveries_is_not_taken_for_a_wish() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    project.apply(&sandbox);
    project.rewrite("messages: {}");
    project.run("plan").ok().warns(&["apply will refuse"]);
    project.with(&sandbox, "apply --yes").exits(1).warns(&["--allow-deletes", "--destroy"]);
    // Files that are not found look the same.
    project.rewrite("");
    project.with(&sandbox, "apply --yes").exits(1);
    sandbox.holds(&[(ADA, "hi")]);
    project.with(&sandbox, "apply --yes --allow-deletes all").ok();
    sandbox.holds(&[]);
}

#[test]
fn a_protected_message_is_neither_deleted_nor_replaced_until_an_apply_has_seen_false() {
    let sandbox = Sandbox::start();
    let with = |more: &str| {
        format!(
            "messages: {{ keep: {{ from: support, to: ada, text: hi{more} }}, other: {{ from: liz, to: ada, text: o }} }}"
        )
    };
    let project = Project::new(&with(", protect: true"));
    project.apply(&sandbox);
    let refused = |project: &Project| {
        project.run("plan").exits(1).warns(&["keep@", "protect"]).never_says(&[ADA]);
        project.with(&sandbox, "apply --yes --allow-deletes all").exits(1).warns(&["protect"]);
    };
    // Replace, delete, and delete after the block and its protect are gone.
    project.rewrite(&with(", protect: true").replace("from: support", "from: liz"));
    refused(&project);
    project.rewrite("messages: { other: { from: liz, to: ada, text: o } }");
    refused(&project);
    project.run("plan --destroy").exits(1).warns(&["protect"]);
    sandbox.holds(&[(ADA, "hi"), (ADA, "o")]);
    // A new text is allowed.
    project.rewrite(&with(", protect: true").replace("text: hi", "text: ho"));
    project.apply(&sandbox);
    // False, seen by an apply, lets go; it costs nothing.
    project.rewrite(&with(", protect: false").replace("text: hi", "text: ho"));
    project.run("plan --detailed-exitcode").exits(2).says(&["keep", "no longer protected"]);
    let before = sandbox.total();
    project.apply(&sandbox);
    assert_eq!(sandbox.total(), before);
    project.rewrite("messages: { other: { from: liz, to: ada, text: o } }");
    project.apply(&sandbox);
    sandbox.holds(&[(ADA, "o")]);
}
