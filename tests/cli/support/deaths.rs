//! The real binary dies at many moments: by SIGKILL at any time, and right after each durable step,
//! request and answer. A server that counts says what visitors got.

use std::{collections::BTreeMap, io::Write, ops::Range, thread, time::Duration};

use fastrand::Rng;

use super::{Project, Sandbox, World, check, resolve, world::unfinished};

const APPLY: &str = "apply --yes -q --allow-deletes all --lock-timeout 60s";

/// A project whose applies die again and again.
pub(crate) struct Deaths<'a> {
    pub(crate) project: &'a Project,
    /// What its `pushsync.yaml` begins with.
    pub(crate) settings: &'a str,
    pub(crate) seed: u64,
    /// When a SIGKILL comes, in milliseconds.
    pub(crate) killed_after: Range<u64>,
    /// What happens after each death: a lock that was left behind goes.
    pub(crate) after_death: &'a dyn Fn(),
}

impl Deaths<'_> {
    /// Applies until this many died, each of them in the middle of a plan with updates, deletes or
    /// what is to be made sure of. Nothing is ever sent twice or lost, and in the end visitors see
    /// exactly what is wanted.
    pub(crate) fn come(self, kills: usize) {
        let Self { project, settings, seed, killed_after, after_death } = self;
        // Past what the test runner holds back: the seed is of use in every log.
        let _ = writeln!(std::io::stderr(), "\nCRASH_SEED={seed}");
        let mut rng = Rng::with_seed(seed);
        let sandbox = Sandbox::with("--latency 2ms");
        let mut world = World::new(settings);
        world.write(project);
        let (mut killed, mut creates, mut runs, mut held, mut unsure) = (0, 0, 0, 0, 0);
        let mut moments: BTreeMap<&str, usize> = BTreeMap::new();
        while killed < kills {
            runs += 1;
            assert!(runs < kills * 10, "it dies too seldom: {killed} of {runs} runs");
            if rng.f64() < 0.8 {
                (0..3).for_each(|_| world.edit(&mut rng));
                world.write(project);
            }
            let planned = project.planned("");
            let corrects =
                |(action, ..): &(String, String, String)| action != "create" && action != "unknown";
            let corrects = planned.iter().any(corrects);
            let moment = ["time", "commit", "request", "answer"][rng.usize(..4)];
            let (what, ran) = if moment == "time" {
                let after = Duration::from_millis(rng.u64(killed_after.clone()));
                let running = project.with(&sandbox, APPLY).start();
                thread::sleep(after);
                running.signal("KILL");
                (format!("SIGKILL at {after:?}"), running.wait())
            } else {
                let at = format!("{moment}:{}", rng.u64(1..10));
                let ran = project.with(&sandbox, APPLY).env("PUSHSYNC_DIE_AFTER", &at).wait();
                (at, ran)
            };
            if ran.status == -1 {
                killed += usize::from(corrects);
                creates += usize::from(!corrects);
                *moments.entry(moment).or_default() += 1;
            } else {
                assert!([0, 4].contains(&ran.status), "after {what}: {}\n{}", ran.status, ran.err);
            }
            after_death();
            held = check(&sandbox, project, held, &format!("run {runs} ({what})"));
            unsure += unfinished(project);
            if rng.bool() {
                resolve(&sandbox, project);
                held = 0;
            }
        }
        resolve(&sandbox, project);
        project.with(&sandbox, APPLY).ok();
        project.is_settled();
        assert_eq!(sandbox.there(), world.wanted());
        check(&sandbox, project, 0, "all");
        project.run("state verify").ok();
        let _ = writeln!(
            std::io::stderr(),
            "died {killed} times with updates and deletes, {creates} with creates alone, in {runs} runs: \
             {moments:?}; {unsure} updates and deletes were left without outcome"
        );
        assert!(moments.len() == 4, "every kind of moment came: {moments:?}");
        assert!(unsure > 0, "updates and deletes were cut short");
    }
}
