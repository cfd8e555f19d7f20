//! `run` for minutes, while files, servers and processes fail.
//!
//! `PUSHSYNC_SOAK_MINUTES=60` makes it longer, `PUSHSYNC_SOAK_SEED` takes another seed.

#[path = "soak/place.rs"]
mod place;
#[path = "soak/project.rs"]
mod project;

use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;
use jiff::Timestamp;
use place::{Memory, Place};
use project::Changing;

use crate::support::until;

#[expect(clippy::disallowed_methods, reason = "how somebody asks for a longer one")]
fn variable<T: std::str::FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[expect(clippy::disallowed_methods, reason = "windows open and close by the clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// The median of the memory in this part of the soak.
fn median(looks: &[(f64, Memory)], from: f64, until: f64) -> Memory {
    let of_part = looks.iter().filter(|(at, _)| (from..until).contains(at));
    let mut all: Vec<_> = of_part.map(|(_, memory)| *memory).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

#[test]
fn whatever_happens_for_minutes_visitors_get_what_is_wanted_and_nothing_twice() {
    let seed = variable("PUSHSYNC_SOAK_SEED", 19);
    let minutes = variable("PUSHSYNC_SOAK_MINUTES", 2.0);
    // Past what the test runner holds back: the seed is of use in every log.
    let _ = writeln!(std::io::stderr(), "\nPUSHSYNC_SOAK_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let mut project = Changing::new(&mut rng);
    // One process is killed and started again all the time; the other one lives through all of it.
    let mut rough = Place::new("rough", &project, &mut rng);
    let mut steady = Place::new("steady", &project, &mut rng);

    let (start, lasts) = (Instant::now(), Duration::from_secs_f64(minutes * 60.0));
    let mut memory = Vec::new();
    let mut changes = 0;
    while start.elapsed() < lasts {
        project.change(&mut rng, now());
        changes += 1;
        match rng.u8(..40) {
            0..3 => rough.kill(&mut rng),
            3 => rough.end(&mut rng),
            4 => rough.hang_up(),
            5 => steady.hang_up(),
            _ => {}
        }
        for place in [&mut rough, &mut steady] {
            place.goes_on(&mut rng);
            place.must_run();
        }
        memory.push((start.elapsed().div_duration_f64(lasts), steady.memory()));
        thread::sleep(Duration::from_millis(rng.u64(100..900)));
    }

    project.mend();
    until("all windows are over", || !project.has_windows(now()));
    for place in [&mut rough, &mut steady] {
        place.recovers(&mut rng);
        place.converges(|| project.wanted(now()));
        place.check(&project.wanted(now()));
    }
    memory.push((1.0, steady.memory()));
    let settled = steady.settled_by_events();
    let (quarter, end) = (median(&memory, 0.2, 0.35), median(&memory, 0.85, 1.1));
    rough.stop();
    steady.stop();
    let _ = writeln!(
        std::io::stderr(),
        "{changes} changes of {} files and {} checkouts; rough: {:?}; steady: {:?}, and {settled} settled by events; {quarter:?} KiB after the first \
         quarter, {end:?} at the end",
        project.files,
        project.swaps,
        rough.events,
        steady.events
    );
    assert!(settled > 0, "no event of the steady process has settled anything");
    // Its own memory is so small that a buffer more is a tenth of it.
    let grew = end.own.saturating_sub(quarter.own);
    assert!(grew <= quarter.resident / 10, "the memory grew by {grew} KiB: {memory:?}");
}
