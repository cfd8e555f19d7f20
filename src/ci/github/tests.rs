//! The client against a mock of GitHub's API, and the jobs of its events.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use httpmock::{HttpMockRequest, HttpMockResponse, MockServer};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::GitHub;
use crate::{
    ci::{
        Forge, Http, Inputs, Job, JobCommand, Kind, Kit, Refusal, Reporter, Server, Variables,
        comment, review,
    },
    model::CommitId,
};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const COMMENTS: &str = "/repos/acme/chat/issues/7/comments";
const BOT: &str = "github-actions[bot]";

/// The variables of a push to the branch `main`.
fn variable(name: &str) -> Option<String> {
    let value = match name {
        "GITHUB_SHA" => COMMIT,
        "GITHUB_REPOSITORY" => "acme/chat",
        "GITHUB_EVENT_NAME" => "push",
        "GITHUB_REF" => "refs/heads/main",
        "GITHUB_RUN_ID" => "42",
        _ => return None,
    };
    Some(value.to_owned())
}

fn inputs() -> Inputs {
    Inputs::read(Variables::new(&|_| None)).expect("inputs")
}

fn job() -> Job {
    let event = json!({ "repository": { "default_branch": "main" } });
    let (read, inputs) = (variable, inputs());
    super::job(JobCommand::Apply, Variables::new(&read), &event, &inputs, true).expect("it may run")
}

fn client(server: &MockServer) -> GitHub {
    let http = Http::new(Server {
        url: server.base_url(),
        header: "authorization",
        scheme: "Bearer ",
        token: SecretString::from("ghs_token"),
        pause: Duration::ZERO,
        clock: Arc::new(|| Timestamp::from_second(1000).expect("in range")),
    });
    GitHub::new(http.expect("a client"), Variables::new(&variable), &job()).expect("a client")
}

