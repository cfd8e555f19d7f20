use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use pushsync::{
    brevo::{Client, Config, Error, ErrorKind},
    model::{Content, Kind, Sender},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{client, config, id, visitor};

/// What the server does after it has read a whole request.
#[derive(Clone, Copy)]
enum Then {
    Close,
    Say(&'static str),
    SayAndHang(&'static str),
}

/// A server that counts the requests it gets, and breaks off.
async fn server(then: Then) -> (String, Arc<AtomicUsize>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v3", listener.local_addr().expect("an address"));
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    let task = tokio::spawn(async move {
        let mut hanging = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            if !read_request(&mut stream).await {
                continue;
            }
            count.fetch_add(1, Ordering::SeqCst);
            match then {
                Then::Close => {}
                Then::Say(text) => stream.write_all(text.as_bytes()).await.expect("written"),
                Then::SayAndHang(text) => {
                    stream.write_all(text.as_bytes()).await.expect("written");
                    hanging.push(stream);
                }
            }
        }
    });
    (url, requests, task)
}

async fn read_request(stream: &mut TcpStream) -> bool {
    request_head(stream).await.is_some()
}

/// The head of a request that was read whole, in lower case.
async fn request_head(stream: &mut TcpStream) -> Option<String> {
    let mut got = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            return None;
        }
        got.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&got).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().expect("a number"));
        if body.len() >= length {
            return Some(head.to_owned());
        }
    }
}

async fn post(client: &Client) -> Error {
    client
        .send(Kind::Pushed, &visitor(), &Content { text: "Hello".into(), from: Sender::Random })
        .await
        .expect_err("an error")
}

/// A client that gives up soon.
fn hasty(url: &str) -> Client {
    Client::new(Config { timeout: Duration::from_millis(1500), ..config(url) }).expect("a client")
}

#[tokio::test]
async fn a_refused_connection_is_not_connected() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let error = post(&client(&url)).await;
    assert!(matches!(error.kind(), ErrorKind::NotConnected { .. }));
    let shown = error.to_string();
    assert!(shown.contains(&format!("no connection to {url}: ")), "{shown}");
    assert!(shown.to_lowercase().contains("refused"), "{shown}");
}

#[tokio::test]
async fn an_unknown_name_is_not_connected() {
    // RFC 6761: no name below `.invalid` exists.
    let error = post(&client("https://api.brevo.invalid/v3")).await;
    assert!(matches!(error.kind(), ErrorKind::NotConnected { .. }), "{error}");
}

#[tokio::test]
async fn a_failed_tls_handshake_is_not_connected() {
    let (url, requests, task) = server(Then::Close).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let deaf = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let error = post(&client(&format!("https://{address}"))).await;
    assert!(matches!(error.kind(), ErrorKind::NotConnected { .. }), "{error}");
    deaf.abort();
    task.abort();
    assert_eq!(requests.load(Ordering::SeqCst), 0, "{url}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_not_connected() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let silent = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok(connection) = listener.accept().await {
            kept.push(connection);
        }
    });
    let error = post(&hasty(&format!("https://{address}"))).await;
    assert!(matches!(error.kind(), ErrorKind::NotConnected { .. }), "{error:?}");
    silent.abort();
}

#[tokio::test]
async fn a_connection_closed_before_the_answer_is_lost_and_not_tried_again() {
    let (url, requests, task) = server(Then::Close).await;
    let error = post(&client(&url)).await;
    assert!(matches!(error.kind(), ErrorKind::Lost { .. }));
    assert!(matches!(error.kind(), ErrorKind::Lost { timed_out: false, .. }), "{error:?}");
    assert_eq!(requests.load(Ordering::SeqCst), 1);
    task.abort();
}

#[tokio::test]
async fn half_a_head_is_lost() {
    let (url, requests, task) = server(Then::Say("HTTP/1.1 200 OK\r\nContent-Le")).await;
    let error = post(&client(&url)).await;
    assert!(matches!(error.kind(), ErrorKind::Lost { .. }), "{error:?}");
    assert_eq!(requests.load(Ordering::SeqCst), 1);
    task.abort();
}

#[tokio::test]
async fn no_http_at_all_is_lost() {
    let (url, _, task) = server(Then::Say("SSH-2.0-OpenSSH_9.6\r\n")).await;
    let error = post(&client(&url)).await;
    assert!(matches!(error.kind(), ErrorKind::Lost { .. }), "{error:?}");
    task.abort();
}

