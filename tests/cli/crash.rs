//! The real binary dies at many moments: by SIGKILL at any time, and right after each durable
//! step, request and answer. A server that counts says what visitors got.

use std::{collections::BTreeMap, io::Write, thread, time::Duration};

use fastrand::Rng;

use crate::support::{Project, Sandbox, World, check, resolve};

/// How often it dies, at least.
const KILLS: usize = 110;

#[test]
fn however_often_it_dies_nothing_is_sent_twice_and_nothing_is_lost() {
    #[expect(clippy::disallowed_methods, reason = "another seed for who looks for more")]
    let seed = std::env::var("CRASH_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    // Past what the test runner holds back: the seed is of use in every log.
    let _ = writeln!(std::io::stderr(), "\nCRASH_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let sandbox = Sandbox::with("--latency 2ms");
    let project = Project::empty();
    let mut world = World::new("");
    world.write(&project);
    let apply = "apply --yes -q --allow-deletes all";
    let (mut killed, mut runs, mut held) = (0, 0, 0);
    let mut moments: BTreeMap<&str, usize> = BTreeMap::new();
    while killed < KILLS {
        runs += 1;
        assert!(runs < KILLS * 10, "it dies too seldom: {killed} of {runs} runs");
        if rng.f64() < 0.7 {
            world.edit(&mut rng);
            world.edit(&mut rng);
            world.write(&project);
        }
        let moment = ["time", "commit", "request", "answer"][rng.usize(..4)];
        let (what, ran) = if moment == "time" {
            let after = Duration::from_millis(rng.u64(..150));
            let running = project.with(&sandbox, apply).start();
            thread::sleep(after);
            running.signal("KILL");
            (format!("SIGKILL at {after:?}"), running.wait())
        } else {
            let at = format!("{moment}:{}", rng.u64(1..10));
            let ran = project.with(&sandbox, apply).env("PUSHSYNC_DIE_AFTER", &at).wait();
            (at, ran)
        };
        if ran.status == -1 {
            killed += 1;
            *moments.entry(moment).or_default() += 1;
        } else {
            assert!([0, 4].contains(&ran.status), "after {what}: {}\n{}", ran.status, ran.err);
        }
        held = check(&sandbox, &project, held, &format!("run {runs} ({what})"));
        if rng.f64() < 0.5 {
            resolve(&sandbox, &project);
            held = 0;
        }
    }
    resolve(&sandbox, &project);
    project.with(&sandbox, apply).ok();
    project.is_settled();
    assert_eq!(sandbox.there(), world.wanted());
    check(&sandbox, &project, 0, "all");
    println!("died {killed} times in {runs} runs: {moments:?}");
    assert!(moments.len() == 4, "every kind of moment came: {moments:?}");
}
