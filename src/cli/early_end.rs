//! What a run that ended early says: why, when to come back, and with which command.

use jiff::Timestamp;

use super::{
    clock_time::{from_now, time_of_day},
    context::Context,
    environment,
    failure::Failure,
    shell_command::ShellCommand,
};
use crate::{
    apply::Stop,
    model::{Endpoint, shell_word},
    render::humanize,
};

/// A run that ended early.
pub(super) struct EarlyEnd<'a> {
    pub(super) api: &'a Endpoint,
    /// How many requests it sent.
    pub(super) requests: u64,
    /// When the API takes requests again, if it takes none now.
    pub(super) resets_at: Option<Timestamp>,
    /// The command that goes on.
    pub(super) again: ShellCommand,
}

impl EarlyEnd<'_> {
    /// Says what to do, as far as the reason does not say it itself.
    pub(super) fn report(&self, context: &Context, stop: Stop) {
        match stop {
            Stop::Fatal => {}
            Stop::Outage => self.report_outage(context),
            Stop::Budget | Stop::Duration | Stop::Signal | Stop::Changed => {
                self.report_good_order(context, stop);
            }
        }
    }

    fn report_outage(&self, context: &Context) {
        let (at, look) = match self.api.url() {
            Some(url) => {
                let url = url.to_string();
                let look = format!("look whether it is up: curl -I {}", shell_word(url.as_ref()));
                (format!(" at {url}"), look)
            }
            None => (String::new(), "look whether it is up".to_owned()),
        };
        let message = format!(
            "the API{at} gave no usable answer five times in a row: it is out, or a gateway, a proxy or a login page \
             answers in its place"
        );
        context.output.failure(&Failure::new(message).help(look));
        context.output.hint(&format!("once the API answers again, go on with: {}", self.again));
    }

    fn report_good_order(&self, context: &Context, stop: Stop) {
        let (now, again) = (environment::now(), &self.again);
        let Some(at) = self.resets_at.filter(|at| *at > now) else {
            let go_on = format!("the state is right; run this again to go on: {again}");
            return context.output.hint(&go_on);
        };
        context.output.hint(&format!(
            "the API takes requests again at {} (in {}): run this again then: {again}",
            time_of_day(at, now, &environment::zone()),
            humanize::duration(from_now(at, now)),
        ));
        // Only the state says so: no answer of the API has confirmed it.
        if stop == Stop::Budget && self.requests == 0 {
            let forget = context.command("state forget-budget");
            context.output.hint(&format!(
                "only the state says so, from an earlier answer; if that cannot be true, forget it: {forget}"
            ));
        }
    }
}
