//! Access tokens: when one is fetched, when it is renewed, and what is said without one.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use pushsync::{
    brevo::{
        Client, ClientCredentials, ClientPart, ClientProblem, Config, ConfigError, Credentials,
        Error, ErrorKind, Hint, TokenUrl, key::KeyProblem,
    },
    model::{BaseUrl, Content, Kind, Sender},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{PARTNER, config, id, visitor};

const ID: &str = "app-7f3c21d09e";
const SECRET: &str = "s3cr3t/with+signs&more=";
const TOKEN_PATH: &str = "POST /realms/partner/oauth/token HTTP/1.1";

/// A request as it came.
#[derive(Debug, Clone)]
struct Asked {
    head: String,
    body: String,
}

impl Asked {
    fn is_for_token(&self) -> bool {
        self.head.starts_with(TOKEN_PATH)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// A server that answers as a function says, which gets the number of the request among those for a token, or
/// among the others.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    async fn start<A: Into<Vec<u8>>>(
        answer: impl Fn(usize, &Asked) -> A + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (kept, answer) = (Arc::clone(&asked), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                tokio::spawn(async move {
                    let Some(asked) = read(&mut stream).await else { return };
                    let number = {
                        let mut kept = kept.lock().expect("not poisoned");
                        let alike = |one: &&Asked| one.is_for_token() == asked.is_for_token();
                        let number = kept.iter().filter(alike).count();
                        kept.push(asked.clone());
                        number
                    };
                    // Others that ask at once ask meanwhile.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    let said = answer(number, &asked).into();
                    let _ = stream.write_all(&said).await;
                });
            }
        });
        Self { address, asked }
    }

    fn client(&self) -> Client {
        self.client_of(ID, SECRET)
    }

    fn client_of(&self, id: &str, secret: &str) -> Client {
        Client::new(client_config(&format!("http://{}/v3", self.address), id, secret))
            .expect("a client")
    }

    fn tokens(&self) -> Vec<Asked> {
        let asked = self.asked.lock().expect("not poisoned");
        asked.iter().filter(|asked| asked.is_for_token()).cloned().collect()
    }

    fn others(&self) -> Vec<Asked> {
        let asked = self.asked.lock().expect("not poisoned");
        asked.iter().filter(|asked| !asked.is_for_token()).cloned().collect()
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut got = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        got.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&got).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let asked = Asked { head: head.to_owned(), body: body.to_owned() };
        let length = asked.header("content-length").map_or(0, |n| n.parse().expect("a number"));
        if body.len() >= length {
            return Some(asked);
        }
    }
}

fn client_config(base_url: &str, id: &str, secret: &str) -> Config {
    let token_url = TokenUrl::of(&BaseUrl::parse(base_url).expect("a base URL"));
    let client = ClientCredentials { id: id.into(), secret: secret.into(), token_url };
    Config { credentials: Credentials::Client(client), ..config(base_url) }
}

fn answer(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Said\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn token(token: &str, life: &str) -> String {
    let body = format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{life}}}"#);
    answer(200, "content-type: application/json\r\n", &body)
}

