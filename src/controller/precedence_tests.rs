use proptest::prelude::*;

use super::*;
use crate::state::RunFiles;

/// A state, of which only this matters here.
#[derive(Default)]
struct State {
    history: FilesHistory,
    last_run: u64,
}

impl State {
    fn ran(&mut self, command: &str, content: u8, since: u64) {
        self.last_run += 1;
        let files = RunFiles { digest: digest(content), since };
        self.history.note(&files, self.last_run, command == "run");
    }
}

fn digest(content: u8) -> FilesDigest {
    FilesDigest::of([("pushsync.yaml", &blake3::hash(&[content]))])
}

/// A process with a checkout of its own.
#[derive(Default)]
struct Copy {
    content: u8,
    precedence: Precedence,
    uptime: Duration,
}

impl Copy {
    fn of(content: u8) -> Self {
        Self { content, ..Self::default() }
    }

    fn sees(&mut self, state: &State) -> Result<u64, Overtaken> {
        let content = digest(self.content);
        self.precedence.check(&content, &state.history, state.last_run, self.uptime)
    }

    /// A cycle that has something to do.
    fn applies(&mut self, state: &mut State) -> bool {
        let since = self.sees(state);
        if let Ok(since) = since {
            state.ran("run", self.content, since);
            self.precedence.applied(state.last_run);
        }
        since.is_ok()
    }
}

/// Two copies with the same files, which one of them has applied.
fn agreed() -> (State, [Copy; 2]) {
    let mut state = State::default();
    let [mut one, mut other] = [Copy::of(1), Copy::of(1)];
    assert!(one.applies(&mut state) && other.sees(&state).is_ok());
    (state, [one, other])
}

#[test]
fn a_checkout_that_lags_behind_turns_nothing_back() {
    let (mut state, [mut one, mut other]) = agreed();
    one.content = 2;
    assert!(one.applies(&mut state));
    // However long it takes.
    for _ in 0..5 {
        other.uptime += PATIENCE;
        let overtaken = other.sees(&state).expect_err("other files");
        assert_eq!(overtaken, Overtaken { run: 2, by_process: true, left: None });
    }
    other.content = 2;
    assert!(other.applies(&mut state) && one.applies(&mut state));
    // Taken back, it is older content, and newer files.
    other.content = 1;
    assert!(other.applies(&mut state));
    assert!(!one.applies(&mut state));
    one.content = 1;
    assert!(one.applies(&mut state));
}

#[test]
fn a_copy_takes_over_what_its_own_files_say() {
    let (mut state, [mut one, mut other]) = agreed();
    assert!(other.applies(&mut state), "the same files");
    one.content = 2;
    assert!(other.applies(&mut state), "nobody has applied others");
    assert!(one.applies(&mut state));
}

#[test]
fn files_that_a_process_starts_with_wait_if_others_have_taken_their_place() {
    let mut state = State::default();
    assert!(Copy::of(1).applies(&mut state) && Copy::of(2).applies(&mut state));
    let mut again = Copy::of(1);
    let overtaken = again.sees(&state).expect_err("an image that was rolled back, or a lag");
    assert_eq!(overtaken.left, Some(PATIENCE));
    again.uptime = PATIENCE / 2;
    assert_eq!(again.sees(&state).expect_err("it waits").left, Some(PATIENCE / 2));
    let mut lives = Copy::of(2);
    again.uptime = PATIENCE;
    assert!(again.applies(&mut state), "nobody has applied anything else meanwhile");
    lives.uptime = PATIENCE;
    assert_eq!(lives.sees(&state).expect_err("it starts late").left, Some(PATIENCE));
    // Those that nobody has applied before are new.
    assert!(Copy::of(3).applies(&mut state));
}

