//! Windows that a scheduled job opens and closes. The clock is set ahead, as debug builds can.
#![cfg(debug_assertions)]

use crate::{
    action::Job,
    needs_tools,
    repository::{Repository, note},
};

const DAY: i64 = 86_400;

#[expect(clippy::disallowed_methods, reason = "a window of a project is around now")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// A message with a window from tomorrow until the day after, and one without.
fn agreed() -> Repository {
    let at = |days: i64| now() + jiff::SignedDuration::from_secs(days * DAY);
    let window = format!(
        "  gift: {{ from: support, to: ben, text: gift, active: {{ from: \"{}\", until: \"{}\" }} }}",
        at(1),
        at(2)
    );
    let repository = Repository::new(&format!("{}\n{window}", note("one")));
    repository.pull_request().ok();
    repository.merged().ok();
    assert_eq!(repository.texts(), ["one"]);
    let told = repository.hub.only("outcome");
    assert!(told.contains("**1 of 2 sent.** 1 waits for its window, which opens"), "{told}");
    repository
}

/// The scheduled job of an hour after this day.
fn scheduled(repository: &Repository, days: i64) -> Job {
    repository.scheduled().env("PUSHSYNC_CLOCK_AHEAD", (days * DAY + 3600).to_string())
}

#[test]
fn a_scheduled_resume_opens_and_closes_a_window_that_was_agreed_to() {
    needs_tools!();
    let repository = agreed();
    scheduled(&repository, 0).ok().notes("notice", "nothing to resume");
    scheduled(&repository, 1).ok();
    assert_eq!(repository.texts(), ["one", "gift"]);
    let told = repository.hub.only("outcome");
    assert!(told.contains("**2 of 2 sent.** 1 goes when its window closes"), "{told}");
    scheduled(&repository, 2).ok();
    assert_eq!(repository.texts(), ["one"]);
    let told = repository.hub.only("outcome");
    assert!(
        told.contains("**2 of 2 sent.** 1 of the sent was deleted at the end of its window."),
        "{told}"
    );
    scheduled(&repository, 3).ok().notes("notice", "nothing to resume");
    assert_eq!(repository.hub.only("outcome"), told);
}

#[test]
fn a_window_that_closes_before_any_job_runs_is_told_as_never_sent() {
    needs_tools!();
    let repository = agreed();
    scheduled(&repository, 2).ok();
    assert_eq!(repository.texts(), ["one"]);
    let told = repository.hub.only("outcome");
    assert!(told.contains("**1 of 2 sent.** 1 was not sent before its window closed."), "{told}");
}
