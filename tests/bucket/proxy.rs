//! Stands between a store and the server: counts what passes, and does with it what it is told.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::Duration,
};

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Pass,
    /// An answer of the proxy's own, before the request has had its effect or after it.
    Answer {
        status: u16,
        effect: bool,
    },
    /// The connection is closed without an answer.
    Drop {
        effect: bool,
    },
    /// The connection is closed without an answer, and the effect comes a while after that.
    Late,
    /// Nothing is heard for longer than anybody waits.
    Hang {
        effect: bool,
    },
}

/// A request, as its fate is decided by.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) head: String,
}

/// Longer than any test that hangs waits.
const LONG: Duration = Duration::from_secs(4);

/// When what comes late comes: others have written meanwhile, or are about to.
const WHILE: Duration = Duration::from_millis(1500);

type Decide = Box<dyn FnMut(&Asked) -> Fate + Send>;

struct Shared {
    server: SocketAddr,
    decide: Mutex<Decide>,
    asked: Mutex<Vec<Asked>>,
    /// Takes headers away, from requests and answers.
    strip: Mutex<&'static [&'static str]>,
    /// How many seconds the server's clock seems to be ahead.
    ahead: AtomicI64,
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    pub(crate) fn start(
        server: SocketAddr,
        decide: impl FnMut(&Asked) -> Fate + Send + 'static,
    ) -> Self {
        Self::stripping(server, &[], decide)
    }

    /// One that also takes these headers out of all requests and answers.
    pub(crate) fn stripping(
        server: SocketAddr,
        strip: &'static [&'static str],
        decide: impl FnMut(&Asked) -> Fate + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let decide: Decide = Box::new(decide);
        let (decide, asked) = (Mutex::new(decide), Mutex::new(Vec::new()));
        let (strip, ahead) = (Mutex::new(strip), AtomicI64::new(0));
        let shared = Arc::new(Shared { server, decide, asked, strip, ahead });
        let served = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&served);
                thread::spawn(move || shared.serve(&stream));
            }
        });
        Self { address, shared }
    }

    /// From now on, this decides.
    pub(crate) fn decide(&self, decide: impl FnMut(&Asked) -> Fate + Send + 'static) {
        *self.shared.decide.lock().expect("not poisoned") = Box::new(decide);
    }

    /// From now on, these headers are taken out.
    pub(crate) fn strip(&self, headers: &'static [&'static str]) {
        *self.shared.strip.lock().expect("not poisoned") = headers;
    }

    /// From now on, the server's clock seems to be ahead by this number of seconds.
    pub(crate) fn shift_dates(&self, seconds: i64) {
        self.shared.ahead.store(seconds, Ordering::SeqCst);
    }

    /// Cuts off every client for ever, as if its process were killed.
    pub(crate) fn cut(&self) {
        self.decide(|_| Fate::Drop { effect: false });
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().expect("not poisoned").clone()
    }

    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        let all = self.asked();
        all.iter().filter(|asked| asked.method == method && asked.path.contains(part)).count()
    }
}

impl Shared {
    /// One request; then the connection is closed.
    fn serve(&self, mut client: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(client);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.trim().parse().ok())
            .unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let mut line = head.split(' ');
        let (method, path) = (line.next()?.to_owned(), line.next()?.to_owned());
        let asked = Asked { method, path, head: head.clone() };
        let fate = (self.decide.lock().expect("not poisoned"))(&asked);
        self.asked.lock().expect("not poisoned").push(asked);
        let effect = match fate {
            Fate::Pass => true,
            Fate::Late => {
                let _ = client.shutdown(Shutdown::Both);
                thread::sleep(WHILE);
                true
            }
            Fate::Answer { effect, .. } | Fate::Drop { effect } | Fate::Hang { effect } => effect,
        };
        let answer = if effect { self.forward(&head, &body)? } else { Vec::new() };
        match fate {
            Fate::Pass => client.write_all(&answer).ok()?,
            Fate::Answer { status, .. } => {
                let body = "<Error><Code>AsTold</Code></Error>";
                let length = body.len();
                write!(
                    client,
                    "HTTP/1.1 {status} As Told\r\ncontent-length: {length}\r\n\
                     connection: close\r\n\r\n{body}"
                )
                .ok()?;
            }
            Fate::Drop { .. } | Fate::Late => {}
            Fate::Hang { .. } => thread::sleep(LONG),
        }
        Some(())
    }

    fn forward(&self, head: &str, body: &[u8]) -> Option<Vec<u8>> {
        let mut server = TcpStream::connect(self.server).ok()?;
        server.write_all(self.stripped(head).as_bytes()).ok()?;
        server.write_all(body).ok()?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).ok()?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = self.stripped(std::str::from_utf8(&answer[..end]).ok()?);
        answer.splice(..end, head.into_bytes());
        Some(answer)
    }

    fn shifted(&self, line: &str) -> String {
        let (_, date) = line.split_once(':').expect("a header");
        let date = jiff::fmt::rfc2822::parse(date.trim()).expect("a date").timestamp();
        let ahead = jiff::SignedDuration::from_secs(self.ahead.load(Ordering::SeqCst));
        let date = date.checked_add(ahead).expect("in range");
        let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
        format!("date: {}", printer.timestamp_to_rfc9110_string(&date).expect("can be written"))
    }

    /// A head without what is to be taken away; the connection is closed afterwards.
    fn stripped(&self, head: &str) -> String {
        let mut kept = String::new();
        for line in head.trim_end().split("\r\n") {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            let strip = *self.strip.lock().expect("not poisoned");
            if name == "date" && !strip.contains(&"date") {
                kept.push_str(&self.shifted(line));
                kept.push_str("\r\n");
            } else if name != "connection" && !strip.contains(&name.as_str()) {
                kept.push_str(line);
                kept.push_str("\r\n");
            }
        }
        kept + "connection: close\r\n\r\n"
    }
}
