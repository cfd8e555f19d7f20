//! What a limiter makes of the headers of answers.

use std::num::NonZeroUsize;

use super::*;

fn limiter(known: Option<BudgetNote>) -> Arc<RateLimiter> {
    let options = Options {
        concurrency: NonZeroUsize::MIN,
        requests_per_hour: 100,
        max_requests: None,
        max_duration: None,
        max_wait: Duration::ZERO,
        seed: 1,
        clock: Arc::new(|| Timestamp::UNIX_EPOCH),
    };
    let limiter = RateLimiter::new(known, &options, Stopper::default());
    Arc::new(limiter)
}

/// The right to send one more request, if it may start now.
fn go(limiter: &Arc<RateLimiter>) -> Option<Permit> {
    matches!(limiter.look(), Go::Now).then(|| Permit { limiter: Arc::clone(limiter) })
}

fn told(
    remaining: Option<u64>,
    reset: Option<u64>,
    retry_after: Option<u64>,
) -> Option<BudgetReading> {
    let [reset, retry_after] = [reset, retry_after].map(|s| s.map(Duration::from_secs));
    Some(BudgetReading { limit: Some(5), remaining, reset, retry_after })
}

fn left(remaining: u64) -> Option<BudgetReading> {
    told(Some(remaining), Some(60), None)
}

#[test]
fn the_first_request_goes_alone() {
    let limiter = limiter(None);
    let first = go(&limiter).expect("the first");
    assert!(go(&limiter).is_none());
    first.answered(left(1), false);
    let second = go(&limiter).expect("there is room for one");
    assert!(go(&limiter).is_none());
    second.answered(None, false);
    assert!(go(&limiter).is_none(), "an answer without headers counts, too");
}

#[test]
fn answers_without_headers_are_counted_down_and_remembered() {
    let first = limiter(None);
    assert_eq!(first.note(), None, "nothing was sent yet");
    for _ in 0..60 {
        go(&first).expect("there is room").answered(None, false);
    }
    let note = first.note().expect("something to remember");
    assert_eq!((note.limit, note.remaining, note.assumed), (100, 40, true));
    let next = limiter(Some(note));
    for _ in 0..40 {
        go(&next).expect("there is room").answered(None, false);
    }
    assert!(go(&next).is_none(), "the second run goes on where the first one stopped");
    let told = limiter(None);
    go(&told).expect("the first").answered(left(3), false);
    go(&told).expect("there is room").answered(None, false);
    let note = told.note().expect("told");
    assert_eq!((note.limit, note.remaining, note.assumed), (5, 2, false));
}

#[test]
fn an_answer_that_was_overtaken_does_not_raise_what_is_left() {
    let limiter = limiter(None);
    go(&limiter).expect("the first").answered(left(4), false);
    let [a, b, c] = [(); 3].map(|()| go(&limiter).expect("there is room"));
    c.answered(left(1), false);
    a.answered(left(3), false);
    b.answered(left(2), false);
    assert!(go(&limiter).is_some(), "one is left");
    assert!(go(&limiter).is_none());
}

/// How long the next request has to wait, and why, if it has to.
fn next(limiter: &RateLimiter) -> Option<(u64, WaitReason)> {
    match limiter.look() {
        Go::After(pause, why) => Some((pause.as_secs(), why)),
        Go::Now | Go::AfterAnswers | Go::Never(_) => None,
    }
}

fn patient() -> Arc<RateLimiter> {
    let mut limiter = Arc::into_inner(limiter(None)).expect("the only one");
    limiter.max_wait = Duration::from_secs(2 * 3600);
    Arc::new(limiter)
}

