//! A clock for leases: it also counts the time in which the machine or the process stands still.

use std::time::Duration;

/// A moment on a clock that never goes back and goes on while the machine is suspended. The clock of
/// [`std::time::Instant`] stands still then, and a lock could run out without being missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BootInstant(
    #[cfg(unix)] Duration,
    // Windows counts the time of a suspension in it.
    #[cfg(not(unix))] std::time::Instant,
);

impl BootInstant {
    #[cfg(unix)]
    pub(crate) fn now() -> Self {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
        // That of macOS goes on during a suspension.
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
        let time = rustix::time::clock_gettime(CLOCK);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Self(Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default()))
    }

    #[cfg(not(unix))]
    pub(crate) fn now() -> Self {
        Self(std::time::Instant::now())
    }

    /// How long ago this was.
    pub(crate) fn elapsed(self) -> Duration {
        #[cfg(unix)]
        return Self::now().0.saturating_sub(self.0);
        #[cfg(not(unix))]
        return self.0.elapsed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_at_least_what_the_usual_clock_counts() {
        let (boot, usual) = (BootInstant::now(), std::time::Instant::now());
        std::thread::sleep(Duration::from_millis(20));
        let passed = usual.elapsed();
        assert!(boot.elapsed() >= passed);
        assert!(BootInstant::now() > boot);
    }
}
