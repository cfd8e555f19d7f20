//! Numbers in LEB128: seven bits a byte, the lowest first; the eighth bit says that more bytes follow.

/// Appends a number.
pub(crate) fn put(out: &mut Vec<u8>, mut number: u128) {
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

/// Takes a number from the front; `None` if the bytes end before it does, or it is too large.
pub(crate) fn take(from: &mut &[u8]) -> Option<u128> {
    let mut number = 0;
    let mut shift = 0;
    loop {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        let low = u128::from(byte & 0x7f);
        if shift > 126 || low << shift >> shift != low {
            return None;
        }
        number |= low << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(mut bytes: &[u8]) -> (Option<u128>, usize) {
        (take(&mut bytes), bytes.len())
    }

    #[test]
    fn a_number_is_read_as_it_was_written_and_nothing_after_it() {
        for number in [0, 1, 127, 128, 300, u128::from(u64::MAX), u128::MAX] {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            bytes.push(7);
            assert_eq!(taken(&bytes), (Some(number), 1));
        }
    }

    #[test]
    fn a_number_that_ends_early_or_is_too_large_is_refused() {
        assert_eq!(taken(&[]).0, None);
        assert_eq!(taken(&[0x80]).0, None);
        assert_eq!(taken(&[0xff; 18]).0, None);
        assert_eq!(taken(&[[0xff; 18].as_slice(), &[0x04]].concat()).0, None);
        assert_eq!(taken(&[[0xff; 19].as_slice(), &[0x01]].concat()).0, None);
    }
}
