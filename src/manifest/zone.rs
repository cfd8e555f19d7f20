//! Time zones by name, and the instants of local times in them. The database is in the program: the same manifest
//! means the same on every machine.

use jiff::{
    Timestamp,
    tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase},
};

use super::suggest;
use crate::model::{WrittenTime, WrittenTimeError, local_time};

/// Short names that mean one thing to the database and another to most people, at least in summer.
const ABBREVIATIONS: &[&str] = &[
    "GMT", "GMT0", "WET", "CET", "MET", "EET", "EST", "MST", "HST", "EST5EDT", "CST6CDT",
    "MST7MDT", "PST8PDT", "BST", "IST", "CEST", "EEST", "WEST", "MESZ", "MEZ", "EDT", "CST", "CDT",
    "MDT", "PST", "PDT", "JST", "AEST",
];

/// A zone, with its name as the database has it.
pub(crate) struct Zone {
    name: String,
    rules: TimeZone,
}

fn wrong(message: impl Into<String>, cure: impl Into<String>) -> WrittenTimeError {
    WrittenTimeError { message: message.into(), cure: cure.into() }
}

impl Zone {
    /// `Europe/Berlin`.
    pub(crate) fn named(name: &str) -> Result<Self, WrittenTimeError> {
        const EXAMPLE: &str =
            "write the name of the IANA database: Europe/Berlin, America/New_York, UTC";
        let upper = name.to_uppercase();
        if ABBREVIATIONS.contains(&&*upper) {
            return Err(wrong(
                format!("`{name}` is an abbreviation, which leaves open what holds in summer"),
                EXAMPLE,
            ));
        }
        let after =
            upper.trim_start_matches("ETC/").trim_start_matches("UTC").trim_start_matches("GMT");
        if after.starts_with(['+', '-', '−']) || upper == "Z" {
            return Err(wrong(
                format!("`{name}` is an offset, not a zone"),
                "write it with each time, as in 2026-12-01T09:00:00+01:00, or name a zone: Europe/Berlin",
            ));
        }
        let known = TimeZoneDatabase::bundled();
        if let Ok(rules) = known.get(name) {
            let name = rules.iana_name().unwrap_or(name).to_owned();
            return Ok(Self { name, rules });
        }
        let names: Vec<String> = known.available().map(|name| name.as_str().to_owned()).collect();
        let plain = |text: &str| text.to_lowercase().replace(['_', ' '], "");
        let city = |name: &str| plain(name.rsplit('/').next().unwrap_or_default());
        let near = names
            .iter()
            .find(|known| plain(known) == plain(name))
            .or_else(|| names.iter().find(|known| known.contains('/') && city(known) == city(name)))
            .map(String::as_str)
            .or_else(|| suggest::nearest(name, names.iter().map(String::as_str)));
        Err(match near {
            Some(near) => {
                wrong(format!("there is no time zone `{name}`"), format!("did you mean `{near}`?"))
            }
            None => wrong(format!("there is no time zone `{name}`"), EXAMPLE),
        })
    }

    /// The instant of a time in this zone. A time that the clocks there skip, or show twice, is an error.
    fn instant(&self, time: &WrittenTime) -> Result<Timestamp, WrittenTimeError> {
        let Self { name, rules } = self;
        if let Some(offset) = time.offset {
            let instant = time.at(offset);
            let here = rules.to_offset(instant);
            if here == offset {
                return Ok(instant);
            }
            let there = with_offset(time.at(offset), here);
            let message =
                format!("the offset of this time is not that of {name}, where it is {there} then");
            return Err(wrong(message, "remove the offset, or the zone"));
        }
        let (before, after) = match rules.to_ambiguous_timestamp(time.local).offset() {
            AmbiguousOffset::Unambiguous { offset } => return Ok(time.at(offset)),
            // The first instant of the day, whatever the clocks do at midnight.
            AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. }
                if time.is_date =>
            {
                return Ok(time.at(before));
            }
            AmbiguousOffset::Gap { before, after } => {
                let (earlier, later) =
                    (with_offset(time.at(after), before), with_offset(time.at(before), after));
                return Err(wrong(
                    format!(
                        "this time does not exist in {name}: the clocks are put forward over it"
                    ),
                    format!("write {earlier} or {later}"),
                ));
            }
            AmbiguousOffset::Fold { before, after } => (before, after),
        };
        let (first, second) =
            (with_offset(time.at(before), before), with_offset(time.at(after), after));
        Err(wrong(
            format!("this time comes twice in {name}: the clocks are put back over it"),
            format!("write {first} for the first, {second} for the second"),
        ))
    }
}

