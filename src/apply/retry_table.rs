//! What may be repeated: the one table, with its reasons.
//!
//! | request | not connected | sent, no answer | 429 | 401, 402, 403 | 408 | other 4xx | 5xx | unreadable |
//! |---|---|---|---|---|---|---|---|---|
//! | POST | again | **unknown** | again, after the reset | stop the run | **unknown** | refused | **unknown** | **unknown** |
//! | PUT, DELETE, GET | again | again | again, after the reset | stop the run | again | refused | again | again |
//! | for an access token | again | again | again | stop the run | again | stop the run | again | stop the run |
//!
//! - *Not connected*: nothing left this machine.
//! - *401 with an access token*: again, once, with a new token. The API refused the request before it did anything.
//! - *For an access token*: the request itself was not sent.
//! - *429, other 4xx*: the API said that it did nothing.
//! - *408*: somebody gave up waiting. A proxy says so too, while the API goes on with the request.
//! - *POST, sent or 408 or 5xx or unreadable*: the message may exist, and the API has neither an
//!   idempotency key nor a list to look it up in. Once more could be once too often.
//! - *PUT, DELETE, GET*: twice is the same as once.

use crate::brevo::{Error, ErrorKind};

/// What to do after a request that did not do what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Send it again after a pause; if that does not help, no other request will fare better.
    AgainOrStop,
    /// Send it again after a pause; if that does not help, it has failed.
    AgainOrFail,
    /// Send it again with a new access token; if that is refused too, stop the run. It took no effect.
    WithNewToken,
    /// Send it again once the budget is reset.
    AfterReset,
    /// It took no effect and never will.
    Refused,
    /// It took no effect, and no other request will fare better: stop the run.
    Fatal,
    /// It may have taken effect.
    Unknown,
}

/// Looks `error` up in the table.
pub(super) fn verdict(error: &Error) -> Verdict {
    let creates = error.operation().creates();
    match error.kind() {
        ErrorKind::NotBuilt { .. } => Verdict::Refused,
        ErrorKind::NotConnected { .. } => Verdict::AgainOrStop,
        ErrorKind::NoToken { cause, .. } => match **cause {
            ErrorKind::NotConnected { .. }
            | ErrorKind::Lost { .. }
            | ErrorKind::Status { status: 408 | 425 | 429 | 500..=599, .. } => Verdict::AgainOrStop,
            _ => Verdict::Fatal,
        },
        _ if error.renews_token() => Verdict::WithNewToken,
        ErrorKind::Status { status: 429, .. } => Verdict::AfterReset,
        ErrorKind::Status { status: 401..=403, .. } => Verdict::Fatal,
        ErrorKind::Status { status: 400..=407 | 409..=499, .. } if creates => Verdict::Refused,
        // Redirects are not followed: nobody knows what the other end would have done.
        ErrorKind::Lost { .. }
        | ErrorKind::Unreadable { .. }
        | ErrorKind::Redirect { .. }
        | ErrorKind::Status { .. }
            if creates =>
        {
            Verdict::Unknown
        }
        ErrorKind::Lost { .. } | ErrorKind::Unreadable { .. } => Verdict::AgainOrFail,
        // 408 and 425: the server gave up waiting, or wants it later; twice is the same as once.
        ErrorKind::Status { status: 408 | 425 | 500..=599, .. } => Verdict::AgainOrFail,
        ErrorKind::Redirect { .. } | ErrorKind::Status { .. } => Verdict::Refused,
    }
}

/// How often a request is sent again, at most.
pub(super) const MOST_REPEATS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brevo::Operation;

    fn of(operation: Operation, kind: ErrorKind) -> Verdict {
        verdict(&Error::new(operation, kind))
    }

    fn answered(operation: Operation, status: u16) -> Verdict {
        let kind = match status {
            200..300 => ErrorKind::Unreadable { status, why: String::new(), excerpt: None },
            300..400 => ErrorKind::Redirect { status, to: None },
            _ => ErrorKind::Status { status, code: None, message: None, gone: false },
        };
        of(operation, kind)
    }

    fn without_token(operation: Operation, cause: ErrorKind) -> Verdict {
        let token_url = "https://x.example/token".to_owned();
        of(operation, ErrorKind::NoToken { token_url, cause: Box::new(cause) })
    }

    #[test]
    fn a_token_is_asked_for_again_unless_the_answer_would_be_the_same() {
        let status = |status| ErrorKind::Status { status, code: None, message: None, gone: false };
        for operation in Operation::ALL {
            let not_connected =
                ErrorKind::NotConnected { origin: String::new(), why: String::new() };
            for cause in [not_connected, lost()]
                .into_iter()
                .chain([408, 425, 429, 500, 502, 503, 504].map(status))
            {
                assert_eq!(without_token(operation, cause), Verdict::AgainOrStop);
            }
            let unreadable =
                ErrorKind::Unreadable { status: 200, why: String::new(), excerpt: None };
            for cause in [unreadable, ErrorKind::Redirect { status: 302, to: None }]
                .into_iter()
                .chain([200, 400, 401, 403, 404, 405].map(status))
            {
                assert_eq!(without_token(operation, cause), Verdict::Fatal);
            }
        }
    }

    fn lost() -> ErrorKind {
        ErrorKind::Lost { why: String::new(), timed_out: true }
    }

    #[test]
    fn a_post_is_repeated_only_if_it_certainly_took_no_effect() {
        for post in [Operation::SendPushedMessage, Operation::SendAgentMessage] {
            let not_connected =
                ErrorKind::NotConnected { origin: String::new(), why: String::new() };
            assert_eq!(of(post, not_connected), Verdict::AgainOrStop);
            assert_eq!(answered(post, 429), Verdict::AfterReset);
            assert_eq!(of(post, lost()), Verdict::Unknown);
            for status in (100..400).chain([408]).chain(500..600) {
                assert_eq!(answered(post, status), Verdict::Unknown, "{status}");
            }
            for status in (400..500).filter(|status| ![401, 402, 403, 408, 429].contains(status)) {
                assert_eq!(answered(post, status), Verdict::Refused, "{status}");
            }
        }
    }

    #[test]
    fn what_is_the_same_twice_is_repeated_after_server_errors() {
        for operation in Operation::ALL.into_iter().filter(|operation| !operation.creates()) {
            assert_eq!(of(operation, lost()), Verdict::AgainOrFail);
            for status in [200, 408, 425, 500, 503] {
                assert_eq!(answered(operation, status), Verdict::AgainOrFail, "{status}");
            }
            for status in [302, 400, 404] {
                assert_eq!(answered(operation, status), Verdict::Refused, "{status}");
            }
        }
    }

    #[test]
    fn a_rejected_key_stops_the_run_whatever_the_request() {
        for operation in Operation::ALL {
            for status in [401, 402, 403] {
                assert_eq!(answered(operation, status), Verdict::Fatal);
            }
        }
    }
}
