//! Exports under a passphrase: a first line with the key, then the same lines, each encrypted.

use std::io::{self, BufRead, Cursor, Read as _, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};

use crate::state::{
    StateError, StateKey,
    cipher::{Cipher, Undecipherable, Wrapped},
    codec::newer,
};

use super::format::version;

/// The part of the format's name before its version.
const NAME: &str = "pushsync/state-encrypted/";
/// The version this version of pushsync writes, and the newest it reads.
const VERSION: u32 = 1;
/// No line is longer.
const MAX_LINE: u64 = 512 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    key: Wrapped,
}

/// Encrypts every line that is written to it.
pub struct Sealer<W: Write> {
    inner: W,
    cipher: Cipher,
    line: Vec<u8>,
    number: u64,
}

impl<W: Write> Sealer<W> {
    /// Encrypts for `inner`, to which the first line is written.
    ///
    /// # Errors
    ///
    /// [`StateError::Output`].
    pub fn new(mut inner: W, key: &StateKey) -> Result<Self, StateError> {
        let failed = |error: Undecipherable| StateError::Output(io::Error::other(error));
        let (cipher, key) = Cipher::create(key).map_err(failed)?;
        let header = Header { format: format!("{NAME}{VERSION}"), key };
        let mut line = serde_json::to_vec(&header)
            .map_err(|error| StateError::Output(io::Error::other(error)))?;
        line.push(b'\n');
        inner.write_all(&line).map_err(StateError::Output)?;
        Ok(Self { inner, cipher, line: Vec::new(), number: 0 })
    }

    /// The writer below.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

/// A line is bound to its number, so that none can be left out or exchanged.
fn bound_to(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.number += 1;
                let sealed = self.cipher.seal(&bound_to(self.number), &self.line);
                let mut line = BASE64.encode(sealed.map_err(io::Error::other)?);
                line.push('\n');
                self.inner.write_all(line.as_bytes())?;
                self.line.clear();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Whether an export is encrypted that begins with these bytes.
pub(in crate::state) fn is_sealed(bytes: &[u8]) -> bool {
    let first = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    version(first, NAME).is_some()
}

/// The plain lines of an export, whether it is encrypted or not.
///
/// # Errors
///
/// [`StateError::Encrypted`], [`StateError::WrongKey`], [`StateError::Newer`],
/// [`StateError::BadExport`].
pub fn opened<'a>(
    mut from: Box<dyn BufRead + Send + 'a>,
    key: Option<&StateKey>,
) -> Result<Box<dyn BufRead + Send + 'a>, StateError> {
    let bad = |what: String| StateError::BadExport { line: 1, what };
    let mut first = Vec::new();
    from.by_ref()
        .take(MAX_LINE)
        .read_until(b'\n', &mut first)
        .map_err(|error| bad(format!("could not read it: {error}")))?;
    let Some(version) = version(&first, NAME) else {
        return Ok(Box::new(Cursor::new(first).chain(from)));
    };
    let location = || "in the export".to_owned();
    if version > VERSION {
        return Err(newer(&location(), version));
    }
    let header: Header = serde_json::from_slice(&first)
        .map_err(|_| bad("the key in it is not as it was written".to_owned()))?;
    let key = key.ok_or_else(|| StateError::Encrypted { location: location() })?;
    let cipher = Cipher::open(key, &header.key).map_err(|error| match error {
        Undecipherable::WrongKey => StateError::WrongKey { location: location() },
        other => bad(format!("its key: {other}")),
    })?;
    let mut plain = Vec::new();
    for number in 1.. {
        let bad = |what: String| StateError::BadExport { line: number + 1, what };
        let mut sealed = Vec::new();
        let read = from.by_ref().take(MAX_LINE).read_until(b'\n', &mut sealed);
        read.map_err(|error| bad(format!("could not read it: {error}")))?;
        if sealed.is_empty() {
            break;
        }
        let line = sealed.strip_suffix(b"\n").and_then(|line| BASE64.decode(line).ok());
        let line = line.and_then(|line| cipher.unseal(&bound_to(number), &line).ok());
        plain.extend(line.ok_or_else(|| bad("it cannot be decrypted".to_owned()))?);
    }
    Ok(Box::new(Cursor::new(plain)))
}
