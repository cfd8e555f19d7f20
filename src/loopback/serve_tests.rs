use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{
    extract::Request as Asked,
    routing::{get, post},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{Notify, oneshot},
    task::JoinHandle,
};

use super::*;
use crate::loopback;

const LIMITS: Limits =
    Limits { patience: Duration::from_secs(30), body_bytes: 1000, connections: 2 };

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

async fn start(router: Router) -> Server {
    start_on("127.0.0.1:0", router.into()).await
}

async fn start_on(listens: &str, site: Site) -> Server {
    let listener = TcpListener::bind(listens).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(async move {
        serve(listener, address, site, LIMITS, async { _ = stopped.await }).await;
    });
    Server { address, stop, served }
}

async fn echo(request: Asked) -> Response<Body> {
    match loopback::read(request.into_body(), LIMITS).await {
        Ok(body) => body.into_response(),
        Err(loopback::Unread::TooLong) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Err(loopback::Unread::TooSlow) => loopback::too_slow(),
    }
}

fn router() -> Router {
    Router::new().route("/", get(async || "hello")).route("/echo", post(echo))
}

impl Server {
    async fn connect(&self, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.write_all(bytes.as_bytes()).await.expect("written");
        stream
    }

    /// Sends a request, in which `{}` stands for the host, and returns the answer.
    async fn ask(&self, request: &str) -> String {
        let request = request.replace("{}", &self.address.to_string());
        rest(self.connect(&request).await).await
    }
}

/// All bytes until the server closes the connection.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset also ends the connection.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn strangers_are_refused_in_words_before_anything_is_done() {
    let server = start(router()).await;
    let port = server.address.port();
    for request in [
        "GET / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nHOST: localhost:{port}\r\nconnection: close\r\n\r\n"),
        "GET http://{}/ HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n".to_owned(),
        "POST /echo HTTP/1.1\r\nhost: {}\r\norigin: http://{}\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello".to_owned(),
    ] {
        let answer = server.ask(&request).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
    }
    for request in [
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: rebound.example\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: {}\r\nhost: {}\r\n\r\n",
        "GET http://rebound.example/ HTTP/1.1\r\nhost: {}\r\n\r\n",
        "GET http://{}/ HTTP/1.1\r\nhost: rebound.example\r\n\r\n",
        "CONNECT rebound.example:443 HTTP/1.1\r\nhost: {}\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: {}\r\norigin: http://rebound.example\r\ncontent-length: 5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nhost: {}\r\norigin: null\r\ncontent-length: 5\r\n\r\nhello",
        "OPTIONS /echo HTTP/1.1\r\nhost: {}\r\norigin: http://rebound.example\r\n\r\n",
    ] {
        let answer = server.ask(request).await;
        assert!(!answer.contains("hello"), "{request}: {answer}");
        assert!(answer.contains(" 403 Forbidden"), "{request}: {answer}");
        assert!(answer.contains(&format!("localhost:{port}")), "{request}: {answer}");
    }
}

#[tokio::test]
async fn a_stranger_gets_what_is_open_and_nothing_else_where_others_reach_the_server() {
    let site = || Site {
        own: Router::new().route("/", get(async || "the page")),
        open: Router::new()
            .route("/livez", get(async || "alive"))
            .route("/hook", post(async || "taken")),
        secret: None,
    };
    let by_any_name = [
        "GET /livez HTTP/1.1\r\nhost: pushsync.default.svc:9100\r\nconnection: close\r\n\r\n",
        "GET /livez HTTP/1.1\r\nhost: 10.1.2.3:80\r\nconnection: close\r\n\r\n",
        "GET http://hooks.example/livez HTTP/1.1\r\nhost: hooks.example\r\nconnection: close\r\n\r\n",
        "GET /livez HTTP/1.0\r\n\r\n",
        "POST /hook HTTP/1.1\r\nhost: hooks.example\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    ];
    let never = [
        "GET / HTTP/1.1\r\nhost: pushsync.default.svc\r\nconnection: close\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET //livez/.. HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n",
        "GET /livez/../ HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n",
        "GET /other HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n",
        "POST /hook HTTP/1.1\r\nhost: a.example\r\norigin: http://a.example\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        "POST /hook HTTP/1.1\r\nhost: a.example\r\norigin: null\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    ];
    for (listens, reached) in [("0.0.0.0:0", true), ("127.0.0.1:0", false)] {
        let server = start_on(listens, site()).await;
        let port = server.address.port();
        for request in by_any_name {
            let answer = server.ask(request).await;
            assert_eq!(answer.contains(" 200 OK"), reached, "{listens} {request}: {answer}");
        }
        for request in never {
            let answer = server.ask(request).await;
            assert!(answer.contains(" 403 Forbidden"), "{listens} {request}: {answer}");
            assert!(answer.contains(&format!("localhost:{port}")), "{listens} {request}: {answer}");
        }
        for (path, words) in [("/", "the page"), ("/livez", "alive")] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\r\n"
            );
            assert!(server.ask(&request).await.ends_with(words), "{listens} {path}");
        }
    }
}

