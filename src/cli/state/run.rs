use super::{
    approvals, command::StateCommand, compact, edit, export, forget_budget, history, list, migrate,
    rekey, rename, resolve, restore, set_api, settle, unlock, verify,
};
use crate::cli::{
    args::StateArgs,
    context::Context,
    failure::{Failure, status},
};

pub(crate) fn run(context: &Context, args: StateArgs) -> Result<u8, Failure> {
    // Its environments are its arguments.
    if let StateArgs::Rename { old, new } = &args {
        return rename::rename(context, old.as_str(), new.as_str());
    }
    let command = StateCommand::new(context)?;
    match args {
        StateArgs::Rename { .. } => Ok(status::DONE),
        StateArgs::List { targets, format } => list::list(&command, &targets, format),
        StateArgs::Show { address, format } => list::show(&command, &address, format),
        StateArgs::History { key, limit, format } => {
            history::history(&command, key.as_ref(), limit, format)
        }
        StateArgs::Rm { addresses } => edit::remove(&command, &addresses),
        StateArgs::Mv { old, new } => edit::rename(&command, &old, &new),
        StateArgs::Resolve(args) => resolve::resolve(&command, &args),
        StateArgs::Settle { file, format } => settle::settle(&command, &file, format),
        StateArgs::Export { file, plain } => export::export(&command, file.as_deref(), plain),
        StateArgs::Import { file, without_approvals } => {
            export::import(&command, &file, without_approvals)
        }
        StateArgs::Migrate { to, plain } => migrate::migrate(&command, &to, plain),
        StateArgs::SetApi { url } => set_api::set_api(&command, &url),
        StateArgs::ForgetBudget => forget_budget::forget_budget(&command),
        StateArgs::Rekey => rekey::rekey(&command),
        StateArgs::Restore { name, format } => restore::restore(&command, name.as_deref(), format),
        StateArgs::Unlock { force } => unlock::unlock(&command, force),
        StateArgs::Compact { format } => compact::compact(&command, format),
        StateArgs::Approvals { format } => approvals::approvals(&command, format),
        StateArgs::Verify { format } => verify::verify(&command, format),
    }
}
