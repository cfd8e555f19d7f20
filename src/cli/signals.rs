//! Ctrl-C, SIGTERM, SIGHUP and SIGQUIT: the first one stops in good order, the second one at once.
//!
//! A SIGHUP that is ignored when the program starts stays ignored (`nohup`). Any other signal that ends a process does so
//! at once; the intents remain.

use std::{
    future::{Future, poll_fn},
    io,
    task::Poll,
    time::{Duration, Instant},
};

use tokio::{
    signal::unix::{Signal as UnixSignal, SignalKind, signal},
    sync::{Mutex, MutexGuard},
};

use super::failure::{Failure, status};
use crate::apply::{Stop, Stopper};

/// Signals that come this close together are one: `timeout` and runners of CI send theirs to a process and again to its
/// group, systemd sends SIGHUP right after SIGTERM, and a shell that is closed sends one before the kernel does.
const AT_ONCE: Duration = Duration::from_millis(100);

/// Listens from the first time on to the end of the process: a signal between two parts of a command counts for the next.
static LISTENING: Mutex<Option<Signals>> = Mutex::const_new(None);

struct Signals {
    ends: Vec<UnixSignal>,
    hangup: Option<UnixSignal>,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let ends = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::quit()];
        let hangup = (!hangup_is_ignored()).then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self { ends: ends.into_iter().map(signal).collect::<io::Result<_>>()?, hangup })
    }

    /// Whether the next signal is a hangup.
    async fn next(&mut self) -> bool {
        poll_fn(|context| {
            if self.ends.iter_mut().any(|signal| signal.poll_recv(context).is_ready()) {
                return Poll::Ready(false);
            }
            match &mut self.hangup {
                Some(hangup) => hangup.poll_recv(context).map(|_| true),
                None => Poll::Pending,
            }
        })
        .await
    }
}

/// A signal, to a process that goes on after a hangup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGHUP.
    Hangup,
    /// The first one that ends the process.
    First,
    /// Another one.
    Again,
}

/// The signals of a process that goes on after a hangup.
pub(super) struct AllSignals {
    listening: Listening,
    first: Option<Instant>,
}

impl AllSignals {
    pub(super) async fn next(&mut self) -> Signal {
        loop {
            let is_hangup = self.listening.next().await;
            match self.first {
                // systemd sends SIGHUP right after SIGTERM.
                Some(first) if first.elapsed() < AT_ONCE => {}
                None if is_hangup => return Signal::Hangup,
                None => {
                    self.first = Some(Instant::now());
                    return Signal::First;
                }
                Some(_) => return Signal::Again,
            }
        }
    }
}

/// Listens to all signals from now on.
pub(super) async fn all() -> Result<AllSignals, Failure> {
    Ok(AllSignals { listening: Listening::start().await?, first: None })
}

/// The signals, listened to from now on.
struct Listening(MutexGuard<'static, Option<Signals>>);

impl Listening {
    async fn start() -> Result<Self, Failure> {
        let mut signals = LISTENING.lock().await;
        if signals.is_none() {
            let listening = Signals::listen()
                .map_err(|error| Failure::new(format!("could not listen for signals: {error}")))?;
            *signals = Some(listening);
        }
        Ok(Self(signals))
    }

    /// Whether the next signal is a hangup.
    async fn next(&mut self) -> bool {
        match &mut *self.0 {
            Some(signals) => signals.next().await,
            None => std::future::pending().await,
        }
    }
}

/// Runs `work`. The first signal stops `stopper`, and `work` ends soon after. The second signal drops
/// `work` at once: the state keeps the intents of the requests under way.
pub(super) async fn run_until_signalled<T>(
    stopper: Stopper,
    work: impl Future<Output = T>,
) -> Result<T, Failure> {
    let mut signals = Listening::start().await?;
    tokio::pin!(work);
    let mut first: Option<Instant> = None;
    loop {
        tokio::select! {
            // A signal that has come already is seen before the first request.
            biased;
            _ = signals.next() => {}
            result = &mut work => return Ok(result),
        }
        match first {
            None => first = Some(Instant::now()),
            Some(first) if first.elapsed() < AT_ONCE => {}
            Some(_) => return Err(Failure::new("stopped at once").status(status::STOPPED)),
        }
        stopper.stop(Stop::Signal);
    }
}

/// Listens from now on: a signal that comes later is seen by whatever waits for one next.
pub(super) async fn listen() -> Result<(), Failure> {
    Listening::start().await.map(drop)
}

/// Waits for the answer to a question. A signal ends the question.
pub(super) async fn answered<T>(answer: impl Future<Output = T>) -> Result<T, Failure> {
    let mut signals = Listening::start().await?;
    tokio::select! {
        biased;
        _ = signals.next() => {
            Err(Failure::new("stopped by a signal").help("nothing was done").status(status::STOPPED))
        }
        answer = answer => Ok(answer),
    }
}

/// Whether SIGHUP was ignored when the program started. Where that cannot be seen, it did not.
fn hangup_is_ignored() -> bool {
    ignored().is_some_and(|mask| has_hangup(&mask))
}

/// The mask of ignored signals, in hexadecimal digits.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn ignored() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map(str::to_owned)
}

/// The same from `ps` of macOS and the BSDs: to ask the system itself needs `unsafe`.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn ignored() -> Option<String> {
    let id = std::process::id().to_string();
    let asked =
        std::process::Command::new("/bin/ps").args(["-o", "sigignore=", "-p", &id]).output();
    String::from_utf8(asked.ok()?.stdout).ok()
}

/// Whether SIGHUP, the signal number 1, is in a mask.
fn has_hangup(mask: &str) -> bool {
    mask.trim()
        .chars()
        .next_back()
        .and_then(|digit| digit.to_digit(16))
        .is_some_and(|low| low & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bit_of_the_mask_of_ignored_signals_is_that_of_a_hangup() {
        for (mask, ignored) in [
            ("\t0000000000000001", true),
            ("\t0000000000001001", true),
            ("00000003\n", true),
            ("f", true),
            ("\t0000000000000000", false),
            ("\t0000000000001006", false),
            ("80000000", false),
            ("", false),
            ("-", false),
        ] {
            assert_eq!(has_hangup(mask), ignored, "{mask:?}");
        }
    }
}
