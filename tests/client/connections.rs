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
    let mut got = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            return false;
        }
        got.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&got).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().expect("a number"));
        if body.len() >= length {
            return true;
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

#[tokio::test]
async fn a_connection_that_the_server_closed_while_it_was_idle_is_not_used_again() {
    // The answer promises to keep the connection, and then it is closed.
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"id\":\"A\"}";
    let (url, requests, task) = server(Then::Say(answer)).await;
    let client = client(&url);
    for _ in 0..3 {
        client.get(Kind::Pushed, &id()).await.expect("an answer");
        // Time for the closing to arrive; without it the request may be lost, and told as lost.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(requests.load(Ordering::SeqCst), 3);
    task.abort();
}

#[tokio::test]
async fn a_connection_is_used_for_many_requests() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("the only connection");
        while read_request(&mut stream).await {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"id\":\"A\"}";
            stream.write_all(answer).await.expect("written");
        }
    });
    let client = client(&url);
    for _ in 0..5 {
        client.get(Kind::Pushed, &id()).await.expect("an answer");
    }
    task.abort();
}
