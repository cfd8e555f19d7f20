//! Plans and events → bytes, one file for each format.
