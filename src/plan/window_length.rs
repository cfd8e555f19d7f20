//! Whether the window of a message is long enough for its sends.

use std::time::Duration;

use jiff::Timestamp;

use super::{Budget, Forecast};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::{Key, Place, Window, duration, number},
};

/// The sends of a message within its window.
pub(super) struct WindowSends<'a> {
    /// The message.
    pub(super) key: &'a Key,
    /// Where it is written.
    pub(super) place: Option<&'a Place>,
    /// When it is to be there.
    pub(super) window: Window,
    /// How many creates and resends it needs: those that are pending if its window is open, one for each visitor
    /// if it opens later.
    pub(super) sends: u64,
}

/// The warning that the window closes before all of them are sent; none if it does not, or never closes.
pub(super) fn too_short(
    message: &WindowSends<'_>,
    budget: &Budget,
    as_of: Timestamp,
) -> Option<Diagnostic> {
    let WindowSends { key, place, window, sends } = *message;
    let closes = window.until.filter(|closes| *closes > as_of)?;
    let opens = window.from.filter(|opens| *opens > as_of);
    let open_for = closes.duration_since(opens.unwrap_or(as_of));
    let open_for = Duration::try_from(open_for).unwrap_or_default();
    let takes = match (opens, budget.forecast(sends)) {
        // What is left of this hour does not last until then.
        (Some(_), _) => budget.takes(sends),
        (None, Forecast::Fits { .. }) => return None,
        (None, Forecast::Takes { about, .. }) => about,
    };
    if takes <= open_for {
        return None;
    }
    let (open, left) = match opens {
        Some(opens) => ("is open for", format!("from {opens} to {closes}")),
        None => ("stays open for", format!("until {closes}")),
    };
    let message = format!(
        "the window of {key} {open} {} ({left}), and its {} sends take about {} at {} requests an hour",
        duration(open_for),
        number(sends),
        duration(takes),
        number(budget.limit),
    );
    let warning = Diagnostic::warning(Code::WindowTooShort, message).help(
        "some visitors would never get it, others only for a short time: let the window open earlier or close later, or choose fewer visitors",
    );
    Some(match place {
        Some(place) => warning.at(place.clone()),
        None => warning,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    /// The warning for a window between these hours, planned at hour 0, with 30 of 100 requests left.
    fn warned(from: Option<i64>, until: Option<i64>, sends: u64) -> Option<String> {
        let hour = |hour: i64| at(hour * HOUR);
        let window = Window { from: from.map(hour), until: until.map(hour) };
        let key = Key::parse("sale").expect("a key");
        let place = Place { file: "messages/sale.yaml".into(), line: 3, column: 5, length: 4 };
        let message = WindowSends { key: &key, place: Some(&place), window, sends };
        let budget =
            Budget { limit: 100, remaining: 30, resets_in_s: 1200, fits: true, unlimited: false };
        let warning = too_short(&message, &budget, at(0))?;
        assert_eq!((warning.code, warning.place.as_ref()), (Code::WindowTooShort, Some(&place)));
        assert!(!warning.is_error());
        Some(warning.message)
    }

    #[test]
    fn a_window_that_opens_later_must_last_for_all_its_visitors() {
        assert_eq!(warned(Some(24), Some(24 + 50), 5_000), None);
        let told = "the window of sale is open for 2 d 1 h (from 1970-01-02T00:00:00Z to 1970-01-04T01:00:00Z), \
                    and its 5,000 sends take about 2 d 2 h at 100 requests an hour";
        assert_eq!(warned(Some(24), Some(24 + 49), 5_000).as_deref(), Some(told));
    }

    #[test]
    fn an_open_window_must_last_for_what_is_not_sent_yet() {
        assert_eq!(warned(Some(-100), Some(10), 1_000), None);
        let told = "the window of sale stays open for 9 h (until 1970-01-01T09:00:00Z), and its 1,000 sends take \
                    about 9 h 20 min at 100 requests an hour";
        assert_eq!(warned(Some(-100), Some(9), 1_000).as_deref(), Some(told));
        assert_eq!(warned(None, Some(9), 1_000).as_deref(), Some(told));
    }

    #[test]
    fn what_is_left_of_this_hour_is_sent_at_once() {
        let window = Window { from: None, until: Some(at(60)) };
        let key = Key::parse("sale").expect("a key");
        let message = |sends| WindowSends { key: &key, place: None, window, sends };
        let budget = Budget::at(at(0), None, 100);
        assert_eq!(too_short(&message(100), &budget, at(0)), None);
        assert!(too_short(&message(101), &budget, at(0)).is_some());
    }

    #[test]
    fn a_window_without_an_end_a_closed_one_and_no_sends_are_never_too_short() {
        assert_eq!(warned(None, None, 1_000_000), None);
        assert_eq!(warned(Some(24), None, 1_000_000), None);
        assert_eq!(warned(None, Some(-1), 1_000_000), None);
        assert_eq!(warned(Some(24), Some(25), 0), None);
    }
}
