//! The arguments of `pushsync state …`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueHint};

use super::{
    global::DataFormat,
    values::{Target, target},
};
use crate::model::{Address, Key, MessageId};

#[derive(Debug, Subcommand)]
pub(crate) enum StateArgs {
    /// List the deliveries that were sent
    List {
        /// Only these messages or deliveries
        #[arg(value_name = "KEY|ADDRESS", value_parser = target)]
        targets: Vec<Target>,
        /// How to show it
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
    /// Show everything that the state knows about one delivery
    Show {
        /// The delivery
        #[arg(value_parser = Address::parse)]
        address: Address,
        /// How to show it
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
    /// Forget a delivery; the message stays where it is
    Rm {
        /// The deliveries
        #[arg(required = true, value_parser = Address::parse)]
        addresses: Vec<Address>,
    },
    /// Give a delivery another address; nothing is sent
    Mv {
        /// Its address now
        #[arg(value_parser = Address::parse)]
        old: Address,
        /// Its new address: another key, the same visitor
        #[arg(value_parser = Address::parse)]
        new: Address,
    },
    /// Say what became of deliveries whose answer was lost
    ///
    /// Without arguments, it lists them.
    Resolve(ResolveArgs),
    /// Settle deliveries whose answer was lost by events of Brevo's webhooks
    ///
    /// An event proves a delivery if exactly one message in it may be the one that was sent. The API is asked about that
    /// message, one request each, before it counts. `state resolve ADDRESS --again` takes it back.
    Settle {
        /// The events, one JSON object a line; - for stdin
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// How to show what came of it
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
    /// List what was approved and is still to be done
    ///
    /// By message: how many wait for the budget or for their window, since when and by which commit, and how long it
    /// takes at the budget of now. `apply --resume` carries out what is due.
    Approvals {
        /// How to show it
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
    /// Write the state as JSON lines: a backup that diffs well
    ///
    /// With PUSHSYNC_STATE_KEY, the lines are encrypted.
    Export {
        /// The file [default: stdout]
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// Write readable lines even if there is a key
        #[arg(long)]
        plain: bool,
    },
    /// Read an export back into an empty state
    Import {
        /// The file; - for stdin
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Leave out what was approved: for an export from before the last messages were sent
        #[arg(long)]
        without_approvals: bool,
    },
    /// Copy the state elsewhere, and use it there from then on
    ///
    /// With PUSHSYNC_STATE_KEY, it is encrypted there.
    Migrate {
        /// A folder, postgres://…, or s3://bucket/prefix
        #[arg(long, value_name = "URL")]
        to: String,
        /// Do not encrypt it there even if there is a key
        #[arg(long)]
        plain: bool,
    },
    /// Give the state of an environment that was renamed its new name
    Rename {
        /// The environment's name until now
        #[arg(value_parser = Key::parse)]
        old: Key,
        /// Its new name
        #[arg(value_parser = Key::parse)]
        new: Key,
    },
    /// Say which API the messages of the state are at
    SetApi {
        /// The base URL from now on: https, or http on a loopback address
        #[arg(value_hint = ValueHint::Url)]
        url: String,
    },
    /// Drop what the state knows of the API's budget
    ///
    /// The next answer of the API tells it anew. A note can be wrong: headers that could not be read, an account that
    /// has another limit now.
    ForgetBudget,
    /// Change the passphrase of an encrypted state
    ///
    /// From PUSHSYNC_STATE_KEY to PUSHSYNC_NEW_STATE_KEY.
    Rekey,
    /// List the older states that are kept, or bring one back (from a bucket)
    Restore {
        /// The snapshot [default: list them]
        name: Option<String>,
        /// How to list them
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
    /// Say who holds the lock of a state in a bucket, or break it
    Unlock {
        /// Break it
        #[arg(long)]
        force: bool,
    },
    /// Rewrite the files of a folder, to free the space of removed records
    Compact {
        /// How to report
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
    /// Read everything and compare it with its checksums
    Verify {
        /// How to show it
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
    /// List the runs and their changes, the newest first
    History {
        /// Only runs that touched this message
        #[arg(value_parser = Key::parse)]
        key: Option<Key>,
        /// Show at most N runs
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
        /// How to show it
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: DataFormat,
    },
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").args(["address", "all", "key", "from"])))]
#[command(group(ArgGroup::new("decision").args(["sent", "not_sent", "again"])))]
pub(crate) struct ResolveArgs {
    /// The delivery: its address, whole or masked, or its number in the list
    #[arg(value_name = "ADDRESS|NUMBER")]
    pub(crate) address: Option<String>,
    /// All deliveries that are unknown
    #[arg(long)]
    pub(crate) all: bool,
    /// Those of this message
    #[arg(long, value_name = "KEY", value_parser = Key::parse)]
    pub(crate) key: Option<Key>,
    /// Those of a CSV file with the columns address and id, where an empty id means that it was not
    /// sent; - for stdin
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "decision")]
    pub(crate) from: Option<PathBuf>,
    /// It was sent, and this is its id. The API is asked whether that is so
    #[arg(long, value_name = "ID", value_parser = MessageId::parse, conflicts_with_all = ["all", "key"])]
    pub(crate) sent: Option<MessageId>,
    /// It was not sent: the next apply may send it
    #[arg(long)]
    pub(crate) not_sent: bool,
    /// Take a decision back, as long as no request has followed from it
    #[arg(long)]
    pub(crate) again: bool,
    /// Believe the ids without asking the API
    #[arg(long)]
    pub(crate) unchecked: bool,
}