#[tokio::test]
async fn what_is_behind_a_secret_is_answered_by_any_name_also_on_loopback() {
    let site = Site {
        own: Router::new().route("/", get(async || "the page")),
        secret: Some(("/hook/", Router::new().route("/hook/s3cret", post(async || "taken")))),
        ..Site::default()
    };
    let server = start_on("127.0.0.1:0", site).await;
    for (request, answered) in [
        (
            "POST /hook/s3cret HTTP/1.1\r\nhost: tunnel.example\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            " 200 OK",
        ),
        (
            "POST /hook/s3cret HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            " 200 OK",
        ),
        (
            "POST /hook/other HTTP/1.1\r\nhost: tunnel.example\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            " 404 ",
        ),
        ("GET /hook/../ HTTP/1.1\r\nhost: tunnel.example\r\nconnection: close\r\n\r\n", " 404 "),
        ("GET /hook HTTP/1.1\r\nhost: tunnel.example\r\nconnection: close\r\n\r\n", " 403 "),
        ("GET / HTTP/1.1\r\nhost: tunnel.example\r\nconnection: close\r\n\r\n", " 403 "),
    ] {
        let answer = server.ask(request).await;
        assert!(answer.contains(answered) && !answer.contains("the page"), "{request}: {answer}");
    }
}

/// Time is paused: when all tasks wait, it jumps to the next timer.
#[tokio::test(start_paused = true)]
async fn a_server_does_not_wait_for_ever_for_a_silent_or_slow_client() {
    let server = start(router()).await;
    for beginning in [
        "",
        "GET ",
        "GET / HTTP/1.1\r\nhost: ",
        "GET / HTTP/1.1\r\nhost: {}\r\n",
        "POST /echo HTTP/1.1\r\nhost: {}\r\ncontent-length: 100\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: {}\r\ncontent-length: 100\r\n\r\na part",
        "POST /echo HTTP/1.1\r\nhost: {}\r\ntransfer-encoding: chunked\r\n\r\n6\r\na part\r\n",
        // A whole request, and then silence.
        "GET / HTTP/1.1\r\nhost: {}\r\n\r\n",
    ] {
        let answer = server.ask(beginning).await;
        let whole = beginning.ends_with("\r\n\r\n") && beginning.starts_with("GET");
        assert_eq!(answer.contains("hello"), whole, "{beginning}: {answer}");
    }
    // A header that never ends.
    let mut stream = server.connect("GET / HTTP/1.1\r\n").await;
    while stream.write_all(b"x: y\r\n").await.is_ok() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_does_not_wait_for_ever_for_a_client_that_does_not_read() {
    let (done, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    struct Tells(Arc<Notify>);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let (told, tells) = (Arc::clone(&done), Arc::clone(&ended));
    let endless = move || {
        let tells = Tells(Arc::clone(&tells));
        told.notify_one();
        async move {
            Body::from_stream(futures_util::stream::repeat_with(move || {
                let _until_it_is_dropped = &tells;
                Ok::<_, Infallible>(vec![b'x'; 1 << 16])
            }))
        }
    };
    let server = start(Router::new().route("/", get(endless))).await;
    let request = format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", server.address);
    let _open = server.connect(&request).await;
    done.notified().await;
    ended.notified().await;
}

#[tokio::test(start_paused = true)]
async fn connections_beyond_the_limit_wait_until_others_end() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (at, peak) = (Arc::clone(&now), Arc::clone(&most));
    let slow = move || {
        let (at, peak) = (Arc::clone(&at), Arc::clone(&peak));
        async move {
            peak.fetch_max(at.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            at.fetch_sub(1, Ordering::SeqCst);
            "hello"
        }
    };
    let server = Arc::new(start(Router::new().route("/", get(slow))).await);
    // Two silent connections use up the limit for a while.
    let silent = (server.connect("").await, server.connect("").await);
    let asked: Vec<_> = (0..6)
        .map(|_| {
            let server = Arc::clone(&server);
            tokio::spawn(async move {
                server.ask("GET / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n").await
            })
        })
        .collect();
    for one in asked {
        assert!(one.await.expect("no panic").ends_with("hello"));
    }
    assert_eq!((now.load(Ordering::SeqCst), most.load(Ordering::SeqCst)), (0, 2));
    drop(silent);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_not_read() {
    let server = start(router()).await;
    for head in ["content-length: 1001", "transfer-encoding: chunked"] {
        let body = match head.starts_with('c') {
            true => "x".repeat(1001),
            false => format!("3e9\r\n{}\r\n0\r\n\r\n", "x".repeat(1001)),
        };
        let answer = server
            .ask(&format!(
                "POST /echo HTTP/1.1\r\nhost: {{}}\r\nconnection: close\r\n{head}\r\n\r\n{body}"
            ))
            .await;
        assert!(answer.contains(" 413 "), "{head}: {answer}");
    }
}

#[tokio::test]
async fn stopping_awaits_the_requests_under_way_and_takes_no_new_ones() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (began, goes_on) = (Arc::clone(&begun), Arc::clone(&go_on));
    let waiting = move || {
        let (began, goes_on) = (Arc::clone(&began), Arc::clone(&goes_on));
        async move {
            began.notify_one();
            goes_on.notified().await;
            "hello"
        }
    };
    let Server { address, stop, served } = start(Router::new().route("/", get(waiting))).await;
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET / HTTP/1.1\r\nhost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("written");
    begun.notified().await;
    drop(stop);
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go_on.notify_one();
    assert!(rest(stream).await.ends_with("hello"));
    served.await.expect("it ends");
}
