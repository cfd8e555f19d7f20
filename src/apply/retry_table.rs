//! What may be repeated: the one table, with its reasons.
//!
//! | request | not connected | sent, no answer | 429 | 401, 402, 403 | other 4xx | 5xx | unreadable |
//! |---|---|---|---|---|---|---|---|
//! | POST | again | **unknown** | again, after the reset | stop the run | refused | **unknown** | **unknown** |
//! | PUT, DELETE, GET | again | again | again, after the reset | stop the run | refused | again | again |
//!
//! - *Not connected*: nothing left this machine.
//! - *429, other 4xx*: the API said that it did nothing.
//! - *POST, sent or 5xx or unreadable*: the message may exist, and the API has neither an
//!   idempotency key nor a list to look it up in. Once more could be once too often.
//! - *PUT, DELETE, GET*: twice is the same as once.

use super::api::{Problem, Reach};

/// Whether doing a request twice is the same as doing it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Creates: twice is two messages.
    Post,
    /// Twice is the same as once.
    Put,
    /// Twice is the same as once.
    Delete,
    /// Changes nothing.
    Get,
}

/// What to do after a request that did not do what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Send it again after a pause; if that does not help, no other request will fare better.
    AgainOrStop,
    /// Send it again after a pause; if that does not help, it has failed.
    AgainOrFail,
    /// Send it again once the budget is reset.
    AfterReset,
    /// It took no effect and never will.
    Refused,
    /// It took no effect, and no other request will fare better: stop the run.
    Fatal,
    /// It may have taken effect.
    Unknown,
}

/// Looks `problem` up in the table.
pub fn verdict(method: Method, problem: &Problem) -> Verdict {
    match (method, problem.reach) {
        (_, Reach::NotBuilt) => Verdict::Refused,
        (_, Reach::NotConnected) => Verdict::AgainOrStop,
        (_, Reach::Answered(429)) => Verdict::AfterReset,
        (_, Reach::Answered(401..=403)) => Verdict::Fatal,
        (Method::Post, Reach::Answered(400..=499)) => Verdict::Refused,
        (Method::Post, Reach::Answered(_) | Reach::Sent | Reach::Unreadable) => Verdict::Unknown,
        // 408 and 425: the server gave up waiting, or wants it later; twice is the same as once.
        (_, Reach::Answered(408 | 425 | 500..=599)) => Verdict::AgainOrFail,
        (_, Reach::Answered(_)) => Verdict::Refused,
        (_, Reach::Sent | Reach::Unreadable) => Verdict::AgainOrFail,
    }
}

/// How often a request is sent again, at most.
pub const MOST_REPEATS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(reach: Reach) -> Problem {
        Problem {
            reach,
            gone: false,
            code: None,
            message: String::new(),
            hint: None,
            request_id: None,
            budget: None,
        }
    }

    #[test]
    fn a_post_is_repeated_only_if_it_certainly_took_no_effect() {
        let post = |reach| verdict(Method::Post, &problem(reach));
        assert_eq!(post(Reach::NotConnected), Verdict::AgainOrStop);
        assert_eq!(post(Reach::Answered(429)), Verdict::AfterReset);
        assert_eq!(post(Reach::Sent), Verdict::Unknown);
        assert_eq!(post(Reach::Unreadable), Verdict::Unknown);
        for status in 500..600 {
            assert_eq!(post(Reach::Answered(status)), Verdict::Unknown, "{status}");
        }
        // Redirects are not followed: what the other end would have done is not known.
        for status in (100..400).filter(|status| !(200..300).contains(status)) {
            assert_eq!(post(Reach::Answered(status)), Verdict::Unknown, "{status}");
        }
        for status in (400..500).filter(|status| ![401, 402, 403, 429].contains(status)) {
            assert_eq!(post(Reach::Answered(status)), Verdict::Refused, "{status}");
        }
    }

    #[test]
    fn what_is_the_same_twice_is_repeated_after_server_errors() {
        for method in [Method::Put, Method::Delete, Method::Get] {
            let verdict = |reach| verdict(method, &problem(reach));
            assert_eq!(verdict(Reach::Sent), Verdict::AgainOrFail);
            assert_eq!(verdict(Reach::Answered(503)), Verdict::AgainOrFail);
            assert_eq!(verdict(Reach::Answered(400)), Verdict::Refused);
            assert_eq!(verdict(Reach::Answered(404)), Verdict::Refused);
        }
    }

    #[test]
    fn a_rejected_key_stops_the_run_whatever_the_request() {
        for method in [Method::Post, Method::Put, Method::Delete, Method::Get] {
            for status in [401, 402, 403] {
                let problem = problem(Reach::Answered(status));
                assert_eq!(verdict(method, &problem), Verdict::Fatal);
            }
        }
    }
}
