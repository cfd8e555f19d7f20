use serde::{Deserialize, Serialize};

use super::{Action, Change};

/// Counts of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Changes of that action, and so on.
    pub create: u64,
    /// See [`Action::Update`].
    pub update: u64,
    /// See [`Action::Replace`].
    pub replace: u64,
    /// See [`Action::Delete`].
    pub delete: u64,
    /// See [`Action::Resend`].
    pub resend: u64,
    /// See [`Action::Restore`].
    pub restore: u64,
    /// See [`Action::Forget`].
    pub forget: u64,
    /// See [`Action::Move`].
    pub r#move: u64,
    /// See [`Action::Adopt`].
    pub adopt: u64,
    /// See [`Action::Unknown`].
    pub unknown: u64,
    /// Deliveries that are as they should be.
    pub unchanged: u64,
    /// Changes that somebody has agreed to, and that wait for the budget. They are among the numbers above.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub approved: u64,
    /// Requests that all changes take together, if all goes well.
    pub requests: u64,
}

impl Summary {
    /// Counts `changes`.
    pub fn of<'a>(changes: impl IntoIterator<Item = &'a Change>, unchanged: u64) -> Self {
        let mut summary = Self { unchanged, ..Self::default() };
        for change in changes {
            *summary.slot(change.action()) += 1;
            summary.approved += u64::from(change.waits());
            summary.requests += change.requests();
        }
        summary
    }

    fn slot(&mut self, action: Action) -> &mut u64 {
        match action {
            Action::Create => &mut self.create,
            Action::Update => &mut self.update,
            Action::Replace => &mut self.replace,
            Action::Delete => &mut self.delete,
            Action::Resend => &mut self.resend,
            Action::Restore => &mut self.restore,
            Action::Forget => &mut self.forget,
            Action::Move => &mut self.r#move,
            Action::Adopt => &mut self.adopt,
            Action::Unknown => &mut self.unknown,
        }
    }

    /// How many changes of this action there are.
    pub fn count(mut self, action: Action) -> u64 {
        *self.slot(action)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
