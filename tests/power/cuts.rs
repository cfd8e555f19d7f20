//! The cuts, and what has to be there after each.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, mpsc},
    thread,
};

use fastrand::Rng;
use pushsync::state::{self, Mode, OpenOptions, StateError, Store};
use tempfile::TempDir;

use super::{
    child,
    disk::{Disk, Luck},
    script::{self, Step, World},
    strace,
    trace::{Deed, Op, Reader},
};
use crate::support::*;

/// Where the state is, in a folder that was there before.
const STATE: &str = "deep/er/state";

fn environment_variable(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "for who looks for more")]
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

#[test]
fn what_was_acknowledged_survives_when_only_fsynced_bytes_do() {
    if !strace::is_possible() {
        return;
    }
    let seed = environment_variable("POWER_SEED").unwrap_or(7);
    // How many of the moments between two acknowledgements, in percent.
    let share = environment_variable("POWER_SHARE").unwrap_or(15);
    println!("POWER_SEED={seed} POWER_SHARE={share}");
    let mut rng = Rng::with_seed(seed);
    let steps = script::steps(seed);
    let worlds = script::worlds(&steps);
    let folder = TempDir::new().expect("a folder");
    let (mut disk, ops) = traced(folder.path(), &seed.to_string(), &steps);
    // Which of the cuts of luck are followed by another.
    let again = [rng.usize(1..40), rng.usize(40..80)];
    let (mut done, mut cuts) = (0, HashMap::new());
    thread::scope(|scope| {
        let checks = checkers(scope);
        for (at, op) in ops.iter().enumerate() {
            disk.apply(op);
            let acknowledged = matches!(op.deed, Deed::Ack(_));
            if let Deed::Ack(step) = op.deed {
                done = step + 1;
            }
            // A death acknowledges nothing, and what follows it is under way.
            while matches!(steps.get(done), Some(Step::Die)) {
                done += 1;
            }
            for luck in [Luck::None, Luck::Some, Luck::Some, Luck::All] {
                if !acknowledged && rng.u64(..100) >= share {
                    continue;
                }
                *cuts.entry(luck).or_insert(0) += 1;
                let cut = scratch();
                disk.write(cut.path(), luck, &mut rng);
                let (before, under_way) =
                    (&worlds[done], worlds.get(done + 1).unwrap_or(&worlds[done]));
                let recovery =
                    (luck == Luck::Some && again.contains(&cuts[&luck])).then(|| rng.fork());
                let (all, done, steps) = (ops.len(), done, steps.len());
                let check: Check<'_> = Box::new(move || {
                    let checked = match recovery {
                        Some(mut rng) => {
                            check_while_recovering(cut.path(), before, under_way, &mut rng)
                        }
                        None => check(&cut.path().join(STATE), before, under_way),
                    };
                    if let Err(what) = checked {
                        panic!(
                            "cut after {at} of {all}, in step {done} of {steps}, {luck:?}: {what}"
                        );
                    }
                });
                checks.send(check).expect("no check has failed");
            }
        }
    });
    println!("{} steps, {} deeds, cuts: {cuts:?}", steps.len(), ops.len());
    assert_eq!(done, steps.len(), "all was done and seen");
    assert!(again.iter().all(|number| *number <= cuts[&Luck::Some]), "recovery was cut as well");
}

type Check<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Threads that check what is left after cuts, while the next cuts are made.
fn checkers<'scope, 'env>(
    scope: &'scope thread::Scope<'scope, 'env>,
) -> mpsc::SyncSender<Check<'env>> {
    let count = thread::available_parallelism().map_or(1, usize::from);
    let (sender, checks) = mpsc::sync_channel::<Check<'env>>(count);
    let checks = Arc::new(Mutex::new(checks));
    for _ in 0..count {
        let checks = Arc::clone(&checks);
        scope.spawn(move || {
            loop {
                let next = checks.lock().expect("not poisoned").recv();
                let Ok(check) = next else { break };
                check();
            }
        });
    }
    sender
}

/// A folder for what is left after a cut. It need not survive anything, so it lies in memory.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.expect("a folder")
}

/// The power goes again while the store is opened after a cut.
fn check_while_recovering(
    cut: &Path,
    acknowledged: &World,
    under_way: &World,
    rng: &mut Rng,
) -> Result<(), String> {
    let (mut disk, ops) = traced(cut, "recover", &script::recovery());
    for (at, op) in ops.iter().enumerate() {
        disk.apply(op);
        let luck = [Luck::None, Luck::Some, Luck::Some, Luck::All][rng.usize(..4)];
        let cut = scratch();
        disk.write(cut.path(), luck, rng);
        check(&cut.path().join(STATE), acknowledged, under_way)
            .map_err(|what| format!("and again after {at} of {}, {luck:?}: {what}", ops.len()))?;
    }
    Ok(())
}

/// Carries out the script in a folder; what it did, and the disk before it.
fn traced(folder: &Path, script: &str, steps: &[Step]) -> (Disk, Vec<Op>) {
    let beside = TempDir::new().expect("a folder");
    let (disk, names) = Disk::of(folder);
    let mut reader = Reader::new(folder, &beside.path().join("acks"), names);
    let mut first = 0;
    while first < steps.len() {
        reader.read(&child::run(script, first, &folder.join(STATE), beside.path()));
        let death = steps[first..].iter().position(|step| matches!(step, Step::Die));
        first = death.map_or(steps.len(), |at| first + at + 1);
    }
    (disk, reader.into_ops())
}

/// What was acknowledged is there, and besides only what was under way, whole.
fn check(state: &Path, acknowledged: &World, under_way: &World) -> Result<(), String> {
    for name in script::ENVIRONMENTS {
        let fresh = contents(&script::empty(name)).expect("reads");
        let (before, after) = (acknowledged.states.get(name), under_way.states.get(name));
        // What nobody was told of need not be there, but nothing is in the way of making it.
        let mode = if before.is_some() { Mode::MustExist } else { Mode::CreateIfAbsent };
        let (found, problems) = open_as(name, mode, state)
            .and_then(|store| {
                Ok((contents(&*store)?, runtime().block_on(store.verify())?.problems))
            })
            .map_err(|error| format!("{name}: {error}"))?;
        if !problems.is_empty() {
            return Err(format!("{name}: {problems:?}"));
        }
        if ![before.unwrap_or(&fresh), after.unwrap_or(&fresh)].contains(&&found) {
            return Err(format!("{name} holds something else"));
        }
    }
    let exports = state.join(script::EXPORTS);
    for (name, bytes) in &acknowledged.exports {
        if std::fs::read(exports.join(name)).ok().as_ref() != Some(bytes) {
            return Err(format!("the export {} is gone or another one", name.display()));
        }
    }
    Ok(())
}

fn open_as(environment: &str, mode: Mode, folder: &Path) -> Result<Box<dyn Store>, StateError> {
    state::open(OpenOptions { environment: environment.into(), mode, ..options(folder) })
}
