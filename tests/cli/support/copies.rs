//! Two copies of `pushsync run` on one state die again and again, while the other one goes on.

use std::{
    collections::BTreeMap,
    io::Write,
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;

use super::{Project, Running, Sandbox, World, check, resolve, until, world::CONCURRENCY};

const RUN: &str = "run --every 1s -q";

/// How long a copy may take to come to the moment of its death, before it gets more to do.
const WHILE: Duration = Duration::from_secs(3);

/// Two processes that keep the same messages as they are wanted.
pub(crate) struct Copies<'a> {
    pub(crate) project: &'a Project,
    /// What its `pushsync.yaml` begins with.
    pub(crate) settings: &'a str,
    pub(crate) seed: u64,
    /// What happens after each death: a lock that was left behind goes.
    pub(crate) after_death: &'a dyn Fn(),
}

/// One of them.
struct Copy {
    running: Running,
    /// When it dies by itself.
    moment: Option<&'static str>,
}

impl Copy {
    fn die(&mut self) {
        self.running.signal("KILL");
        until("it is dead", || !self.running.is_running());
        self.moment = None;
    }
}

impl Copies<'_> {
    /// Goes on until this many died in the middle of their work, and one that was left has taken over. Nothing is ever
    /// sent twice or lost, and in the end visitors see exactly what is wanted.
    pub(crate) fn die(self, kills: usize) {
        let Self { project, settings, seed, after_death } = self;
        let _ = writeln!(std::io::stderr(), "\nCRASH_SEED={seed}");
        let mut rng = Rng::with_seed(seed);
        let sandbox = Sandbox::with("--latency 2ms");
        let safety = "safety: { max_deletes: 1000, max_creates: 1000, max_resends: 1000 }";
        let mut world = World::new(&format!("{settings}\n{safety}"));
        world.write(project);
        let mut copies: Vec<Copy> = Vec::new();
        let (mut killed, mut rounds, mut held, mut taken_over) = (0, 0, 0, 0);
        let mut moments: BTreeMap<&str, usize> = BTreeMap::new();
        while killed < kills || taken_over == 0 {
            rounds += 1;
            assert!(rounds < kills * 10, "they die too seldom: {killed} in {rounds} rounds");
            while copies.len() < 2 {
                copies.push(started(project, &sandbox, &mut rng));
            }
            (0..6).for_each(|_| world.edit(&mut rng));
            let before = sandbox.total();
            world.write(project);
            let began = Instant::now();
            while sandbox.total() == before && began.elapsed() < WHILE {
                thread::sleep(Duration::from_millis(2));
            }
            thread::sleep(Duration::from_millis(rng.u64(0..60)));
            for copy in &mut copies {
                if copy.moment.is_none() && rng.f64() < 0.6 {
                    copy.die();
                }
            }
            let all_live = copies.iter_mut().all(|copy| copy.running.is_running());
            if all_live && sandbox.total() > before {
                let one = rng.usize(..copies.len());
                copies[one].die();
            }
            let died: Vec<_> = copies.extract_if(.., |copy| !copy.running.is_running()).collect();
            let what = died.iter().map(|copy| copy.moment.unwrap_or("time")).collect::<Vec<_>>();
            for copy in died {
                *moments.entry(copy.moment.unwrap_or("time")).or_default() += 1;
                let ran = copy.running.wait();
                assert_eq!(ran.status, -1, "it ends by nothing else: {ran:?}");
                killed += usize::from(sandbox.total() > before);
            }
            if what.is_empty() {
                // All that there is to do may wait for a person.
                if sandbox.total() == before {
                    end(&mut copies);
                    after_death();
                    resolve(&sandbox, project);
                    held = 0;
                }
                continue;
            }
            after_death();
            // The copy that is left does the rest; it may die of it.
            let settled = || project.planned("").iter().all(|(action, ..)| action == "unknown");
            let mut deaths = what.len();
            while !copies.is_empty() && !settled() {
                if copies.iter_mut().any(|copy| !copy.running.is_running()) {
                    deaths += copies.extract_if(.., |copy| !copy.running.is_running()).count();
                    after_death();
                }
                let said =
                    || copies.iter().map(|copy| copy.running.err_so_far()).collect::<Vec<_>>();
                let takes_over = began.elapsed() < Duration::from_secs(300);
                assert!(takes_over, "nobody takes over:\n{}", said().join("\n---\n"));
                thread::sleep(Duration::from_millis(50));
            }
            taken_over += usize::from(!copies.is_empty());
            // Each of them leaves some without an answer; so does one that lives, and whose lock was broken.
            let most = held + deaths * CONCURRENCY;
            held = check(&sandbox, project, most, &format!("round {rounds} ({what:?})"));
            if rng.f64() < 0.3 {
                end(&mut copies);
                // One of them may have died of its signal.
                after_death();
                resolve(&sandbox, project);
                held = 0;
            }
        }
        end(&mut copies);
        after_death();
        resolve(&sandbox, project);
        let mut copies: Vec<_> = (0..2).map(|_| immortal(project, &sandbox)).collect();
        until("visitors see exactly what is wanted", || sandbox.there() == world.wanted());
        end(&mut copies);
        project.is_settled();
        check(&sandbox, project, 0, "all");
        project.run("state verify").ok();
        let _ = writeln!(
            std::io::stderr(),
            "died {killed} times in the middle of their work, in {rounds} rounds: {moments:?}; {taken_over} times, the \
             other one took over"
        );
    }
}

fn immortal(project: &Project, sandbox: &Sandbox) -> Copy {
    Copy { running: project.with(sandbox, RUN).start(), moment: None }
}

fn started(project: &Project, sandbox: &Sandbox, rng: &mut Rng) -> Copy {
    let Some(moment) = [None, Some("commit"), Some("request"), Some("answer")][rng.usize(..4)]
    else {
        return immortal(project, sandbox);
    };
    let at = format!("{moment}:{}", rng.u64(1..5));
    let running = project.with(sandbox, RUN).env("PUSHSYNC_DIE_AFTER", at).start();
    Copy { running, moment: Some(moment) }
}

/// Ends them in good order. One that is about to die may do so first, and one that has only just begun dies of the
/// signal.
fn end(copies: &mut Vec<Copy>) {
    for Copy { mut running, .. } in copies.drain(..) {
        if running.is_running() {
            running.signal("TERM");
        }
        let ran = running.wait();
        assert!([0, -1].contains(&ran.status), "{ran:?}");
    }
}
