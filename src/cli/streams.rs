//! Stdout and stderr, as commands write to them.

#[cfg(unix)]
use std::fs::File;
use std::io::{self, ErrorKind, Write};

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

    #[test]
    fn nothing_fails_on_stderr() {
        for kind in [ErrorKind::BrokenPipe, ErrorKind::StorageFull, ErrorKind::WouldBlock] {
            let mut err = Notices(Failing(kind));
            assert!(writeln!(err, "a").is_ok() && err.flush().is_ok(), "{kind}");
            assert!(err.write(b"abc").is_ok_and(|n| n == 3), "{kind}");
        }
    }
}
