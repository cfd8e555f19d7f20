//! Results that are gathered while the state is open, and printed once it is closed.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, Write},
};

use super::failure::Failure;
use crate::state::private_file;

/// Results of at most this many bytes are kept in memory.
const IN_MEMORY: usize = 1 << 20;

/// What a command prints of a state. A reader who does not read (a pager, a pipe that nobody empties) would
/// otherwise keep the state's lock for as long.
pub(super) struct Spool {
    memory: Vec<u8>,
    /// Without a name, so that it is gone when the process is.
    file: Option<BufWriter<File>>,
    /// Whether nothing may be written to the disk as it is.
    secret: bool,
}

impl Spool {
    /// `secret`: the state is encrypted and the results are not, so that they stay in memory, however long they are.
    pub(super) fn new(secret: bool) -> Self {
        Self { memory: Vec::new(), file: None, secret }
    }

    /// Writes it all.
    pub(super) fn print(self, out: &mut impl Write) -> Result<(), Failure> {
        match self.file {
            None => out.write_all(&self.memory)?,
            Some(file) => {
                let mut file = file.into_inner().map_err(|error| kept(&error.into_error()))?;
                file.rewind().map_err(|error| kept(&error))?;
                io::copy(&mut file, out)?;
            }
        }
        Ok(out.flush()?)
    }
}

fn kept(error: &io::Error) -> Failure {
    Failure::new(format!("could not keep the results until the state is closed: {error}"))
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(file) = &mut self.file {
            return file.write(bytes);
        }
        if self.secret || self.memory.len() + bytes.len() <= IN_MEMORY {
            return self.memory.write(bytes);
        }
        let mut file = BufWriter::new(private_file::nameless()?);
        file.write_all(&std::mem::take(&mut self.memory))?;
        self.file.insert(file).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_results_come_out_as_they_went_in() {
        for (length, secret) in [(0, false), (10, false), (3_000_000, false), (3_000_000, true)] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut spool = Spool::new(secret);
            for part in bytes.chunks(1000) {
                spool.write_all(part).expect("written");
            }
            assert_eq!(spool.file.is_some(), length > IN_MEMORY && !secret);
            let mut out = Vec::new();
            spool.print(&mut out).expect("printed");
            assert!(out == bytes, "{length}");
        }
    }
}