#[test]
fn a_commit_that_came_while_another_copy_had_the_lock_is_known_to_be_older() {
    let (mut state, [mut one, mut other]) = agreed();
    for content in [2, 3] {
        other.content = content;
        other.precedence.loaded(&digest(content));
        // Its files change before it gets the lock. The other one dies of the second commit.
        if content == 2 {
            one.content = content;
            assert!(one.applies(&mut state));
        }
    }
    assert!(other.applies(&mut state));
}

#[test]
fn a_copy_that_left_its_files_behind_does_not_wait_for_one_that_applies_them() {
    let mut state = State::default();
    let [mut one, mut other] = [Copy::of(1), Copy::of(1)];
    assert!(one.sees(&state).is_ok() && other.sees(&state).is_ok());
    assert!(one.applies(&mut state));
    other.content = 2;
    assert!(other.applies(&mut state), "they are those that it had");
}

#[test]
fn where_nobody_knows_which_files_are_newer_a_process_waits_for_a_while() {
    let (mut state, [mut one, mut other]) = agreed();
    one.content = 2;
    assert!(one.applies(&mut state));
    // It has not looked since, and may have pulled before that or after it.
    other.content = 3;
    assert_eq!(other.sees(&state).expect_err("unclear").left, Some(PATIENCE));
    other.uptime += PATIENCE;
    assert!(other.applies(&mut state));
}

#[test]
fn a_checkout_that_steps_through_commits_waits_until_it_has_the_newest() {
    let (mut state, [mut one, mut other]) = agreed();
    one.content = 3;
    assert!(one.applies(&mut state));
    assert!(other.sees(&state).is_err());
    other.content = 2;
    assert_eq!(other.sees(&state).expect_err("older").left, Some(PATIENCE));
    other.content = 3;
    assert!(other.applies(&mut state));
}

#[test]
fn files_that_a_person_applies_count_at_once() {
    let (mut state, [mut one, mut other]) = agreed();
    one.content = 2;
    assert!(one.applies(&mut state) && other.sees(&state).is_err());
    let since = state.last_run;
    state.ran("apply", 1, since);
    assert!(other.applies(&mut state));
    assert!(one.sees(&state).is_err());
}

#[test]
fn a_process_that_lives_is_waited_for_without_end() {
    let mut state = State::default();
    let [mut one, mut two] = [Copy::of(1), Copy::of(2)];
    assert!(one.applies(&mut state) && two.applies(&mut state));
    let mut again = Copy::of(1);
    assert!(again.sees(&state).is_err());
    assert!(two.applies(&mut state), "it has something to do, so it lives");
    again.uptime = PATIENCE * 2;
    assert_eq!(again.sees(&state).expect_err("it lives").left, None);
}

#[test]
fn files_wait_for_those_of_a_command_and_count_if_they_do_not_follow() {
    let mut state = State::default();
    let mut copy = Copy::of(1);
    assert!(copy.applies(&mut state));
    // A job applies the next commit before the checkout is pulled, and twice.
    let since = state.last_run;
    state.ran("apply", 2, since);
    copy.uptime = PATIENCE;
    let left = copy.sees(&state).expect_err("it lags behind").left;
    assert_eq!(left, Some(PATIENCE), "from when it was noticed");
    copy.content = 2;
    assert!(copy.applies(&mut state));
    // Somebody applies another branch.
    let since = state.last_run;
    state.ran("apply", 3, since);
    assert!(copy.sees(&state).is_err());
    copy.uptime += PATIENCE;
    assert!(copy.applies(&mut state), "the folder is the word");
    assert!(copy.applies(&mut state));
}

#[derive(Debug, Clone)]
enum Step {
    /// Somebody commits this, perhaps what was there before.
    Commit(u8),
    /// A copy has pulled.
    Pull(usize),
    /// It has something to do, also if the API is as its files say.
    Cycle(usize, bool),
    /// A job applies the newest commit.
    Job,
    Restart(usize),
    /// Longer than anybody waits.
    Time,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..4_u8).prop_map(Step::Commit),
        4 => (0..3_usize).prop_map(Step::Pull),
        8 => (0..3_usize, any::<bool>()).prop_map(|(copy, does)| Step::Cycle(copy, does)),
        1 => Just(Step::Job),
        1 => (0..3_usize).prop_map(Step::Restart),
        1 => Just(Step::Time),
    ]
}

