//! `--format json` of the commands that have no test of their own for it.

use crate::support::{Project, Sandbox};

#[test]
fn what_a_verification_counted_is_a_document() {
    let (project, sandbox) = (Project::many(3), Sandbox::start());
    project.apply(&sandbox);
    let told = project.run("state verify --format json").ok().json();
    assert_eq!(told["format"], "pushsync/verification/1");
    assert_eq!(
        (&told["records"], &told["intents"], &told["runs"]),
        (&3.into(), &0.into(), &1.into())
    );
    assert_eq!(told["problems"].as_array().map(Vec::len), Some(0));
}

#[test]
fn problems_and_their_explanations_are_documents() {
    let project = Project::empty();
    let all = project.run("explain --format json").ok().json();
    let codes: Vec<_> = all["problems"].as_array().expect("a list").iter().collect();
    assert!(codes.len() > 30, "{}", codes.len());
    for problem in codes {
        let code = problem["code"].as_str().expect("a name");
        project.run("explain").ok().says(&[code]);
        assert!(problem["about"].as_str().is_some_and(|about| about.len() > 10), "{code}");
    }
    let one = project.run("explain csv-row --format json").ok().json();
    assert_eq!((&one["format"], &one["code"]), (&"pushsync/problem/1".into(), &"csv-row".into()));
    assert!(one["markdown"].as_str().is_some_and(|text| text.contains("Cure")), "{one}");
}

#[test]
fn the_pings_of_a_presence_are_a_document() {
    let (project, sandbox) = (Project::note("one"), Sandbox::start());
    let told = project.with(&sandbox, "presence --from liz --once --format json").ok().json();
    assert_eq!(told["format"], "pushsync/presence/1");
    assert_eq!((&told["pings"], &told["missed"]), (&1.into(), &0.into()));
}

#[test]
fn where_a_sandbox_listens_is_a_document() {
    let (project, sandbox) = (Project::note("one"), Sandbox::with("--format json"));
    project.apply(&sandbox);
    assert_eq!(sandbox.there().len(), 1);
}
