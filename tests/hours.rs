//! What the API's limit makes of many deliveries, hour after hour, over runs that end early or die.

#![expect(clippy::panic, reason = "a simulation that cannot go on should stop")]

#[path = "../benches/support/hours.rs"]
mod hours;

use std::time::Duration;

use hours::{Deaths, Outcome, Setup, simulate};

const LIMITS: [u64; 3] = [100, 200, 600];

/// Each message is there once, each request was for one, and the state knows them all.
fn all_is_well(setup: Setup, outcome: Outcome) {
    let Setup { deliveries, .. } = setup;
    let Outcome { created, requests, recorded, refused, .. } = outcome;
    assert_eq!((created, requests, recorded, refused), (deliveries, deliveries, deliveries, 0));
}

#[test]
fn a_run_that_waits_spends_the_whole_budget_of_each_hour_and_is_never_refused() {
    for limit in LIMITS {
        for deliveries in [1, limit, 2 * limit + 1] {
            let long = Duration::from_secs(2 * 3600);
            let setup = Setup { max_wait: long, ..Setup::new(limit, deliveries) };
            let outcome = simulate(setup);
            all_is_well(setup, outcome);
            assert_eq!((outcome.runs, outcome.hours), (1, deliveries.div_ceil(limit)));
        }
    }
}

#[test]
fn a_run_each_hour_loses_nothing_of_the_budget() {
    for limit in LIMITS {
        let setup = Setup::new(limit, 3 * limit + 1);
        let outcome = simulate(setup);
        all_is_well(setup, outcome);
        assert_eq!((outcome.runs, outcome.hours), (4, 4));
    }
}

#[test]
fn a_run_that_stops_at_its_duration_sends_what_fits_and_the_next_goes_on() {
    let minute = Duration::from_secs(60);
    let setup = Setup {
        concurrency: 1,
        latency: minute,
        jitter: false,
        max_duration: Some(30 * minute),
        ..Setup::new(100, 100)
    };
    let outcome = simulate(setup);
    all_is_well(setup, outcome);
    assert_eq!((outcome.runs, outcome.hours), (4, 4), "30, 30, 30 and 10");
}

#[test]
fn a_run_that_is_killed_loses_what_it_had_left_of_its_hour_and_no_more() {
    for limit in LIMITS {
        for every in [1, 2] {
            let setup = Setup::new(limit, 3 * limit);
            let setup = Setup { deaths: Deaths::Every(every, setup.half()), ..setup };
            let outcome = simulate(setup);
            all_is_well(setup, outcome);
            assert!(outcome.deaths > 0 && outcome.by_the_dead > 0, "{outcome:?}");
            assert!(outcome.unknown <= 4, "only what was under way: {outcome:?}");
            let by_the_living = setup.deliveries - outcome.by_the_dead;
            let hours = outcome.deaths + by_the_living.div_ceil(limit);
            assert_eq!(outcome.hours, hours, "{outcome:?}");
        }
    }
}

#[test]
fn a_run_that_follows_a_death_in_the_same_hour_knows_what_is_left_of_it() {
    for limit in LIMITS {
        let setup = Setup::new(limit, 2 * limit);
        let setup = Setup { deaths: Deaths::EveryAndAtOnce(2, setup.half()), ..setup };
        let outcome = simulate(setup);
        all_is_well(setup, outcome);
        assert!(outcome.deaths > 0, "{outcome:?}");
        assert_eq!(outcome.hours, 2, "{outcome:?}");
    }
}
