//! After an outage: which creates may be tried again, and when.

use jiff::{SignedDuration, Timestamp};

/// The first pause before a create is tried again.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// The longest.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(1);

/// A circuit breaker: while the API is out, each create that is sent becomes unknown, and cycle after cycle there would
/// be more of them. So after an outage a single create is tried at a time, with growing pauses, until one works.
#[derive(Debug, Clone, Default)]
pub struct CircuitBreaker(Option<Open>);

#[derive(Debug, Clone, Copy)]
struct Open {
    next_trial: Timestamp,
    pause: SignedDuration,
}

impl CircuitBreaker {
    /// Whether there was an outage, and no create has worked since.
    pub fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// How many creates may be sent now; `None`: any number.
    pub fn creates(&self, now: Timestamp) -> Option<usize> {
        self.0.map(|open| usize::from(now >= open.next_trial))
    }

    /// When a create is tried again, if not now.
    pub fn next_trial(&self) -> Option<Timestamp> {
        self.0.map(|open| open.next_trial)
    }

    /// The API is out, or a create that was tried became unknown.
    pub fn failed(&mut self, now: Timestamp) {
        let pause = match self.0 {
            None => FIRST_PAUSE,
            Some(open) => (open.pause * 2).min(LONGEST_PAUSE),
        };
        let next_trial = now.checked_add(pause).unwrap_or(now);
        self.0 = Some(Open { next_trial, pause });
    }

    /// Another process may have met an outage: a create is tried first.
    pub fn suspects(&mut self, now: Timestamp) {
        self.0.get_or_insert(Open { next_trial: now, pause: FIRST_PAUSE });
    }

    /// A create has worked.
    pub fn worked(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn a_day_of_outage_tries_few_creates_and_one_that_works_ends_it() {
        let mut breaker = CircuitBreaker::default();
        assert_eq!(breaker.creates(at(0)), None);
        breaker.failed(at(0));
        let mut trials = 0;
        for second in 0..24 * 3600 {
            if breaker.creates(at(second)) == Some(1) {
                trials += 1;
                breaker.failed(at(second));
            }
        }
        assert_eq!(trials, 32, "after 5, 10, 20 … seconds, then every hour");
        breaker.worked();
        assert_eq!(breaker.creates(at(24 * 3600)), None);
    }

    #[test]
    fn after_an_outage_of_another_process_a_single_create_is_tried_at_once() {
        let mut breaker = CircuitBreaker::default();
        breaker.suspects(at(0));
        assert_eq!(breaker.creates(at(0)), Some(1));
        breaker.failed(at(0));
        breaker.suspects(at(1));
        assert_eq!(breaker.creates(at(1)), Some(0), "it does not make its own pause shorter");
        breaker.worked();
        assert_eq!(breaker.creates(at(2)), None);
    }
}
