//! Asks the API about the messages that somebody says were sent.

use std::{collections::BTreeMap, sync::Arc};

use super::{command::StateCommand, decisions::refuse};
use crate::{
    apply::{self, Claim, Confirmed},
    cli::{
        args::Bounds,
        context::Needs,
        failure::{Failure, status},
        questions::{self, Questions},
    },
    model::Address,
    state::Store,
};

/// The texts of the messages, where the API tells them. Fails if one of them is not there, or is another's.
pub(super) fn texts(
    command: &StateCommand<'_>,
    store: &Arc<dyn Store>,
    claims: Vec<Claim>,
) -> Result<BTreeMap<Address, String>, Failure> {
    let context = command.context;
    let loaded = context.load_for(Needs::Files);
    let Some(settings) = loaded.settings() else {
        context.output.report(&loaded.report);
        return Err(unasked(Failure::silent()));
    };
    let questions = Questions {
        settings,
        state: &command.state,
        store,
        bounds: &Bounds::default(),
        command: "state resolve",
    };
    let work = |session| apply::confirm(claims, session);
    let confirmed = questions::ask(context, &command.runtime, &questions, work);
    let Confirmed { found, refused, remaining, stopped: _, fatal } =
        confirmed.map_err(|failure| match failure.about_state {
            true => failure,
            false => unasked(failure),
        })?;
    if let Some(fatal) = &fatal {
        let mut failure = Failure::from(fatal);
        failure.help.get_or_insert_with(String::new).push_str("; nothing was recorded");
        return Err(unasked(failure));
    }
    let problem = |(address, why): (Address, String)| format!("{}: {why}", command.shown(&address));
    refuse(refused.into_iter().map(problem).collect())?;
    if remaining > 0 {
        return Err(Failure::new("the API could not be asked about all messages now")
            .status(status::STOPPED)
            .help("nothing was recorded; run it again later, or for fewer deliveries"));
    }
    Ok(found
        .into_iter()
        .filter_map(|(address, message)| Some((address, message.compared_text()?.to_owned())))
        .collect())
}

/// The failure of a question that could not be asked.
fn unasked(failure: Failure) -> Failure {
    const WHY: &str =
        "--sent asks the API whether the message is there; --unchecked records it without asking";
    let help = match failure.help.as_deref() {
        Some(help) if !help.is_empty() => format!("{}; {WHY}", help.trim_start_matches("; ")),
        _ => WHY.to_owned(),
    };
    failure.help(help)
}
