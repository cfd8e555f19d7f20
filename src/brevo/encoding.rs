//! The bytes of a body without what a gateway on the way wrapped them in: gzip, deflate, a byte order mark.
//!
//! Answers are asked for as they are (`Accept-Encoding: identity`). Gateways encode all the same, say so wrongly,
//! or do not say it. The id in an answer cannot be found again, so every form that can be read is read.

use std::io::{self, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
/// The most layers that are taken off: no server has more than one.
const MOST_LAYERS: usize = 4;

/// Why a body cannot be read, as a fragment after "answered 200, but".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum EncodingError {
    /// An encoding that nobody asked for.
    #[error("its body is encoded ({0}), which was not asked for and cannot be read")]
    Unknown(String),
    /// A broken one.
    #[error("its body is broken: it is not the {0} that it begins as")]
    Broken(&'static str),
    /// One that ends too early. What there was of it comes along.
    #[error("its body broke off: its {1} ends too early")]
    Cut(Vec<u8>, &'static str),
    /// More bytes than any answer has.
    #[error("its body is too long")]
    TooLong,
}

/// The plain bytes of `body`, at most `most` of them.
pub(super) fn decoded(
    headers: &HeaderMap,
    body: Vec<u8>,
    most: usize,
) -> Result<Vec<u8>, EncodingError> {
    let mut body = body;
    let mut names = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        names.extend(value.split(',').map(|name| name.trim().to_owned()));
    }
    names.retain(|name| !matches!(name.as_str(), "" | "identity" | "none" | "utf-8"));
    // The last one was applied last.
    for name in names.iter().rev().take(MOST_LAYERS) {
        body = match name.as_str() {
            // Taken off on the way, perhaps, and still named; or named wrongly.
            "gzip" | "x-gzip" | "deflate" if is_gzip(&body) => gunzip(&body, most)?,
            "gzip" | "x-gzip" if !is_zlib(&body) => body,
            "gzip" | "x-gzip" => inflate(body, most)?,
            "deflate" => inflate(body, most)?,
            // Whatever it says, it is JSON or a page.
            _ if looks_plain(&body) => body,
            other => {
                let shown = other.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
                return Err(EncodingError::Unknown(shown));
            }
        };
    }
    body = match () {
        () if is_gzip(&body) => gunzip(&body, most)?,
        () if is_zlib(&body) => inflate(body, most)?,
        () => body,
    };
    Ok(without_mark(body))
}

fn is_gzip(body: &[u8]) -> bool {
    body.starts_with(&[0x1f, 0x8b])
}

/// The header of zlib. No JSON begins so: 0x78 is an `x`.
fn is_zlib(body: &[u8]) -> bool {
    matches!(body[..], [method, flags, ..]
        if method & 0x8f == 8 && u16::from_be_bytes([method, flags]).is_multiple_of(31))
}

fn looks_plain(body: &[u8]) -> bool {
    let start = body.strip_prefix(UTF8_MARK).unwrap_or(body).trim_ascii_start();
    matches!(start.first(), None | Some(b'{' | b'[' | b'<'))
}

fn gunzip(body: &[u8], most: usize) -> Result<Vec<u8>, EncodingError> {
    read(MultiGzDecoder::new(body), "gzip", most)
}

/// RFC 9110 says that `deflate` has a zlib header; some servers leave it out.
fn inflate(body: Vec<u8>, most: usize) -> Result<Vec<u8>, EncodingError> {
    if is_zlib(&body) {
        return read(ZlibDecoder::new(&body[..]), "zlib", most);
    }
    // No deflated object begins with its own brace.
    match looks_plain(&body) {
        true => Ok(body),
        false => read(DeflateDecoder::new(&body[..]), "deflate", most),
    }
}

fn read(decoder: impl Read, name: &'static str, most: usize) -> Result<Vec<u8>, EncodingError> {
    let mut plain = Vec::new();
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    match decoder.take(bound).read_to_end(&mut plain) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(EncodingError::Cut(without_mark(plain), name));
        }
        Err(_) => return Err(EncodingError::Broken(name)),
    }
    match plain.len() > most {
        true => Err(EncodingError::TooLong),
        false => Ok(plain),
    }
}

