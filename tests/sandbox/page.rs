//! The page beside the API, and what it lives on.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{options, raw, start};

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere_and_runs_no_script_but_its_own() {
    let running = start(options()).await;
    let page = raw(&running, "GET", "/", "").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!page.body.contains("http://") && !page.body.contains("https://"), "{}", page.body);
    for path in ["/_sandbox/chats.css", "/_sandbox/chats.js", "/_sandbox/page.js"] {
        assert!(page.body.contains(path));
        assert_eq!(raw(&running, "GET", path, "").await.status, 200, "{path}");
    }
    for path in ["/_sandbox/chats.js", "/_sandbox/page.js"] {
        let script = raw(&running, "GET", path, "").await.body;
        for sink in ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("] {
            assert!(!script.contains(sink), "{sink}: texts are set as text");
        }
    }
    // Looking costs nothing.
    assert_eq!(running.requests().total, 0);
}

/// Reads until `part` has come so often.
async fn reads(stream: &mut TcpStream, got: &mut String, part: &str, times: usize) {
    let mut buffer = [0; 4096];
    while got.matches(part).count() < times {
        let read = stream.read(&mut buffer).await.expect("it can be read");
        assert!(read > 0, "it ended after\n{got}");
        got.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
}

#[tokio::test]
async fn the_page_hears_of_every_change_and_of_the_end() {
    let running = start(options()).await;
    let mut stream = TcpStream::connect(running.address()).await.expect("it listens");
    let port = running.address().port();
    let request = format!("GET /_sandbox/events HTTP/1.1\r\nhost: localhost:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut got = String::new();
    reads(&mut stream, &mut got, "data: ", 1).await;
    assert!(got.contains("text/event-stream"), "{got}");

    let body = r#"{"visitorId":"kZMv","text":"Hi"}"#;
    let sent = raw(&running, "POST", "/conversations/pushedMessages", body).await;
    reads(&mut stream, &mut got, "data: ", 2).await;
    let path =
        format!("/conversations/pushedMessages/{}", sent.json()["id"].as_str().expect("an id"));
    raw(&running, "PUT", &path, r#"{"text":"Hello"}"#).await;
    reads(&mut stream, &mut got, "data: ", 3).await;
    raw(&running, "DELETE", &path, "").await;
    reads(&mut stream, &mut got, "data: ", 4).await;
    // No news is sent without a change.
    raw(&running, "GET", &path, "").await;

    running.stop().await;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.expect("it ends");
    assert!(!String::from_utf8_lossy(&rest).contains("data: "));
}
