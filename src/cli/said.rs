//! What a process that goes on has said already: the same problem is told once, as long as it lasts.

use std::{
    collections::HashSet,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

/// What was said in the last cycle, and in this one. Copies share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Said(Option<Arc<Mutex<Cycles>>>);

#[derive(Debug, Default)]
struct Cycles {
    last: HashSet<blake3::Hash>,
    this: HashSet<blake3::Hash>,
}

impl Said {
    /// For a process that works in cycles. By default, everything is said each time.
    pub(super) fn once() -> Self {
        Self(Some(Arc::default()))
    }

    /// Whether a text is to be said: nobody has said it in the last cycle or in this one.
    pub(super) fn is_news(&self, text: &str) -> bool {
        let Some(cycles) = &self.0 else { return true };
        let mut cycles = cycles.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = blake3::hash(without_request_ids(text).as_bytes());
        cycles.this.insert(hash) && !cycles.last.contains(&hash)
    }

    /// A cycle has ended. What it has said is known in the next one.
    pub(super) fn end_cycle(&self) {
        if let Some(cycles) = &self.0 {
            let mut cycles = cycles.lock().unwrap_or_else(PoisonError::into_inner);
            cycles.last = mem::take(&mut cycles.this);
        }
    }
}

/// A text without the ids of requests: each answer has another one.
fn without_request_ids(text: &str) -> String {
    const ID: &str = "(request id ";
    let mut parts = text.split(ID);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').map_or(part, |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_said_once_as_long_as_it_lasts_and_again_when_it_comes_back() {
        let said = Said::once();
        assert!(said.is_news("a"));
        assert!(!said.is_news("a"));
        said.end_cycle();
        assert!(!said.is_news("a"));
        assert!(said.is_news("b"));
        said.end_cycle();
        assert!(!said.is_news("b") && !said.is_news("a"));
        said.end_cycle();
        said.end_cycle();
        assert!(said.is_news("a"));
    }

    #[test]
    fn answers_that_differ_in_their_request_ids_are_the_same_problem() {
        let said = Said::once();
        assert!(said.is_news("answered 500 (request id a-1), twice (request id b)."));
        assert!(!said.is_news("answered 500 (request id a-2), twice (request id c)."));
        assert!(said.is_news("answered 502 (request id a-2), twice (request id c)."));
        assert!(said.is_news("(request id "));
    }

    #[test]
    fn a_command_says_everything_each_time() {
        let said = Said::default();
        assert!(said.is_news("a") && said.is_news("a"));
    }
}
