//! The words of the field, as types: what every other room speaks in.
//!
//! A value of one of these types is valid: [`Key::parse`] and its kin are the only way in.

mod address;
mod content;
mod json;
mod key;
mod text;
mod visitor;

pub use address::{Address, ParseAddressError};
pub use content::{Content, Kind, MessageId, Sender};
pub use json::{json_line, write_json};
pub use key::{Key, ParseKeyError};
pub use text::{is_hostile, number};
pub use visitor::{ParseVisitorError, VisitorId};
