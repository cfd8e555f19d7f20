//! Copies of `pushsync run` with checkouts of their own: one that lags behind turns nothing back.

use std::{thread::sleep, time::Duration};

use crate::{
    shared_runs::{Shared, ended, outcomes, stores},
    support::{Project, Running, Sandbox, many, until},
};

const RUN: &str = "run --every 1s -v --log-format json";

/// Long enough for some cycles.
const WHILE: Duration = Duration::from_secs(4);

/// The number of messages that each commit has.
const COUNT: usize = 3;

/// Two checkouts of the same commit.
fn checkouts() -> [Project; 2] {
    [Project::many(COUNT), Project::many(COUNT)]
}

fn shows(sandbox: &Sandbox, what: &str, text: &str, count: usize) {
    until(&format!("{what}: {count} texts are of {text:?}"), || {
        let there = sandbox.there();
        there.len() == count && there.iter().all(|(_, _, one)| one.starts_with(text))
    });
}

/// How many messages were created, updated and deleted.
fn writes(sandbox: &Sandbox) -> [u64; 3] {
    let [created, _, updated, deleted] = sandbox.counts();
    [created, updated, deleted]
}

fn is_outdated(running: &Running) {
    running.until_it_says("has applied other files (run");
    running.until_it_says(r#""outcome":"outdated""#);
}

/// A commit comes to the checkout of an outdated copy, and it is outdated no more.
fn pulls(checkout: &Project, running: &Running, yaml: &str) {
    let done = || running.err_so_far().matches(r#""outcome":"done""#).count();
    let before = done();
    checkout.rewrite(yaml);
    until("it has seen the commit", || done() > before);
}

#[test]
fn a_checkout_that_lags_behind_turns_nothing_back_and_goes_on_once_it_follows() {
    for Shared { name, there, there_too, .. } in stores() {
        let ([one, other], sandbox) = (checkouts(), Sandbox::start());
        let first = there(one.with(&sandbox, RUN)).start();
        shows(&sandbox, name, "text", COUNT);
        let second = there_too(other.with(&sandbox, RUN)).start();
        second.until_it_says(r#""outcome":"done""#);
        // A commit with another message and other texts comes to one of them.
        one.rewrite(&many(COUNT + 1, "two"));
        shows(&sandbox, name, "two", COUNT + 1);
        is_outdated(&second);
        sleep(WHILE);
        let counts = [COUNT as u64 + 1, COUNT as u64, 0];
        assert_eq!(writes(&sandbox), counts, "{name}: nothing is turned back");
        // What it never had may be older or newer: a step on the way, or an edit by hand.
        other.rewrite(&(many(COUNT, "text") + "# a step on the way\n"));
        second.until_it_says("If they do not change within ten minutes, they count");
        sleep(WHILE);
        assert_eq!(writes(&sandbox), counts, "{name}: nothing is turned back");
        // It comes to the other one as well, and then it is taken back there first.
        pulls(&other, &second, &many(COUNT + 1, "two"));
        other.rewrite(&many(COUNT, "text"));
        shows(&sandbox, name, "text", COUNT);
        is_outdated(&first);
        sleep(WHILE);
        let counts = [COUNT as u64 + 1, 2 * COUNT as u64, 1];
        assert_eq!(writes(&sandbox), counts, "{name}: older content can be the newer files");
        pulls(&one, &first, &many(COUNT, "text"));
        one.rewrite(&many(COUNT, "three"));
        shows(&sandbox, name, "three", COUNT);
        let told = [ended(first), ended(second)].map(|cycles| {
            let mut told: Vec<_> = outcomes(&cycles).iter().map(|one| (*one).to_owned()).collect();
            told.dedup();
            told
        });
        let good =
            |told: &String| ["done", "locked", "interrupted", "outdated"].contains(&told.as_str());
        assert!(told.iter().flatten().all(good), "{name}: {told:?}");
        assert_eq!(writes(&sandbox), [COUNT as u64 + 1, 3 * COUNT as u64, 1], "{name}");
    }
}

#[test]
fn a_copy_whose_files_are_the_same_takes_over_and_one_that_died_stops_no_commit() {
    for Shared { name, there, there_too, runs_out } in stores() {
        let ([one, other], sandbox) = (checkouts(), Sandbox::start());
        let first = there(one.with(&sandbox, RUN)).start();
        shows(&sandbox, name, "text", COUNT);
        one.rewrite(&many(COUNT, "two"));
        shows(&sandbox, name, "two", COUNT);
        first.signal("KILL");
        first.wait();
        runs_out();
        // A new checkout has what the dead one has applied.
        other.rewrite(&many(COUNT, "two"));
        let second = there_too(other.with(&sandbox, RUN)).start();
        second.until_it_says(r#""outcome":"done""#);
        other.rewrite(&many(COUNT, "three"));
        shows(&sandbox, name, "three", COUNT);
        ended(second);
    }
}

#[test]
fn a_process_waits_for_the_commit_that_a_job_has_applied() {
    for Shared { name, there, there_too, .. } in stores() {
        let ([job, server], sandbox) = (checkouts(), Sandbox::start());
        there(job.with(&sandbox, "apply --yes")).ok();
        let running = there_too(server.with(&sandbox, RUN)).start();
        running.until_it_says(r#""outcome":"done""#);
        job.rewrite(&many(COUNT + 1, "two"));
        there(job.with(&sandbox, "apply --yes --lock-timeout 60s")).ok();
        running.until_it_says("a command has applied other files");
        running.until_it_says("If they do not change within ten minutes, they count");
        sleep(WHILE);
        let sent = 2 * COUNT as u64 + 1;
        assert_eq!(sandbox.total(), sent, "{name}: nothing is turned back");
        pulls(&server, &running, &many(COUNT + 1, "two"));
        ended(running);
        assert_eq!(sandbox.total(), sent, "{name}: there is nothing left to do");
    }
}

#[test]
fn what_the_help_of_an_outdated_copy_says_makes_its_files_count() {
    for Shared { name, there, there_too, .. } in stores() {
        let ([one, other], sandbox) = (checkouts(), Sandbox::start());
        let first = there(one.with(&sandbox, RUN)).start();
        shows(&sandbox, name, "text", COUNT);
        let second = there_too(other.with(&sandbox, RUN)).start();
        second.until_it_says(r#""outcome":"done""#);
        one.rewrite(&many(COUNT, "two"));
        is_outdated(&second);
        second.until_it_says("If they are the right ones: `pushsync ");
        there_too(other.with(&sandbox, "apply --yes --lock-timeout 60s")).ok();
        shows(&sandbox, name, "text", COUNT);
        is_outdated(&first);
        ended(second);
        ended(first);
    }
}
