use jiff::Timestamp;

/// When a message should exist: from `from` on, until just before `until`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// The first instant.
    pub from: Option<Timestamp>,
    /// The first instant after it.
    pub until: Option<Timestamp>,
}

impl Window {
    /// Whether a message should exist at that instant.
    pub fn state(&self, at: Timestamp) -> WindowState {
        match *self {
            Self { until: Some(until), .. } if at >= until => WindowState::Over(until),
            Self { from: Some(from), .. } if at < from => WindowState::NotYet(from),
            _ => WindowState::Active,
        }
    }
}

/// Whether a message should exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowState {
    /// Yes.
    Active,
    /// Only from then on.
    NotYet(Timestamp),
    /// Not since then.
    Over(Timestamp),
}
