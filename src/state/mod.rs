//! What was sent: the store that maps addresses to message ids and to what was last applied.
//!
//! [`Store`] is the seam. Its calls are few and coarse (a page of records, one atomic commit of
//! many writes), so that a store behind a network costs few round trips.

mod applied_files;
mod approvals;
pub mod backup;
mod boot_clock;
pub mod bucket;
mod cipher;
mod codec;
mod commit;
mod encrypted_kv;
mod engine;
mod error;
pub mod export;
mod folder;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod header;
mod holder;
mod id_index;
mod keys;
mod kv;
pub mod memory;
mod open;
mod options;
mod page;
mod panics;
mod postgres;
pub mod private_file;
mod record;
pub mod scan;
mod store;
mod threaded_store;
pub mod unrecorded;
mod wrapped;

pub use applied_files::{AppliedFiles, FilesHistory, RunFiles};
pub use cipher::StateKey;
pub use error::StateError;
pub use folder::Compacted;
pub use holder::LockHolder;
pub use memory::MemoryStore;
pub use open::{compact, open};
pub use options::{Access, CloseErrors, Mode, OpenOptions, StateTarget};
pub use page::Page;
pub use record::{Amendment, Decided, Digest, Meta, Run, RunChange, RunPart, Verification, Write};
pub use scan::Records;
pub use store::{Store, StoreFuture};
pub use wrapped::{Wrapped, Wrapper};
