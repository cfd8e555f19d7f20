//! Asks the API about the messages that somebody says were sent.

use std::{collections::BTreeMap, sync::Arc};

use super::{command::StateCommand, decisions::refuse};
use crate::{
    apply::{self, Claim, Confirmed},
    cli::{
        args::Bounds,
        context::{Needs, SessionParts},
        failure::{Failure, status},
        progress::Progress,
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
    let (context, runtime) = (command.context, &command.runtime);
    let loaded = context.load_for(Needs::Files);
    let Some(settings) = loaded.settings() else {
        context.output.report(&loaded.report);
        return Err(unasked(Failure::silent()));
    };
    let endpoint = context.endpoint(settings)?;
    let api_url = context.check_same_api(&endpoint, &command.block_on(store.meta())?)?;
    let connection = context.connect(runtime, settings, &command.state).map_err(unasked)?;
    let progress = Arc::new(Progress::new(&context.global, context.output.clone()));
    let session = context.session(SessionParts {
        store: Arc::clone(store),
        api: Arc::new(connection.client.clone()),
        api_url,
        settings,
        bounds: &Bounds::default(),
        info: context.run_info("state resolve", context.commit()),
        reporter: progress.clone(),
    });
    let stopper = session.stopper.clone();
    let confirmed = runtime.block_on(async {
        let work = apply::confirm(claims, session);
        let confirmed = context.until_stopped(stopper, work).await;
        connection.close().await;
        confirmed
    });
    progress.finish();
    let Confirmed { found, refused, remaining, stopped: _, fatal } = confirmed??;
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