proptest! {
    #[test]
    fn no_commit_takes_the_place_of_a_later_one_however_late_and_in_how_many_steps_it_is_pulled(
        steps in prop::collection::vec((0..4_u8, 0..3_usize, 0..3_u8, any::<bool>()), 0..60),
    ) {
        let (mut state, mut tip, mut there) = (State::default(), 0, 0);
        let mut copies: Vec<Copy> = (0..3).map(|_| Copy::of(tip)).collect();
        copies.iter_mut().for_each(|copy| _ = copy.sees(&state));
        let mut cycle = |copy: &mut Copy, state: &mut State, does: bool| {
            copy.precedence.loaded(&digest(copy.content));
            let seen = copy.sees(state).is_ok();
            if (there != copy.content || does) && seen && copy.applies(state) {
                prop_assert!(copy.content >= there, "{} after {}", copy.content, there);
                there = copy.content;
            }
            Ok(())
        };
        for (what, copy, by, does) in steps {
            let copy = &mut copies[copy];
            match what {
                0 => tip += 1,
                1 => copy.content = tip.min(copy.content + by),
                _ => cycle(copy, &mut state, does)?,
            }
        }
        for _ in 0..3 {
            for copy in &mut copies {
                copy.content = tip;
                cycle(copy, &mut state, true)?;
            }
        }
        prop_assert_eq!(there, tip);
    }

    #[test]
    fn what_is_there_changes_at_most_once_for_each_commit_and_ends_as_the_last_one_says(
        steps in prop::collection::vec(step(), 0..60),
        restarts in any::<bool>(),
    ) {
        let (mut state, mut tip, mut there) = (State::default(), 0, 0);
        let mut copies: Vec<Copy> = (0..3).map(|_| Copy::of(tip)).collect();
        copies.iter_mut().for_each(|copy| _ = copy.sees(&state));
        let (mut commits, mut doubts, mut turns) = (0, 0, 0);
        let mut cycle = |copy: &mut Copy, state: &mut State, there: &mut u8, does: bool| {
            copy.uptime += Duration::from_secs(1);
            // Each cycle looks, and applies only what there is to do.
            copy.precedence.loaded(&digest(copy.content));
            let seen = copy.sees(state).is_ok();
            if (*there != copy.content || does) && seen && copy.applies(state) {
                turns += usize::from(*there != copy.content);
                *there = copy.content;
            }
        };
        for step in steps {
            match step {
                Step::Commit(content) => {
                    tip = content;
                    commits += 1;
                }
                Step::Pull(copy) => copies[copy].content = tip,
                Step::Cycle(copy, does) => cycle(&mut copies[copy], &mut state, &mut there, does),
                Step::Job if restarts => {
                    // Somebody runs it, and means it.
                    doubts += 1;
                    let since = state.last_run;
                    state.ran("apply", tip, since);
                    there = tip;
                }
                Step::Restart(copy) if restarts => {
                    doubts += 1;
                    copies[copy] = Copy::of(copies[copy].content);
                    let _ = copies[copy].sees(&state);
                }
                Step::Time if restarts => {
                    // Each of them may believe that its files are the right ones.
                    doubts += copies.len();
                    copies.iter_mut().for_each(|copy| copy.uptime += PATIENCE);
                }
                Step::Job | Step::Restart(_) | Step::Time => {}
            }
        }
        for _ in 0..3 {
            for copy in &mut copies {
                copy.content = tip;
                copy.uptime += PATIENCE;
                cycle(copy, &mut state, &mut there, true);
            }
        }
        prop_assert_eq!(there, tip);
        prop_assert!(turns <= commits + 2 * doubts, "{} turns, {} commits", turns, commits);
    }
}
