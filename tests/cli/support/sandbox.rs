use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::wire;

const PUSHED: &str = "/conversations/pushedMessages";
const AGENT: &str = "/conversations/messages";

/// `pushsync sandbox` in a process of its own; killed when dropped.
pub(crate) struct Sandbox {
    child: Child,
    address: SocketAddr,
}

impl Sandbox {
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// With options.
    pub(crate) fn with(options: &str) -> Self {
        Self::at(0, options)
    }

    /// Ends, and begins anew on the same port, with other options. What it has in a file stays.
    pub(crate) fn again(self, options: &str) -> Self {
        let port = self.address.port();
        drop(self);
        Self::at(port, options)
    }

    /// On this port.
    pub(crate) fn at(port: u16, options: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pushsync"))
            .args(["sandbox", "--port", &port.to_string()])
            .args(options.split_whitespace())
            .env_remove("PUSHSYNC_ENV")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the sandbox starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("it says where it listens");
        let said = serde_json::from_str::<Value>(&line);
        let page = match &said {
            Ok(document) => document["page"].as_str().expect("its page"),
            Err(_) => line.trim().strip_prefix("listening on ").expect("where"),
        };
        let address = page.strip_prefix("http://").expect("an address");
        let address = address.parse().expect("an address");
        Self { child, address }
    }

    /// The command that it prints to try it with.
    pub(crate) fn hint(&mut self) -> String {
        let err = self.child.stderr.take().expect("piped");
        let mut line = String::new();
        BufReader::new(err).read_line(&mut line).expect("it says how to try it");
        let (_, command) = line.split_once("try: ").expect("a command");
        command.split(';').next().expect("a command").to_owned()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v3", self.address)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        wire::ask(self.address, method, path, body)
    }

    fn look(&self, what: &str) -> Value {
        let (status, body) = self.ask("GET", &format!("/_sandbox/{what}"), "");
        assert_eq!(status, 200);
        serde_json::from_str(&body).expect("JSON")
    }

    /// Every message ever created, in that order.
    pub(crate) fn created(&self) -> Vec<Value> {
        self.look("messages").as_array().expect("a list").clone()
    }

    /// The messages that are there: kind, visitor and text of each, sorted.
    pub(crate) fn there(&self) -> Vec<(String, String, String)> {
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        let mut there: Vec<_> = self
            .created()
            .iter()
            .filter(|message| message["deleted"] == false)
            .map(|m| (text(&m["kind"]), text(&m["visitorId"]), text(&m["text"])))
            .collect();
        there.sort();
        there
    }

    /// There are these messages and no other; kind `pushed`.
    pub(crate) fn holds(&self, messages: &[(&str, &str)]) {
        let mut wanted: Vec<_> = messages
            .iter()
            .map(|(visitor, text)| ("pushed".to_owned(), (*visitor).to_owned(), (*text).to_owned()))
            .collect();
        wanted.sort();
        assert_eq!(self.there(), wanted);
    }

    /// The id of the only message that is there.
    pub(crate) fn only_id(&self) -> String {
        let there: Vec<_> = self.created().into_iter().filter(|m| m["deleted"] == false).collect();
        assert_eq!(there.len(), 1, "one message is there");
        there[0]["id"].as_str().expect("an id").to_owned()
    }

    /// How many requests there were in all.
    pub(crate) fn total(&self) -> u64 {
        self.look("requests")["total"].as_u64().expect("a number")
    }

    /// How many requests there were since, by method: `[POST, GET, PUT, DELETE]`.
    pub(crate) fn counts(&self) -> [u64; 4] {
        let requests = self.look("requests");
        let operations = requests["operations"].as_object().expect("operations");
        ["POST", "GET", "PUT", "DELETE"].map(|method| {
            operations
                .iter()
                .filter(|(name, _)| name.split(' ').next() == Some(method))
                .flat_map(|(_, statuses)| statuses.as_object().expect("statuses").values())
                .map(|count| count.as_u64().expect("a number"))
                .sum()
        })
    }

    /// How many requests ended so, whatever they asked for.
    pub(crate) fn answered(&self, status: &str) -> u64 {
        let requests = self.look("requests");
        let operations = requests["operations"].as_object().expect("operations");
        operations.values().filter_map(|statuses| statuses[status].as_u64()).sum()
    }

    /// Somebody deletes a message on the other side.
    pub(crate) fn lose(&self, kind: &str, id: &str) {
        assert_eq!(self.ask("DELETE", &format!("{}/{id}", path(kind)), "").0, 204);
    }

    /// Somebody changes a text on the other side.
    pub(crate) fn alter(&self, kind: &str, id: &str, text: &str) {
        let body = serde_json::json!({ "text": text }).to_string();
        assert_eq!(self.ask("PUT", &format!("{}/{id}", path(kind)), &body).0, 200);
    }

    /// Somebody sends a message by other means; its id.
    pub(crate) fn send(&self, kind: &str, visitor: &str, text: &str) -> String {
        let body = serde_json::json!({ "visitorId": visitor, "text": text, "agentId": "d9nKoegKSjmCtyK78" });
        let (status, body) = self.ask("POST", path(kind), &body.to_string());
        assert_eq!(status, 200);
        let message: Value = serde_json::from_str(&body).expect("JSON");
        message["id"].as_str().expect("an id").to_owned()
    }
}

fn path(kind: &str) -> &'static str {
    if kind == "pushed" { PUSHED } else { AGENT }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