fn message() -> String {
    answer(200, "", r#"{"id":"m1"}"#)
}

fn unauthorized() -> String {
    answer(401, "sib-request-id: req-9\r\n", r#"{"code":"unauthorized","message":"Unauthorized"}"#)
}

async fn create(client: &Client) -> Result<(), Error> {
    let content = Content { text: "Hello".into(), from: Sender::Random };
    client.send(Kind::Pushed, &visitor(), &content).await.map(drop)
}

#[tokio::test]
async fn a_token_is_asked_for_as_the_standard_says_and_sent_instead_of_a_key() {
    let server = Server::start(|_, asked| match asked.is_for_token() {
        true => token("tok-en.1", "3599"),
        false => message(),
    })
    .await;
    let base_url = format!("http://{}/v3", server.address);
    let partner_key = Some(PARTNER.into());
    let config = Config { partner_key, ..client_config(&base_url, ID, SECRET) };
    let client = Client::new(config.clone()).expect("a client");
    for _ in 0..3 {
        create(&client).await.expect("sent");
    }
    client.get(Kind::Agent, &id()).await.expect("read");
    let [asked] = &server.tokens()[..] else { panic!("one is enough") };
    assert_eq!(
        asked.body,
        "grant_type=client_credentials&client_id=app-7f3c21d09e&client_secret=s3cr3t%2Fwith%2Bsigns%26more%3D&scope=conversations%3Aread+conversations%3Awrite"
    );
    assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(asked.header("accept"), Some("application/json"));
    assert_eq!(asked.header("user-agent"), Some("pushsync/test"));
    for name in ["authorization", "api-key", "partner-key", "cookie"] {
        assert_eq!(asked.header(name), None, "{name}");
    }
    for asked in server.others() {
        assert_eq!(asked.header("authorization"), Some("Bearer tok-en.1"));
        assert_eq!((asked.header("api-key"), asked.header("partner-key")), (None, Some(PARTNER)));
    }
    let shown = format!("{config:?} {client:?}");
    assert!(!shown.contains("s3cr3t") && !shown.contains("tok-en.1"), "{shown}");
}

#[tokio::test]
async fn many_requests_at_once_fetch_one_token() {
    let server = Server::start(|n, asked| match asked.is_for_token() {
        true => token(&format!("token-{n}"), "3600"),
        false => message(),
    })
    .await;
    let client = server.client();
    let all = (0..12).map(|_| create(&client));
    assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
    assert_eq!((server.tokens().len(), server.others().len()), (1, 12));
}

#[tokio::test]
async fn a_failure_is_that_of_all_who_waited_for_the_token() {
    let server = Server::start(|_, _| answer(503, "", "")).await;
    let client = server.client();
    let all = (0..12).map(|_| create(&client));
    for failed in futures_util::future::join_all(all).await {
        let error = failed.expect_err("no token");
        assert!(matches!(error.kind(), ErrorKind::NoToken { .. }), "{error}");
        assert_eq!(error.hint(), Some(Hint::TokenLater));
    }
    assert_eq!((server.tokens().len(), server.others().len()), (1, 0));
    create(&client).await.expect_err("nothing is asked so soon");
    assert_eq!(server.tokens().len(), 1);
    tokio::time::sleep(Duration::from_millis(500)).await;
    create(&client).await.expect_err("it is asked again");
    assert_eq!(server.tokens().len(), 2);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let server = Server::start(|n, asked| match asked.is_for_token() {
        true => token(&format!("token-{n}"), "1"),
        false => message(),
    })
    .await;
    let client = server.client();
    create(&client).await.expect("sent");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    create(&client).await.expect("sent");
    assert_eq!(server.tokens().len(), 2);
    assert_eq!(server.others()[1].header("authorization"), Some("Bearer token-1"));
}

#[tokio::test]
async fn a_token_that_ends_before_it_arrives_is_used_once_and_nothing_turns_in_a_circle() {
    for life in ["0", "-3600", "\"soon\"", "null", "1e999", "[]"] {
        let server = Server::start(move |_, asked| match asked.is_for_token() {
            true if life == "1e999" => answer(200, "", r#"{"access_token":"x"}"#),
            true => token("x", life),
            false => message(),
        })
        .await;
        let client = server.client();
        for _ in 0..3 {
            create(&client).await.expect(life);
        }
        assert_eq!((server.tokens().len(), server.others().len()), (1, 3), "{life}");
    }
}

#[tokio::test]
async fn an_answer_that_is_encoded_or_lacks_its_end_is_understood_as_far_as_it_can_be() {
    let body = r#"{"access_token":"t0k","token_type":"bearer","expires_in":60}"#;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(body.as_bytes()).expect("in memory");
    let gzip = gzip.finish().expect("in memory");
    let with = |headers: &str, body: &[u8]| {
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {length}\r\n\r\n");
        [head.as_bytes(), body].concat()
    };
    let cut = format!("HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{body}").into_bytes();
    for said in [
        with("content-encoding: gzip\r\n", &gzip),
        with("", &gzip),
        with("", format!("\u{feff}{body}").as_bytes()),
        cut,
    ] {
        let server = Server::start(move |_, asked| match asked.is_for_token() {
            true => said.clone(),
            false => message().into_bytes(),
        })
        .await;
        create(&server.client()).await.expect("sent");
        assert_eq!(server.others()[0].header("authorization"), Some("Bearer t0k"));
    }
    let half = format!("HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{}", &body[..30]);
    let server = Server::start(move |_, _| half.clone()).await;
    let error = create(&server.client()).await.expect_err("half a token");
    assert_eq!(error.hint(), Some(Hint::TokenLater), "{error}");
    assert!(!error.to_string().contains("t0k"), "{error}");
}

#[tokio::test]
async fn a_refused_token_is_thrown_away_and_only_that_one() {
    // The first token is refused; each answer of the API comes after the second token is known.
    let server = Server::start(|n, asked| match asked.is_for_token() {
        true => token(&format!("token-{n}"), "3600"),
        false if asked.header("authorization") == Some("Bearer token-0") => unauthorized(),
        false => message(),
    })
    .await;
    let client = server.client();
    let first = futures_util::future::join_all((0..6).map(|_| create(&client))).await;
    for failed in first {
        let error = failed.expect_err("refused");
        assert!(error.renews_token(), "{error:?}");
        assert_eq!((error.status(), error.hint()), (Some(401), Some(Hint::TokenRefused)));
    }
    let second = futures_util::future::join_all((0..6).map(|_| create(&client))).await;
    assert!(second.iter().all(Result::is_ok), "{second:?}");
    assert_eq!((server.tokens().len(), server.others().len()), (2, 12));
}

#[tokio::test]
async fn a_401_that_is_not_about_the_token_renews_none() {
    let ip = "We have detected you are using an unrecognised IP address 192.0.2.7";
    let body = serde_json::json!({ "code": "unauthorized", "message": ip }).to_string();
    let server = Server::start(move |_, asked| match asked.is_for_token() {
        true => token("x", "3600"),
        false => answer(401, "", &body),
    })
    .await;
    let client = server.client();
    for _ in 0..2 {
        let error = create(&client).await.expect_err("refused");
        assert_eq!((error.renews_token(), error.hint()), (false, Some(Hint::UnrecognisedIp)));
    }
    assert_eq!(server.tokens().len(), 1);
    // Nor does one with a key.
    let key = super::client(&format!("http://{}/v3", server.address));
    assert!(!create(&key).await.expect_err("refused").renews_token());
}

#[tokio::test]
async fn each_refusal_of_a_token_has_its_words_and_sends_nothing() {
    let page = "<html><title>Sign in</title></html>";
    for (status, headers, body, said, hint) in [
        (
            401,
            "",
            r#"{"error":"invalid_client","error_description":"Invalid client or Invalid client credentials"}"#,
            "answered 401 invalid_client: Invalid client or Invalid client credentials",
            Hint::InvalidClient(None),
        ),
        (
            400,
            "",
            r#"{"error":"INVALID_CLIENT"}"#,
            "answered 400 INVALID_CLIENT",
            Hint::InvalidClient(None),
        ),
        (401, "", "", "answered 401", Hint::InvalidClient(None)),
        (
            400,
            "",
            r#"{"error":"invalid_scope","error_description":"Invalid scopes: conversations:read"}"#,
            "answered 400 invalid_scope: Invalid scopes: conversations:read",
            Hint::InvalidScope,
        ),
        (
            400,
            "",
            r#"{"error":"unauthorized_client"}"#,
            "answered 400 unauthorized_client",
            Hint::UnauthorizedClient,
        ),
        (
            400,
            "",
            r#"{"error":"unsupported_grant_type"}"#,
            "answered 400 unsupported_grant_type",
            Hint::UnauthorizedClient,
        ),
        (
            400,
            "",
            r#"{"error":"invalid_request"}"#,
            "answered 400 invalid_request",
            Hint::NoTokenEndpoint,
        ),
        (
            404,
            "",
            r#"{"code":"document_not_found","message":"no route"}"#,
            "answered 404 document_not_found: no route",
            Hint::NoTokenEndpoint,
        ),
        (
            403,
            "",
            r#"{"message":"You are using an unrecognised IP address"}"#,
            "answered 403",
            Hint::UnrecognisedIp,
        ),
        (
            200,
            "content-type: text/html\r\n",
            page,
            "answered 200, but its body is a page: Sign in",
            Hint::NoTokenEndpoint,
        ),
        (200, "", "", "answered 200, but its body is not a JSON object", Hint::NoTokenEndpoint),
        (
            200,
            "",
            r#"{"id":"m1"}"#,
            "answered 200, but its body holds no access_token",
            Hint::NoTokenEndpoint,
        ),
        (
            200,
            "",
            r#"{"error":"invalid_client"}"#,
            "answered 200 invalid_client",
            Hint::InvalidClient(None),
        ),
        (
            200,
            "",
            r#"{"access_token":"HUSH","token_type":"mac"}"#,
            "its token_type is not Bearer",
            Hint::NoTokenEndpoint,
        ),
        (
            200,
            "",
            r#"{"access_token":"HUSH\u0000HUSH","token_type":"bearer"}"#,
            "characters that no header can hold",
            Hint::NoTokenEndpoint,
        ),
        (
            200,
            "",
            "access_token=HUSH&token_type=bearer",
            "is not a JSON object",
            Hint::NoTokenEndpoint,
        ),
        (
            302,
            "location: https://elsewhere.example/login?next=HUSH\r\n",
            "",
            "answered 302, a redirect to https://elsewhere.example; it is not followed",
            Hint::NoTokenEndpoint,
        ),
        (429, "", "", "answered 429", Hint::TokenLater),
        (500, "", r#"{"error":"server_error"}"#, "answered 500 server_error", Hint::TokenLater),
    ] {
        let headers = format!("sib-request-id: req-7\r\n{headers}");
        let server = Server::start(move |_, _| answer(status, &headers, body)).await;
        let error = create(&server.client()).await.expect_err(body);
        let shown = error.to_string();
        let url = format!("http://{}/realms/partner/oauth/token", server.address);
        let begins = format!(
            "POST /conversations/pushedMessages: not sent, there is no access token: POST {url}: answered {status}"
        );
        assert!(shown.starts_with(&begins) && shown.contains(said), "{shown}");
        assert!(shown.ends_with("(request id req-7)"), "{shown}");
        assert_eq!((error.status(), error.hint()), (Some(status), Some(hint)), "{shown}");
        assert_eq!((error.budget(), error.is_gone(), error.renews_token()), (None, false, false));
        assert!(!format!("{error:?} {error}").contains("HUSH"), "{error:?}");
        assert_eq!((server.tokens().len(), server.others().len()), (1, 0), "{body}");
    }
}

#[tokio::test]
async fn a_mistake_in_the_client_is_told_when_it_is_refused() {
    let refuse = |_: usize, _: &Asked| answer(401, "", r#"{"error":"invalid_client"}"#);
    let server = Server::start(refuse).await;
    for (secret, problem) in [
        ("xkeysib-0123456789", ClientProblem::ApiKey(ClientPart::Secret)),
        ("\"0123456789\"", ClientProblem::Written(ClientPart::Secret, KeyProblem::Quoted)),
        (ID, ClientProblem::Same),
    ] {
        let error = create(&server.client_of(ID, secret)).await.expect_err("refused");
        let hint = error.hint().expect("a hint");
        assert_eq!(hint, Hint::InvalidClient(Some(problem)));
        assert!(!format!("{error:?} {error} {hint:?} {hint}").contains("0123456789"));
    }
    let url = format!("http://{}/v3", server.address);
    for (id, secret, part) in [
        ("", "x", ClientPart::Id),
        (ID, "a\nb", ClientPart::Secret),
        (ID, " x", ClientPart::Secret),
        ("é", "x", ClientPart::Id),
    ] {
        let error = Client::new(client_config(&url, id, secret)).expect_err("refused");
        let ConfigError::Client(ClientProblem::Written(found, _)) = error else {
            panic!("{error}")
        };
        assert_eq!(found, part);
    }
}

#[tokio::test]
async fn secrets_and_tokens_are_hidden_even_if_a_server_echoes_them() {
    let encoded = "s3cr3t%2Fwith%2Bsigns%26more%3D";
    let server = Server::start(move |n, asked| {
        let echo = format!("{ID} {SECRET} {encoded} token-0-hush {}", asked.head);
        let json = serde_json::json!({ "code": echo, "message": echo, "error": echo }).to_string();
        match (asked.is_for_token(), n) {
            (true, 0) => token("token-0-hush", "3600"),
            (true, _) => answer(400, "", &json),
            (false, _) => answer(401, "", &json),
        }
    })
    .await;
    let client = server.client();
    for _ in 0..2 {
        let error = create(&client).await.expect_err("refused");
        let shown = format!("{error} {error:?} {error:#?}");
        for secret in [ID, SECRET, encoded, "token-0-hush"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
        assert!(shown.contains("[hidden]"), "{shown}");
    }
}

#[tokio::test]
async fn a_403_says_which_scope_the_app_lacks() {
    let server = Server::start(|_, asked| match asked.is_for_token() {
        true => token("x", "3600"),
        false => answer(403, "", r#"{"code":"permission_denied","message":"no"}"#),
    })
    .await;
    let client = server.client();
    let read = client.get(Kind::Pushed, &id()).await.expect_err("refused");
    assert_eq!(read.hint(), Some(Hint::MissingScope("conversations:read")));
    for error in [
        create(&client).await.expect_err("refused"),
        client.update(Kind::Agent, &id(), "x").await.map(drop).expect_err("refused"),
        client.delete(Kind::Agent, &id()).await.map(drop).expect_err("refused"),
    ] {
        assert_eq!(error.hint(), Some(Hint::MissingScope("conversations:write")));
        assert!(error.hint().expect("a hint").to_string().contains("conversations:write"));
    }
}
