//! The arguments of the kit for CI. Its inputs come as environment variables.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct CiArgs {
    /// plan, apply or resume [default: PUSHSYNC_CI_COMMAND]
    pub(crate) command: Option<String>,
    /// Run in the environment that the kit itself has made; the token comes on stdin
    #[arg(long, hide = true)]
    pub(crate) clean: bool,
}
