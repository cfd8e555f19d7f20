//! The real binary dies at many moments, with its state in PostgreSQL and in a bucket: both at once, as they mostly
//! wait.

use crate::{
    jobs::{place, variables},
    postgres::cluster,
    support::{Copies, Deaths, Project, until},
};

#[test]
fn however_often_it_dies_with_its_state_in_postgresql_nothing_is_sent_twice_and_nothing_is_lost() {
    let Some(cluster) = cluster::shared() else { return };
    let database = cluster.database();
    let project = Project::empty();
    // The server needs a moment to see that the one before is gone.
    let sessions = "SELECT 1 FROM pg_stat_activity \
                    WHERE application_name LIKE 'pushsync%' AND datname = current_database()";
    let wait_for_lock = || until("nobody has the lock", || database.admin(sessions).is_empty());
    Deaths {
        project: &project,
        settings: &format!("state: {:?}", database.url()),
        seed: 11,
        killed_after: 20..250,
        after_death: &wait_for_lock,
    }
    .come(100);
}

#[test]
fn however_often_it_dies_with_its_state_in_a_bucket_nothing_is_sent_twice_and_nothing_is_lost() {
    let Some(place) = place() else { return };
    let project = Project::within(tempfile::tempdir().expect("a folder"), variables(&place));
    // A job that died has left its lock, if it had it.
    let unlock = || drop(project.run("state unlock --force").wait());
    Deaths {
        project: &project,
        settings: "",
        seed: 7,
        killed_after: 20..400,
        after_death: &unlock,
    }
    .come(100);
}

#[test]
fn however_often_two_copies_of_run_die_with_their_state_in_postgresql_nothing_is_twice_or_lost() {
    let Some(cluster) = cluster::shared() else { return };
    let database = cluster.database();
    let project = Project::empty();
    let settings = format!("state: {:?}", database.url());
    Copies { project: &project, settings: &settings, seed: 5, after_death: &|| () }.die(50);
}

#[test]
fn however_often_two_copies_of_run_die_with_their_state_in_a_bucket_nothing_is_twice_or_lost() {
    let Some(place) = place() else { return };
    let project = Project::within(tempfile::tempdir().expect("a folder"), variables(&place));
    // The lock that it may have left behind. Now and then, it is that of the other copy, which has to notice.
    let unlock = || drop(project.run("state unlock --force").wait());
    Copies { project: &project, settings: "", seed: 9, after_death: &unlock }.die(15);
}
