//! Why a request failed, and what to do about it.

use object_store::Error;
use reqwest::StatusCode;

use crate::network::causes;

const NETWORK: &str =
    "check AWS_ENDPOINT_URL and the network, and run again: what was written is safe";
const CREDENTIALS: &str =
    "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/// Why a request failed. It never holds a URL, a header or a server's own text: those may hold what
/// was signed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}")]
pub(super) struct RequestError {
    pub(super) what: String,
    /// What to do about it.
    pub(super) cure: &'static str,
    /// Whether the same request may succeed in a moment.
    pub(super) is_transient: bool,
}

impl RequestError {
    /// No whole answer came. `for_credentials`: from the address where clouds give credentials to
    /// their machines; without an answer, this machine is in no cloud.
    pub(super) fn lost(what: impl Into<String>, for_credentials: bool) -> Self {
        let cure = if for_credentials { CREDENTIALS } else { NETWORK };
        Self { what: what.into(), cure, is_transient: !for_credentials }
    }

    /// An answer that no S3 server gives.
    pub(super) fn strange(what: impl Into<String>) -> Self {
        let cure = "check AWS_ENDPOINT_URL, AWS_REGION and the name of the bucket";
        Self { what: what.into(), cure, is_transient: false }
    }

    /// An answer that says that the request failed.
    pub(super) fn answered(status: StatusCode, body: &[u8], for_credentials: bool) -> Self {
        let code = s3_code(body);
        let is_transient = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
        let cure = match (code.as_str(), status.as_u16()) {
            _ if for_credentials => CREDENTIALS,
            ("NoSuchBucket", _) => "make the bucket first, or correct its name",
            ("RequestTimeTooSkewed", _) => "the clock of this machine is wrong",
            ("ExpiredToken", _) => "the credentials have expired: get new ones",
            ("AuthorizationHeaderMalformed" | "PermanentRedirect", _) | (_, 301 | 307) => {
                "set AWS_REGION to the region of the bucket"
            }
            ("SignatureDoesNotMatch" | "InvalidAccessKeyId", _) | (_, 401) => {
                "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            }
            (_, 403) => {
                "these credentials must be allowed to list, read, write and delete objects there"
            }
            (_, 501) => "this server does not know conditional writes, which are needed",
            _ if is_transient => NETWORK,
            _ => Self::strange("").cure,
        };
        let code = if code.is_empty() { code } else { format!(" ({code})") };
        let what = format!("the server answered {}{code}", status.as_u16());
        Self { what, cure, is_transient }
    }

    /// The reason below the layers of the crate.
    pub(super) fn of(error: &Error) -> Self {
        if let Some(ours) = causes(error).find_map(|cause| cause.downcast_ref::<Self>()) {
            return ours.clone();
        }
        let (what, cure, is_transient) = match error {
            Error::AlreadyExists { .. } | Error::Precondition { .. } => {
                ("the server goes on refusing to write", "run again", true)
            }
            // The crate's words may quote the server.
            _ => (
                "the server's answer cannot be understood",
                "is AWS_ENDPOINT_URL that of an S3 server, and are the AWS_* variables right?",
                false,
            ),
        };
        Self { what: what.to_owned(), cure, is_transient }
    }
}

/// The text of `<Code>`: `NoSuchBucket`.
pub(super) fn s3_code(body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    let code = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let code = code.map_or("", |(code, _)| code);
    code.chars().filter(char::is_ascii_alphanumeric).take(60).collect()
}
