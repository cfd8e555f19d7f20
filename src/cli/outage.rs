//! The end of a run that the API gave no usable answers.

use super::{context::Context, failure::Failure, shell_command::ShellCommand};
use crate::model::{Endpoint, shell_word};

/// Says what happened, and what to do. `again` is the command that goes on.
pub(super) fn report(context: &Context, api: &Endpoint, again: &ShellCommand) {
    let (at, look) = match api.url() {
        Some(url) => {
            let url = url.to_string();
            let look = format!("look whether it is up: curl -I {}", shell_word(url.as_ref()));
            (format!(" at {url}"), look)
        }
        None => (String::new(), "look whether it is up".to_owned()),
    };
    context.output.failure(
        &Failure::new(format!(
            "the API{at} gave no usable answer five times in a row: it is out, or a gateway, a proxy or a login page \
             answers in its place"
        ))
        .help(look),
    );
    context.output.hint(&format!("once the API answers again, go on with: {again}"));
}
