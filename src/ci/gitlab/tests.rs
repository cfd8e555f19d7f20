//! The client against a mock of GitLab's API.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use httpmock::{HttpMockRequest, HttpMockResponse, Method, MockServer};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::GitLab;
use crate::{
    ci::{Forge, Http, Inputs, JobCommand, Server, Variables, comment},
    model::CommitId,
};

const TOKEN: &str = "glpat-token";
const NOTES: &str = "/api/v4/projects/5/merge_requests/7/notes";
const MERGES: &str =
    "/api/v4/projects/5/repository/commits/0123456789abcdef0123456789abcdef01234567/merge_requests";

fn client(server: &MockServer) -> GitLab {
    let http = Http::new(Server {
        url: server.url("/api/v4"),
        header: "private-token",
        scheme: "",
        token: SecretString::from(TOKEN),
        pause: Duration::ZERO,
        clock: Arc::new(|| Timestamp::UNIX_EPOCH),
    });
    let variables = |name: &str| {
        let value = match name {
            "CI_COMMIT_SHA" => "0123456789abcdef0123456789abcdef01234567",
            "CI_PROJECT_ID" => "5",
            "CI_PIPELINE_SOURCE" => "push",
            "CI_COMMIT_BRANCH" | "CI_DEFAULT_BRANCH" => "main",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let variables = Variables::new(&variables);
    let inputs = Inputs::read(variables).expect("inputs");
    let job = super::job(JobCommand::Apply, variables, &inputs, true).expect("it may run");
    GitLab::new(http.expect("a client"), variables, &job).expect("a client")
}

fn commit() -> CommitId {
    CommitId::parse("0123456789abcdef0123456789abcdef01234567").expect("a commit")
}

/// A server that answers as a function says, and keeps what it was asked: method, path with query, body.
async fn server(
    answer: impl Fn(usize, &HttpMockRequest) -> (u16, Vec<(&'static str, String)>, Value)
    + Send
    + Sync
    + 'static,
) -> (MockServer, Arc<Mutex<Vec<String>>>) {
    let server = MockServer::start_async().await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    server
        .mock_async(|when, then| {
            when.header("private-token", TOKEN);
            then.respond_with(move |request: &HttpMockRequest| {
                let mut kept = kept.lock().expect("not poisoned");
                let uri = request.uri();
                let path = uri.path_and_query().map_or("", |path| path.as_str());
                kept.push(format!("{} {path} {}", request.method_str(), request.body_string()));
                if uri.path() == "/api/v4/user" {
                    return reply(200, &[], &json!({ "id": 3, "username": "bot" }));
                }
                let (status, headers, body) = answer(kept.len() - 1, request);
                reply(status, &headers, &body)
            });
        })
        .await;
    (server, asked)
}

fn reply(status: u16, headers: &[(&'static str, String)], body: &Value) -> HttpMockResponse {
    let mut response = HttpMockResponse::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, value.as_str());
    }
    response.body(body.to_string()).build()
}

fn note(id: u64, author: &str, body: &str) -> Value {
    json!({ "id": id, "body": body, "system": false, "author": { "username": author } })
}

fn asked(kept: &Mutex<Vec<String>>) -> Vec<String> {
    kept.lock().expect("not poisoned").clone()
}

#[tokio::test]
async fn only_notes_by_the_user_of_the_token_are_ours() {
    let (server, kept) = server(|_, _| {
        let mut system = note(3, "bot", "merged");
        system["system"] = true.into();
        let others = json!([
            note(1, "bot", "one"),
            note(2, "mallory", "two"),
            system,
            { "id": 4, "body": "four" },
            { "id": 5, "body": "five", "author": null },
            { "id": 6, "body": "six", "author": { "username": "Bot" } },
            { "id": 7, "body": null, "author": { "username": "bot" }, "system": null },
        ]);
        (200, vec![], others)
    })
    .await;
    let client = client(&server);
    for _ in 0..2 {
        let notes = client.comments(7).await.expect("notes");
        let notes: Vec<_> = notes.iter().map(|note| (note.id, note.body.as_str())).collect();
        assert_eq!(notes, [(1, "one"), (7, "")]);
    }
    // Whose token it is, is asked once.
    let list = format!("GET {NOTES}?per_page=100&order_by=created_at&sort=asc ");
    assert_eq!(asked(&kept), ["GET /api/v4/user ".to_owned(), list.clone(), list]);
}

#[tokio::test]
async fn a_token_that_has_no_user_has_no_notes() {
    let server = MockServer::start_async().await;
    for user in [json!({}), json!({ "username": "" }), json!({ "username": null }), json!([])] {
        let mock = server
            .mock_async(|when, then| {
                when.path("/api/v4/user");
                then.status(200).body(user.to_string());
            })
            .await;
        client(&server).comments(7).await.expect_err("nobody");
        mock.delete_async().await;
    }
}

#[tokio::test]
async fn all_pages_are_read_by_their_links_or_their_numbers() {
    for by_link in [true, false] {
        let (server, kept) = server(move |_, request| {
            let query = request.query_params();
            let page = query.iter().find(|(name, _)| name == "page").map(|(_, page)| page.as_str());
            let page: u64 = page.unwrap_or("1").parse().expect("a number");
            let next = (page < 3).then_some(page + 1);
            let headers = match (by_link, next) {
                (_, None) => vec![("x-next-page", String::new())],
                (false, Some(next)) => vec![("x-next-page", next.to_string())],
                (true, Some(next)) => {
                    let host = request.headers()["host"].to_str().expect("a host").to_owned();
                    let url = format!("http://{host}{NOTES}?sort=asc&ids=1,2&page=");
                    let links = format!("<{url}1>; rel=\"first\", <{url}{next}>; rel=\"next\"");
                    vec![("link", links), ("x-next-page", "99".to_owned())]
                }
            };
            (200, headers, json!([note(page, "bot", "x")]))
        })
        .await;
        let notes = client(&server).comments(7).await.expect("notes");
        assert_eq!(notes.iter().map(|note| note.id).collect::<Vec<_>>(), [1, 2, 3]);
        let last = asked(&kept).pop().expect("a request");
        let last = last.split(' ').nth(1).expect("a path").to_owned();
        assert!(last.starts_with(NOTES) && last.ends_with("page=3"), "{last}");
        assert!(last.contains("sort=asc") && last.matches("page=").count() <= 2, "{last}");
    }
}

#[tokio::test]
async fn a_list_that_goes_on_elsewhere_or_without_end_is_an_error() {
    let other = MockServer::start_async().await;
    let everything = other
        .mock_async(|_, then| {
            then.status(200).body("[]");
        })
        .await;
    let mine = MockServer::start_async().await;
    for next in [
        other.url(NOTES),
        mine.url("/api/v3/user"),
        mine.url("/api/v4/../v3/user"),
        mine.url("/api/v4x/notes"),
        mine.url(NOTES).replace("http://", "http://bot@"),
        mine.url(NOTES).replace("http://", "https://"),
        "data:,[]".to_owned(),
        "http://[".to_owned(),
    ] {
        let list = mine
            .mock_async(|when, then| {
                when.path(MERGES);
                then.status(200).header("link", format!("<{next}>; rel=\"next\"")).body("[]");
            })
            .await;
        let error = client(&mine).merged_request(&commit()).await.expect_err("elsewhere");
        assert!(error.to_string().contains("another server"), "{next}: {error}");
        list.assert_calls_async(1).await;
        list.delete_async().await;
    }
    everything.assert_calls_async(0).await;

    let (server, kept) =
        server(|_, _| (200, vec![("x-next-page", "2".to_owned())], json!([]))).await;
    let error = client(&server).merged_request(&commit()).await.expect_err("no end");
    assert!(error.to_string().contains("more than 100 pages"), "{error}");
    assert_eq!(asked(&kept).len(), 100);
}

#[tokio::test]
async fn the_request_is_the_one_that_was_merged_into_this_branch_of_this_project_by_this_commit() {
    let merged = json!({
        "iid": 7, "state": "merged", "target_branch": "main", "target_project_id": 5,
        "merge_commit_sha": commit().as_str(), "squash_commit_sha": null, "sha": "x",
    });
    let with = |changes: &[(&str, Value)]| {
        let mut request = merged.clone();
        for (name, value) in changes {
            request[*name] = value.clone();
        }
        request
    };
    let (none, here) = (("merge_commit_sha", json!(null)), json!(commit().as_str()));
    for (list, found) in [
        (json!([merged]), Some(7)),
        (json!([with(&[none.clone(), ("squash_commit_sha", here.clone())])]), Some(7)),
        (json!([with(&[none.clone(), ("sha", here.clone())])]), Some(7)),
        (json!([with(&[("target_project_id", json!(null))])]), Some(7)),
        (json!([with(&[("iid", json!(12))]), merged, with(&[("iid", json!(9))])]), Some(12)),
        (json!([with(&[none])]), None),
        (json!([with(&[("state", json!("opened"))])]), None),
        (json!([with(&[("state", json!("closed"))])]), None),
        (json!([with(&[("target_branch", json!("release"))])]), None),
        (json!([with(&[("target_branch", json!("Main"))])]), None),
        (json!([with(&[("target_branch", json!(null))])]), None),
        (json!([with(&[("target_project_id", json!(6))])]), None),
        (json!([with(&[("iid", json!(null))])]), None),
        (json!([{}]), None),
        (json!([]), None),
    ] {
        let answer = list.clone();
        let (server, kept) = server(move |_, _| (200, vec![], answer.clone())).await;
        let request = client(&server).merged_request(&commit()).await.expect("an answer");
        assert_eq!(request, found, "{list}");
        assert_eq!(asked(&kept), [format!("GET {MERGES}?per_page=100 ")]);
    }
}

#[tokio::test]
async fn the_newest_commit_of_a_request_is_that_of_its_source_branch() {
    for (answer, head) in [
        (json!({ "iid": 7, "sha": "abc" }), Some("abc".to_owned())),
        (json!({ "iid": 7, "sha": null }), None),
        (json!({}), None),
    ] {
        let (server, kept) = server(move |_, _| (200, vec![], answer.clone())).await;
        assert_eq!(client(&server).head_of(7).await.expect("an answer"), head);
        assert_eq!(asked(&kept), ["GET /api/v4/projects/5/merge_requests/7 "]);
    }
}

#[tokio::test]
async fn notes_are_made_changed_and_deleted() {
    let (server, kept) = server(|_, request| match request.method_str() {
        "DELETE" => (204, vec![], json!(null)),
        _ => (201, vec![], json!({ "id": 9 })),
    })
    .await;
    let client = client(&server);
    assert_eq!(client.create_comment(7, "a \"text\"").await, Ok(None));
    assert_eq!(client.update_comment(7, 9, "another").await, Ok(()));
    assert_eq!(client.delete_comment(7, 9).await, Ok(()));
    assert_eq!(
        asked(&kept),
        [
            format!("POST {NOTES} {{\"body\":\"a \\\"text\\\"\"}}"),
            format!("PUT {NOTES}/9 {{\"body\":\"another\"}}"),
            format!("DELETE {NOTES}/9 "),
        ]
    );
}

#[tokio::test]
async fn no_line_of_a_note_is_a_command_to_gitlab() {
    let (server, all, _) = notes(vec![], 0).await;
    let client = client(&server);
    let text = "/close\n````text\n```\n/merge\r\n/approve\n a/b\n````\n/";
    client.create_comment(7, text).await.expect("written");
    let id = all.lock().expect("not poisoned")[0]["id"].as_u64().expect("a number");
    let written = || all.lock().expect("not poisoned")[0]["body"].as_str().map(str::to_owned);
    let safe = " /close\n````text\n```\n /merge\r\n /approve\n a/b\n````\n /";
    assert_eq!(written().as_deref(), Some(safe));
    client.update_comment(7, id, "/reopen").await.expect("written");
    assert_eq!(written().as_deref(), Some(" /reopen"));
}

#[tokio::test]
async fn a_request_is_repeated_where_that_does_no_harm() {
    let soon = || vec![("retry-after", "0".to_owned())];
    // The status, its headers, and how often a read, a new note and a changed note are sent.
    for (status, headers, sent) in [
        (429, soon(), [5, 5, 5]),
        (429, vec![], [5, 5, 5]),
        (503, vec![], [5, 1, 5]),
        (500, vec![], [5, 1, 5]),
        (403, soon(), [5, 5, 5]),
        (403, vec![], [1, 1, 1]),
        (401, soon(), [1, 1, 1]),
        (404, vec![], [1, 1, 1]),
        (400, vec![], [1, 1, 1]),
        // It asks for more time than a job has.
        (429, vec![("retry-after", "61".to_owned())], [1, 1, 1]),
        (429, vec![("retry-after", "99999999999999999999999".to_owned())], [5, 5, 5]),
    ] {
        let (server, kept) =
            server(move |_, _| (status, headers.clone(), json!({ "message": "no" }))).await;
        let client = client(&server);
        let count = || kept.lock().expect("not poisoned").drain(..).count();
        let said = client.head_of(7).await.expect_err("no").to_string();
        assert_eq!(said, format!("{status}: no"));
        let mut times = [count(), 0, 0];
        client.create_comment(7, "x").await.expect_err("no");
        times[1] = count();
        client.update_comment(7, 9, "x").await.expect_err("no");
        times[2] = count();
        assert_eq!(times, sent, "{status}");
    }
}

#[tokio::test]
async fn a_request_that_is_answered_after_a_pause_has_its_answer() {
    let (server, kept) = server(|number, _| match number {
        0 => (429, vec![("retry-after", "0".to_owned())], json!({ "message": "Retry later" })),
        1 => (502, vec![], json!(null)),
        _ => (200, vec![], json!({ "sha": "abc" })),
    })
    .await;
    assert_eq!(client(&server).head_of(7).await.expect("at last").as_deref(), Some("abc"));
    assert_eq!(asked(&kept).len(), 3);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = MockServer::start_async().await;
    let everything = other
        .mock_async(|_, then| {
            then.status(200).body("{}");
        })
        .await;
    for status in [301, 302, 307, 308] {
        let location = other.url("/api/v4/user");
        let (server, kept) =
            server(move |_, _| (status, vec![("location", location.clone())], json!({}))).await;
        let error = client(&server).head_of(7).await.expect_err("a redirect");
        assert!(error.to_string().contains("a redirect"), "{error}");
        client(&server).create_comment(7, "x").await.expect_err("a redirect");
        assert_eq!(asked(&kept).len(), 2);
    }
    everything.assert_calls_async(0).await;
}

#[tokio::test]
async fn an_error_has_words_of_gitlab_on_one_line_and_never_the_token() {
    for (body, said) in [
        (json!({ "message": "no\n\x1b[2Jx" }), "400: no\\n\\u{1b}[2Jx"),
        (json!({ "message": { "body": ["is too long"] } }), "400: {\"body\":[\"is too long\"]}"),
        (json!({ "error": "invalid_token" }), "400: invalid_token"),
        (json!({ "message": format!("who is {TOKEN}?") }), "400: who is ***?"),
        (json!({ "message": null }), "400"),
        (json!("<html>"), "400"),
    ] {
        let (server, _) = server(move |_, _| (400, vec![], body.clone())).await;
        assert_eq!(client(&server).head_of(7).await.expect_err("no").to_string(), said);
    }
    let (server, _) = server(|_, _| (400, vec![], json!({ "message": "x".repeat(5000) }))).await;
    assert!(client(&server).head_of(7).await.expect_err("no").to_string().len() < 400);
}

#[tokio::test]
async fn answers_that_mean_nothing_are_errors_and_no_review() {
    for body in [json!(null), json!({}), json!([1]), json!([{ "id": "x" }]), json!("<html>")] {
        let (server, _) = server(move |_, _| (200, vec![], body.clone())).await;
        client(&server).comments(7).await.expect_err("no notes");
    }
}

/// A stand-in that keeps notes. The first `lost` new ones are kept, and answered with 502.
async fn notes(
    first: Vec<Value>,
    lost: usize,
) -> (MockServer, Arc<Mutex<Vec<Value>>>, Arc<Mutex<Vec<String>>>) {
    let all = Arc::new(Mutex::new(first));
    let (kept, lost) = (Arc::clone(&all), Mutex::new(lost));
    let (server, asked) = server(move |_, request| {
        let mut notes = kept.lock().expect("not poisoned");
        let body = || {
            let sent: Value = serde_json::from_str(&request.body_string()).expect("JSON");
            sent["body"].as_str().expect("a text").to_owned()
        };
        let path = request.uri().path().to_owned();
        let at = path.strip_prefix(&format!("{NOTES}/"));
        let at = at.and_then(|id| id.parse::<u64>().ok());
        let at = at.and_then(|id| notes.iter().position(|note| note["id"] == id));
        match (request.method_str(), at) {
            ("GET", _) => (200, vec![], Value::from(notes.clone())),
            ("POST", _) => {
                let id = notes.len() as u64 + 100;
                notes.push(note(id, "bot", &body()));
                let mut lost = lost.lock().expect("not poisoned");
                let status = if *lost > 0 { 502 } else { 201 };
                *lost = lost.saturating_sub(1);
                (status, vec![], json!({ "id": id }))
            }
            (_, None) => (404, vec![], json!({ "message": "404 Note Not Found" })),
            ("PUT", Some(at)) => {
                notes[at]["body"] = body().into();
                (200, vec![], json!({}))
            }
            (_, Some(at)) => {
                notes.remove(at);
                (204, vec![], json!(null))
            }
        }
    })
    .await;
    (server, all, asked)
}

#[tokio::test]
async fn one_note_is_updated_in_place_and_notes_of_others_stay() {
    let marker = "<!-- pushsync:comment environment=default directory=. -->";
    let text = |words: &str| format!("{marker}\n{words}");
    let forged = [
        note(1, "mallory", &text("forged")),
        note(2, "bot", &format!("> {}", text("quoted"))),
        note(3, "bot", &format!("x\n{}", text("second line"))),
    ];
    let (server, all, _) = notes(forged.to_vec(), 0).await;
    let client = client(&server);
    let put = async |words: &str| {
        comment::put(&client, 7, (marker, &text(words)), false, Duration::ZERO).await
    };
    for words in ["one", "two"] {
        put(words).await.expect("written");
    }
    let found = all.lock().expect("not poisoned").clone();
    assert_eq!(found[..3], forged);
    assert_eq!((found.len(), found[3]["body"].as_str()), (4, Some(text("two").as_str())));
    // Two jobs at once have each made one: the last one stays.
    all.lock().expect("not poisoned").push(note(200, "bot", &text("another")));
    put("three").await.expect("written");
    let found = all.lock().expect("not poisoned").clone();
    assert_eq!((found.len(), &found[3]["id"]), (4, &json!(200)));
    assert_eq!(found[3]["body"], text("three"));
}

#[tokio::test]
async fn a_new_note_whose_answer_is_lost_is_looked_for_before_another_one_is_made() {
    let marker = "<!-- pushsync:comment environment=default directory=. -->";
    let (server, all, asked) = notes(vec![], 1).await;
    let body = format!("{marker}\none");
    let client = client(&server);
    let put = comment::put(&client, 7, (marker, &body), false, Duration::ZERO);
    put.await.expect("written");
    assert_eq!(all.lock().expect("not poisoned").len(), 1);
    let asked = asked.lock().expect("not poisoned");
    let posts = asked.iter().filter(|line| line.starts_with(Method::POST.to_string().as_str()));
    assert_eq!(posts.count(), 1);
}
