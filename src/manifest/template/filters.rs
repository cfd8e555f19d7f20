//! Filters that the engine does not have, or has otherwise than people mean them.

use jiff::fmt::strtime::BrokenDownTime;
use minijinja::{Environment, Error, State, Value, value::StringInput};
use unicode_segmentation::UnicodeSegmentation;

use super::{
    compare::wrong,
    values::{Day, truth_in_words},
};

/// A date as a format of `strftime` says: of a column of type `date`, or of a text such as `2026-12-01`.
pub(super) fn date(
    state: &State<'_, '_>,
    value: &Value,
    format: Option<String>,
) -> Result<String, Error> {
    let text = StringInput::new(state, value)?;
    let parsed = Day::parse(text.as_str());
    let day = value.downcast_object_ref::<Day>().or(parsed.as_ref()).ok_or_else(|| {
        wrong("this is not a date", "a date is written 2026-12-01, or 2026-12-01T09:00:00Z")
    })?;
    let format = format.unwrap_or_else(|| "%Y-%m-%d".to_owned());
    if format.len() > 200 || format.split(|c: char| !c.is_ascii_digit()).any(|n| n.len() > 2) {
        return Err(wrong("this format is too long", "write one like \"%d.%m.%Y\""));
    }
    BrokenDownTime::from(day.at).to_string(&format).map_err(|error| {
        wrong(
            format!("this is not the format of a date: {error}"),
            "write one like \"%d.%m.%Y\"; a date has no zone",
        )
    })
}

/// Escaped for a part of a URL: all but letters, digits and `-._~`.
pub(super) fn urlencode(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let text = StringInput::new(state, value)?;
    Ok(percent_encoding::utf8_percent_encode(text.as_str(), KEPT).to_string())
}

/// At most this number of characters, as readers count them, the end mark among them.
pub(super) fn truncate(
    state: &State<'_, '_>,
    value: &Value,
    length: Option<usize>,
    killwords: Option<bool>,
    kwargs: minijinja::value::Kwargs,
) -> Result<String, Error> {
    let length = match length {
        Some(length) => length,
        None => kwargs.get::<Option<usize>>("length")?.unwrap_or(255),
    };
    let killwords = match killwords {
        Some(killwords) => killwords,
        None => kwargs.get::<Option<bool>>("killwords")?.unwrap_or(false),
    };
    let end = kwargs.get::<Option<String>>("end")?.unwrap_or_else(|| "…".to_owned());
    kwargs.assert_all_used()?;
    let text = StringInput::new(state, value)?;
    let text = text.as_str();
    if text.graphemes(true).nth(length).is_none() {
        return Ok(text.to_owned());
    }
    let room = length.checked_sub(end.graphemes(true).count()).ok_or_else(|| {
        wrong(
            "the mark of the end is longer than the text may be",
            "give `truncate` a larger number",
        )
    })?;
    let cut = text.grapheme_indices(true).nth(room).map_or(text.len(), |(at, _)| at);
    let mut kept = &text[..cut];
    if !killwords
        && !text[cut..].starts_with(char::is_whitespace)
        && let Some(word) = kept.rfind(char::is_whitespace)
    {
        kept = &kept[..word];
    }
    Ok(format!("{}{end}", kept.trim_end()))
}

/// Each word with a capital, the rest as it is small; an apostrophe does not begin a word.
pub(super) fn title(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    let text = StringInput::new(state, value)?;
    let mut made = String::with_capacity(text.as_str().len());
    for part in text.as_str().split_word_bounds() {
        let mut letters = part.chars();
        match letters.next() {
            Some(first) if first.is_alphabetic() => {
                made.extend(first.to_uppercase());
                made.push_str(&letters.as_str().to_lowercase());
            }
            _ => made.push_str(part),
        }
    }
    Ok(made)
}

/// True or false of its words; an empty text is false.
pub(super) fn truth(state: &State<'_, '_>, value: &Value) -> Result<bool, Error> {
    if value.is_undefined() {
        StringInput::new(state, value)?;
    }
    let Some(text) = value.as_str() else { return Ok(value.is_true()) };
    if text.trim().is_empty() {
        return Ok(false);
    }
    truth_in_words(text).ok_or_else(|| {
        wrong(
            "this text is not a truth value",
            "truth values are true/false, yes/no, on/off and 1/0",
        )
    })
}

/// A date where a number belongs.
pub(super) const NO_NUMBER: &str = "a date is not a number, and cannot be calculated with";
pub(super) const NO_NUMBER_CURE: &str =
    "compare it with a date such as '2026-12-01'; its year as a number is `NAME|date(\"%Y\")|int`";

/// What `int` and `float` are given: digits, and not `inf` or a number that is too large.
pub(super) fn countable(args: &[Value]) -> Result<(), Error> {
    if args.first().is_some_and(|value| value.downcast_object_ref::<Day>().is_some()) {
        return Err(wrong(NO_NUMBER, NO_NUMBER_CURE));
    }
    let Some(text) = args.first().and_then(Value::as_str) else { return Ok(()) };
    let has_default = args.len() > 1;
    let plain = text.trim();
    let number = plain.parse::<f64>().ok().filter(|number| number.is_finite());
    let whole = plain.replace('_', "").parse::<i128>().is_ok();
    if has_default
        && number.is_none_or(f64::is_finite)
        && !plain.parse::<f64>().is_ok_and(|n| !n.is_finite())
    {
        return Ok(());
    }
    if number.is_some() || whole {
        return Ok(());
    }
    Err(if plain.is_empty() {
        wrong(
            "an empty text is not a number",
            "for a value that may be missing, write `NAME|default(0)|int`",
        )
    } else {
        wrong(
            "this text is not a number",
            "mend the cell, or name another value for it: `NAME|int(0)`",
        )
    })
}

/// Gives the engine these filters; the guards of the others are around them too.
pub(super) fn own(
    engine: &mut Environment<'_>,
    guarded: impl Fn(&mut Environment<'_>, &'static str, Value),
) {
    guarded(engine, "date", Value::from_function(date));
    guarded(engine, "urlencode", Value::from_function(urlencode));
    guarded(engine, "truncate", Value::from_function(truncate));
    guarded(engine, "title", Value::from_function(title));
    guarded(engine, "bool", Value::from_function(truth));
}
