//! The values of arguments, and how their texts are read.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    time::Duration,
};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::{
    manifest::{MOST_CONCURRENT, duration as manifest_duration},
    model::{Address, Key, ParseAddressError},
    plan::Selection,
    sandbox::{Fault, WebhookFault},
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

/// The time between two cycles.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    match duration(text) {
        Ok(every) if every.is_zero() => Err("the shortest is 1s".to_owned()),
        parsed => parsed.map_err(|error| error.to_string()),
    }
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

/// Faults of the sandbox's webhook, by their names.
pub(super) fn webhook_fault() -> impl TypedValueParser<Value = WebhookFault> {
    let value = |fault: WebhookFault| PossibleValue::new(fault.as_str()).help(fault.description());
    PossibleValuesParser::new(WebhookFault::ALL.map(value)).try_map(|name| {
        let named = WebhookFault::ALL.into_iter().find(|fault| fault.as_str() == name);
        named.ok_or_else(|| format!("there is no fault {name}"))
    })
}

pub(super) fn probability(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
        _ => Err("not a probability from 0 to 1".to_owned()),
    }
}

/// A share: `20%`, or a number from 0 to 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let parsed = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse::<f64>(),
    };
    match parsed {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("not a share from 0% to 100%: write 20%, or 0.2".to_owned()),
    }
}

/// An address to listen on: on loopback unless another one is named.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if port.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(port) = port.parse()
    {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    Err(match text.parse::<IpAddr>() {
        Ok(_) => "the port is missing: write ADDRESS:PORT".to_owned(),
        Err(_) => {
            "write a port up to 65535, as 9090, or an address with one, as 0.0.0.0:9090".to_owned()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_on_loopback() {
        for (text, address) in [
            ("9090", "127.0.0.1:9090"),
            (":9090", "127.0.0.1:9090"),
            ("localhost:9090", "127.0.0.1:9090"),
            ("0", "127.0.0.1:0"),
            ("0.0.0.0:9090", "0.0.0.0:9090"),
            ("[::]:80", "[::]:80"),
        ] {
            assert_eq!(listen(text), Ok(address.parse().expect("an address")), "{text}");
        }
        for text in ["", ":", "65536", "0.0.0.0", "::", "example.com:80", "-1", "+80", "80/tcp"] {
            assert!(listen(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_is_a_percentage_or_a_fraction() {
        for (text, value) in [("0", 0.0), ("20%", 0.2), ("0.2", 0.2), ("100%", 1.0), ("1", 1.0)] {
            assert_eq!(share(text), Ok(value), "{text}");
        }
        for text in ["", "%", "20", "101%", "-1%", "NaN", "inf", "1.01", "all"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
