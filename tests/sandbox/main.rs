//! The sandbox, through our own client and through requests as they are on the wire.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly too")]

mod faults;
mod page;
mod persistence;
mod through_client;
mod tokens;
mod wire;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use pushsync::{
    brevo::{Client, Config, Credentials},
    model::{BaseUrl, VisitorId},
    sandbox::{Clock, Options, Running, Sandbox},
};
use secrecy::SecretString;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const START: i64 = 1_700_000_000;

/// A clock that only tests move.
#[derive(Clone)]
struct Hands(Arc<AtomicI64>);

impl Hands {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(START)))
    }

    fn forward(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let seconds = Arc::clone(&self.0);
        Arc::new(move || Timestamp::from_second(seconds.load(Ordering::SeqCst)).expect("a time"))
    }
}

fn options() -> Options {
    Options::in_memory(Hands::new().clock())
}

async fn start(options: Options) -> Running {
    Sandbox::start(options).await.expect("a sandbox")
}

fn client(running: &Running) -> Client {
    Client::new(Config {
        base_url: BaseUrl::parse(&running.base_url()).expect("a base URL"),
        credentials: Credentials::Key(SecretString::from("any")),
        partner_key: None,
        timeout: Duration::from_secs(20),
        user_agent: "pushsync/test".to_owned(),
    })
    .expect("a client")
}

fn visitor(id: &str) -> VisitorId {
    VisitorId::parse(id).expect("a visitor id")
}

/// An answer as it was on the wire.
#[derive(Debug)]
struct Raw {
    status: u16,
    head: String,
    body: String,
}

impl Raw {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    fn code(&self) -> String {
        let json = self.json();
        let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["code", "message"]);
        assert!(json["message"].as_str().is_some_and(|message| !message.is_empty()));
        json["code"].as_str().expect("a code").to_owned()
    }
}

/// All bytes that come back before the connection is closed.
async fn bytes(running: &Running, request: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(running.address()).await.expect("a connection");
    let request = request.replace(HOST, &running.address().to_string());
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

/// Stands for the sandbox's address in a request.
const HOST: &str = "THE-SANDBOX";

fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

async fn raw_with(running: &Running, method: &str, path: &str, headers: &str, body: &str) -> Raw {
    let answer = bytes(running, &request(method, path, headers, body)).await;
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
    Raw { status, head: head.to_owned(), body: body.to_owned() }
}

async fn raw(running: &Running, method: &str, path: &str, body: &str) -> Raw {
    raw_with(running, method, path, "api-key: x\r\n", body).await
}
