//! Dates and times as people write them.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime, Time},
    tz::Offset,
};

/// A date, perhaps with a time and an offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenTime {
    /// As a clock on the wall shows it; of a date alone, the beginning of the day.
    pub local: DateTime,
    /// How far that clock is ahead of UTC, if it was said.
    pub offset: Option<Offset>,
    /// Whether it is a date alone.
    pub is_date: bool,
}

/// Why a text is not a time, and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}: {cure}")]
pub struct WrittenTimeError {
    /// The reason, without the text.
    pub message: String,
    /// What to write.
    pub cure: String,
}

const EXAMPLE: &str = "write a date, a time and an offset: 2026-12-01T09:00:00Z";

fn wrong(message: impl Into<String>, cure: impl Into<String>) -> WrittenTimeError {
    WrittenTimeError { message: message.into(), cure: cure.into() }
}

impl WrittenTime {
    /// `2026-12-01`, `2026-12-01 09:00`, `2026-12-01T09:00:00.5Z`, `2026-12-01T09:00+01:00`.
    pub fn parse(text: &str) -> Result<Self, WrittenTimeError> {
        if let Some(strange) = strange(text) {
            return Err(strange);
        }
        let (date, rest) = text.split_at_checked(10).ok_or_else(|| not_a_time(text))?;
        let date = parse_date(date).ok_or_else(|| not_a_time(text))??;
        if rest.is_empty() {
            return Ok(Self {
                local: date.to_datetime(Time::midnight()),
                offset: None,
                is_date: true,
            });
        }
        let rest = rest.strip_prefix(['T', 't', ' ']).ok_or_else(|| not_a_time(text))?;
        let split = rest.find(['Z', 'z', '+', '-', '−', ' ']).unwrap_or(rest.len());
        let (time, offset) = rest.split_at(split);
        let local = parse_time(date, time).ok_or_else(|| not_a_time(text))??;
        Ok(Self { local, offset: parse_offset(offset)?, is_date: false })
    }

    /// The instant, if the offset is known. The end of the year 9999 is the last one there is.
    pub fn instant(&self) -> Option<Timestamp> {
        self.offset.map(|offset| self.at(offset))
    }

    /// The instant at which a clock that is `offset` ahead of UTC shows it.
    pub fn at(&self, offset: Offset) -> Timestamp {
        let end = if self.local.year() > 0 { Timestamp::MAX } else { Timestamp::MIN };
        offset.to_timestamp(self.local).unwrap_or(end)
    }

    /// The instant of a time with an offset, or of the beginning of a day in UTC.
    pub fn parse_instant(text: &str) -> Result<Timestamp, WrittenTimeError> {
        let time = Self::parse(text.trim())?;
        match time.instant() {
            Some(instant) => Ok(instant),
            None if time.is_date => Ok(time.at(Offset::UTC)),
            None => Err(wrong(
                "this time has no offset",
                format!(
                    "write {}Z for UTC, or another offset, as in {}+01:00",
                    local_time(time.local),
                    local_time(time.local)
                ),
            )),
        }
    }
}

/// A local time as it is to be written: `2026-12-01T09:00:00`.
pub fn local_time(local: DateTime) -> String {
    local.to_string()
}

