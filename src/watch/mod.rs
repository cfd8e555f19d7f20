//! Follows the files that a project is made of, and says when they have changed and are quiet.
//!
//! Events of the system only say when to look: what counts is the stamp of the files (`manifest::FilesRead`). So
//! neither a log in the same folder nor a lost event does any harm. `anchors` knows which folders have to be watched
//! to notice that a link is led elsewhere or that a folder is made anew, `events` watches them, `git` knows
//! whether git is about to change the files, and `writers` which of them a program has not closed yet.

mod anchors;
mod events;
mod followed;
mod follower;
mod git;
mod writers;

pub use followed::{Followed, Pace, Settled};
pub use follower::Follower;
