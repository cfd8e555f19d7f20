//! Signals that this process, and so its children, ignore.

/// Whether this process ignores a signal, as one in the background of a shell does: then its children do, too, and
/// a shell cannot trap it.
pub(crate) fn is_ignored(number: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (number - 1) & 1 == 1)
}
