//! A prefix of the bucket: opened as a state, or looked at and changed as nobody should.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use pushsync::state::{
    self, LockHolder, OpenOptions, StateError, StateTarget, Store,
    bucket::{Bucket, Limits},
};

use super::{server::BUCKET, support};

pub(crate) const SECRET: &str = "wJalrXUtnFEMI-very-secret-K7MDENG";

/// See above.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) server: SocketAddr,
    /// Through which the state is opened: the server, or a proxy.
    pub(crate) endpoint: SocketAddr,
    pub(crate) prefix: String,
    pub(crate) limits: Limits,
    pub(crate) bucket: String,
}

impl Place {
    pub(crate) fn new(server: SocketAddr, prefix: String) -> Self {
        let limits = Limits { request: Duration::from_secs(10), ..Limits::default() };
        Self { server, endpoint: server, prefix, limits, bucket: BUCKET.to_owned() }
    }

    /// The same place, by another way.
    pub(crate) fn through(&self, endpoint: SocketAddr) -> Self {
        Self { endpoint, ..self.clone() }
    }

    pub(crate) fn with(&self, change: impl FnOnce(&mut Limits)) -> Self {
        let mut place = self.clone();
        change(&mut place.limits);
        place
    }

    pub(crate) fn bucket(&self) -> Bucket {
        let endpoint = format!("http://{}", self.endpoint);
        Bucket::new(format!("s3://{}/{}", self.bucket, self.prefix))
            .with_variables(&|name| match name {
                "AWS_ENDPOINT_URL" => Some(endpoint.clone()),
                "AWS_ACCESS_KEY_ID" => Some("AKIDEXAMPLE".to_owned()),
                "AWS_SECRET_ACCESS_KEY" => Some(SECRET.to_owned()),
                "AWS_REGION" => Some("eu-central-1".to_owned()),
                _ => None,
            })
            .with_limits(self.limits.clone())
    }

    pub(crate) fn options(&self) -> OpenOptions {
        let location = StateTarget::Bucket(self.bucket());
        OpenOptions { target: location, ..support::options("unused".as_ref()) }
    }

    /// As another process than the usual one, at this second.
    pub(crate) fn options_of(&self, pid: u32, second: i64) -> OpenOptions {
        let options = self.options();
        let holder = LockHolder { pid, ..options.holder };
        OpenOptions { holder, now: support::time(second), ..options }
    }

    pub(crate) fn open(&self) -> Result<Box<dyn Store>, StateError> {
        state::open(self.options())
    }

    fn path(&self, name: &str) -> String {
        format!("/{BUCKET}/{}/default/{name}", self.prefix.replace(' ', "%20"))
    }

    /// The names of all objects of the environment `default`, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let prefix = format!("{}/default/", self.prefix);
        let query = format!("/{BUCKET}?list-type=2&prefix={}", prefix.replace(' ', "%20"));
        let (status, body) = self.raw("GET", &query, b"");
        assert_eq!(status, 200);
        let body = String::from_utf8(body).expect("is text");
        let keys = body.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        let names = keys.filter_map(|key| key.strip_prefix(&prefix));
        names.map(str::to_owned).collect()
    }

    pub(crate) fn names_in(&self, folder: &str) -> Vec<String> {
        self.names().into_iter().filter(|name| name.starts_with(folder)).collect()
    }

    pub(crate) fn get(&self, name: &str) -> Vec<u8> {
        let (status, body) = self.raw("GET", &self.path(name), b"");
        assert_eq!(status, 200, "{name}");
        body
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        assert_eq!(self.raw("PUT", &self.path(name), bytes).0, 200, "{name}");
    }

    pub(crate) fn delete(&self, name: &str) {
        assert_eq!(self.raw("DELETE", &self.path(name), b"").0, 204, "{name}");
    }

    /// Everything, to be put back.
    pub(crate) fn copy(&self) -> Vec<(String, Vec<u8>)> {
        self.names().into_iter().map(|name| (name.clone(), self.get(&name))).collect()
    }

    pub(crate) fn put_back(&self, all: &[(String, Vec<u8>)]) {
        for name in self.names() {
            self.delete(&name);
        }
        for (name, bytes) in all {
            self.put(name, bytes);
        }
    }

    /// One request, as if it were signed: this server does not look closely.
    pub(crate) fn raw(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        self.answer(method, path, body).expect("is answered")
    }

    /// The same; an error if there is no answer.
    pub(crate) fn answer(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> io::Result<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(self.server)?;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {length}\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/s3/aws4_request\r\n\
             content-type: application/octet-stream\r\nconnection: close\r\n\r\n",
            self.server
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = String::from_utf8_lossy(&answer[..end]);
        let status = status.split(' ').nth(1).and_then(|text| text.parse().ok());
        Ok((status.expect("has a status"), answer[end + 4..].to_vec()))
    }
}
