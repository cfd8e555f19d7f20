use std::io::{self, Write};

use serde_json::json;

use super::command::StateCommand;
use crate::{
    cli::{
        args::DataFormat,
        failure::{Failure, status},
    },
    model::one_line,
    render::humanize,
    state::Verification,
};

pub(super) fn verify(command: &StateCommand<'_>, format: DataFormat) -> Result<u8, Failure> {
    let store = command.context.open_to_read(&command.state, "state verify")?;
    let Some(store) = store else {
        return Err(Failure::new("there is no state yet: nothing was sent"));
    };
    let found = command.block_on(store.verify())?;
    let api = command.block_on(store.meta())?.api;
    drop(store);
    match format {
        DataFormat::Json => command.context.output.json(&json!({
            "format": "pushsync/verification/1",
            "records": found.records,
            "intents": found.intents,
            "approvals": found.approvals,
            "runs": found.runs,
            "api": api,
            "problems": found.problems,
        }))?,
        DataFormat::Text => {
            let mut out = command.context.output.out();
            print(&found, &mut out)?;
            if let Some(api) = &api {
                writeln!(out, "Its messages are at the API at {api}.")?;
            }
        }
    }
    if found.problems.is_empty() {
        return Ok(status::DONE);
    }
    Err(Failure::new("the state is damaged").help(format!(
        "read an export back into a fresh folder: {}",
        command.context.command("state import").arg("FILE").with_state("FOLDER")
    )))
}

fn print(found: &Verification, out: &mut impl Write) -> io::Result<()> {
    for problem in &found.problems {
        writeln!(out, "  {}", one_line(problem))?;
    }
    let approvals = match found.approvals {
        0 => String::new(),
        n => format!(", {}", humanize::count(n, "approval", "approvals")),
    };
    writeln!(
        out,
        "{}, {}{approvals} and {} read: {}.",
        humanize::count(found.records, "record", "records"),
        humanize::count(found.intents, "intent", "intents"),
        humanize::count(found.runs, "run", "runs"),
        match found.problems.len() as u64 {
            0 => "all is well".to_owned(),
            n => humanize::count(n, "problem", "problems"),
        }
    )
}
