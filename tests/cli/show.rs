//! `show`: a message as a visitor gets it.

use crate::support::{ADA, BEN, CLEO, Project};

fn project() -> Project {
    let project = Project::new(
        "messages:\n  dark-mode:\n    from: support\n    to: beta\n    active: { from: 2999-01-01T00:00:00Z }\n    \
         text: |\n      Hi {{ name | default(\"there\") }}, {{ vars.product | default(product) }}!\n",
    );
    project.settings(
        "vars: { product: Acme }",
        "messages:\n  dark-mode:\n    from: support\n    to: beta\n    active: { from: 2999-01-01T00:00:00Z }\n    \
         text: |\n      Hi {{ name | default(\"there\") }}, {{ product }}!",
    );
    project.file("audiences.yaml", "");
    project.file("messages/audience.yaml", "audiences: { beta: { file: ../beta.csv } }");
    project.file("beta.csv", format!("visitor_id,name\n{ADA},Ada\n{BEN},\n"));
    project
}

#[test]
fn a_message_is_shown_as_each_visitor_gets_it_whatever_its_window() {
    let project = project();
    let first = project.run("show dark-mode").ok();
    assert_eq!(first.out, "Hi Ada, Acme!\n");
    first.warns(&["dark-mode@", "from support", "2999-01-01"]).never_says(&[ADA]);
    let second = project.run(&format!("show dark-mode --visitor {BEN}")).ok();
    assert_eq!(second.out, "Hi there, Acme!\n");
    let quiet = project.run("show dark-mode --quiet").ok();
    assert_eq!(quiet.err, "");
    let json = project.run(&format!("show dark-mode --visitor {BEN} --format json")).ok().json();
    assert_eq!(json["format"], "pushsync/show/1");
    assert_eq!(json["text"], "Hi there, Acme!");
    assert_eq!(json["visitor"], BEN);
    assert_eq!(json["address"], format!("dark-mode@{BEN}"));
    assert_eq!(json["from"]["group"], "PjRBMhWGen6aRHjif");
    assert_eq!(json["active"]["from"], "2999-01-01T00:00:00Z");
}

#[test]
fn a_name_that_is_not_there_gets_a_suggestion() {
    let project = project();
    project
        .run("show dark-mod")
        .exits(1)
        .warns(&["no message `dark-mod`", "did you mean `dark-mode`?"]);
    project
        .run(&format!("show dark-mode --visitor {CLEO}"))
        .exits(1)
        .warns(&["is not for the visitor"])
        .never_says(&[CLEO]);
    project.run("show UPPER").exits(1);
}
