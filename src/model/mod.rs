//! The words of the field, as types: what every other room speaks in.
//!
//! A value of one of these types is valid: [`Key::parse`] and its kin are the only way in.

mod address;
mod approval;
mod base_url;
mod budget_note;
mod commit;
mod content;
mod delivery;
mod instant;
mod intent;
mod json;
mod key;
mod language;
mod lazy_record;
pub(crate) mod leb128;
pub mod mask;
mod message_id;
pub mod packed_record;
mod place;
mod record;
mod redact;
mod secret_fingerprint;
mod shell;
mod state_location;
mod target;
mod text;
mod text_there;
mod visitor;
mod window;

pub use address::{Address, ParseAddressError};
pub use approval::Approval;
pub use base_url::{BaseUrl, Endpoint, ParseBaseUrlError};
pub use budget_note::BudgetNote;
pub use commit::{CommitId, ParseCommitIdError};
pub use content::{Content, Kind, Sender};
pub use delivery::{Delivery, OnLeave, OnMissing, OnUnknown, Spec};
pub use instant::{WrittenTime, WrittenTimeError, local_time};
pub use intent::{ChangeIntent, Intent};
pub use json::{harmless_json, json_line, write_json};
pub use key::{Key, ParseKeyError};
pub use language::{Language, ParseLanguageError};
pub use lazy_record::{LazyRecord, Located, PackedRecords, UnreadableRecord, masked_name};
pub use message_id::{MessageId, ParseMessageIdError};
pub use place::{FindPlace, Place, Source};
pub use record::{Drift, Record, Restored, Superseded};
pub use redact::{IdSource, KnownIds, Redactor};
pub use secret_fingerprint::SecretFingerprint;
pub use shell::shell_word;
pub use state_location::{ParseStateLocationError, StateLocation};
pub use target::{ContentDigest, ParseContentDigestError, Presence, Target};
pub use text::{duration, is_hostile, number, one_line, printable, visible};
pub use text_there::{TextDigest, TextThere};
pub use visitor::{ParseVisitorError, VisitorId};
pub use window::{Window, WindowState};
