//! What the child does: the same for the same seed.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use fastrand::Rng;
use pushsync::state::{MemoryStore, Store, Write, backup::backup};

use crate::support::*;

/// Where the exports are, in the state's folder.
pub(super) const EXPORTS: &str = "exports";
pub(super) const ENVIRONMENTS: [&str; 2] = ["default", "sandbox:default"];

#[derive(Debug, Clone)]
pub(super) enum Step {
    Open(&'static str),
    Commit(Vec<Write>),
    /// Into a folder beside the state's files, as `apply` does.
    Export,
    Close,
    /// The process dies; the next one opens what it left.
    Die,
}

/// What there is.
#[derive(Clone, Default)]
pub(super) struct World {
    /// What each environment holds; those that are not there are not there.
    pub(super) states: BTreeMap<&'static str, String>,
    /// The exports, by the names of their files.
    pub(super) exports: BTreeMap<OsString, Vec<u8>>,
}

/// The script of this name: `recover`, or a seed.
pub(super) fn named(name: &str) -> Vec<Step> {
    if name == "recover" { recovery() } else { steps(name.parse().expect("is a seed")) }
}

/// Opens what is there.
pub(super) fn recovery() -> Vec<Step> {
    ENVIRONMENTS.into_iter().flat_map(|name| [Step::Open(name), Step::Close]).collect()
}

pub(super) fn steps(seed: u64) -> Vec<Step> {
    let mut rng = Rng::with_seed(seed);
    let mut steps = Vec::new();
    for session in 0..5 {
        let environment = if session == 0 { 0 } else { rng.usize(..ENVIRONMENTS.len()) };
        steps.push(Step::Open(ENVIRONMENTS[environment]));
        if session == 0 {
            let restore = Write::Restore {
                lineage: LINEAGE,
                serial: 7,
                created_at: time(0),
                api: None,
                secrets: Default::default(),
            };
            steps.push(Step::Commit(vec![restore, put("a@1", "imported"), log(1)]));
        }
        for _ in 0..rng.usize(2..7) {
            steps.push(Step::Commit(commit_of(&mut rng)));
        }
        if session % 2 == 1 {
            // Larger than a segment of the log.
            let name = |i| format!("h@visitor-{i}");
            let big = (0..25).map(|i| put(&name(i), &text(&mut rng, 90_000)));
            steps.push(Step::Commit(big.collect()));
        }
        if session % 2 == 0 {
            steps.push(Step::Export);
        }
        steps.push(if rng.u8(..3) == 0 { Step::Die } else { Step::Close });
    }
    steps
}

fn commit_of(rng: &mut Rng) -> Vec<Write> {
    let count = if rng.u8(..6) == 0 { 60 } else { rng.usize(1..5) };
    (0..count)
        .map(|_| {
            let name = format!("{}@visitor-{}", rng.alphabetic().to_ascii_lowercase(), rng.u8(..9));
            match rng.u8(..16) {
                0 | 1 => intend(&name),
                2 => Write::Settle(address(&name)),
                3 => Write::Remove(address(&name)),
                4 => Write::Budget(budget(rng.u64(..100))),
                5 => log(rng.u32(..50)),
                6 => put(&name, &text(rng, 30_000)),
                7..=9 => approve(&approval(&name, &text(rng, 60), until(60))),
                10 => Write::Withdraw(address(&name)),
                _ => put(&name, &text(rng, 60)),
            }
        })
        .collect()
}

fn text(rng: &mut Rng, most: usize) -> String {
    let length = rng.usize(1..most);
    std::iter::repeat_with(|| rng.alphanumeric()).take(length).collect()
}

/// What there is before the first step, and after each.
pub(super) fn worlds(steps: &[Step]) -> Vec<World> {
    let mut stores = BTreeMap::new();
    let mut current = "";
    let mut worlds = vec![World::default()];
    for step in steps {
        let mut world = worlds.last().expect("the first").clone();
        match step {
            Step::Open(environment) => {
                current = environment;
                stores.entry(current).or_insert_with(|| empty(current));
            }
            Step::Commit(writes) => commit(&stores[current], writes.clone()),
            Step::Export => {
                let folder = tempfile::tempdir().expect("a folder");
                let file = export(&stores[current], folder.path());
                let name = file.file_name().expect("has a name").to_owned();
                world.exports.insert(name, fs::read(file).expect("reads"));
            }
            Step::Close | Step::Die => {}
        }
        world.states.insert(current, contents(&stores[current]).expect("reads"));
        worlds.push(world);
    }
    worlds
}

/// Exports a store; the file.
pub(super) fn export(store: &dyn Store, folder: &Path) -> PathBuf {
    let environment = runtime().block_on(store.meta()).expect("answers").environment;
    runtime().block_on(backup(store, folder, &environment, time(9), None)).expect("is exported")
}

pub(super) fn empty(environment: &str) -> MemoryStore {
    MemoryStore::new(environment, LINEAGE, time(0)).expect("can be made")
}