#[tokio::test(start_paused = true)]
async fn that_nothing_is_left_is_believed_without_a_reset() {
    for refused in [false, true] {
        let limiter = patient();
        go(&limiter).expect("the first").answered(told(Some(0), None, None), refused);
        assert_eq!(next(&limiter), Some((3601, WaitReason::Budget)), "an hour is assumed");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_counted_down_without_a_reset_until_more_is_told() {
    let limiter = patient();
    for left in [3, 2, 1] {
        go(&limiter).expect("there is room").answered(told(Some(left), None, None), false);
    }
    go(&limiter).expect("there is room").answered(None, false);
    assert!(go(&limiter).is_none(), "an answer without headers counts");
    let limiter = patient();
    go(&limiter).expect("the first").answered(told(Some(1), None, None), false);
    go(&limiter).expect("there is room").answered(told(Some(4), None, None), false);
    let permits = [(); 4].map(|()| go(&limiter));
    assert!(permits.iter().all(Option::is_some), "a new period has begun");
}

#[tokio::test(start_paused = true)]
async fn retry_after_holds_requests_back_whatever_they_ended_with() {
    for (reading, refused, seconds, reason) in [
        (told(None, None, Some(90)), false, 90, WaitReason::RetryAfter),
        (told(None, None, Some(90)), true, 90, WaitReason::RetryAfter),
        (told(Some(3), None, Some(90)), false, 90, WaitReason::RetryAfter),
        (told(Some(0), Some(200), Some(90)), true, 200, WaitReason::Budget),
        (told(Some(0), Some(90), Some(200)), true, 200, WaitReason::RetryAfter),
        (told(None, Some(90), None), true, 90, WaitReason::Budget),
        (told(Some(0), None, Some(90)), true, 90, WaitReason::RetryAfter),
        (None, true, 60, WaitReason::Budget),
    ] {
        let limiter = patient();
        go(&limiter).expect("the first").answered(reading, refused);
        let end = limiter.clock.now() + Duration::from_secs(seconds);
        assert_eq!(
            limiter.note().and_then(|note| note.next_request_at()),
            Some(end),
            "{reading:?}"
        );
        // What ends first is waited for first; then the other.
        let mut slept = Vec::new();
        while let Some((pause, why)) = next(&limiter) {
            slept.push(why);
            tokio::time::advance(Duration::from_secs(pause)).await;
        }
        assert_eq!(slept.last(), Some(&reason), "{reading:?}");
        assert!(limiter.clock.now() >= end, "{reading:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_over_at_once_still_costs_a_second() {
    for reading in [told(Some(0), Some(0), None), told(None, None, Some(0))] {
        let limiter = patient();
        go(&limiter).expect("the first").answered(reading, true);
        assert!(go(&limiter).is_none(), "{reading:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_has_not_left_is_void_once_an_answer_says_that_it_would_be_refused() {
    for reading in [told(Some(0), Some(60), None), told(Some(4), Some(60), Some(60))] {
        let limiter = patient();
        go(&limiter).expect("the first").answered(left(4), false);
        let [a, b] = [(); 2].map(|()| go(&limiter).expect("there is room"));
        assert!(!b.is_void());
        a.answered(reading, false);
        assert!(b.is_void(), "{reading:?}");
        b.unsent();
        assert!(go(&limiter).is_none(), "{reading:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_although_the_clock_was_set_back() {
    use std::sync::atomic::{AtomicI64, Ordering};
    let told_by = Arc::new(AtomicI64::new(1_000_000));
    let clock = Arc::clone(&told_by);
    let mut limiter = Arc::into_inner(patient()).expect("the only one");
    limiter.clock = SteadyClock::new(Arc::new(move || {
        Timestamp::from_second(clock.load(Ordering::Relaxed)).expect("in range")
    }));
    let limiter = Arc::new(limiter);
    go(&limiter).expect("the first").answered(told(Some(0), Some(60), None), false);
    told_by.fetch_sub(400 * 86_400, Ordering::Relaxed);
    assert_eq!(next(&limiter), Some((61, WaitReason::Budget)));
    let note = limiter.note().expect("told");
    let now = told_by.load(Ordering::Relaxed);
    assert_eq!(note.resets_at.as_second() - now, 60, "noted by the clock that others go by");
    // It jumps far ahead: the period is over, and one request asks the API what holds.
    told_by.fetch_add(800 * 86_400, Ordering::Relaxed);
    let first = go(&limiter).expect("one goes");
    assert!(go(&limiter).is_none());
    first.answered(told(Some(0), Some(60), None), false);
    assert!(go(&limiter).is_none());
}
