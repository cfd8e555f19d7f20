//! The API's behaviour in memory and on disk, served on loopback.
