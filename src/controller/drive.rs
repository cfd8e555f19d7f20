//! The loop: a cycle, a wait, and again.

use jiff::Timestamp;

use super::{Cycle, Live, Next, Phase, Schedule, Wake};

/// Whatever the loop drives: the process, or a test with a clock of its own.
pub trait Driven {
    /// The time.
    fn now(&self) -> Timestamp;
    /// Loads, plans and applies.
    fn cycle(&mut self, why: Wake) -> Cycle;
    /// Tells of a cycle that has ended.
    fn ended(&mut self, cycle: &Cycle, next: Next);
    /// Waits until that time, or until something happens; `None` once the process is to end.
    fn wait(&mut self, schedule: &Schedule, next: Next) -> Option<Wake>;
    /// Whether the process is to end.
    fn is_over(&self) -> bool;
}

/// Runs cycles until the process is to end. Nothing that a cycle finds ends it.
pub fn drive(driven: &mut impl Driven, mut schedule: Schedule, live: &Live) {
    let mut why = Wake::Start;
    while !driven.is_over() {
        live.is(Phase::Working(driven.now()), driven.now());
        let cycle = driven.cycle(why);
        live.ended(&cycle);
        let next = schedule.after(&cycle);
        live.is(Phase::Waiting(next), driven.now());
        driven.ended(&cycle, next);
        if driven.is_over() {
            break;
        }
        match driven.wait(&schedule, next) {
            Some(wake) => why = wake,
            None => break,
        }
    }
    live.is(Phase::Ending, driven.now());
}
