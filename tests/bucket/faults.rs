//! A server that answers wrongly, late, twice or not at all, and writers that are killed: what was
//! acknowledged is there exactly once, and the state is never taken for damaged.

use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use fastrand::Rng;
use pushsync::state::{self, StateError, bucket};

use super::{
    place::Place,
    proxy::{Fate, Proxy},
    server::server,
    support::*,
};

/// How many writers there are, one after the other.
const WRITERS: i64 = 25;

fn fate(rng: &mut Rng) -> Fate {
    let effect = rng.bool();
    match rng.u32(..100) {
        0..=5 => Fate::Answer { status: [500, 503][rng.usize(..2)], effect },
        6..=8 => Fate::Drop { effect },
        9 => Fate::Late,
        10 => Fate::Hang { effect },
        _ => Fate::Pass,
    }
}

/// What may be in the state: what must be (its commit was acknowledged), and what may be (its
/// commit failed, and nobody knows; it may even come late, until another one is acknowledged).
#[derive(Default)]
struct Expected {
    certain: BTreeMap<String, String>,
    possible: Vec<BTreeMap<String, String>>,
}

impl Expected {
    /// Compares what is there with what may be, and takes it for certain from then on.
    fn check(&mut self, found: &BTreeMap<String, String>, what: &str) {
        let mut allowed = vec![self.certain.clone()];
        for possible in &self.possible {
            // Each happened after the ones before it, or did not happen.
            for before in allowed.clone() {
                let mut after = before;
                after.extend(possible.clone());
                allowed.push(after);
            }
        }
        assert!(allowed.contains(found), "{what}: {found:#?} is none of {allowed:#?}");
        self.certain = found.clone();
    }
}

fn read(store: &dyn state::Store) -> BTreeMap<String, String> {
    let found = scan(store).expect("reads");
    found
        .iter()
        .map(|located| {
            let record = &located;
            (record.address.as_str().to_owned(), record.content.text.to_string())
        })
        .collect()
}

/// One writer: it opens the state, commits for a while, and is closed or killed.
fn writer(number: i64, place: &Place, rng: &mut Rng, expected: &mut Expected) -> &'static str {
    let faults = Arc::new(Mutex::new(rng.fork()));
    // Killed at this request, whatever it is.
    let mut life = if rng.f64() < 0.4 { rng.usize(3..40) } else { usize::MAX };
    let proxy = Proxy::start(place.server, move |_| {
        life = life.saturating_sub(1);
        if life == 0 {
            return Fate::Drop { effect: faults.lock().expect("not poisoned").bool() };
        }
        fate(&mut faults.lock().expect("not poisoned"))
    });
    let place = place.through(proxy.address);
    // A writer that was killed has left its lock.
    bucket::unlock(&Place { endpoint: place.server, ..place.clone() }.bucket(), "default")
        .expect("answers");
    let store = match state::open(place.options_of(9, number * 1000)) {
        Ok(store) => store,
        Err(StateError::Unavailable { .. }) => return "not opened",
        Err(error) => panic!("writer {number}: {error}"),
    };
    expected.check(&read(&*store), &format!("writer {number} found"));
    let mut ended = "closed";
    for n in 0..rng.usize(..12) {
        let mut batch = BTreeMap::new();
        for _ in 0..rng.usize(1..4) {
            batch.insert(format!("m{}@v", rng.u32(..12)), format!("{number} {n} {}", rng.u32(..)));
        }
        let writes = batch.iter().map(|(name, text)| put(name, text)).collect();
        match runtime().block_on(store.commit(writes)) {
            Ok(_) => {
                expected.certain.extend(batch);
                expected.possible.clear();
            }
            Err(StateError::Unavailable { .. } | StateError::Failed { .. }) => {
                // The commit that failed may be there; none after it was tried.
                if ended == "closed" {
                    expected.possible.push(batch);
                }
                ended = "failed";
            }
            Err(error) => panic!("writer {number}: {error}"),
        }
    }
    if rng.f64() < 0.3 {
        proxy.cut();
        ended = "killed";
    }
    drop(store);
    ended
}

#[test]
fn whatever_the_server_answers_what_was_acknowledged_is_there_exactly_once() {
    let server = server!();
    #[expect(clippy::disallowed_methods, reason = "another seed for who looks for more")]
    let seed = std::env::var("BUCKET_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    // Past what the test runner holds back: the seed is of use in every log.
    let _ = writeln!(std::io::stderr(), "\nBUCKET_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let place = server.place().with(|limits| {
        limits.request = Duration::from_millis(800);
        limits.patience = Duration::from_millis(1500);
        limits.segments = 12;
        limits.snapshots = 4;
    });
    let mut expected = Expected::default();
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for number in 0..WRITERS {
        *ends.entry(writer(number, &place, &mut rng, &mut expected)).or_default() += 1;
    }
    bucket::unlock(&place.bucket(), "default").expect("answers");
    let store = place.open().expect("opens");
    expected.check(&read(&*store), "at the end");
    assert_eq!(runtime().block_on(store.verify()).expect("answers").problems, [""; 0]);
    println!("{ends:?}");
    for end in ["closed", "failed", "killed"] {
        assert!(ends.contains_key(end), "none was {end}: {ends:?}");
    }
}

#[test]
fn an_answer_that_is_lost_after_the_effect_is_not_a_failure() {
    let server = server!();
    for fate in [
        Fate::Answer { status: 500, effect: true },
        Fate::Answer { status: 503, effect: true },
        Fate::Drop { effect: true },
        Fate::Hang { effect: true },
    ] {
        let place = server.place().with(|limits| limits.request = Duration::from_secs(2));
        let lose_each_put_once = {
            let mut last = String::new();
            move |asked: &super::proxy::Asked| {
                let first = asked.method == "PUT" && asked.path != last;
                last = asked.path.clone();
                if first { fate } else { Fate::Pass }
            }
        };
        let proxy = Proxy::start(server.address, lose_each_put_once);
        let store = place.through(proxy.address).open().expect("opens");
        for name in ["a@v", "b@v", "c@v"] {
            commit(&*store, vec![put(name, "x")]);
        }
        drop(store);
        assert_eq!(place.names_in("segments/").len(), 3, "{fate:?}");
        assert_eq!(scan(&*place.open().expect("opens")).expect("reads").len(), 3, "{fate:?}");
    }
}