/// Digits in groups of these lengths, with these signs between them.
fn numbers<const N: usize>(text: &str, lengths: [usize; N], sign: char) -> Option<[u32; N]> {
    let mut parts = text.split(sign);
    let mut out = [0; N];
    for (number, length) in out.iter_mut().zip(lengths) {
        let part = parts.next()?;
        if part.len() != length || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(out)
}

/// `None` if it does not look like a date.
fn parse_date(text: &str) -> Option<Result<Date, WrittenTimeError>> {
    let [year, month, day] = numbers(text, [4, 2, 2], '-')?;
    let small = |n: u32| i8::try_from(n).unwrap_or(i8::MAX);
    let date =
        i16::try_from(year).ok().and_then(|year| Date::new(year, small(month), small(day)).ok());
    Some(date.ok_or_else(|| match month {
        1..=12 => wrong(
            format!("{year:04}-{month:02} has no day {day}"),
            "look at the calendar; a date is YEAR-MONTH-DAY",
        ),
        _ => wrong(format!("there is no month {month}"), "a date is YEAR-MONTH-DAY: 2026-12-03"),
    }))
}

/// `None` if it does not look like a time.
fn parse_time(date: Date, text: &str) -> Option<Result<DateTime, WrittenTimeError>> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let [hour, minute, second] = match (numbers(whole, [2, 2, 2], ':'), numbers(whole, [2, 2], ':'))
    {
        (Some(time), _) => time,
        (None, Some([hour, minute])) if fraction.is_none() => [hour, minute, 0],
        _ => return None,
    };
    let nanos = match fraction {
        None => 0,
        Some(digits)
            if (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            format!("{digits:0<9}").parse::<i32>().ok()?
        }
        Some(_) => return None,
    };
    if hour == 24 {
        let cure = match date.checked_add(1.day()) {
            Ok(next) => format!("a day ends at 23:59; the next one begins at {next}T00:00"),
            Err(_) => "a day ends at 23:59".to_owned(),
        };
        return Some(Err(wrong("there is no 24 o'clock", cure)));
    }
    if second == 60 {
        return Some(Err(wrong(
            "leap seconds are not counted",
            "write the second before it, or the minute after it",
        )));
    }
    let small = |n: u32| i8::try_from(n).unwrap_or(i8::MAX);
    let time = Time::new(small(hour), small(minute), small(second), nanos);
    Some(time.map(|time| date.to_datetime(time)).map_err(|_| {
        wrong(
            format!("there is no time {whole}"),
            "hours go from 00 to 23, minutes and seconds from 00 to 59",
        )
    }))
}

fn parse_offset(text: &str) -> Result<Option<Offset>, WrittenTimeError> {
    if text.is_empty() {
        return Ok(None);
    }
    if matches!(text, "Z" | "z") {
        return Ok(Some(Offset::UTC));
    }
    let form = || {
        wrong(format!("{text:?} is not an offset"), "write Z for UTC, or an offset as in +01:00")
    };
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(form()),
    };
    let [hours, minutes] = numbers(rest, [2, 2], ':').ok_or_else(form)?;
    if hours > 23 || minutes > 59 {
        let message = format!("the offset {text} is too large");
        return Err(wrong(message, "offsets end at 23:59, and those of countries at 14:00"));
    }
    let seconds = i32::try_from(hours * 3600 + minutes * 60).unwrap_or(i32::MAX);
    Offset::from_seconds(sign * seconds).map(Some).map_err(|_| form())
}

/// What people write who mean something else than can be read for sure.
fn strange(text: &str) -> Option<WrittenTimeError> {
    if text.contains('[') {
        return Some(wrong(
            "a time has no zone in brackets",
            "leave the brackets out: the offset is enough; a local time in a manifest has `zone:` beside it",
        ));
    }
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if digits(text) && text.len() != 4 {
        return Some(wrong("a number is not a time", EXAMPLE));
    }
    let date = text.split([' ', 'T', 't']).next().unwrap_or_default();
    for sign in ['.', '/'] {
        let parts: Vec<&str> = date.split(sign).collect();
        if parts.len() == 3 && parts.iter().all(|part| digits(part)) {
            let message = match (sign, parts[0].len()) {
                (_, 4) => "a date has hyphens between its numbers",
                ('/', _) => "nobody knows which of these numbers is the month",
                _ => "a date begins with the year",
            };
            return Some(wrong(message, "write YEAR-MONTH-DAY: 2026-12-03"));
        }
    }
    let year = date.strip_prefix(['+', '-']).unwrap_or(date).split('-').next().unwrap_or_default();
    if digits(year) && (year.len() > 4 && date.contains('-') || date.starts_with(['+', '-'])) {
        return Some(wrong(
            "a year has four digits",
            "years end with 9999; leave `until` out for no end",
        ));
    }
    None
}