#[tokio::test]
async fn half_a_body_of_a_success_is_unreadable() {
    let answer =
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nsib-request-id: req-9\r\n\r\n{\"id\":\"A";
    let (url, requests, task) = server(Then::Say(answer)).await;
    let error = post(&client(&url)).await;
    assert_eq!(error.status(), Some(200));
    assert!(matches!(error.kind(), ErrorKind::Unreadable { status: 200, .. }), "{error:?}");
    assert_eq!(error.request_id(), Some("req-9"));
    assert_eq!(requests.load(Ordering::SeqCst), 1);
    task.abort();
}

#[tokio::test]
async fn half_a_body_of_a_refusal_is_still_a_refusal() {
    let answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 99\r\n\r\n{\"code\":\"inv";
    let (url, _, task) = server(Then::Say(answer)).await;
    let error = post(&client(&url)).await;
    assert_eq!(error.status(), Some(400));
    task.abort();
}

#[tokio::test]
async fn a_silent_server_is_a_lost_answer() {
    let (url, requests, task) = server(Then::SayAndHang("")).await;
    let error = post(&hasty(&url)).await;
    assert!(matches!(error.kind(), ErrorKind::Lost { .. }));
    assert!(matches!(error.kind(), ErrorKind::Lost { timed_out: true, .. }), "{error:?}");
    assert_eq!(requests.load(Ordering::SeqCst), 1);
    task.abort();
}

#[tokio::test]
async fn a_body_that_never_ends_is_unreadable() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"id\":\"A";
    let (url, _, task) = server(Then::SayAndHang(answer)).await;
    let error = post(&hasty(&url)).await;
    assert_eq!(error.status(), Some(200), "{error:?}");
    task.abort();
}

#[tokio::test]
async fn a_body_beyond_all_measure_is_not_read_to_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"id\":\"").await;
        while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
    });
    let error = client(&url).get(Kind::Pushed, &id()).await.expect_err("an error");
    assert!(error.to_string().contains("its body is too long"), "{error}");
    assert!(error.to_string().chars().count() < 600);
    task.await.expect("the client hung up");
}

/// What a server of keep-alive connections does after its answer.
#[derive(Clone, Copy)]
enum After {
    Closes,
    /// It sends these bytes, which belong to no answer.
    Says(&'static [u8]),
    Nothing,
}

/// A server that answers each request with a message of its own; counts connections and requests.
async fn keeping_alive(after: After) -> (String, Arc<[AtomicUsize; 2]>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v3", listener.local_addr().expect("an address"));
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let counted = Arc::clone(&counts);
    let task = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let counts = Arc::clone(&counted);
            counts[0].fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                while read_request(&mut stream).await {
                    let n = counts[1].fetch_add(1, Ordering::SeqCst);
                    let body = format!("{{\"id\":\"AXCR{n}\"}}");
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                    let answer = format!("{head}{body}");
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                    match after {
                        After::Closes => return,
                        After::Says(bytes) => _ = stream.write_all(bytes).await,
                        After::Nothing => {}
                    }
                }
            });
        }
    });
    (url, counts, task)
}

#[tokio::test]
async fn each_create_has_a_connection_that_has_carried_nothing_before() {
    for after in [
        After::Nothing,
        After::Closes,
        After::Says(b"{\"a body\":\"of a 204\"}"),
        After::Says(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"id\":\"LATE\"}"),
    ] {
        let (url, counts, task) = keeping_alive(after).await;
        let client = client(&url);
        for n in 0..40 {
            let content = Content { text: "Hello".into(), from: Sender::Random };
            let sent = client.send(Kind::Pushed, &visitor(), &content).await;
            let sent = sent.unwrap_or_else(|error| panic!("create {n}: {error}"));
            assert_eq!(sent.body.id.as_str(), format!("AXCR{n}"));
        }
        let [connections, requests] = &*counts;
        assert_eq!(connections.load(Ordering::SeqCst), 40);
        assert_eq!(requests.load(Ordering::SeqCst), 40);
        task.abort();
    }
}

#[tokio::test]
async fn a_create_after_a_delete_whose_204_has_a_body_is_not_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v3", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(async move {
                while let Some(head) = request_head(&mut stream).await {
                    let answer: &[u8] = match head.starts_with("delete") {
                        true => b"HTTP/1.1 204 No Content\r\n\r\n{\"deleted\":true}",
                        false => b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"id\":\"A\"}",
                    };
                    let _ = stream.write_all(answer).await;
                }
            });
        }
    });
    let client = client(&url);
    for _ in 0..30 {
        client.delete(Kind::Pushed, &id()).await.expect("deleted");
        let content = Content { text: "Hello".into(), from: Sender::Random };
        let sent = client.send(Kind::Pushed, &visitor(), &content).await;
        assert_eq!(sent.expect("a message").body.id.as_str(), "A");
    }
    task.abort();
}

#[tokio::test]
async fn a_whole_message_counts_however_it_is_transferred() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"id\":\"A\"}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n{\"id\":\"A\"}\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n\u{feff}{\"id\":\"A\"}",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{\"id\":\"A\"}",
        "HTTP/1.1 200\nContent-Length: 10\n\n{\"id\":\"A\"}",
        "HTTP/1.1 200 OK\r\nX-Old: one\r\n two\r\nX Bad: b\r\nX-Spaced : c\r\n\r\n{\"id\":\"A\"}",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Length: 10\r\n\r\n{\"id\":\"A\"}",
        "HTTP/1.0 200 OK\r\n\r\n{\"id\":\"A\"}",
    ] {
        let (url, _, task) = server(Then::Say(answer)).await;
        let content = Content { text: "Hello".into(), from: Sender::Random };
        let sent = client(&url).send(Kind::Pushed, &visitor(), &content).await;
        assert_eq!(sent.expect("a message").body.id.as_str(), "A", "{answer:?}");
        task.abort();
    }
}

#[tokio::test]
async fn answers_are_asked_for_unencoded() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut head = [0; 4096];
        let read = stream.read(&mut head).await.expect("a request");
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"id\":\"A\"}").await;
        String::from_utf8_lossy(&head[..read]).to_lowercase()
    });
    client(&url).get(Kind::Pushed, &id()).await.expect("an answer");
    let head = task.await.expect("read");
    assert!(head.contains("\r\naccept-encoding: identity\r\n"), "{head}");
}
