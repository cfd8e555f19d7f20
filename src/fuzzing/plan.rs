use super::{assert_harmless, choice};
use crate::{
    model::printable,
    plan::wire,
    render::{self, Format, View},
};

/// Any bytes as a saved plan. An odd first byte: as if its digest were right.
pub fn planfile(data: &[u8]) {
    let (form, bytes) = choice(data);
    let decoded = match form % 2 {
        0 => wire::decode(bytes),
        _ => wire::read(bytes).map(|(plan, _)| plan),
    };
    let plan = match decoded {
        Ok(plan) => plan,
        Err(error) => return assert_harmless(&printable(&error.to_string())),
    };
    let again = wire::encode(&plan).ok().map(|bytes| wire::decode(&bytes));
    assert!(matches!(again, Some(Ok(again)) if again == plan), "a plan is not what was saved");
    for (mask, width) in [(true, 0), (false, 40), (true, 4000)] {
        let mut out = Vec::new();
        let shown = render::plan(&plan, Format::Text, View::new(mask, width), &mut out);
        assert!(shown.is_ok(), "a plan cannot be shown");
        assert_plain(&out);
        for format in [Format::Markdown, Format::Html, Format::Github, Format::Json] {
            let mut out = Vec::new();
            let shown = render::plan(&plan, format, View::new(mask, width), &mut out);
            assert!(shown.is_ok(), "a plan cannot be shown");
            assert!(format != Format::Markdown || out.len() <= 65_536, "a comment is too long");
            assert_harmless(&String::from_utf8_lossy(&out));
        }
    }
}

/// Colours are the renderer's own; nothing else may steer a terminal.
fn assert_plain(out: &[u8]) {
    let text = String::from_utf8_lossy(out);
    let mut plain = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..at]);
        let colour = rest[at + 2..].find(|c: char| !c.is_ascii_digit() && c != ';');
        let end = colour.map_or(rest.len(), |end| at + 2 + end);
        assert!(rest[end..].starts_with('m'), "an escape that is not a colour: {:?}", &rest[at..]);
        rest = &rest[end + 1..];
    }
    plain.push_str(rest);
    assert_harmless(&plain);
}
