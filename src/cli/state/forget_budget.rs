use super::command::StateCommand;
use crate::{
    cli::{
        clock_time::time_of_day,
        environment,
        failure::{Failure, status},
    },
    model::BudgetNote,
    render::humanize,
    state::{Meta, Write},
};

/// Drops what the state knows of the API's budget. The next answer tells it anew.
pub(super) fn forget_budget(command: &StateCommand<'_>) -> Result<u8, Failure> {
    let store = command.open("state forget-budget")?;
    let Meta { budget, .. } = command.block_on(store.meta())?;
    let Some(budget) = budget else {
        command.note("the state knows nothing of the budget: there is nothing to forget");
        return Ok(status::DONE);
    };
    command.commit(&*store, "state forget-budget", vec![Write::ForgetBudget], Vec::new())?;
    command.note(&format!("forgotten: {}", in_words(&budget)));
    command.note("the next request asks the API: if nothing is left, it refuses that one, and nothing is lost");
    Ok(status::DONE)
}

/// `0 of 100 requests were left until 14:05, as heard at 13:12`.
fn in_words(note: &BudgetNote) -> String {
    let (now, zone) = (environment::now(), environment::zone());
    let at = |at| time_of_day(at, now, &zone);
    let retry = note.retry_at.map(|retry| format!(", no request before {}", at(retry)));
    format!(
        "{} of {} were left until {}{}, as {} at {}",
        humanize::number(note.remaining),
        humanize::count(note.limit, "request", "requests"),
        at(note.resets_at),
        retry.unwrap_or_default(),
        if note.assumed { "assumed" } else { "heard" },
        at(note.seen_at),
    )
}
