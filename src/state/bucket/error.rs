//! Why a request to a bucket failed, and what to do about it.

use std::io;

use object_store::Error;

use crate::network::{ErrorKind, Request, causes, verdict};

const NETWORK: &str =
    "check AWS_ENDPOINT_URL and the network, and run again: what was written is safe";
const CREDENTIALS: &str =
    "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
const ADDRESS: &str = "check AWS_ENDPOINT_URL, AWS_REGION and the name of the bucket";

/// Why a request failed. It never holds a header or a server's own text: those may hold what was signed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{kind}")]
pub(super) struct RequestError {
    pub(super) kind: ErrorKind,
    /// What to do about it.
    pub(super) cure: &'static str,
}

impl RequestError {
    /// `for_credentials`: it was sent to the address where clouds give credentials to their machines. Without an answer,
    /// this machine is in no cloud, and nothing was sent to the bucket.
    pub(super) fn new(kind: ErrorKind, for_credentials: bool) -> Self {
        let unanswered = matches!(kind, ErrorKind::NotConnected { .. } | ErrorKind::Lost { .. });
        if for_credentials && unanswered {
            let why = "this machine is in no cloud that gives it credentials".to_owned();
            return Self { kind: ErrorKind::NotBuilt { why }, cure: CREDENTIALS };
        }
        let cure = if for_credentials { CREDENTIALS } else { cure(&kind) };
        Self { kind, cure }
    }

    /// An answer that says that the request failed.
    pub(super) fn answered(status: u16, body: &[u8], for_credentials: bool) -> Self {
        let code = Some(s3_code(body)).filter(|code| !code.is_empty());
        Self::new(
            match (status, &code) {
                // S3's own word for a client that was too slow.
                (400, Some(code)) if code == "RequestTimeout" => ErrorKind::Lost {
                    why: "answered 400 RequestTimeout".to_owned(),
                    timed_out: true,
                },
                (300..400, _) => ErrorKind::Redirect { status, to: None },
                _ => ErrorKind::Status { status, code, message: None, gone: false },
            },
            for_credentials,
        )
    }

    /// An answer that no S3 server gives.
    pub(super) fn strange(status: u16, why: &str) -> Self {
        let kind = ErrorKind::Unreadable { status, why: why.to_owned(), excerpt: None };
        Self::new(kind, false)
    }

    /// The reason below the layers of the crate.
    pub(super) fn of(error: &Error) -> Self {
        if let Some(ours) = causes(error).find_map(|cause| cause.downcast_ref::<Self>()) {
            return ours.clone();
        }
        match error {
            Error::AlreadyExists { .. } | Error::Precondition { .. } => {
                let message = Some("it goes on refusing to write".to_owned());
                let kind = ErrorKind::Status { status: 412, code: None, message, gone: false };
                Self { kind, cure: "run again" }
            }
            // A token, for example. The crate's words may quote it.
            _ if causes(error).any(|cause| cause.is::<io::Error>()) => {
                let why = "a file that the AWS_* variables name cannot be read".to_owned();
                Self { kind: ErrorKind::NotBuilt { why }, cure: CREDENTIALS }
            }
            // The crate's words may quote the server.
            _ => Self::strange(200, "no S3 server answers like this"),
        }
    }

    /// Whether the same request may succeed in a moment.
    pub(super) fn may_pass(&self) -> bool {
        verdict(Request::Object, &self.kind).is_again()
    }
}

fn cure(kind: &ErrorKind) -> &'static str {
    let ErrorKind::Status { status, code, .. } = kind else {
        return match kind {
            ErrorKind::NotConnected { .. } | ErrorKind::Lost { .. } => NETWORK,
            ErrorKind::Redirect { .. } => "set AWS_REGION to the region of the bucket",
            _ => ADDRESS,
        };
    };
    match (code.as_deref().unwrap_or_default(), status) {
        ("NoSuchBucket", _) => "make the bucket first, or correct its name",
        ("RequestTimeTooSkewed", _) => "the clock of this machine is wrong",
        ("ExpiredToken", _) => "the credentials have expired: get new ones",
        ("AuthorizationHeaderMalformed", _) => "set AWS_REGION to the region of the bucket",
        ("SignatureDoesNotMatch" | "InvalidAccessKeyId", _) | (_, 401) => {
            "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        }
        (_, 403) => {
            "these credentials must be allowed to list, read, write and delete objects there"
        }
        (_, 501) => "this server does not know conditional writes, which are needed",
        (_, 408 | 425 | 429 | 500..) => NETWORK,
        _ => ADDRESS,
    }
}

/// The text of `<Code>`: `NoSuchBucket`.
pub(super) fn s3_code(body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    let code = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let code = code.map_or("", |(code, _)| code);
    code.chars().filter(char::is_ascii_alphanumeric).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, code: &str) -> RequestError {
        let body = format!("<Error><Code>{code}</Code><Message>secret</Message></Error>");
        RequestError::answered(status, body.as_bytes(), false)
    }

    #[test]
    fn what_may_pass_is_tried_again_and_the_words_say_what_to_do() {
        let lost = ErrorKind::Lost { why: "it broke off".to_owned(), timed_out: false };
        let nobody =
            ErrorKind::NotConnected { origin: "http://s3".to_owned(), why: "refused".to_owned() };
        for (error, may_pass, says, cure) in [
            (
                RequestError::new(nobody.clone(), false),
                true,
                "no connection to http://s3: refused",
                NETWORK,
            ),
            (
                RequestError::new(lost.clone(), false),
                true,
                "sent, but the answer was lost: it broke off",
                NETWORK,
            ),
            (answered(500, "InternalError"), true, "answered 500 InternalError", NETWORK),
            (answered(503, "SlowDown"), true, "answered 503 SlowDown", NETWORK),
            (answered(429, ""), true, "answered 429", NETWORK),
            (answered(400, "RequestTimeout"), true, "answered 400 RequestTimeout", NETWORK),
            (
                answered(403, "AccessDenied"),
                false,
                "answered 403 AccessDenied",
                "must be allowed to",
            ),
            (answered(403, "RequestTimeTooSkewed"), false, "RequestTimeTooSkewed", "clock"),
            (answered(404, "NoSuchBucket"), false, "answered 404 NoSuchBucket", "make the bucket"),
            (answered(404, ""), false, "answered 404", ADDRESS),
            (answered(400, "ExpiredToken"), false, "ExpiredToken", "get new ones"),
            (answered(301, "PermanentRedirect"), false, "answered 301, a redirect", "AWS_REGION"),
            (
                RequestError::strange(200, "it is a page"),
                false,
                "answered 200, but it is a page",
                ADDRESS,
            ),
            // Where clouds give credentials, silence means that this is no cloud.
            (RequestError::new(nobody, true), false, "not sent, ", CREDENTIALS),
            (RequestError::new(lost, true), false, "not sent, ", CREDENTIALS),
        ] {
            let said = error.to_string();
            assert_eq!(error.may_pass(), may_pass, "{said}");
            assert!(said.contains(says) && error.cure.contains(cure), "{said}: {}", error.cure);
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