/// A server that answers as a function says, and keeps what it was asked.
async fn server(
    answer: impl Fn(usize, &str) -> (u16, Vec<(&'static str, String)>, Value) + Send + Sync + 'static,
) -> (MockServer, Arc<Mutex<Vec<String>>>) {
    let server = MockServer::start_async().await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    server
        .mock_async(|when, then| {
            when.header("authorization", "Bearer ghs_token");
            then.respond_with(move |request: &HttpMockRequest| {
                let mut kept = kept.lock().expect("not poisoned");
                let line = format!("{} {}", request.method_str(), request.uri().path());
                kept.push(line.clone());
                let (status, headers, body) = answer(kept.len() - 1, &line);
                let mut response = HttpMockResponse::builder().status(status);
                for (name, value) in headers {
                    response = response.header(name, value);
                }
                response.body(body.to_string()).build()
            });
        })
        .await;
    (server, asked)
}

fn asked(kept: &Mutex<Vec<String>>) -> Vec<String> {
    kept.lock().expect("not poisoned").clone()
}

fn comment_by(id: u64, login: &str, body: &str) -> Value {
    json!({ "id": id, "body": body, "user": { "login": login }, "html_url": format!("https://x/{id}") })
}

fn pull(number: u64) -> Value {
    json!({
        "number": number, "merged_at": "2026-01-01T00:00:00Z", "merge_commit_sha": COMMIT,
        "base": { "ref": "main", "repo": { "full_name": "acme/chat" } },
    })
}

#[tokio::test]
async fn the_request_is_the_one_that_was_merged_into_this_branch_by_this_commit() {
    let changed = |pointer: &str, value: Value| {
        let mut other = pull(9);
        *other.pointer_mut(pointer).expect("it is there") = value;
        other
    };
    let others = [
        changed("/merged_at", Value::Null),
        changed("/merge_commit_sha", "0".repeat(40).into()),
        changed("/merge_commit_sha", Value::Null),
        changed("/base/ref", "release".into()),
        changed("/base/ref", "MAIN".into()),
        changed("/base/ref", "refs/heads/main".into()),
        changed("/base/repo/full_name", "mallory/chat".into()),
        changed("/base", Value::Null),
        json!({}),
    ];
    let commit = CommitId::parse(COMMIT).expect("a commit");
    let list = Value::from(others.to_vec());
    let (nothing, _kept) = server(move |_, _| (200, vec![], list.clone())).await;
    assert_eq!(client(&nothing).merged_request(&commit).await, Ok(None));
    let list = Value::from([others.to_vec(), vec![pull(7), pull(3)]].concat());
    let (found, kept) = server(move |_, _| (200, vec![], list.clone())).await;
    assert_eq!(client(&found).merged_request(&commit).await, Ok(Some(7)));
    assert_eq!(asked(&kept), [format!("GET /repos/acme/chat/commits/{COMMIT}/pulls")]);
}

#[tokio::test]
async fn only_comments_by_the_author_are_ours_on_all_pages() {
    let (server, _kept) = server(|number, line| {
        assert_eq!(line, format!("GET {COMMENTS}"));
        let link = "</repos/acme/chat/issues/7/comments?page=2>; rel=\"next\", <x>; rel=\"last\"";
        match number {
            0 => {
                let page = json!([comment_by(1, BOT, "one"), comment_by(2, "mallory", "two")]);
                (200, vec![("link", link.to_owned())], page)
            }
            _ => {
                let page = json!([
                    comment_by(3, "github-actions", "three"),
                    { "id": 4, "body": "four", "user": null },
                    { "id": 5, "body": null, "user": { "login": BOT } },
                ]);
                (200, vec![], page)
            }
        }
    })
    .await;
    let found = client(&server).comments(7).await.expect("comments");
    let found: Vec<_> = found.iter().map(|one| (one.id, one.body.as_str())).collect();
    assert_eq!(found, [(1, "one"), (5, "")]);
}

#[tokio::test]
async fn a_limit_is_waited_for_if_its_end_is_near() {
    // The clock says 1000.
    let until = |reset: &str| {
        let left = ("x-ratelimit-remaining", "0".to_owned());
        vec![left, ("x-ratelimit-reset", reset.to_owned())]
    };
    for (status, headers, sent) in [
        (403, vec![("retry-after", "0".to_owned())], 2),
        (429, vec![("retry-after", "0".to_owned())], 2),
        (403, until("999"), 2),
        (403, until("1100"), 1),
        (403, until("nonsense"), 2),
        (403, vec![("retry-after", "3600".to_owned())], 1),
        (403, vec![("x-ratelimit-remaining", "17".to_owned())], 1),
        (403, vec![], 1),
    ] {
        let name = format!("{status} {headers:?}");
        let (server, kept) = server(move |number, _| match number {
            0 => (status, headers.clone(), json!({ "message": "secondary rate limit" })),
            _ => (201, vec![], comment_by(5, BOT, "x")),
        })
        .await;
        let made = client(&server).create_comment(7, "x").await;
        assert_eq!((asked(&kept).len(), made.is_ok()), (sent, sent == 2), "{name}");
        if let Err(error) = made {
            assert_eq!(error.to_string(), format!("{status}: secondary rate limit"));
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_longer_than_any_is_not_read_to_its_end() {
    let server = MockServer::start_async().await;
    server
        .mock_async(|_, then| {
            then.status(200).body("x".repeat(50_000_001));
        })
        .await;
    let said = client(&server).head_of(7).await.expect_err("it is too long").to_string();
    assert!(said.contains("longer than any"), "{said}");
}

#[tokio::test]
async fn a_comment_that_was_deleted_meanwhile_is_made_anew_and_surplus_ones_go() {
    let marker = "<!-- m -->";
    let (server, kept) = server(move |number, line| match (number, line.split(' ').next()) {
        (0, _) => (200, vec![], json!([comment_by(1, BOT, marker), comment_by(2, BOT, marker)])),
        // Somebody has deleted the last one.
        (1, _) => (404, vec![], json!({ "message": "Not Found" })),
        (2, _) => (200, vec![], json!([comment_by(1, BOT, marker)])),
        (_, Some("PATCH")) => (200, vec![], json!(null)),
        _ => (404, vec![], json!(null)),
    })
    .await;
    let client = client(&server);
    let url = comment::put(&client, 7, (marker, "new"), false, Duration::ZERO).await;
    assert_eq!(url, Ok(Some("https://x/1".to_owned())));
    let paths = asked(&kept);
    assert_eq!(paths[1], "PATCH /repos/acme/chat/issues/comments/2");
    assert_eq!(paths[3], "PATCH /repos/acme/chat/issues/comments/1");
    assert_eq!(paths.len(), 4);
}

/// Says nothing.
struct Silence;

impl Reporter for Silence {
    fn notice(&self, _: &str, _: &str) {}
    fn warning(&self, _: &str, _: &str) {}
    fn error(&self, _: &str, _: &str) {}
    fn ignore(&self) {}
    fn hear(&self) {}
    fn annotate(&self, _: &str) {}
    fn summarise(&self, _: &str) {}
    fn output(&self, _: &str, _: &str) {}
    fn input(&self, _: &str, _: &str) -> String {
        String::new()
    }
    fn elsewhere(&self) -> &'static str {
        "nowhere"
    }
}

#[tokio::test]
async fn a_review_counts_only_if_our_comments_agree_on_it() {
    let digest = "ab".repeat(32);
    let plan = |kind: &str, digest: &str| {
        format!(
            "<!-- pushsync:{kind} environment=default directory=. -->\n<!-- pushsync:plan environment=default changes={digest} -->\n"
        )
    };
    let ours = plan("comment", &digest);
    let other = plan("comment", &"cd".repeat(32));
    let cases: Vec<(Vec<Value>, Result<&str, &str>)> = vec![
        (vec![comment_by(1, BOT, &ours)], Ok(&digest)),
        (vec![comment_by(1, BOT, &ours), comment_by(2, BOT, &ours)], Ok(&digest)),
        (vec![comment_by(1, BOT, &ours), comment_by(2, "mallory", &other)], Ok(&digest)),
        (vec![comment_by(1, BOT, &ours), comment_by(2, BOT, &format!("> {other}"))], Ok(&digest)),
        (vec![comment_by(1, BOT, &ours), comment_by(2, BOT, &other)], Err("different plans")),
        (
            vec![comment_by(1, BOT, &ours), comment_by(2, BOT, &plan("comment", "x"))],
            Err("different"),
        ),
        (vec![comment_by(1, BOT, &plan("comment", "x"))], Err("failed")),
        (vec![comment_by(1, BOT, &plan("outcome", &digest))], Err("no plan")),
        (vec![comment_by(1, "mallory", &ours)], Err("no plan")),
        (vec![], Err("no plan")),
    ];
    for (comments, wanted) in cases {
        let list = Value::from(comments);
        let shown = list.clone();
        let (server, _kept) = server(move |_, line| match line.ends_with("/pulls") {
            true => (200, vec![], json!([pull(7)])),
            false => (200, vec![], list.clone()),
        })
        .await;
        let (client, job, inputs) = (client(&server), job(), inputs());
        let kit = Kit {
            job: &job,
            inputs: &inputs,
            reporter: &Silence,
            forge: Some(&client),
            pause: Duration::ZERO,
        };
        assert!(kit.marker(Kind::Plan).contains("pushsync:comment "));
        let found = review::find(&kit, &job.commit).await;
        assert_eq!(found.request, Some(7));
        match (found.review, wanted) {
            (Ok(review), Ok(digest)) => assert_eq!(review.to_string(), digest),
            (Err(doubt), Err(part)) => assert!(doubt.contains(part), "{doubt}"),
            (found, wanted) => panic!("{found:?} is not {wanted:?}: {shown}"),
        }
    }
}

/// The job of a command on an event.
fn on(command: JobCommand, name: &str, event: &Value, has_key: bool) -> Result<Job, Refusal> {
    let read = |asked: &str| match asked {
        "GITHUB_EVENT_NAME" => Some(name.to_owned()),
        other => variable(other),
    };
    super::job(command, Variables::new(&read), event, &inputs(), has_key)
}

#[test]
fn a_command_runs_on_its_own_events_and_on_no_others() {
    let event = json!({ "repository": { "default_branch": "main" } });
    let all = [
        "pull_request",
        "merge_group",
        "push",
        "workflow_dispatch",
        "schedule",
        "pull_request_target",
        "issue_comment",
        "workflow_run",
        "repository_dispatch",
        "PUSH",
        "",
    ];
    for (command, own) in [
        (JobCommand::Plan, &all[..4]),
        (JobCommand::Apply, &all[2..4]),
        (JobCommand::Resume, &all[2..5]),
    ] {
        for name in all {
            let job = on(command, name, &event, false);
            assert_eq!(job.is_ok(), own.contains(&name), "{command} on {name:?}: {job:?}");
        }
    }
}

#[test]
fn files_of_others_are_told_and_never_have_a_request_to_write_to() {
    let whole = json!({ "pull_request": {
        "number": 7,
        "head": { "sha": "abc", "repo": { "full_name": "acme/chat" } },
        "base": { "repo": { "full_name": "acme/chat" } },
    } });
    let ours = on(JobCommand::Plan, "pull_request", &whole, true).expect("it may run");
    assert_eq!((ours.outsider, ours.request, ours.head.as_deref()), (None, Some(7), Some("abc")));
    for pointer in [
        "/pull_request/head/repo/full_name",
        "/pull_request/base/repo/full_name",
        "/pull_request/head/repo",
        "/pull_request/base",
        "/pull_request",
    ] {
        let mut event = whole.clone();
        *event.pointer_mut(pointer).expect("it is there") = Value::Null;
        let job = on(JobCommand::Plan, "pull_request", &event, false).expect("it may run");
        assert!(job.outsider.is_some() && job.request.is_none(), "{pointer}");
        let refused = on(JobCommand::Plan, "pull_request", &event, true).expect_err("with a key");
        assert!(refused.cure.contains("must see no secret"), "{pointer}");
    }
    let group = on(JobCommand::Plan, "merge_group", &json!({}), true).expect("it may run");
    assert!(group.outsider.is_some() && group.request.is_none());
}

#[test]
fn a_job_is_for_a_branch_that_somebody_names() {
    let event = |branch: Value| json!({ "repository": { "default_branch": branch } });
    let other = on(JobCommand::Apply, "push", &event("release".into()), true).expect_err("refused");
    assert!(other.what.contains("runs only on the branch release"), "{}", other.what);
    let none = on(JobCommand::Apply, "push", &event(Value::Null), true).expect_err("refused");
    assert!(none.what.contains("nothing says which branch"), "{}", none.what);
    let job = on(JobCommand::Apply, "push", &event("main".into()), true).expect("it may run");
    assert_eq!(
        (job.branch.as_str(), job.link.as_str()),
        ("main", "https://github.com/acme/chat/actions/runs/42")
    );
}
