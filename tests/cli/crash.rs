//! The real binary dies at many moments, with its state in a folder: `apply`, and two copies of `run`.

use crate::support::{Copies, Deaths, Project};

#[test]
fn however_often_it_dies_nothing_is_sent_twice_and_nothing_is_lost() {
    #[expect(clippy::disallowed_methods, reason = "another seed for who looks for more")]
    let seed = std::env::var("CRASH_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let project = Project::empty();
    Deaths { project: &project, settings: "", seed, killed_after: 0..150, after_death: &|| () }
        .come(100);
}

#[test]
fn however_often_two_copies_of_run_die_nothing_is_sent_twice_and_nothing_is_lost() {
    let project = Project::empty();
    Copies { project: &project, settings: "", seed: 3, after_death: &|| () }.die(35);
}