/// `2026-10-25T02:30:00+02:00`.
fn with_offset(instant: Timestamp, offset: Offset) -> String {
    instant.display_with_offset(offset).to_string()
}

/// The instant that is written, with the zone beside it if there is one.
pub(crate) fn instant(text: &str, zone: Option<&Zone>) -> Result<Timestamp, WrittenTimeError> {
    let time = WrittenTime::parse(text)?;
    match (zone, time.instant()) {
        (Some(zone), _) => zone.instant(&time),
        (None, Some(instant)) => Ok(instant),
        (None, None) => Err(wrong(
            if time.is_date {
                "a date alone begins at another instant in each time zone"
            } else {
                "this time has no offset"
            },
            format!(
                "add `zone: Europe/Berlin` beside it, or write an offset: {}Z for UTC",
                local_time(time.local)
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, zone: &str) -> Result<String, String> {
        let zone = Zone::named(zone).map_err(|error| error.to_string())?;
        instant(text, Some(&zone)).map(|at| at.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn local_times_are_those_of_their_zone() {
        for (text, zone, expected) in [
            ("2026-12-01 09:00", "Europe/Berlin", "2026-12-01T08:00:00Z"),
            ("2026-07-01T09:00:30", "Europe/Berlin", "2026-07-01T07:00:30Z"),
            ("2027-01-01", "Europe/Berlin", "2026-12-31T23:00:00Z"),
            ("2026-12-01", "UTC", "2026-12-01T00:00:00Z"),
            ("2026-12-01 09:00", "asia/kolkata", "2026-12-01T03:30:00Z"),
            ("2026-12-01T09:00:00+01:00", "Europe/Berlin", "2026-12-01T08:00:00Z"),
            // Clocks there are put forward at midnight: the day begins at one.
            ("2026-04-24", "Africa/Cairo", "2026-04-23T22:00:00Z"),
            // And back to midnight: the first one counts.
            ("2026-11-01", "America/Havana", "2026-11-01T04:00:00Z"),
            ("2026-03-29 02:00:00+00:00", "UTC", "2026-03-29T02:00:00Z"),
        ] {
            assert_eq!(read(text, zone).as_deref(), Ok(expected), "{text} {zone}");
        }
    }

    #[test]
    fn times_that_a_clock_skips_or_shows_twice_are_refused_with_both_instants() {
        for (text, zone, words) in [
            (
                "2026-03-29 02:30",
                "Europe/Berlin",
                "write 2026-03-29T01:30:00+01:00 or 2026-03-29T03:30:00+02:00",
            ),
            (
                "2026-10-25 02:30",
                "Europe/Berlin",
                "write 2026-10-25T02:30:00+02:00 for the first, 2026-10-25T02:30:00+01:00 for the second",
            ),
            ("2026-03-08T02:15:00", "America/New_York", "2026-03-08T03:15:00-04:00"),
            ("2026-12-01T09:00:00Z", "Europe/Berlin", "2026-12-01T10:00:00+01:00"),
            ("2026-07-01T09:00:00+01:00", "Europe/Berlin", "remove the offset, or the zone"),
        ] {
            let error = read(text, zone).expect_err("refused");
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn names_that_are_no_zone_are_told_what_to_write() {
        for (name, words) in [
            ("Europe/Berln", "did you mean `Europe/Berlin`?"),
            ("Berlin", "did you mean `Europe/Berlin`?"),
            ("Europa/Paris", "did you mean `Europe/Paris`?"),
            ("America/New York", "did you mean `America/New_York`?"),
            ("CET", "abbreviation"),
            ("est", "abbreviation"),
            ("+01:00", "is an offset"),
            ("UTC+1", "is an offset"),
            ("Etc/GMT+5", "is an offset"),
            ("W. Europe Standard Time", "there is no time zone"),
            ("local", "there is no time zone"),
            ("", "there is no time zone"),
        ] {
            let error = Zone::named(name).map(|_| ()).expect_err("refused").to_string();
            assert!(error.contains(words), "{name}: {error}");
        }
    }
}
