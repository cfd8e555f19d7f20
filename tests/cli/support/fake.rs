use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

/// What a fake server does with a request.
#[derive(Clone)]
pub(crate) enum Answer {
    /// A status, further headers (`name: value\r\n`…), a body.
    Is(u16, String, String),
    /// The connection is closed without an answer.
    Nothing,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A server that answers as a function says, and keeps what it was asked. Its thread lives as
/// long as the test's process.
pub(crate) struct Fake {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::Is(status, "content-type: application/json\r\n".to_owned(), body.to_owned())
    }

    /// A message with an id.
    pub(crate) fn created(id: &str) -> Self {
        Self::json(200, &format!(r#"{{"id":"{id}"}}"#))
    }
}

impl Fake {
    /// `answer` is given the number of the request, from 0, and the request.
    pub(crate) fn start(answer: impl Fn(usize, &Asked) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &kept, &answer);
            }
        });
        Self { address, asked }
    }

    /// A server that must not be asked anything.
    pub(crate) fn untouched() -> Self {
        Self::start(|_, _| Answer::Nothing)
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v3", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

fn serve(stream: TcpStream, kept: &Mutex<Vec<Asked>>, answer: &impl Fn(usize, &Asked) -> Answer) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    let mut head = String::new();
    let _ = reader.read_line(&mut line);
    loop {
        let mut header = String::new();
        match reader.read_line(&mut header) {
            Ok(read) if read > 0 && header != "\r\n" => head.push_str(&header),
            _ => break,
        }
    }
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    let asked = Asked {
        line: line.trim().to_owned(),
        head,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let number = {
        let mut kept = kept.lock().expect("not poisoned");
        kept.push(asked.clone());
        kept.len() - 1
    };
    if let Answer::Is(status, headers, body) = answer(number, &asked) {
        let length = body.len();
        let _ = write!(
            reader.get_mut(),
            "HTTP/1.1 {status} As Told\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
    }
}
