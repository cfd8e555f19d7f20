use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// What a run waits for: the answers of the API, or its own state.
///
/// Where answers take their time (the real API), an intent that is durable long before its request
/// can leave would only be one more unknown delivery after a kill. Where a commit takes as long as
/// a request, waiting for it with the request's place taken would leave the API idle.
#[derive(Debug, Default)]
pub(super) struct Tempo {
    /// Microseconds, on average of late; 0 as long as there was none.
    request: AtomicU64,
    /// The same.
    commit: AtomicU64,
}

impl Tempo {
    /// A request that takes no longer than so many commits is a fast one.
    const FAST: u64 = 4;

    /// A request was answered after so long.
    pub(super) fn answered(&self, after: Duration) {
        blend(&self.request, after);
    }

    /// A commit was durable after so long.
    pub(super) fn committed(&self, after: Duration) {
        blend(&self.commit, after);
    }

    /// Whether intents should be made durable before there is a place for their requests.
    pub(super) fn is_ahead(&self) -> bool {
        let request = self.request.load(Ordering::Relaxed);
        let commit = self.commit.load(Ordering::Relaxed);
        request > 0 && request <= commit.saturating_mul(Self::FAST)
    }
}

/// Moves an average an eighth of the way. If two do it at once, one may be lost: it is an average.
fn blend(average: &AtomicU64, next: Duration) {
    let next = u64::try_from(next.as_micros()).unwrap_or(u64::MAX).max(1);
    let before = average.load(Ordering::Relaxed);
    let after = match before {
        0 => next,
        _ => before - before / 8 + next / 8,
    };
    average.store(after.max(1), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tempo(request: &[u64], commit: &[u64]) -> Tempo {
        let tempo = Tempo::default();
        request.iter().for_each(|ms| tempo.answered(Duration::from_millis(*ms)));
        commit.iter().for_each(|ms| tempo.committed(Duration::from_millis(*ms)));
        tempo
    }

    #[test]
    fn intents_go_ahead_only_where_requests_are_about_as_fast_as_commits() {
        assert!(!tempo(&[], &[]).is_ahead(), "nothing is known yet");
        assert!(!tempo(&[], &[5]).is_ahead(), "no answer was seen yet");
        assert!(tempo(&[2], &[2]).is_ahead());
        assert!(!tempo(&[300], &[5]).is_ahead());
        assert!(tempo(&[300], &[200]).is_ahead(), "a state far away");
    }

    #[test]
    fn one_slow_answer_changes_the_average_by_an_eighth_only() {
        assert!(tempo(&[2, 2, 30, 2], &[2]).is_ahead());
        assert!(!tempo(&[2, 100, 100, 100], &[2]).is_ahead());
        assert!(tempo(&[u64::MAX, 0], &[u64::MAX]).is_ahead(), "no number is too large");
    }
}
