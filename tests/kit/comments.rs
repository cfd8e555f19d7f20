//! Comments, whatever GitHub answers.

use crate::{
    fake::Answer,
    hub::{BOT, Fault},
    needs_tools,
    repository::{Repository, note},
};

#[test]
fn our_comment_is_found_behind_pages_of_others() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    repository.hub.world().page = 2;
    for n in 0..5 {
        repository.hub.write("ada", &format!("comment {n}"));
    }
    repository.pull_request().ok();
    for n in 0..3 {
        repository.hub.write("ada", &format!("more {n}"));
    }
    repository.commit(&note("two"));
    repository.pull_request().ok();
    assert!(repository.hub.only("comment").contains("+ two"));
    assert_eq!(repository.hub.world().comments.len(), 9);
}

#[test]
fn a_comment_of_somebody_else_is_neither_changed_nor_believed() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let done = repository.pull_request().ok();
    let ours = repository.hub.only("comment");
    // The same words, by others, and within other words of the bot.
    repository.hub.world().comments.clear();
    repository.hub.write("mallory", &ours);
    repository.hub.write(BOT, &format!("> quoted\n{ours}"));
    repository.merged().exits(1).notes("error", "has no plan for the environment default");
    assert!(repository.texts().is_empty());
    repository.pull_request().ok();
    let world = repository.hub.world();
    assert_eq!(world.comments[0].body, ours);
    assert!(world.comments[1].body.starts_with("> quoted"));
    assert!(
        world
            .comments
            .iter()
            .filter(|c| c.login == BOT && c.body.contains(done.output("digest")))
            .count()
            == 2
    );
}

#[test]
fn a_token_that_may_not_write_costs_the_comment_and_not_the_plan() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let refused = Answer::json(403, r#"{"message":"Resource not accessible by integration"}"#);
    repository.hub.fails("POST ", 9, refused);
    repository
        .pull_request()
        .ok()
        .notes("warning", "403: Resource not accessible by integration")
        .notes("warning", "in the job's summary")
        .sums_up(&["### pushsync plan for `default`", "+ one"]);
    assert_eq!(repository.hub.count("POST "), 1, "it is not asked again");
}

#[test]
fn without_a_token_the_summary_has_the_plan() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    repository
        .pull_request()
        .input("token", "")
        .ok()
        .notes("warning", "no token")
        .sums_up(&["+ one"]);
    assert_eq!(repository.hub.asked().len(), 0);
}

#[test]
fn a_server_in_trouble_is_asked_again_and_never_makes_two_comments() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    repository.hub.fails("GET ", 2, Answer::json(502, "bad gateway"));
    // The comment is made, and the answer says otherwise.
    let answer = Answer::json(502, "<html>");
    repository.hub.world().faults.push(Fault { line: "POST ", times: 1, after: true, answer });
    repository.pull_request().ok();
    assert!(repository.hub.only("comment").contains("+ one"));

    repository.hub.fails("PATCH ", 2, Answer::Nothing);
    repository.commit(&note("two"));
    repository.pull_request().ok();
    assert!(repository.hub.only("comment").contains("+ two"));

    repository.hub.fails("GET ", 99, Answer::json(500, r#"{"message":"down"}"#));
    repository.commit(&note("three"));
    repository.pull_request().ok().notes("warning", "500: down").sums_up(&["+ three"]);
}

#[test]
fn a_rate_limit_is_waited_for_if_that_is_not_long() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let soon = |wait: &str| {
        let headers = format!("content-type: application/json\r\nretry-after: {wait}\r\n");
        Answer::Is(403, headers, r#"{"message":"secondary rate limit"}"#.to_owned())
    };
    repository.hub.fails("POST ", 1, soon("0"));
    repository.pull_request().ok();
    assert!(repository.hub.only("comment").contains("+ one"));
    repository.hub.fails("PATCH ", 9, soon("3600"));
    repository.pull_request().ok().notes("warning", "secondary rate limit");
    assert_eq!(repository.hub.count("PATCH "), 1);
}

#[test]
fn two_comments_of_two_jobs_become_one() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    repository.pull_request().ok();
    let ours = repository.hub.only("comment");
    repository.hub.write(BOT, &ours);
    repository.commit(&note("two"));
    repository.pull_request().ok();
    assert!(repository.hub.only("comment").contains("+ two"));
}

#[test]
fn the_token_is_not_sent_to_where_a_link_points() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let away = crate::fake::Fake::untouched();
    let headers = format!(
        "content-type: application/json\r\nlink: <{}/x>; rel=\"next\"\r\n",
        away.base_url()
    );
    repository.hub.fails(
        "GET /repos/acme/chat/issues",
        9,
        Answer::Is(200, headers, "[]".to_owned()),
    );
    repository.pull_request().ok().notes("warning", "another server").sums_up(&["+ one"]);
    assert!(away.asked().is_empty());
}