fn not_a_time(text: &str) -> WrittenTimeError {
    let hyphens = text.split(['T', 't', ' ']).next().unwrap_or_default();
    let parts: Vec<&str> = hyphens.split('-').collect();
    let short =
        parts.len() == 3 && parts[0].len() == 4 && parts[1..].iter().all(|part| part.len() <= 2);
    if short && numbers(hyphens, [4, 2, 2], '-').is_none() {
        return wrong(
            format!("{text:?} is not a time"),
            "months and days have two digits: 2026-01-05",
        );
    }
    wrong(format!("{text:?} is not a time"), EXAMPLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> String {
        WrittenTime::parse_instant(text).expect("an instant").to_string()
    }

    fn refused(text: &str) -> String {
        WrittenTime::parse_instant(text).expect_err("refused").to_string()
    }

    #[test]
    fn instants_of_rfc_3339_are_read() {
        assert_eq!(instant("2026-12-01T09:00:00Z"), "2026-12-01T09:00:00Z");
        assert_eq!(instant("2026-12-01t09:00:00.25z"), "2026-12-01T09:00:00.25Z");
        assert_eq!(instant("2026-12-01 09:00:00+01:00"), "2026-12-01T08:00:00Z");
        assert_eq!(instant("2026-12-01T09:00-00:00"), "2026-12-01T09:00:00Z");
        assert_eq!(instant("2026-12-01T09:00+23:59"), "2026-11-30T09:01:00Z");
        assert_eq!(instant("2026-12-04"), "2026-12-04T00:00:00Z");
        assert_eq!(instant("0001-01-01T00:00:00Z"), "0001-01-01T00:00:00Z");
    }

    #[test]
    fn the_last_day_of_the_last_year_is_an_instant() {
        let last = WrittenTime::parse_instant("9999-12-31T23:59:59Z").expect("an instant");
        assert_eq!(last, Timestamp::MAX);
    }

    #[test]
    fn what_cannot_be_sure_is_refused_with_words() {
        for (text, words) in [
            ("2026-12-01T09:00:00+01:00[Europe/Berlin]", "no zone in brackets"),
            ("2026-12-01T09:00:00[UTC]", "no zone in brackets"),
            ("2026-12-01T09:00:00+24:00", "too large"),
            ("2026-12-01T09:00:00-99:00", "too large"),
            ("2026-12-01T09:00:00+0100", "not an offset"),
            ("2026-12-01T09:00:00 +01:00", "not an offset"),
            ("2026-12-01T09:00:00 CET", "not an offset"),
            ("2026-12-01T09:00", "2026-12-01T09:00:00Z for UTC"),
            ("2026-12-01T24:00:00Z", "2026-12-02T00:00"),
            ("2016-12-31T23:59:60Z", "leap seconds"),
            ("2026-12-01T09:60:00Z", "there is no time"),
            ("2026-02-30", "has no day 30"),
            ("2026-13-01", "there is no month 13"),
            ("10000-01-01T00:00:00Z", "four digits"),
            ("+002026-01-01T00:00:00Z", "four digits"),
            ("03.12.2026", "begins with the year"),
            ("12/03/2026 09:00", "which of these numbers is the month"),
            ("2026/12/03", "hyphens"),
            ("2026-1-5", "two digits"),
            ("1796115600", "a number is not a time"),
            ("20261201T090000Z", "not a time"),
            ("2026-12-01T9:00Z", "not a time"),
            ("tomorrow", "not a time"),
            ("", "not a time"),
            ("2026", "not a time"),
            ("1. Dezember", "not a time"),
            ("2026-12-0é", "not a time"),
        ] {
            assert!(refused(text).contains(words), "{text}: {}", refused(text));
        }
    }
}
