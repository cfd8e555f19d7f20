//! What a URL names: where to connect, how, and how to call it in messages.

use std::{net::IpAddr, path::PathBuf, str::FromStr, time::Duration};

use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

use crate::state::StateError;

/// How long one address may take to answer, if the URL does not say.
const CONNECT: Duration = Duration::from_secs(10);
/// A server that is gone is noticed after about a minute, if the URL does not say otherwise.
const IDLE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_secs(10);
const RETRIES: u32 = 3;
const UNANSWERED: Duration = Duration::from_secs(60);

/// How many parameters a message lists: those that are known.
const KNOWN: &str = "sslmode (disable, prefer, require, verify-full), sslrootcert, options, \
                     application_name, connect_timeout, target_session_attrs, hostaddr, \
                     channel_binding";

/// A database, and the way to it.
pub(super) struct Target {
    pub(super) config: Config,
    /// The file with the only certificates that are trusted; else those of the system are.
    pub(super) root_certificates: Option<PathBuf>,
    /// For messages: without user and password.
    pub(super) place: String,
}

impl Target {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?…`. No part of a URL that cannot be read
    /// is shown: any may be the password.
    pub(super) fn parse(url: &str) -> Result<Self, StateError> {
        let bad =
            |why: String| StateError::Unavailable { location: "postgres://…".to_owned(), why };
        let shape = || {
            bad(format!(
                "its URL cannot be read: it is postgres://USER:PASSWORD@HOST:PORT/DATABASE, with \
                 what is special in a user or password percent-encoded (@ is %40, / is %2F), and \
                 known parameters are {KNOWN}"
            ))
        };
        if url.matches('@').count() > 1 {
            return Err(shape());
        }
        let start = url.find('@').unwrap_or(0);
        let (base, query) = match url.get(start..).and_then(|rest| rest.find('?')) {
            Some(at) => url.split_at(start + at),
            None => (url, ""),
        };
        let mut kept = Vec::new();
        let mut root_certificates = None;
        let mut mode = None;
        let mut says = Vec::new();
        for pair in query.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(shape)?;
            says.push(name);
            match name {
                "sslrootcert" => {
                    root_certificates = Some(PathBuf::from(decoded(value).ok_or_else(shape)?));
                }
                // The certificate is always checked in full when TLS is used.
                "sslmode" => {
                    mode = Some(match value {
                        "disable" => SslMode::Disable,
                        "prefer" => SslMode::Prefer,
                        "require" | "verify-ca" | "verify-full" => SslMode::Require,
                        _ => {
                            return Err(bad("its sslmode is not one that is known: disable, \
                                            prefer, require and verify-full are"
                                .to_owned()));
                        }
                    });
                }
                _ => kept.push(pair),
            }
        }
        let url =
            if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
        let mut config = Config::from_str(&url).map_err(|_| shape())?;
        let place = place(&config);
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(StateError::Unavailable {
                location: place,
                why: "its URL names no host".to_owned(),
            });
        }
        config.ssl_mode(mode.unwrap_or(if is_near(&config) {
            SslMode::Disable
        } else {
            SslMode::Require
        }));
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNANSWERED);
        }
        if !says.contains(&"keepalives_idle") {
            config.keepalives_idle(IDLE);
        }
        if config.get_keepalives_interval().is_none() {
            config.keepalives_interval(INTERVAL);
        }
        if config.get_keepalives_retries().is_none() {
            config.keepalives_retries(RETRIES);
        }
        Ok(Self { config, root_certificates, place })
    }

    /// How long connecting may take in all.
    pub(super) fn patience(&self) -> Duration {
        let addresses = self.config.get_hosts().len().max(self.config.get_hostaddrs().len());
        let each = self.config.get_connect_timeout().copied().unwrap_or(CONNECT);
        // After the connection is made, TLS and the password take some round trips.
        each.saturating_mul(u32::try_from(addresses).unwrap_or(u32::MAX))
            .saturating_add(Duration::from_secs(20))
    }
}

/// Whether it never leaves this machine: sockets and loopback.
fn is_near(config: &Config) -> bool {
    let addresses = config.get_hostaddrs();
    if !addresses.is_empty() {
        return addresses.iter().all(IpAddr::is_loopback);
    }
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

fn place(config: &Config) -> String {
    let clean = |text: &str| -> String {
        text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(200).collect()
    };
    let ports = config.get_ports();
    let port = |at: usize| ports.get(at).or(ports.first()).copied().unwrap_or(5432);
    let mut hosts = Vec::new();
    let mut folders = Vec::new();
    for (at, host) in config.get_hosts().iter().enumerate() {
        match host {
            Host::Tcp(name) if name.contains(':') => {
                hosts.push(format!("[{}]:{}", clean(name), port(at)));
            }
            Host::Tcp(name) => hosts.push(format!("{}:{}", clean(name), port(at))),
            #[cfg(unix)]
            Host::Unix(folder) => {
                let folder = clean(&folder.to_string_lossy());
                folders
                    .push(format!("{}host={folder}", if folders.is_empty() { '?' } else { '&' }));
            }
        }
    }
    if hosts.is_empty() {
        hosts.extend(
            config
                .get_hostaddrs()
                .iter()
                .filter(|_| folders.is_empty())
                .map(|address| format!("{address}:{}", port(0))),
        );
    }
    let database = config.get_dbname().or(config.get_user()).map(clean).unwrap_or_default();
    format!("postgres://{}/{database}{}", hosts.join(","), folders.concat())
}

/// `%41` becomes `A`.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let value = digit(rest.next()?)? * 16 + digit(rest.next()?)?;
        bytes.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// `A` stays, everything special becomes `%xx`.
pub(super) fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::parse(url).map_err(|error| error.to_string()).expect("can be read")
    }

    #[test]
    fn tls_is_required_unless_the_way_is_on_this_machine_or_the_url_says_otherwise() {
        for (url, mode) in [
            ("postgres://db.example.com/state", SslMode::Require),
            ("postgres://10.0.0.1/state", SslMode::Require),
            ("postgres://localhost.example.com/state", SslMode::Require),
            ("postgres://localhost,db.example.com/state", SslMode::Require),
            ("postgres://localhost/state?hostaddr=10.0.0.1", SslMode::Require),
            ("postgres://db.example.com/state?sslmode=verify-full", SslMode::Require),
            ("postgres://localhost/state?sslmode=require", SslMode::Require),
            ("postgres://db.example.com/state?sslmode=disable", SslMode::Disable),
            ("postgres://db.example.com/state?sslmode=prefer", SslMode::Prefer),
            ("postgres://localhost/state", SslMode::Disable),
            ("postgres://127.0.0.9/state", SslMode::Disable),
            ("postgres://[::1]/state", SslMode::Disable),
            ("postgres:///state?host=%2Frun%2Fpostgresql", SslMode::Disable),
        ] {
            assert_eq!(target(url).config.get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn a_place_has_neither_user_nor_password() {
        for (url, place) in [
            ("postgres://ada:hush@db.example.com/state", "postgres://db.example.com:5432/state"),
            ("postgresql://ada:hu%40sh@db:6543/state?sslmode=disable", "postgres://db:6543/state"),
            ("postgres://ada@[::1]:1/state?password=hush", "postgres://[::1]:1/state"),
            ("postgres://one:1,two:2/state", "postgres://one:1,two:2/state"),
            ("postgres://ada:hush@%2Frun%2Fpg/state", "postgres:///state?host=/run/pg"),
            ("postgres:///state?hostaddr=10.0.0.1", "postgres://10.0.0.1:5432/state"),
        ] {
            assert_eq!(target(url).place, place);
        }
    }

    #[test]
    fn a_url_that_cannot_be_read_is_not_shown() {
        for url in [
            "postgres://ada:hush@hush@db/state",
            "postgres://ada:hush/hush@db:hush/state",
            "postgres://ada:hush",
            "postgres://ada@db/state?password=a&hush",
            "postgres://ada@db/state?hush=hush",
            "postgres://ada:hush@db/state?sslmode=hush",
            "postgres://ada:hush@db/state?sslrootcert=%hush",
            "postgres://ada:hush@db/%FFhush",
            "postgres:///state?password=hush",
        ] {
            let error = Target::parse(url).err().expect("cannot be read");
            assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
        }
    }

    #[test]
    fn root_certificates_are_taken_out_of_the_url() {
        let target = target("postgres://db/state?sslrootcert=%2Fetc%2Fca.pem&connect_timeout=3");
        assert_eq!(target.root_certificates, Some(PathBuf::from("/etc/ca.pem")));
        assert_eq!(target.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
    }

    #[test]
    fn what_is_encoded_is_decoded_to_the_same() {
        let text = "a b/c@d%é&=?";
        assert_eq!(decoded(&encoded(text.as_bytes())).as_deref(), Some(text));
        assert_eq!(decoded("%4"), None);
        assert_eq!(decoded("%zz"), None);
    }
}
