//! Stdout and stderr, as commands write to them.

#[cfg(unix)]
use std::fs::File;
use std::io::{self, ErrorKind, StderrLock, StdoutLock, Write};

use anstream::{AutoStream, ColorChoice, adapter::StripBytes};

/// Stdout, for results. Colours are dropped where they do not belong.
pub(super) type Stdout = Results<Colors<Patient<StdoutLock<'static>>>>;

/// Stderr, for diagnostics and progress.
pub(super) type Stderr = Notices<Colors<Patient<StderrLock<'static>>>>;

/// Opens stdout.
pub(super) fn stdout(color: ColorChoice) -> Stdout {
    let shows = shows_color(AutoStream::new(io::stdout(), color).current_choice());
    Results::new(Colors::new(Patient(io::stdout().lock()), shows))
}

/// Stdout for bytes, which other threads may write.
pub(super) fn shared_stdout() -> Results<Patient<io::Stdout>> {
    Results::new(Patient(io::stdout()))
}

/// Opens stderr.
pub(super) fn stderr(color: ColorChoice) -> Stderr {
    let shows = shows_color(AutoStream::new(io::stderr(), color).current_choice());
    Notices(Colors::new(Patient(io::stderr().lock()), shows))
}

/// Whether a stream with this choice shows colours.
pub(super) fn shows_color(choice: ColorChoice) -> bool {
    choice != ColorChoice::Never
}

/// Drops the codes of colours from what is written, unless they are shown.
pub(super) struct Colors<W> {
    inner: W,
    strip: Option<StripBytes>,
}

impl<W: Write> Colors<W> {
    fn new(inner: W, shows: bool) -> Self {
        Self { inner, strip: (!shows).then(StripBytes::new) }
    }
}

impl<W: Write> Write for Colors<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(strip) = &mut self.strip else { return self.inner.write(bytes) };
        for printable in strip.strip_next(bytes) {
            self.inner.write_all(printable)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Waits where a stream has no room. A pipe that a parent process has made non-blocking (as Node and some
/// runners of CI do) says so with an error, and what was to be written would be lost.
pub(super) struct Patient<W>(pub(super) W);

impl<W: Write + Descriptor> Patient<W> {
    fn try_until_there_is_room<T>(
        &mut self,
        mut attempt: impl FnMut(&mut W) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match attempt(&mut self.0) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.0.wait_for_room(),
                other => return other,
            }
        }
    }
}

impl<W: Write + Descriptor> Write for Patient<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.try_until_there_is_room(|inner| inner.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.try_until_there_is_room(Write::flush)
    }
}

/// A stream that can be waited for.
pub(super) trait Descriptor {
    /// Returns when there may be room, or when the reader is gone.
    fn wait_for_room(&self);
}

impl<W: std::os::fd::AsFd> Descriptor for W {
    fn wait_for_room(&self) {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        // Whatever `poll` says, the next attempt to write says it again.
        let moment = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        let _ = poll(&mut [PollFd::new(self, PollFlags::OUT)], Some(&moment));
    }
}

/// Stdout. A reader that closes the pipe early is not an error: the rest is dropped, and the command ends
/// as if it had been read. Any other failure is an error.
pub(super) struct Results<W> {
    inner: W,
    closed: bool,
}

impl<W: Write> Results<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, closed: false }
    }

    /// Whether the reader is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    fn forgive<T>(&mut self, written: io::Result<T>, dropped: T) -> io::Result<T> {
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(dropped)
            }
            other => other,
        }
    }
}

impl<W: Write> Write for Results<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(bytes.len());
        }
        let written = self.inner.write(bytes);
        self.forgive(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let flushed = self.inner.flush();
        self.forgive(flushed, ())
    }
}

/// Whether stdout is a regular file, which can always be written to.
pub(super) fn stdout_is_file() -> bool {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        let stdout = io::stdout().as_fd().try_clone_to_owned();
        stdout.and_then(|stdout| File::from(stdout).metadata()).is_ok_and(|there| there.is_file())
    }
    #[cfg(not(unix))]
    false
}

/// Stderr. Text that cannot be written there is dropped: nothing that a command does depends on it.
pub(super) struct Notices<W>(pub(super) W);

impl<W: Write> Write for Notices<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _dropped = self.0.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _dropped = self.0.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn only_a_reader_that_is_gone_is_not_an_error_on_stdout() {
        let mut gone = Results::new(Failing(ErrorKind::BrokenPipe));
        assert!(!gone.is_closed());
        assert!(write!(gone, "a").is_ok() && gone.write(b"bc").is_ok_and(|n| n == 2));
        assert!(gone.is_closed() && gone.flush().is_ok());
        let mut full = Results::new(Failing(ErrorKind::StorageFull));
        assert!(write!(full, "a").is_err() && full.flush().is_err() && !full.is_closed());
    }

    /// Has room for a byte at every other attempt.
    struct Full {
        taken: Vec<u8>,
        attempts: usize,
        waits: std::cell::Cell<usize>,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.attempts += 1;
            if self.attempts % 2 == 1 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.taken.extend(bytes.first());
            Ok(bytes.len().min(1))
        }

        fn flush(&mut self) -> io::Result<()> {
            self.write(b"").map(drop)
        }
    }

    impl Descriptor for Full {
        fn wait_for_room(&self) {
            self.waits.set(self.waits.get() + 1);
        }
    }

    #[test]
    fn a_stream_without_room_is_waited_for_and_nothing_is_written_twice() {
        let full = Full { taken: Vec::new(), attempts: 0, waits: 0.into() };
        let mut out = Colors::new(Patient(full), false);
        writeln!(out, "\u{1b}[1mab\u{1b}[0mc").expect("it is patient");
        out.flush().expect("it is patient");
        let Patient(Full { taken, waits, .. }) = out.inner;
        assert_eq!((taken.as_slice(), waits.get()), (&b"abc\n"[..], 5));
    }

    #[test]
    fn nothing_fails_on_stderr() {
        for kind in [ErrorKind::BrokenPipe, ErrorKind::StorageFull] {
            let mut err = Notices(Failing(kind));
            assert!(writeln!(err, "a").is_ok() && err.flush().is_ok(), "{kind}");
            assert!(err.write(b"abc").is_ok_and(|n| n == 3), "{kind}");
        }
    }
}