/// JSON has no byte order mark (RFC 8259), and is UTF-8.
fn without_mark(body: Vec<u8>) -> Vec<u8> {
    if let Some(rest) = body.strip_prefix(UTF8_MARK) {
        return rest.to_vec();
    }
    let read: fn([u8; 2]) -> u16 = match body.get(..2) {
        Some([0xff, 0xfe]) => u16::from_le_bytes,
        Some([0xfe, 0xff]) => u16::from_be_bytes,
        _ => return body,
    };
    let units = body[2..].chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
    char::decode_utf16(units)
        .map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect::<String>()
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };
    use reqwest::header::HeaderValue;

    use super::*;

    const BODY: &[u8] = br#"{"id":"AXCR3k9bpSY7bpuh7","text":"Hello"}"#;
    const MOST: usize = 1 << 20;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).expect("written");
        encoder.finish().expect("whole")
    }

    fn zlib(body: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).expect("written");
        encoder.finish().expect("whole")
    }

    fn raw(body: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).expect("written");
        encoder.finish().expect("whole")
    }

    fn of(named: &[&'static str], body: Vec<u8>) -> Result<Vec<u8>, EncodingError> {
        let mut headers = HeaderMap::new();
        for name in named {
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        decoded(&headers, body, MOST)
    }

    #[test]
    fn every_encoding_of_a_gateway_gives_the_same_body() {
        let marked = [UTF8_MARK, BODY].concat();
        let text = std::str::from_utf8(BODY).expect("text");
        let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
        };
        let cases: Vec<(&[&'static str], Vec<u8>)> = vec![
            (&[], BODY.to_vec()),
            (&["identity"], BODY.to_vec()),
            (&["gzip"], gzip(BODY)),
            (&["GZIP"], gzip(BODY)),
            (&["x-gzip"], gzip(BODY)),
            (&[], gzip(BODY)),
            (&["gzip"], BODY.to_vec()),
            (&["br"], BODY.to_vec()),
            (&[], zlib(BODY)),
            (&["gzip"], zlib(BODY)),
            (&["deflate"], gzip(BODY)),
            (&["deflate"], zlib(BODY)),
            (&["deflate"], raw(BODY)),
            (&["deflate"], BODY.to_vec()),
            (&["gzip, gzip"], gzip(&gzip(BODY))),
            (&["deflate", "gzip"], gzip(&zlib(BODY))),
            (&["gzip"], [gzip(&BODY[..9]), gzip(&BODY[9..])].concat()),
            (&[], marked.clone()),
            (&["gzip"], gzip(&marked)),
            (&[], utf16(u16::to_le_bytes)),
            (&[], utf16(u16::to_be_bytes)),
        ];
        for (named, body) in cases {
            let shown = format!("{named:?} {body:02x?}");
            assert_eq!(of(named, body).as_deref(), Ok(BODY), "{shown}");
        }
        assert_eq!(of(&["gzip"], Vec::new()).as_deref(), Ok(&b""[..]));
        assert_eq!(of(&["deflate"], Vec::new()).as_deref(), Ok(&b""[..]));
    }

    #[test]
    fn a_body_whose_end_was_cut_off_is_what_was_there() {
        let whole = gzip(BODY);
        let cut = |missing| match of(&["gzip"], whole[..whole.len() - missing].to_vec()) {
            Err(EncodingError::Cut(there, "gzip")) => there,
            other => panic!("{other:?}"),
        };
        // Without its checksum nothing of the text is missing.
        assert_eq!(cut(8), BODY);
        assert!(cut(12).len() < BODY.len());
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let mut damaged = gzip(BODY);
        let checksum = damaged.len() - 8;
        damaged[checksum] ^= 1;
        assert_eq!(of(&["gzip"], damaged), Err(EncodingError::Broken("gzip")));
        assert_eq!(of(&["br"], vec![0x0b, 0x02]), Err(EncodingError::Unknown("br".to_owned())));
        assert_eq!(of(&["deflate"], vec![0xff; 9]), Err(EncodingError::Broken("deflate")));
        let bomb = gzip(&vec![b' '; MOST + 1]);
        assert!(bomb.len() < 8 << 10);
        assert_eq!(of(&["gzip"], bomb), Err(EncodingError::TooLong));
    }
}
