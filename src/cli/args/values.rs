//! The values of arguments, and how their texts are read.

use std::{num::NonZeroUsize, time::Duration};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::{
    manifest::{MOST_CONCURRENT, duration as manifest_duration},
    model::{Address, Key, ParseAddressError},
    plan::Selection,
    sandbox::Fault,
};

/// A count, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    Count(u64),
    All,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Key(Key),
    Address(Address),
}

impl Target {
    /// The key of the message that it names, or that its address has.
    pub(crate) fn key_str(&self) -> &str {
        match self {
            Self::Key(key) => key.as_str(),
            Self::Address(address) => address.key_str(),
        }
    }

    /// Everything that the targets name; all deliveries if there are none.
    pub(crate) fn selection(targets: &[Self]) -> Selection {
        let mut selection = Selection::default();
        for target in targets {
            match target {
                Self::Key(key) => _ = selection.keys.insert(key.clone()),
                Self::Address(address) => _ = selection.addresses.insert(address.clone()),
            }
        }
        selection
    }
}

/// A key, or an address: only that has an `@`.
pub(super) fn target(text: &str) -> Result<Target, ParseAddressError> {
    if text.contains('@') {
        Address::parse(text).map(Target::Address)
    } else {
        Ok(Target::Key(Key::parse(text)?))
    }
}

pub(super) fn amount(text: &str) -> Result<Amount, String> {
    match text {
        "all" => Ok(Amount::All),
        _ => text.parse().map(Amount::Count).map_err(|_| "neither a number nor `all`".to_owned()),
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, manifest_duration::ParseDurationError> {
    manifest_duration::parse(text)
}

pub(super) fn concurrency(text: &str) -> Result<NonZeroUsize, String> {
    let count = text.parse().ok().filter(|count| (1..=MOST_CONCURRENT).contains(count));
    count
        .and_then(|count| NonZeroUsize::new(usize::try_from(count).ok()?))
        .ok_or_else(|| format!("not a number from 1 to {MOST_CONCURRENT}"))
}

/// A duration that may be in milliseconds.
pub(super) fn latency(text: &str) -> Result<Duration, manifest_duration::ParseDurationError> {
    match text.strip_suffix("ms").map(str::parse) {
        // The seconds in it have the usual bound.
        Some(Ok(millis)) => {
            duration(&format!("{}s", millis / 1000)).map(|_| Duration::from_millis(millis))
        }
        _ => duration(text),
    }
}

/// Faults of the sandbox, by their names.
pub(super) fn fault() -> impl TypedValueParser<Value = Fault> {
    let value = |fault: Fault| PossibleValue::new(fault.as_str()).help(fault.description());
    PossibleValuesParser::new(Fault::ALL.map(value)).try_map(|name| {
        let named = Fault::ALL.into_iter().find(|fault| fault.as_str() == name);
        named.ok_or_else(|| format!("there is no fault {name}"))
    })
}

/// The help of `--fault`: all of them are too many for the short one.
pub(super) fn fault_help() -> String {
    let widest = Fault::ALL.iter().map(|fault| fault.as_str().len()).max().unwrap_or_default();
    let all = Fault::ALL
        .map(|fault| format!("- {:1$}  {2}", fault.as_str(), widest, fault.description()))
        .join("\n");
    format!(
        "Behave as servers and gateways do on a bad day; several are separated by commas:\n\n{all}"
    )
}

pub(super) fn probability(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
        _ => Err("not a probability from 0 to 1".to_owned()),
    }
}
