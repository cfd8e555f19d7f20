use std::time::Duration;

use crate::{
    hours::{Deaths, Outcome, Setup, simulate},
    table::{Hours, Table},
};

/// The scale beyond what anybody waits for.
pub(crate) fn run(quick: bool, table: &mut Table) {
    let sizes: &[u64] = if quick { &[10_000] } else { &[10_000, 100_000] };
    for limit in [100, 200, 600] {
        for &deliveries in sizes {
            let setup = Setup::new(limit, deliveries);
            let half = setup.half();
            let cases = [
                Setup { max_wait: Duration::from_secs(2 * 3600), ..setup },
                setup,
                Setup { deaths: Deaths::Every(10, half), ..setup },
                Setup { deaths: Deaths::EveryAndAtOnce(10, half), ..setup },
            ];
            let outcomes = cases.map(checked);
            let refused = outcomes.iter().map(|outcome| outcome.refused).sum();
            let [one_run, hourly_runs, with_deaths, at_once] =
                outcomes.map(|outcome| outcome.hours);
            table.hours.push(Hours {
                limit,
                deliveries,
                one_run,
                hourly_runs,
                with_deaths,
                at_once,
                refused,
            });
        }
    }
}

fn checked(setup: Setup) -> Outcome {
    let outcome = simulate(setup);
    assert_eq!(outcome.created, setup.deliveries, "each was created once");
    outcome
}
