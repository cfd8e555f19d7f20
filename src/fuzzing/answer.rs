use crate::brevo::fuzzing::{FuzzedAnswer, read};

use super::{assert_harmless, choice, now};

const KEY: &str = "xkeysib-0123456789abcdef";
const VISITOR: &str = "kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg";

/// Any answer of the API: a byte for the operation, a line with the status, lines with headers,
/// an empty line, the body.
pub fn answer(data: &[u8]) {
    let (operation, rest) = choice(data);
    let mut rest = rest;
    let mut line = || {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        line
    };
    let status = std::str::from_utf8(line()).ok().and_then(|text| text.parse().ok());
    let Some(mut answer) =
        status.and_then(|status| FuzzedAnswer::new(usize::from(operation), status))
    else {
        return;
    };
    loop {
        let line = line();
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
        answer.header(&line[..colon], line[colon + 1..].trim_ascii());
    }
    let Some(answer) = now(read(answer, rest.to_vec(), KEY, VISITOR)) else { return };
    for text in &answer.shown {
        assert_harmless(text);
        assert!(!text.contains('\n'), "more than one line: {text:?}");
        assert!(!text.contains(KEY), "the key: {text:?}");
        assert!(!text.contains(VISITOR), "a visitor's id: {text:?}");
        assert!(text.len() < 20_000, "a text of {} bytes", text.len());
    }
}
