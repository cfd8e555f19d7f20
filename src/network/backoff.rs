use std::{
    fmt,
    time::{Duration, Instant},
};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

use super::Request;

/// How often a request to the API is sent again, at most.
pub const MOST_REPEATS: usize = 5;

/// The pauses before a request is sent again, as far as the table allows it: they grow, each with some jitter, or all
/// that failed together would come back together. Those of a bucket do not end: its operations have a time of their own.
pub fn pauses(request: Request, seed: u64) -> ExponentialBackoff {
    let (shortest, longest, times) = match request {
        Request::Create | Request::Idempotent | Request::Token => (500, 20_000, Some(MOST_REPEATS)),
        Request::Object => (50, 1500, None),
        Request::Connect => (200, 2000, Some(4)),
        Request::Statement => (0, 0, Some(0)),
    };
    let growing = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(shortest))
        .with_max_delay(Duration::from_millis(longest))
        .with_jitter()
        .with_jitter_seed(seed);
    match times {
        Some(times) => growing.with_max_times(times),
        None => growing.without_max_times(),
    }
    .build()
}

/// How often a request was sent, and since when. `Display` says so if it was more than once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempts {
    start: Instant,
    count: usize,
}

impl Attempts {
    pub(crate) fn first() -> Self {
        Self { start: Instant::now(), count: 1 }
    }

    pub(crate) fn next(&mut self) {
        self.count += 1;
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => Ok(()),
            count => write!(f, " ({count} times in {:.0} s)", self.elapsed().as_secs_f32()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_end_and_differ_by_their_seed() {
        let of = |request, seed| pauses(request, seed).take(50).collect::<Vec<_>>();
        for request in Request::ALL {
            let all = of(request, 1);
            let most = match request {
                Request::Object => 50,
                Request::Statement => 0,
                Request::Connect => 4,
                Request::Create | Request::Idempotent | Request::Token => 5,
            };
            assert_eq!(all.len(), most, "{request:?}");
            assert_eq!(all, of(request, 1));
            // Jitter at most doubles a pause, and so does the next step.
            assert!(all.iter().take(4).is_sorted(), "{request:?}: {all:?}");
            assert!(all.is_empty() || all != of(request, 2), "{request:?}");
        }
    }
}
