//! What is agreed to and waits for its window.

use jiff::Timestamp;

use crate::{
    model::{Approval, WindowState},
    render::humanize,
};

/// The deliveries of a state that wait for their windows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    count: u64,
    /// When the first window opens.
    opens: Timestamp,
}

impl Waiting {
    /// Those that wait at this time; `None` if there are none.
    pub(super) fn among(approvals: &[Approval], now: Timestamp) -> Option<Self> {
        let waiting = approvals.iter().filter(|one| !one.lapsed && !one.opened);
        let opens = waiting.filter_map(|one| match one.target.window()?.state(now) {
            WindowState::NotYet(from) => Some(from),
            WindowState::Active | WindowState::Over(_) => None,
        });
        let mut count = 0;
        let opens = opens.inspect(|_| count += 1).min()?;
        Some(Self { count, opens })
    }

    /// In a sentence.
    pub(super) fn in_words(self) -> String {
        let opens = self.opens;
        match self.count {
            1 => format!("Agreed to: 1 delivery waits for its window, which opens {opens:.0}."),
            more => format!(
                "Agreed to: {} deliveries wait for their windows; the first opens {opens:.0}.",
                humanize::number(more)
            ),
        }
    }
}
