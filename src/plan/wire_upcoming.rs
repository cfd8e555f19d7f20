//! A delivery of a window to come as JSON, and back.

use serde::{Deserialize, Serialize, Serializer};

use super::{
    Upcoming,
    wire_change::{WireError, WireSource},
};
use crate::model::{Address, Content, Kind, Language, Target, Window};

/// An [`Upcoming`], flat.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireUpcoming {
    address: Address,
    kind: Kind,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    opened: bool,
    /// The language of its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locale: Option<Language>,
    source: Option<WireSource>,
    after: Content,
    target: Target,
}

/// Deliveries of windows to come, each of which is made when it is written.
#[derive(Clone, Copy)]
pub(super) struct WireUpcomings<'a>(pub(super) &'a [Upcoming]);

impl WireUpcomings<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for WireUpcomings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(WireUpcoming::from))
    }
}

impl From<&Upcoming> for WireUpcoming {
    fn from(upcoming: &Upcoming) -> Self {
        let Upcoming { address, kind, content, target, opened, language, source } =
            upcoming.clone();
        let source = source.as_ref().map(WireSource::from);
        Self { address, kind, opened, locale: language, source, after: content, target }
    }
}

impl WireUpcoming {
    pub(super) fn decode(self) -> Result<Upcoming, WireError> {
        let Self { address, kind, opened, locale: language, source, after, target } = self;
        let is_to_come = |window: Window| !window.is_open();
        if !target.has(kind, &after) || !target.window().is_some_and(is_to_come) {
            return Err(WireError::Altered);
        }
        let source = source.map(WireSource::place);
        Ok(Upcoming { address, kind, content: after, target, opened, language, source })
    }
}
