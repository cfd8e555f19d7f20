//! The page of chats from the manifest alone: it shows what visitors would see, by message, visitor and
//! instant, and follows the files as they are saved.

mod server;
mod view;

pub use server::{Options, RunningPreview, StartError, start};
