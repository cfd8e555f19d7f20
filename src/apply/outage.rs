//! Whether the API is out.
//!
//! While it is, each create that is sent becomes unknown, and somebody has to decide about each. So a
//! run stops after a few in a row. A single failure among answers stops nothing.

use std::sync::{Mutex, PoisonError};

use crate::brevo::{Error, ErrorKind};

/// This number of deliveries in a row without a usable answer is an outage.
pub(super) const IN_A_ROW: u32 = 5;

/// Counts, over a whole run, the deliveries in a row whose request ended without a usable answer, in
/// the order in which they end.
#[derive(Debug, Default)]
pub(super) struct OutageCounter(Mutex<InARow>);

#[derive(Debug, Default)]
struct InARow {
    /// Creates only: that the API answers other requests does not help them.
    creates: u32,
    /// All requests.
    all: u32,
}

/// What an error says of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// It is there: this is its own refusal.
    Answers,
    /// Nothing usable came from it.
    NoUsableAnswer,
    /// Nothing: no request left, or the run stops anyway.
    Nothing,
}

impl OutageCounter {
    /// A request was answered as it should be.
    pub(super) fn answered(&self, creates: bool) {
        self.change(|in_a_row| in_a_row.reset(creates));
    }

    /// A request ended with this error, after all its repeats. Answers whether that is an outage.
    pub(super) fn ended_with(&self, error: &Error) -> bool {
        let creates = error.operation().creates();
        self.change(|in_a_row| match says(error) {
            Says::Answers => in_a_row.reset(creates),
            Says::NoUsableAnswer => {
                in_a_row.all += 1;
                in_a_row.creates += u32::from(creates);
            }
            Says::Nothing => {}
        })
    }

    fn change(&self, change: impl FnOnce(&mut InARow)) -> bool {
        // Plain numbers: a panic elsewhere leaves them usable.
        let mut in_a_row = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut in_a_row);
        in_a_row.creates >= IN_A_ROW || in_a_row.all >= IN_A_ROW
    }
}

impl InARow {
    fn reset(&mut self, creates: bool) {
        self.all = 0;
        if creates {
            self.creates = 0;
        }
    }
}

fn says(error: &Error) -> Says {
    match error.kind() {
        ErrorKind::NotBuilt { .. }
        | ErrorKind::NotConnected { .. }
        | ErrorKind::NoToken { .. }
        | ErrorKind::Sql { .. } => Says::Nothing,
        ErrorKind::Lost { .. } | ErrorKind::Redirect { .. } | ErrorKind::Unreadable { .. } => {
            Says::NoUsableAnswer
        }
        ErrorKind::Status { status: 401..=403 | 429, .. } => Says::Nothing,
        ErrorKind::Status { status: 400..=407 | 409..=424 | 426..=499, code, .. } => {
            // A gateway's refusal has neither. Its codes are numbers, if it has any.
            let is_word = |code: &String| code.contains(char::is_alphabetic);
            match code.as_ref().is_some_and(is_word) || error.request_id().is_some() {
                true => Says::Answers,
                false => Says::NoUsableAnswer,
            }
        }
        ErrorKind::Status { .. } => Says::NoUsableAnswer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brevo::Operation;

    fn status(status: u16, code: Option<&str>) -> ErrorKind {
        let code = code.map(str::to_owned);
        ErrorKind::Status { status, code, message: None, gone: false }
    }

    fn lost() -> ErrorKind {
        ErrorKind::Lost { why: String::new(), timed_out: true }
    }

    fn create(kind: ErrorKind) -> Error {
        Error::new(Operation::SendPushedMessage, kind)
    }

    fn update(kind: ErrorKind) -> Error {
        Error::new(Operation::UpdatePushedMessage, kind)
    }

    #[test]
    fn five_in_a_row_are_an_outage_whatever_they_ended_with() {
        let unreadable = ErrorKind::Unreadable { status: 200, why: String::new(), excerpt: None };
        let redirect = ErrorKind::Redirect { status: 302, to: None };
        let outage = OutageCounter::default();
        let ends = [status(500, Some("internal")), unreadable, redirect, status(404, None)];
        for kind in ends {
            assert!(!outage.ended_with(&create(kind)));
        }
        assert!(outage.ended_with(&create(lost())));
    }

    #[test]
    fn an_answer_or_a_refusal_of_the_api_begins_the_count_anew() {
        let outage = OutageCounter::default();
        for _ in 0..20 {
            for _ in 0..4 {
                assert!(!outage.ended_with(&create(status(503, None))));
            }
            outage.answered(true);
            for _ in 0..4 {
                assert!(!outage.ended_with(&create(lost())));
            }
            assert!(!outage.ended_with(&create(status(400, Some("invalid_parameter")))));
            for _ in 0..4 {
                assert!(!outage.ended_with(&create(lost())));
            }
            let refusal = create(status(422, None)).with_answer(Some("r-1".to_owned()), None);
            assert!(!outage.ended_with(&refusal));
        }
    }

    #[test]
    fn answers_to_other_requests_do_not_hide_that_every_create_is_lost() {
        let outage = OutageCounter::default();
        for n in 1..=IN_A_ROW {
            outage.answered(false);
            assert_eq!(outage.ended_with(&create(lost())), n == IN_A_ROW);
        }
    }

    #[test]
    fn creates_and_other_requests_are_counted_together() {
        let outage = OutageCounter::default();
        for n in 1..=IN_A_ROW {
            let error = if n % 2 == 0 { create(lost()) } else { update(lost()) };
            assert_eq!(outage.ended_with(&error), n == IN_A_ROW);
        }
    }

    #[test]
    fn the_refusal_of_a_gateway_is_no_usable_answer() {
        for (code, answers) in
            [(None, false), (Some("404"), false), (Some("invalid_parameter"), true)]
        {
            let said = says(&create(status(404, code)));
            assert_eq!(said == Says::Answers, answers, "{code:?}");
        }
        assert_eq!(says(&create(status(408, Some("timeout")))), Says::NoUsableAnswer);
        assert_eq!(says(&update(status(425, Some("too_early")))), Says::NoUsableAnswer);
        for ends_the_run in [401, 402, 403, 429] {
            assert_eq!(says(&create(status(ends_the_run, None))), Says::Nothing);
        }
    }
}
