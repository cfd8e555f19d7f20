//! A state as JSON lines, and back: a backup that diffs well.
//!
//! The first line says which state it is (format, environment, lineage, serial, counts, digest). Then
//! comes a line for each record, for each intent and for each approval, each in address order, and for each
//! run in the order in which they began. The last line repeats the counts and has a checksum over all lines
//! before it, so that an export that was cut off or edited is noticed. The same state gives the
//! same bytes. The API's budget is not part of it: it is out of date by the time of a restore.
//!
//! An export holds texts and visitor ids: write it with [`super::private_file`].

mod encrypted;
mod format;
mod read;
mod write;

pub(super) use encrypted::is_sealed;
pub use encrypted::{Sealer, opened};
pub use format::Counts;
pub use read::{import, import_of, import_without_approvals};
pub use write::{export, without_approvals};
