use super::command::StateCommand;
use crate::{
    cli::failure::{Failure, status},
    state::Amendment,
};

pub(super) fn rekey(command: &StateCommand<'_>) -> Result<u8, Failure> {
    let Some(key) = command.context.new_state_key()? else {
        return Err(Failure::new("there is no new passphrase")
            .help("set PUSHSYNC_NEW_STATE_KEY, or name a file in PUSHSYNC_NEW_STATE_KEY_FILE; the old passphrase stays in PUSHSYNC_STATE_KEY"));
    };
    let store = command.open("state rekey")?;
    command.block_on(store.amend(Amendment::Rekey(key)))?;
    command.note(
        "from now on the new passphrase opens the state: put it into PUSHSYNC_STATE_KEY wherever pushsync runs. Exports that were made before need the old one",
    );
    Ok(status::DONE)
}
